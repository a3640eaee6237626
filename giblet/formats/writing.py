"""What writers of all containers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import BinaryIO, Self, cast

import numpy as np

from giblet.errors import ParameterError
from giblet.formats.blocks import CodeBlock
from giblet.formats.fields import MOST_CODEBOOKS, MOST_ENTRIES, is_name, is_regular, is_scale
from giblet.formats.header import CodeHeader

_IN_MEMORY = 2**15
"""Bytes of a temporary file that is none yet."""


class CodeWriter(ABC):
    """Takes the codes of one sound block by block, and makes sure that the header tells the truth about them.

    A context manager, which removes its temporary files.

    Parameters
    ----------
    file : binary file
        To write to, at its beginning.
    header : CodeHeader
        What is to be written; length and number of frames may be unknown yet.
    scratch : pathlib.Path, optional
        Folder for temporary files; default the system's.

    Attributes
    ----------
    header : CodeHeader
        As given; complete after `finish`.

    Raises
    ------
    ParameterError
        If the container cannot hold such codes.
    """

    def __init__(self, file: BinaryIO, header: CodeHeader, scratch: Path | None = None) -> None:
        if not (
            is_regular(header.layout)
            and is_name(header.codec)
            and 1 <= header.n_codebooks <= MOST_CODEBOOKS
            and 2 <= header.codebook_size <= MOST_ENTRIES
        ):
            raise ParameterError(f"no container can hold codes of {header.codec!r}", "keep them in a store")
        self.header = header
        self._file = file
        self._scratch = scratch
        self._open = ExitStack()
        self._n_segments = 0
        self._n_frames = 0
        # Frames of this segment and of the one before.
        self._recent: list[int] = []
        self._scale: float | None = None
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def write(self, block: CodeBlock) -> None:
        """Append some frames.

        Parameters
        ----------
        block : CodeBlock
            Of the same segment as the one before, or of the next.

        Raises
        ------
        ParameterError
            If these are no codes that fit the header.
        """
        codes = self._checked(block.codes)
        if block.segment == self._n_segments:
            self._next_segment(block.scale)
        elif block.segment != self._n_segments - 1 or block.scale != self._scale:
            raise ParameterError(
                f"a block of segment {block.segment} follows segment {self._n_segments - 1}",
                "give the segments in their order, each with one scale",
            )
        self._recent[-1] += codes.shape[1]
        self._n_frames += codes.shape[1]
        self._add(codes)

    def finish(self, length: int | None = None) -> None:
        """End the sound. Called again, it does nothing.

        Parameters
        ----------
        length : int, optional
            Samples; default what the header says, and where it says nothing, all that the frames can stand for.

        Raises
        ------
        ParameterError
            If the frames do not fit the length, or there are none.
        """
        if self._finished:
            return
        if not self._n_frames:
            raise ParameterError("there are no codes to write", "give a sound with at least one frame")
        self._end_segment()
        header = replace(self.header, length=self.header.length if length is None else length, n_frames=self._n_frames)
        header = replace(header, length=header.longest)
        agrees = header.longest >= 1 and header.is_consistent() and header.n_segments == self._n_segments
        if not agrees or header.last_segments() != self._recent:
            raise ParameterError(
                f"{self._n_frames} frames in {self._n_segments} segments are not those of {header.length} samples",
                "give the length of the sound that was encoded",
            )
        self.header = header
        self._close()
        self._finished = True

    def _temporary(self) -> BinaryIO:
        """Return a file that is gone afterwards."""
        scratch = None if self._scratch is None else str(self._scratch)
        return cast(BinaryIO, self._open.enter_context(SpooledTemporaryFile(_IN_MEMORY, dir=scratch)))

    def _checked(self, codes: np.ndarray) -> np.ndarray:
        header = self.header
        if codes.ndim != 2 or codes.dtype.kind not in "iu" or len(codes) != header.n_codebooks:
            raise ParameterError(
                f"codes have shape {codes.shape} and type {codes.dtype}",
                f"give int16 of shape ({header.n_codebooks}, n_frames)",
            )
        if codes.size and not (codes.min() >= 0 and codes.max() < header.codebook_size):
            raise ParameterError(
                f"a code is outside 0…{header.codebook_size - 1}", "write the codes as the codec gave them"
            )
        return codes.astype(np.int16, copy=False)

    def _next_segment(self, scale: float | None) -> None:
        layout = self.header.layout
        if self._n_segments:
            self._end_segment()
        # Only the last two segments can be short.
        too_many = layout.stride is None and self._n_segments > 0
        if too_many or self._recent[:-1] not in ([], [layout.frames_per_segment]):
            raise ParameterError(
                f"segment {self._n_segments} follows where the sound should have ended",
                "cut the sound as the codec does",
            )
        if self.header.normalized != (scale is not None):
            raise ParameterError(
                f"segment {self._n_segments} has the scale {scale}", "give scales just where the codec normalises"
            )
        if scale is not None and not is_scale(scale):
            raise ParameterError(f"{scale} is no loudness", "give the scale that the codec found")
        self._n_segments += 1
        self._recent = [*self._recent[-1:], 0]
        self._scale = scale
        self._begin_segment(scale)

    @abstractmethod
    def _begin_segment(self, scale: float | None) -> None: ...

    @abstractmethod
    def _add(self, codes: np.ndarray) -> None: ...

    @abstractmethod
    def _end_segment(self) -> None: ...

    @abstractmethod
    def _close(self) -> None:
        """Write what is known only now; `header` is complete."""
