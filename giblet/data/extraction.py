"""Film to store: features at native rate on disk, with where they came from."""

from __future__ import annotations

import datetime as dt
import functools
import importlib.metadata
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import giblet
from giblet.codecs import Codec, load_codec
from giblet.codecs.weights import file_fingerprint
from giblet.data.checks import check_settings
from giblet.data.filling import Filler
from giblet.data.outcome import Extraction
from giblet.data.plan import BUILT_IN, Annotated, look_at_stimulus, plan_features
from giblet.data.rebuild import make_folder
from giblet.data.request import TRRequest
from giblet.errors import AnnotationError, CodecError, MediaError, StoreError
from giblet.features import ask_features
from giblet.progress import SILENT, Progress
from giblet.store import (
    Cache,
    StoreTakenError,
    StoreWriter,
    as_place,
    check_output,
    content_key,
    file_digest,
    is_store,
    read_manifest,
    stored_key,
    verify,
)
from giblet.store.partial import real, sweep
from giblet.timeline import Seconds

log = logging.getLogger(__name__)

# Part of every key: raise it when the same film and settings give other arrays.
RECIPE = 1
_LIBRARIES = ("av", "soxr", "torch", "transformers")


def extract(
    film: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    tr: Seconds = 1.5,
    codec: Any = "facebook/encodec_24khz",
    bandwidth: float | None = None,
    features: str | Iterable[str] = "audio.codes",
    annotations: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    tier: str | None = None,
    sheet: str | None = None,
    device: str = "auto",
    max_trs: int | None = None,
    start: Seconds = 0,
    audio_track: int | None = None,
    incomplete: str = "drop",
    partial: bool = False,
    force: bool = False,
    cache: Cache | str | os.PathLike[str] | bool = True,
    progress: Progress = SILENT,
) -> Extraction:
    """Extract features of a film into a store.

    Parameters
    ----------
    film : str or os.PathLike
        Film or sound file.
    output : str or os.PathLike
        Directory of the store, or a URL that fsspec knows, such as ``s3://bucket/film``.
    tr : float or str
        Repetition time of the store's default view, seconds.
    codec : str, os.PathLike, transformers.EncodecModel, APCodecModel or Codec
        As in `giblet.codecs.load_codec`.
    bandwidth : float, optional
        Kilobits per second; default 3, or the largest of a codec that does not offer 3.
    features : str or iterable of str
        One or several (see `giblet.features.known_features`); the film is decoded once for all of them.
    annotations : str, os.PathLike or sequence of them
        Files with the words of the film on its clock, for features of words; `tier` and `sheet` as in
        `giblet.annotations.read_annotations`.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``.
    max_trs : int, optional
        At most so many TRs.
    start : float or str
        Start of the first TR on the film's clock, seconds.
    audio_track : int, optional
        Which sound track, counted from 0; default the first.
    incomplete : {"drop", "pad"}
        A last TR that the sound does not fill is left out, or silence is encoded to fill it.
    partial : bool
        Take what is there of a sound that ends before the file says it does.
    force : bool
        Replace another store at ``output``.
    cache : Cache, str, os.PathLike or bool
        Where results of earlier calls are found and this one is kept: True for the default folder, False for none, else
        a folder or a cache (see `giblet.store.Cache`).
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Extraction
        Where the store lies and what it says of itself.

    Raises
    ------
    MediaError, AlignmentError, AnnotationError, CodecError, MissingExtraError, ParameterError, StoreError
        If the film, a setting or the output cannot be used. Nothing is left behind then.
    """
    output = as_place(output)
    request = TRRequest.asked(tr=tr, start=start, max_trs=max_trs, incomplete=incomplete, partial=partial)
    features = [asked.name for asked in ask_features(features)]
    # Whatever is wrong is said before a film is read, and a model fetched and loaded.
    check_output(output, force)
    look_at_stimulus(film, request, features, audio_track)
    bandwidth, spec = check_settings(features, request, codec, bandwidth, device)
    plan = plan_features(features, film, device)
    words = Annotated.asked(annotations, tier, sheet)
    if plan.words and not words.files:
        raise AnnotationError(
            f"{next(iter(plan.words))} needs the words of the film", "name their file with --annotations (annotations=)"
        )
    written = words.read() if plan.words else None
    keeper = Cache.asked(cache)
    before = _state(film)
    asked = {
        "recipe": RECIPE,
        "film": file_digest(film) if keeper is None else keeper.digest(film),
        "features": plan.names,
        "track": audio_track or 0,
        "bandwidth": bandwidth if plan.codes else None,
        **request.to_dict(),
        **plan.decisive(),
        **(words.decisive() if plan.words else {}),
    }
    recipe_key = content_key(**asked)
    there = not force and is_store(output)
    if there and read_manifest(output)["provenance"].get("recipe_key") != recipe_key:
        raise StoreError(
            "holds another film or other settings", "choose another output, or replace it with --force", output
        )
    # Loading a codec takes seconds; the file of its weights tells sooner whether its codes are there already.
    known = file_fingerprint(spec) if spec is not None and (there or keeper is not None) else None
    loaded: Codec | None = load_codec(codec, device) if plan.codes and known is None else None
    key = content_key(recipe=recipe_key, codec=loaded.fingerprint if loaded else known)
    if there:
        if stored_key(output) != key:
            raise StoreError("was made by another codec", "choose another output, or replace it with --force", output)
        return _hit(output)
    make_folder(output)

    def make(place: Path | str = output) -> None:
        made_by = load_codec(codec, device) if plan.codes and loaded is None else loaded
        with StoreWriter(place, force=force) as store:
            filler = Filler(store, film, request, audio_track, progress)
            try:
                filler.fill(plan, made_by, bandwidth, written)
            except MediaError:
                # What is wrong with it may be that it is another one by now, or gone.
                _check_same(film, before)
                raise
            _check_same(film, before)
            provenance: dict[str, Any] = {
                "giblet": giblet.__version__,
                "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "recipe_key": recipe_key,
                "film": about_film,
                "features": [name for name in plan.names if name in BUILT_IN] + list(filler.series),
                "view": request.to_dict(),
                "versions": dict(_versions()),
                **filler.provenance,
            }
            store.attrs["giblet"] = giblet.__version__
            store.commit(provenance, content_key(recipe=recipe_key, codec=made_by and made_by.fingerprint))

    def retold(provenance: dict[str, Any]) -> dict[str, Any]:
        # What was kept may have been made from files of the same content and other names.
        named = {"annotations": {**provenance["annotations"], "files": written.path}} if written is not None else {}
        return {**provenance, "film": about_film, **named}

    about_film = {"name": Path(film).name, "sha256": asked["film"], "bytes": before[0]}
    try:
        if keeper is None:
            make()
            hit = False
        elif isinstance(output, str):
            hit = keeper.provide_far(key, output, make, force=force, retold=retold)
        else:
            hit = keeper.provide(key, output, make, force=force, retold=retold)
    except StoreTakenError as taken:
        if stored_key(output) != key:
            raise StoreError(
                "another store was written there meanwhile",
                "choose another output, or replace it with --force", output,
            ) from taken  # fmt: skip
        log.debug("another process stored the same in %s meanwhile", output)
        hit = True
    return Extraction(output, hit, read_manifest(output)["provenance"])


@functools.cache
def _versions() -> dict[str, str]:
    # Found by reading files, which takes longer than a short film.
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _hit(output: Path | str) -> Extraction:
    if damaged := verify(output):
        raise StoreError(
            f"holds this already, but {len(damaged)} of its files are damaged", "replace it with --force", output
        )
    # Who was killed just after it had put the store there left its hidden folder.
    with suppress(OSError):
        sweep(real(output))
    log.debug("%s holds this already", output)
    return Extraction(output, True, read_manifest(output)["provenance"])


def _check_same(film: str | os.PathLike[str], before: tuple[int, int]) -> None:
    try:
        same = _state(film) == before
    except OSError as error:
        raise MediaError("was removed while it was read", "put it back, and extract it again", film) from error
    if not same:
        raise StoreError("the film changed while it was read", "extract it again", film)


def _state(film: str | os.PathLike[str]) -> tuple[int, int]:
    stat = Path(film).stat()
    return stat.st_size, stat.st_mtime_ns


def check_same_codec(codec: Codec, provenance: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Raise unless a codec is the one that made a store.

    Parameters
    ----------
    codec : Codec
        The codec.
    provenance : dict
        Of the store.
    path : str or os.PathLike
        The store, for the message.

    Raises
    ------
    CodecError
        If the weights differ.
    """
    made_by = provenance["codec"]
    if made_by["fingerprint"] is None:
        # Codes from a container that does not tell the weights.
        if Path(codec.name).name != Path(made_by["name"]).name:
            raise CodecError(
                f"its codes were made by {made_by['name']}, and not by {codec.name}",
                "give the codec that made them with --codec",
                path,
            )
    elif codec.fingerprint != made_by["fingerprint"]:
        raise CodecError(
            f"its codes were made by {made_by['name']} with weights {made_by['fingerprint'][:12]}, "
            f"and {codec.name} has weights {codec.fingerprint[:12]}",
            "give the codec that made them with --codec",
            path,
        )
