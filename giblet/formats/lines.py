"""Long lines of whole numbers, read piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from giblet.formats.source import ByteSource

_PIECE = 2**16
_BLOCK = 2**20
_INK = re.compile(rb"\S")
_FOREIGN = re.compile(rb"[^0-9 \t\r]")
_NUMBER = re.compile(rb"[0-9]+")
_LONG_NUMBER = re.compile(rb"[0-9]{5,}")


def line_spans(source: ByteSource, offset: int) -> Iterator[tuple[int, int]]:
    """Find the lines that are not empty.

    Parameters
    ----------
    source : ByteSource
        A text; may be read elsewhere in between.
    offset : int
        Byte to begin at.

    Yields
    ------
    int, int
        First byte of a line that is no blank, and the byte behind its end.
    """
    begin = None
    while offset < source.size:
        source.seek(offset)
        block = source.read(min(_BLOCK, source.size - offset))
        at = 0
        while at < len(block):
            if begin is None:
                # Blank lines, which can be millions, are skipped at once.
                ink = _INK.search(block, at)
                if ink is None:
                    break
                at = ink.start()
                begin = offset + at
            stop = block.find(b"\n", at)
            if stop < 0:
                break
            yield begin, offset + stop
            begin = None
            at = stop + 1
        offset += len(block)
    if begin is not None:
        yield begin, source.size


class CodeLine:
    """One line of codes, separated by blanks.

    Parameters
    ----------
    source : ByteSource
        A text; may be read elsewhere in between.
    span : (int, int)
        Bytes of the line, as `line_spans` gives them.
    codebook_size : int
        What all codes are below, at most 10,000.
    """

    def __init__(self, source: ByteSource, span: tuple[int, int], codebook_size: int) -> None:
        self._source = source
        self._next, self._stop = span
        self._codebook_size = codebook_size
        self._waiting = np.empty(0, np.int16)

    def take(self, count: int) -> np.ndarray:
        """Return the next codes.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        ndarray of int16, shape (count,)
            They; fewer where the line ends.

        Raises
        ------
        FormatError
            If what stands there are no codes.
        """
        pieces = [self._waiting]
        missing = count - len(self._waiting)
        while missing > 0 and self._next < self._stop:
            pieces.append(self._piece())
            missing -= len(pieces[-1])
        codes = np.concatenate(pieces)
        self._waiting = codes[count:]
        return codes[:count]

    def count(self) -> int:
        """Return how many codes are left in the line, and go to its end."""
        total = 0
        while taken := len(self.take(_PIECE)):
            total += taken
        return total

    def _piece(self) -> np.ndarray:
        source, start = self._source, self._next
        source.seek(start)
        text = source.read(min(_PIECE, self._stop - start))
        if foreign := _FOREIGN.search(text):
            raise source.error(f"{foreign[0]!r} is no digit", offset=start + foreign.start())
        if long := _LONG_NUMBER.search(text):
            raise source.error("a number is too long for a code", offset=start + long.start())
        if start + len(text) < self._stop:
            # The last number may go on. There is a blank, for no number is that long.
            text = text[: max(map(text.rfind, (b" ", b"\t", b"\r"))) + 1]
        self._next += len(text)
        codes = np.fromstring(text, np.int16, sep=" ") if text.strip() else np.empty(0, np.int16)
        wrong = np.flatnonzero(codes >= self._codebook_size)
        if len(wrong):
            number = list(_NUMBER.finditer(text))[wrong[0]]
            problem = f"code {int(number[0])} is outside 0…{self._codebook_size - 1}"
            raise source.error(problem, offset=start + number.start())
        return codes
