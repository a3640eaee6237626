"""Opening and writing containers of any kind; codes go from one to another without any model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet.errors import FormatError, ParameterError
from giblet.formats import ecdc, nac, text
from giblet.formats.arithmetic import CodeModel
from giblet.formats.blocks import CodeBlock
from giblet.formats.header import CodeHeader
from giblet.formats.source import ByteSource, open_source
from giblet.formats.writing import CodeWriter
from giblet.workfolder import reason

ECDC, NAC, TEXT = "ecdc", "nac", "text"
ENDINGS = {".ecdc": ECDC, ".nac": NAC, ".txt": TEXT}
"""Kinds of containers by the endings of their names."""
_READERS: dict[str, Any] = {ECDC: ecdc, NAC: nac, TEXT: text}


@dataclass(frozen=True)
class Container:
    """A file of codes, of which the header was read.

    Attributes
    ----------
    path : str
        The file.
    kind : str
        ``"ecdc"``, ``"nac"`` or ``"text"``.
    header : CodeHeader
        What it says about its codes.
    """

    path: str
    kind: str
    header: CodeHeader

    def blocks(self, model: CodeModel | None = None) -> Iterator[CodeBlock]:
        """Read the codes from the beginning, at flat memory.

        Parameters
        ----------
        model : CodeModel, optional
            The language model that wrote them, where the header says that they are entropy coded.

        Yields
        ------
        CodeBlock
            In their order.

        Raises
        ------
        FormatError
            If the file is damaged.
        CodecError
            If they cannot be read without a language model, or not with this one.
        """
        with open_source(self.path) as source:
            reader = _READERS[self.kind]
            header = reader.read_header(source)
            if self.kind == ECDC:
                yield from ecdc.read_blocks(source, header, model)
            else:
                yield from reader.read_blocks(source, header)

    def describe(self) -> dict[str, Any]:
        """Return what there is to know, for people and for JSON.

        Returns
        -------
        dict
            Lengths in seconds and samples, rates in Hz, bandwidth in kbps.
        """
        header = self.header
        return {
            "kind": self.kind,
            "codec": header.codec,
            "sample_rate": header.layout.sample_rate,
            "n_samples": header.length,
            "seconds": header.longest / header.layout.sample_rate,
            "n_codebooks": header.n_codebooks,
            "codebook_size": header.codebook_size,
            "bandwidth": header.bandwidth,
            "frame_rate": float(header.layout.frame_rate),
            "n_frames": header.n_frames,
            "n_segments": header.n_segments,
            "normalized": header.normalized,
            "entropy_coded": header.entropy_coded,
            "notes": list(header.notes),
        }


def open_container(path: str | os.PathLike[str]) -> Container:
    """Read the header of a file of codes, whatever its name.

    Parameters
    ----------
    path : str or os.PathLike
        An .ecdc file, a .nac file, or a text of acomp.

    Returns
    -------
    Container
        What it is. The file is not kept open.

    Raises
    ------
    FormatError
        If it is none of these, or damaged.
    """
    with open_source(path) as source:
        kind = _kind(source)
        return Container(os.fspath(path), kind, _READERS[kind].read_header(source))


def _kind(source: ByteSource) -> str:
    head = source.read(min(len(ecdc.MAGIC), source.size))
    source.seek(0)
    if head.startswith(ecdc.MAGIC):
        return ECDC
    if head.startswith(nac.MAGIC):
        return NAC
    if head[:1].isdigit():
        return TEXT
    raise source.error("is no .ecdc file, no .nac file and no text of codes", "give a file of codes")


@contextmanager
def create_container(
    path: str | os.PathLike[str], header: CodeHeader, model: CodeModel | None = None, force: bool = False
) -> Iterator[CodeWriter]:
    """Write a file of codes, to be used in a ``with`` block, behind which it stands under its name.

    `CodeWriter.finish` is called at the end, if it was not before: a length that is not known at the beginning has to
    be given to it.

    Parameters
    ----------
    path : str or os.PathLike
        The file; its ending says which kind.
    header : CodeHeader
        What is written. ``entropy_coded`` and ``notes`` do not count.
    model : CodeModel, optional
        Language model to code with, for .ecdc.
    force : bool, optional
        Whether to replace a file of that name.

    Yields
    ------
    CodeWriter
        What takes the codes.

    Raises
    ------
    ParameterError
        If such a file cannot hold the codes, or the ending is none of these.
    MediaError, FormatError
        If the name is taken or cannot be written.
    """
    kind = ENDINGS.get(Path(path).suffix.lower())
    if kind is None:
        raise ParameterError(f"codes are kept in {', '.join(ENDINGS)} files", "choose one of these endings", path)
    if kind != ECDC and model is not None:
        raise ParameterError("only .ecdc files are entropy coded", "leave the language model out, or write .ecdc", path)
    # It comes with libraries for films, which reading codes does without.
    from giblet.media.publishing import Publication

    try:
        with Publication(path, force) as place, place.temporary.open("wb") as file:
            scratch = place.temporary.parent
            writers: dict[str, Callable[[], CodeWriter]] = {
                ECDC: lambda: ecdc.EcdcWriter(file, header, scratch, model),
                NAC: lambda: nac.NacWriter(file, header, scratch),
                TEXT: lambda: text.TextWriter(file, header, scratch),
            }
            with writers[kind]() as writer:
                yield writer
                writer.finish()
    except OSError as error:
        raise FormatError(f"cannot be written ({reason(error)})", "choose another place", path) from error


def write_container(
    path: str | os.PathLike[str],
    header: CodeHeader,
    blocks: Iterable[CodeBlock],
    model: CodeModel | None = None,
    force: bool = False,
) -> CodeHeader:
    """Write a file of codes at once. As `create_container`, and:

    Parameters
    ----------
    blocks : iterable of CodeBlock
        All codes, in their order.

    Returns
    -------
    CodeHeader
        What was written, complete.
    """
    with create_container(path, header, model, force) as writer:
        for block in blocks:
            writer.write(block)
        writer.finish()
    return writer.header
