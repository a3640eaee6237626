"""Store to sound, or to a film with the reconstructed sound."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from giblet.codecs import Codec, decode_blocks, load_codec
from giblet.data.extraction import check_same_codec
from giblet.data.outcome import Reconstruction
from giblet.data.rebuild import check_output, explained, placed, write_sound
from giblet.data.store import FeatureStore, open_store
from giblet.errors import CodecError, MediaError, ParameterError, StoreError
from giblet.media import FILM_ENDINGS, SOUND_ENDINGS, check_picture, replace_sound
from giblet.progress import SILENT, Progress
from giblet.spectral import mel_to_audio
from giblet.store import file_digest
from giblet.workfolder import WorkFolder

log = logging.getLogger(__name__)


def reconstruct(
    store: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    film: str | os.PathLike[str] | None = None,
    codec: Any = None,
    bandwidth: float | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> Reconstruction:
    """Turn a store back into sound.

    Parameters
    ----------
    store : str or os.PathLike
        A store with codes, or with a mel spectrogram (Griffin-Lim finds its phases).
    output : str or os.PathLike
        A .wav or .flac file, or a film (.mp4, .mkv, .mov, .m4v) which then gets the picture of ``film``.
    film : str or os.PathLike, optional
        The film that the store was made from.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        Where the codec is found that made the store; default where it was found then.
    bandwidth : float, optional
        Kilobits per second, at most that of the store.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``.
    force : bool
        Replace a file that is there.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Reconstruction
        How long sound and picture are.

    Raises
    ------
    StoreError, CodecError, MediaError, ParameterError
        If the store, its codec, the film or the output cannot be used. Nothing is left behind then.
    """
    output = Path(output)
    _check_output(output, film, force)
    source = open_store(store)
    if film is not None and file_digest(film) != source.provenance["film"]["sha256"]:
        raise MediaError(
            f"is not the film that {source.path} was made from ({source.provenance['film']['name']})",
            "name that film, or leave --film out",
            film,
        )
    if film is None:
        return Reconstruction(output, _write(source, output, codec, bandwidth, device, force, progress))
    with ExitStack() as stack:
        with explained(output):
            folder = stack.enter_context(WorkFolder(output.absolute()))
        sound = folder.path / "sound.wav"
        seconds = _write(source, sound, codec, bandwidth, device, force, progress)
        return Reconstruction(output, seconds, replace_sound(film, sound, output, force=force))


def _check_output(output: Path, film: str | os.PathLike[str] | None, force: bool) -> None:
    wanted = FILM_ENDINGS if film is not None else SOUND_ENDINGS
    if output.suffix.lower() in FILM_ENDINGS and film is None:
        raise ParameterError(f"{output.name} is a film and no picture is given", "name the film with --film")
    if output.suffix.lower() not in wanted:
        raise ParameterError(f"the ending of {output.name} is not supported here", f"use {', '.join(sorted(wanted))}")
    if output.exists() and not force:
        raise MediaError("is there already", "choose another name, or replace it with --force", output)
    if not output.resolve().parent.exists():
        raise MediaError("its folder does not exist", "make the folder first", output)
    if film is not None and output.exists() and output.samefile(film):
        raise MediaError("is the film itself", "choose another name for the output", output)
    check_output(output)
    if film is not None:
        check_picture(film, output)


def _write(
    source: FeatureStore,
    output: Path,
    codec: Any,
    bandwidth: float | None,
    device: str,
    force: bool,
    progress: Progress,
) -> float:
    if "codec" in source.provenance:
        return _write_codes(source, output, codec, bandwidth, device, force, progress)
    if "mel" in source.provenance:
        return _write_mel(source, output, force, progress)
    raise StoreError("holds nothing that can be heard", "extract audio.codes or audio.mel", source.path)


def _write_codes(
    source: FeatureStore,
    output: Path,
    codec: Any,
    bandwidth: float | None,
    device: str,
    force: bool,
    progress: Progress,
) -> float:
    codes = source.codes(bandwidth)
    known = source.provenance["codec"]["source"] if codec is None else codec
    if known is None:
        raise CodecError(
            "was made by a codec in memory, or does not say where its codec lies", "give it with --codec (codec=)",
            source.path,
        )  # fmt: skip
    loaded: Codec = load_codec(known, device)
    check_same_codec(loaded, source.provenance, source.path)
    rate = codes.layout.sample_rate
    n_samples = source.provenance["codes"]["n_heard"]
    blocks = placed(decode_blocks(loaded, codes), 0, n_samples, loaded.channels)
    write_sound(blocks, output, rate, loaded.channels, force=force, progress=progress, total=n_samples / rate)
    return n_samples / rate


def _write_mel(source: FeatureStore, output: Path, force: bool, progress: Progress) -> float:
    mel = source.provenance["mel"]
    values = source.dataset["mel"]
    frames = values.sizes["mel_frame"]
    n_samples = mel["n_heard"]
    sound = mel_to_audio(
        (values[:, i : i + 512].values for i in range(0, frames, 512)),
        mel["sample_rate"], mel["n_fft"], mel["hop_length"], reference=mel["reference"],
    )  # fmt: skip
    blocks = placed((block[None] for block in sound), 0, n_samples, 1)
    rate = mel["sample_rate"]
    write_sound(blocks, output, rate, 1, force=force, progress=progress, total=n_samples / rate)
    return float(n_samples / rate)
