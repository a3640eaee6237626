"""What the page says of a store: its film, time line, sounds, codebooks, and other series."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from giblet.codecs import Codec, load_codec
from giblet.codecs.quality.usage import perplexity
from giblet.data import open_store
from giblet.data.extraction import check_same_codec
from giblet.data.request import TRRequest
from giblet.data.store import FeatureStore
from giblet.errors import CodecError, GibletError, MediaError, ParameterError
from giblet.progress import Progress
from giblet.report.axes import clock, time_axis
from giblet.report.clips import Clip, clip_length, spectrograms
from giblet.report.findings import Finding, findings
from giblet.report.series import row_facts, series_views
from giblet.report.sounds import Stretch, bandwidths_of, codes_clip, mel_clip, source_clip
from giblet.report.timeline import time_lines, tr_lines
from giblet.store import file_digest, is_url
from giblet.timeline import TRGrid
from giblet.transcoding.names import CODE_ENDINGS

# A film often begins with silence or a title.
USUAL_START = 60.0
# Rate of a source that nothing in the store is to be compared with, Hz.
_USUAL_RATE = 24_000


@dataclass(frozen=True)
class Asked:
    """What was asked for of a store's page.

    Attributes
    ----------
    film : str, os.PathLike or None
        The film; None looks beside the store.
    at, listen : float or None
        Where the stretch that is heard begins, and how long it is, seconds.
    bandwidths : sequence of float or None
        Kilobits per second.
    codec : object
        As in `giblet.data.reconstruct`.
    device : str
        Where it computes.
    """

    film: str | os.PathLike[str] | None = None
    at: float | None = None
    listen: float | None = None
    bandwidths: Sequence[float] | None = None
    codec: Any = None
    device: str = "auto"


@dataclass(frozen=True)
class CodebookUse:
    """How a codebook was used over the whole film.

    Attributes
    ----------
    number : int
        Counted from 1.
    bits : float
        Entropy of its codes.
    perplexity : float
        Two to that power.
    used : int
        Entries that occur.
    size : int
        Entries that there are.
    """

    number: int
    bits: float
    perplexity: float
    used: int
    size: int


def store_page(path: str | os.PathLike[str], asked: Asked, progress: Progress) -> dict[str, Any]:
    """Gather what the page of a store says.

    Parameters
    ----------
    path : str or os.PathLike
        The store.
    asked : Asked
        What was asked for.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    dict
        Values for the template.

    Raises
    ------
    GibletError
        If the store is damaged, or cannot give what was asked for.
    """
    store = open_store(path)
    about = store.provenance
    request = TRRequest.from_dict(about["view"])
    grid = TRGrid(request.tr, int(about["n_trs"]), request.start)
    film, absence = _film(store, asked.film)
    remarks = []
    kbps = bandwidths_of(store, asked.bandwidths)
    codec = None
    if kbps and asked.listen != 0:
        try:
            codec = _codec(store, asked)
        except CodecError as error:
            if asked.codec is not None:
                raise
            remarks.append(f"The codes are not heard, for their codec cannot be had: {error.problem}.")
            kbps = ()
    stretch = _stretch(store, asked, codec, film, len(kbps))
    if stretch is not None and absence:
        remarks.append(absence)
    clips, levels = _clips(store, stretch, film, codec, kbps, progress)
    if clips and all(clip.silent for clip in clips):
        remarks.append("The sounds of this page are silent, below -60 dB of full scale.")
    codebooks = tuple(_codebooks(store))
    x = None if stretch is None else time_axis(stretch.start, stretch.start + stretch.seconds)
    excerpt = "" if stretch is None else _words(stretch, float(Fraction(about["duration"])))
    return {
        "title": about["film"]["name"],
        "sections": (
            ("time", "Time line"), ("listen", clips and "Listen"), ("codebooks", codebooks and "Codebooks"),
            ("features", "Features"),
        ),
        "about": about,
        "grid": grid,
        "duration": float(Fraction(about["duration"])),
        "codec": about.get("codec"),
        "findings": [*findings(store, grid), *map(Finding, remarks)],
        "time_lines": time_lines(store, grid, stretch, levels),
        "stretch": stretch,
        "excerpt": excerpt,
        "clips": clips,
        "spectrograms": () if x is None else spectrograms(clips, x, f"{excerpt} of the film"),
        "tr_lines": None if x is None else tr_lines(grid, x),
        "codebooks": codebooks,
        "codec_bits": np.log2(about["codec"]["codebook_size"]) if "codec" in about else 0.0,
        "features": row_facts(store),
        "series": series_views(store, float(Fraction(about["duration_with_padding"]))),
    }  # fmt: skip


def _film(store: FeatureStore, asked: str | os.PathLike[str] | None) -> tuple[Path | None, str]:
    """Return the film that the store was made from, as named or found beside, or None and why its sound is missing."""
    known = store.provenance["film"]
    if asked is not None:
        if file_digest(asked) != known["sha256"]:
            raise MediaError(
                f"is not the film that {store.path} was made from ({known['name']})",
                "name that film, or leave --film out",
                asked,
            )
        return Path(asked), ""
    # A name in a store is not trusted to stay in the folder. Beside a URL nobody looks.
    name = Path(known["name"]).name
    beside = Path(name) if is_url(store.path) else Path(store.path).absolute().parent / name
    if beside.suffix.lower() in CODE_ENDINGS:
        return None, f"The codes came from {beside.name}, so the sound before coding is not known."
    try:
        if is_url(store.path) or not beside.is_file():
            return None, f"The film, {beside.name}, is not beside the store, so its own sound is not heard here."
        same = beside.stat().st_size == known["bytes"] and file_digest(beside) == known["sha256"]
    except (OSError, ValueError, GibletError):
        same = False
    return (beside, "") if same else (None, f"{beside.name} beside the store is another film, so it is not heard here.")


def _codec(store: FeatureStore, asked: Asked) -> Codec:
    known = store.provenance["codec"]["source"] if asked.codec is None else asked.codec
    if known is None:
        raise CodecError("the store does not say where it lies", "give it with --codec (codec=)", store.path)
    codec = load_codec(known, asked.device)
    check_same_codec(codec, store.provenance, store.path)
    return codec


def _stretch(
    store: FeatureStore, asked: Asked, codec: Codec | None, film: Path | None, n_bandwidths: int
) -> Stretch | None:
    """Return what is heard, or None where nothing is or can be."""
    about = store.provenance
    n_sounds = n_bandwidths + ("mel" in about) + (film is not None and about["sound"] is not None)
    if asked.listen == 0 or not n_sounds:
        if asked.listen or asked.at is not None:
            raise ParameterError("there is no sound to listen to", "leave --at and --listen out")
        return None
    duration = float(Fraction(about["duration"]))
    rate = codec.layout.sample_rate if codec else about["mel"]["sample_rate"] if "mel" in about else _USUAL_RATE
    channels = codec.channels if codec else 1
    wanted = clip_length(rate, channels, n_sounds) if asked.listen is None else asked.listen
    start = asked.at
    if start is None:
        start = USUAL_START if duration >= USUAL_START + wanted else 0.0
    if start >= duration:
        raise ParameterError(f"--at is {start:g} s, and the sound lasts {duration:.2f} s", "give an earlier time")
    return Stretch(start, min(wanted, duration - start), rate, channels)


def _clips(
    store: FeatureStore,
    stretch: Stretch | None,
    film: Path | None,
    codec: Codec | None,
    bandwidths: Sequence[float],
    progress: Progress,
) -> tuple[tuple[Clip, ...], np.ndarray | None]:
    if stretch is None:
        return (), None
    about, clips, levels = store.provenance, [], None
    if film is not None and about["sound"] is not None:
        track = about["sound"].get("track", 0)
        clip, levels = source_clip(film, track, stretch, float(Fraction(about["duration"])), progress)
        clips.append(clip)
    if codec is not None:
        clips += [codes_clip(store, codec, kbps, stretch, progress) for kbps in bandwidths]
    if "mel" in about:
        clips.append(mel_clip(store, stretch, progress))
    return tuple(clips), levels


def _words(stretch: Stretch, duration: float) -> str:
    if stretch.start == 0 and stretch.seconds >= duration - 0.05:
        return f"all {stretch.seconds:.1f} s"
    return f"{stretch.seconds:.1f} s from {clock(stretch.start, True)} on"


def _codebooks(store: FeatureStore) -> Iterator[CodebookUse]:
    if "codec" not in store.provenance:
        return
    size = int(store.provenance["codec"]["codebook_size"])
    counts = np.zeros((store.n_codebooks(), size), np.int64)
    for block in store.code_blocks():
        for row, codes in zip(counts, block, strict=True):
            row += np.bincount(codes, minlength=size)[:size]
    for number, row in enumerate(counts, 1):
        if row.any():
            equal = perplexity(row)
            yield CodebookUse(number, float(np.log2(equal)), equal, int((row > 0).sum()), size)
