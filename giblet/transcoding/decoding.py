"""Containers to sound, and sound through a codec."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from giblet.codecs import Codec, Segment, as_bandwidth
from giblet.data.checks import check_file
from giblet.data.rebuild import explained
from giblet.formats import CodeModel, Container, open_container
from giblet.media import SOUND_ENDINGS, AudioReader, SoundWriter
from giblet.progress import SILENT, Progress, stage
from giblet.transcoding.encoding import sound_to_codes
from giblet.transcoding.models import check_maker, find, find_maker, loaded, reading_model
from giblet.transcoding.moving import move
from giblet.transcoding.names import check_place_of
from giblet.transcoding.result import LIMIT, Transcoding
from giblet.workfolder import WorkFolder

log = logging.getLogger(__name__)


def codes_to_sound(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    codec: Any = None,
    *,
    lm: Any = None,
    rescale: bool = False,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Decode a container into a sound file of 16 bits, at flat memory.

    Parameters
    ----------
    path : str or os.PathLike
        An .ecdc file, a .nac file, or a text of acomp.
    output : str or os.PathLike
        A .wav, .flac or .ogg file.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        Where the codec lies that made the codes; default what the container leads to: Meta's two models and the
        built-in codecs.
    lm : str, os.PathLike or CodeModel, optional
        Where the language model lies that coded them, if one did; default the codec's.
    rescale : bool
        Whether a sound with samples beyond ±`LIMIT` is made quieter as a whole (it is decoded twice then), or these
        samples are cut.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``.
    force : bool
        Replace a file that is there; the input is never replaced.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Transcoding
        What was written, and whether it was clipped.

    Raises
    ------
    FormatError, MediaError, CodecError, ParameterError
        If the container, its codec or the output cannot be used. Nothing is left behind then.
    """
    container = open_container(path)
    header = container.header
    check_place_of(output, path, SOUND_ENDINGS, force)
    found = find_maker(header, codec, path, device)
    model = reading_model(header, lm, found.source, path)
    ready = loaded(found, device)
    check_maker(ready, header, path)

    rate, seconds = header.layout.sample_rate, header.longest / header.layout.sample_rate
    with ExitStack() as stack:
        if model is not None:
            container = stack.enter_context(_unpacked(container, model, Path(output), progress))
        segments = segments_of(container)
        gain, peak = 1.0, 0.0
        if rescale:
            with stage(progress, f"measuring {Path(path).name}", seconds):
                for sound in decoded(ready, container, segments):
                    peak = max(peak, float(np.abs(sound).max()))
                    progress.advance(sound.shape[1] / rate)
            gain = min(LIMIT / max(peak, LIMIT), 1.0)
        stack.enter_context(stage(progress, f"decoding {Path(path).name}", seconds))
        writer = stack.enter_context(SoundWriter(output, rate, ready.channels, force=force))
        for sound in decoded(ready, container, segments):
            peak = max(peak, float(np.abs(sound).max()))
            writer.write(np.clip(sound * np.float32(gain), -LIMIT, LIMIT))
            progress.advance(sound.shape[1] / rate)
    log.debug("%s → %s: %.3f s, peak %.3f, gain %.3f", path, output, seconds, peak, gain)
    return Transcoding(Path(output), header, peak, gain)


def sound_to_sound(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    codec: Any = "facebook/encodec_24khz",
    bandwidth: float = 6.0,
    *,
    rescale: bool = False,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Send a sound through a codec and keep no container, at flat memory.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file or film.
    output : str or os.PathLike
        A .wav, .flac or .ogg file.
    codec, bandwidth
        As in `sound_to_codes`.
    rescale
        As in `codes_to_sound`.
    device, force, progress
        As in both.

    Returns
    -------
    Transcoding
        What was written, and whether it was clipped.

    Raises
    ------
    MediaError, CodecError, ParameterError, FormatError
        As `sound_to_codes` and `codes_to_sound`.
    """
    check_file(path)
    check_place_of(output, path, SOUND_ENDINGS, force)
    found = find(codec, device)
    found.n_codebooks(as_bandwidth(bandwidth))
    # What is no sound is said before the codec is loaded.
    AudioReader(path).close()
    ready = loaded(found, device)
    with ExitStack() as stack:
        with explained(output):
            folder = stack.enter_context(WorkFolder(Path(output).absolute(), ".codes"))
        codes = folder.path / "codes.ecdc"
        sound_to_codes(path, codes, ready, bandwidth, progress=progress)
        return codes_to_sound(codes, output, ready, rescale=rescale, force=force, progress=progress)


@contextmanager
def _unpacked(container: Container, model: CodeModel, output: Path, progress: Progress) -> Iterator[Container]:
    """Turn an entropy coded container into one that can be read quickly and often."""
    with ExitStack() as stack:
        with explained(output):
            folder = stack.enter_context(WorkFolder(output.absolute(), ".codes"))
        plain = folder.path / "codes.ecdc"
        move(container, plain, reading=model, progress=progress)
        yield open_container(plain)


def segments_of(container: Container) -> tuple[Segment, ...]:
    """Return the segments of a container's codes.

    Parameters
    ----------
    container : Container
        One that is not entropy coded; read as a whole where its segments have a loudness.

    Returns
    -------
    tuple of Segment
        As `giblet.codecs.Codec.decoder` takes them.
    """
    header = container.header
    scales = {block.segment: block.scale for block in container.blocks()} if header.normalized else {}
    step = header.layout.stride or 0
    return tuple(Segment(i * step, n, scales.get(i)) for i, n in enumerate(header.segment_frames()))


def decoded(codec: Codec, container: Container, segments: tuple[Segment, ...]) -> Iterator[np.ndarray]:
    """Decode a container block by block.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes.
    container : Container
        One that is not entropy coded.
    segments : tuple of Segment
        Of `segments_of`.

    Yields
    ------
    ndarray of float32, shape (channels, n)
        Its sound, as long as its header says.
    """
    decoder = codec.decoder(segments)
    left = container.header.longest
    for sound in _pushed(decoder, container):
        if sound.shape[1] and left:
            yield sound[:, :left]
            left -= min(left, sound.shape[1])


def _pushed(decoder: Any, container: Container) -> Iterator[np.ndarray]:
    for block in container.blocks():
        yield decoder.push(block.codes)
    yield decoder.finish()
