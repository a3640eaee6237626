"""The fields of a description in JSON, each of which may be anything."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

from giblet.errors import FormatError
from giblet.formats.header import CodeHeader
from giblet.formats.source import ByteSource
from giblet.timeline import FrameLayout

MOST_SAMPLES = 2**53
"""Longest sound that a file can announce: more would not be exact in the numbers of other JSON readers."""
MOST_CODEBOOKS = 1024
MOST_ENTRIES = 2**15
"""Entries of a codebook; codes are int16."""
_LONGEST_NAME = 255
_MOST_FLOAT32 = (2 - 2**-23) * 2.0**127
_LEAST_FRAMES = 8
_Header = TypeVar("_Header", bound=CodeHeader)


class Fields:
    """What a description says, checked field by field.

    Parameters
    ----------
    source : ByteSource
        Where it comes from.
    content : object
        What the JSON text says.
    offset : int
        Where the text begins.

    Raises
    ------
    FormatError
        If it is no JSON object. Its methods raise the same where a field is missing or not what it should be.
    """

    def __init__(self, source: ByteSource, content: object, offset: int) -> None:
        self._source = source
        self._offset = offset
        if not isinstance(content, dict):
            raise self.error("its description holds no fields")
        self._content = content

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def error(self, problem: str) -> FormatError:
        """Return an error that names the file and the description in it."""
        return self._source.error(problem, offset=self._offset)

    def _wrong(self, key: str, expected: str) -> FormatError:
        said = repr(self._content[key])[:40] if key in self._content else "nothing"
        return self.error(f"its description says {said} for {key!r} instead of {expected}")

    def whole(self, key: str, least: int, most: int = MOST_SAMPLES) -> int:
        """Return a whole number in [least, most]."""
        value = self._content.get(key)
        # JSON's true is an int to Python.
        if type(value) is not int or not least <= value <= most:
            raise self._wrong(key, f"a whole number from {least} to {most}")
        return value

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._content.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def name(self, key: str) -> str:
        """Return a printable text that is not too long."""
        value = self._content.get(key)
        if not (isinstance(value, str) and is_name(value)):
            raise self._wrong(key, "a name")
        return value

    def optional_name(self, key: str) -> str | None:
        """Return the same, or None where there is none."""
        return self.name(key) if key in self else None

    def text(self, key: str) -> str:
        """Return a text of any length."""
        value = self._content.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def n_codebooks(self, key: str) -> int:
        """Return a number of codebooks."""
        return self.whole(key, 1, MOST_CODEBOOKS)

    def codebook_size(self, key: str) -> int:
        """Return the entries of a codebook."""
        return self.whole(key, 2, MOST_ENTRIES)

    def layout(self, rate: str, hop: str, segment: str, stride: str) -> FrameLayout:
        """Return the frame grid that four fields tell, of which the last two may be missing."""
        plain = FrameLayout(self.whole(rate, 1, 2**31), self.whole(hop, 1, 2**31))
        if segment not in self and stride not in self:
            return plain
        layout = replace(plain, segment=self.whole(segment, 1, 2**31), stride=self.whole(stride, 1, 2**31))
        if not is_regular(layout):
            raise self.error("its segments are tiny, or overlap by more than half, or leave gaps")
        return layout

    def completed(self, header: _Header) -> _Header:
        """Return the header with its number of frames, which has to fit the length."""
        if header.n_frames is None:
            header = replace(header, n_frames=sum(count * frames for count, frames in header.segment_runs()))
        if not header.is_consistent():
            raise self.error(f"its description tells of {header.n_frames} frames in {header.length} samples")
        return header


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a codec."""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def is_scale(value: float) -> bool:
    """Tell whether a number can be the loudness of a segment, as a float32."""
    return math.isfinite(value) and 0 <= value <= _MOST_FLOAT32


def is_regular(layout: FrameLayout) -> bool:
    """Tell whether segments are as real codecs have them: not tiny, and none but the last two of a sound is short."""
    if layout.stride is None or layout.segment is None:
        return layout.stride is layout.segment
    return layout.stride <= layout.segment <= 2 * layout.stride and layout.segment >= _LEAST_FRAMES * layout.hop
