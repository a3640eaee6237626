"""Codes from one container to another, without the codec that made them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from giblet.formats import CodeHeader, CodeModel, Container, create_container, open_container
from giblet.progress import SILENT, Progress, stage
from giblet.transcoding.models import language_model, lm_source, reading_model, with_model
from giblet.transcoding.names import CODE_ENDINGS, check_place_of
from giblet.transcoding.result import Transcoding


def codes_to_codes(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    lm: Any = False,
    codec: Any = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Write the codes of a container as a container of another kind, or with other entropy coding, at flat memory.

    Parameters
    ----------
    path : str or os.PathLike
        An .ecdc file, a .nac file, or a text of acomp.
    output : str or os.PathLike
        An .ecdc, .nac or .txt file.
    lm : bool, str, os.PathLike or CodeModel
        Whether to code with a language model, as in `sound_to_codes`. One that the input needs is found too.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        Where the codec lies, for its language model; default what the container leads to.
    force : bool
        Replace a file that is there; the input is never replaced.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Transcoding
        What was written.

    Raises
    ------
    FormatError, MediaError, CodecError, ParameterError
        If the container, the language model or the output cannot be used. Nothing is left behind then.
    """
    container = open_container(path)
    check_place_of(output, path, CODE_ENDINGS, force)
    header = container.header
    needs = header.entropy_coded or lm not in (None, False)
    source = lm_source(header, codec, path) if needs else None
    reading = reading_model(header, None if isinstance(lm, bool) else lm, source, path)
    writing = language_model(lm, header, source, path)
    return Transcoding(Path(output), move(container, output, reading, writing, force, progress))


def move(
    container: Container,
    output: str | os.PathLike[str],
    reading: CodeModel | None = None,
    writing: CodeModel | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> CodeHeader:
    """Copy codes from an open container to a new one.

    Parameters
    ----------
    container : Container
        Where they are.
    output : str or os.PathLike
        The new one.
    reading, writing : CodeModel, optional
        The language model that wrote them, and the one to code with.
    force : bool
        Replace a file that is there.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    CodeHeader
        What was written, complete.

    Raises
    ------
    FormatError, MediaError, CodecError, ParameterError
        As in `codes_to_codes`.
    """
    header = container.header
    seconds = header.longest / header.layout.sample_rate
    with (
        create_container(output, with_model(header, writing), writing, force) as writer,
        stage(progress, f"reading {Path(container.path).name}", seconds),
    ):
        for block in container.blocks(reading):
            writer.write(block)
            progress.advance(seconds * block.codes.shape[1] / (header.n_frames or 1))
        writer.finish()
    return writer.header
