"""The text format of acomp: codes of EnCodec as lines of numbers.

Line 1 says the channels (1 means Meta's 24 kHz model, 2 its 48 kHz model), line 2 the kbps; then each segment has one
line for each codebook, with its codes for all frames. We add one line of numbers at the end: the samples of the sound,
the loudness of each segment where the codec normalises (bit patterns of float32), and where the codec is another, the
bytes of its name, a 0, and those of the fingerprint of its weights. The original reader collects lines until it has one
for each codebook, and so never uses it.
"""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from giblet.errors import FormatError, ParameterError
from giblet.formats.blocks import FRAMES_AT_ONCE, CodeBlock, in_pieces
from giblet.formats.fields import MOST_SAMPLES, is_name, is_scale
from giblet.formats.header import ENCODEC_24KHZ, ENCODEC_48KHZ, ENCODEC_CODEBOOKS, CodeHeader, encodec_header
from giblet.formats.lines import CodeLine, line_spans
from giblet.formats.source import ByteSource
from giblet.formats.writing import CodeWriter

_CODECS = {1: ENCODEC_24KHZ, 2: ENCODEC_48KHZ}
_KBPS_PER_CODEBOOK = 0.75
_CHANNELS = re.compile(rb"\s*([12])\s*")
_KBPS = re.compile(rb"\s*([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*")
_LONGEST_HEAD = 128
_LONGEST_NUMBER = 20
_WORDS = np.array([f" {code}" for code in range(1024)], "S5")
_NO_LENGTH = "does not say how long the sound is"
_NO_SCALES = "does not say how loud its segments are, so all are heard equally loud"


@dataclass(frozen=True)
class TextHeader(CodeHeader):
    """What a text of codes says. As `CodeHeader`, and:

    Attributes
    ----------
    start : int
        Byte behind the first two lines.
    scales : tuple of float
        Of the segments, where the codec normalises; 1 each where the file does not say them.
    """

    start: int = 0
    scales: tuple[float, ...] = ()


def read_header(source: ByteSource) -> TextHeader:
    """Read the first two lines and the last, and look how the rest is divided into lines.

    Parameters
    ----------
    source : ByteSource
        The text.

    Returns
    -------
    TextHeader
        With the number of frames.

    Raises
    ------
    FormatError
        If this is no such text, or its lines are not those of whole segments.
    """
    plain, start = _first_lines(source)
    n_codebooks = plain.n_codebooks
    n_lines = 0
    recent: deque[tuple[int, int]] = deque(maxlen=2 * n_codebooks + 1)
    full = plain.layout.frames_per_segment or 0
    for span in line_spans(source, start):
        # All but the last two segments are full. Asking here makes that millions of short lines take no time.
        if len(recent) == recent.maxlen and recent[0][1] - recent[0][0] < 2 * full - 1:
            raise source.error(f"a line has less than {full} codes", offset=recent[0][0])
        recent.append(span)
        n_lines += 1
        if plain.layout.stride is None and n_lines > n_codebooks + 1:
            raise source.error(f"has more lines than {n_codebooks} codebooks", offset=span[0])
    n_segments, extra = divmod(n_lines, n_codebooks)
    if n_segments == 0 or extra > 1:
        source.seek(source.size)
        raise source.error(f"has {n_lines} lines of codes, which are not whole segments of {n_codebooks} codebooks")
    # The first lines of the last segment and of the one before; all others are full.
    firsts = [place for place in (-2 * n_codebooks - extra, -n_codebooks - extra) if -place <= len(recent)]
    counts = [CodeLine(source, recent[place], plain.codebook_size).count() for place in firsts]
    n_frames = (n_segments - len(counts)) * full + sum(counts)
    header = TextHeader(**{**vars(plain), "n_frames": n_frames, "start": start})
    header = _with_last_line(source, header, recent[-1], n_segments) if extra else _original(header, n_segments)
    known = replace(header, length=header.longest)
    if not known.is_consistent() or known.n_segments != n_segments or known.last_segments() != counts:
        problem = f"its segments have {', '.join(map(str, counts))} frames at the end, which do not fit its length"
        raise source.error(problem, offset=recent[firsts[-1]][0])
    return header


def _first_lines(source: ByteSource) -> tuple[CodeHeader, int]:
    source.seek(0)
    head = source.read(min(_LONGEST_HEAD, source.size)).split(b"\n", 2)
    channels = _CHANNELS.fullmatch(head[0])
    if channels is None or len(head) < 2:
        problem = "does not begin like a text of codes, with a line that says 1 or 2 channels"
        raise source.error(problem, "give a file that giblet or acomp wrote", 0)
    codec = _CODECS[int(channels[1])]
    kbps = _KBPS.fullmatch(head[1])
    n_codebooks = float(kbps[1]) / (_KBPS_PER_CODEBOOK * int(channels[1])) if kbps and len(head) == 3 else 0.0
    if not (n_codebooks.is_integer() and 2 <= n_codebooks <= ENCODEC_CODEBOOKS[codec]):
        raise source.error(f"its second line says no bandwidth of {codec}", offset=len(head[0]) + 1)
    return encodec_header(codec, int(n_codebooks)), len(head[0]) + len(head[1]) + 2


def _original(header: TextHeader, n_segments: int) -> TextHeader:
    if not header.normalized:
        return replace(header, notes=(_NO_LENGTH,))
    return replace(header, scales=(1.0,) * n_segments, notes=(_NO_LENGTH, _NO_SCALES))


def _with_last_line(source: ByteSource, header: TextHeader, span: tuple[int, int], n_segments: int) -> TextHeader:
    def wrong(problem: str) -> FormatError:
        return source.error(f"its last line should say the length: {problem}", offset=span[0])

    n_scales = n_segments if header.normalized else 0
    if span[1] - span[0] > (_LONGEST_NUMBER + 1) * (1 + n_scales + 1024):
        raise wrong("it is too long")
    source.seek(span[0])
    words = source.read(span[1] - span[0]).split()
    if not all(word.isdigit() and len(word) <= _LONGEST_NUMBER for word in words):
        raise wrong("there is something else than numbers")
    length, *numbers = map(int, words)
    if not 1 <= length <= MOST_SAMPLES:
        raise wrong(f"{length} samples cannot be")
    if len(numbers) < n_scales or any(number >= 2**32 for number in numbers[:n_scales]):
        raise wrong(f"there are no {n_scales} bit patterns of loudness")
    scales = tuple(np.array(numbers[:n_scales], np.uint32).view(np.float32).tolist())
    if not all(map(is_scale, scales)):
        raise wrong("a loudness is no positive number")
    header = replace(header, length=length, scales=scales)
    if not numbers[n_scales:]:
        return header
    try:
        name, mark, fingerprint = bytes(numbers[n_scales:]).decode().partition("\0")
    except ValueError as error:
        raise wrong("behind it is no name of a codec") from error
    if not is_name(name) or is_name(fingerprint) != bool(mark):
        raise wrong("behind it is no name of a codec")
    return replace(header, codec=name, codec_fingerprint=fingerprint or None)


def read_blocks(source: ByteSource, header: TextHeader) -> Iterator[CodeBlock]:
    """Read the codes.

    Parameters
    ----------
    source : ByteSource
        The text.
    header : TextHeader
        What was read before.

    Yields
    ------
    CodeBlock
        In their order.

    Raises
    ------
    FormatError
        If something else than codes stands there, or lines have different numbers of them.
    """
    spans = line_spans(source, header.start)
    for number, n_frames in enumerate(header.segment_frames()):
        found = list(islice(spans, header.n_codebooks))
        lines = [CodeLine(source, span, header.codebook_size) for span in found]
        scale = header.scales[number] if header.normalized else None
        for size in in_pieces(n_frames, FRAMES_AT_ONCE):
            codes = [line.take(size) for line in lines]
            _check_equal(source, found, codes, size, n_frames)
            yield CodeBlock(number, np.stack(codes), scale)
        _check_equal(source, found, [line.take(1) for line in lines], 0, n_frames)


def _check_equal(
    source: ByteSource, spans: list[tuple[int, int]], codes: list[np.ndarray], size: int, n_frames: int
) -> None:
    for (start, _), line in zip(spans, codes, strict=True):
        if len(line) != size:
            difference = "more" if len(line) > size else "less"
            raise source.error(f"a line has {difference} than {n_frames} codes", offset=start)


class TextWriter(CodeWriter):
    """Writes a text of codes. As `CodeWriter`."""

    def __init__(self, file: BinaryIO, header: CodeHeader, scratch: Path | None = None) -> None:
        super().__init__(file, replace(header, entropy_coded=False, model_fingerprint=None), scratch)
        self._channels = _channels(header)
        file.write(f"{self._channels}\n{header.n_codebooks * _KBPS_PER_CODEBOOK * self._channels}\n".encode())
        self._patterns: list[int] = []
        # Codes come frame by frame, and a line has the whole segment.
        self._lines = [self._temporary() for _ in range(header.n_codebooks)]

    def _begin_segment(self, scale: float | None) -> None:
        if scale is not None:
            self._patterns.append(int(np.float32(scale).view(np.uint32)))

    def _add(self, codes: np.ndarray) -> None:
        for line, values in zip(self._lines, codes, strict=True):
            words = _WORDS[values].tobytes().replace(b"\0", b"")
            line.write(words if line.tell() else words[1:])

    def _end_segment(self) -> None:
        for line in self._lines:
            line.write(b"\n")
            line.seek(0)
            shutil.copyfileobj(line, self._file)
            line.seek(0)
            line.truncate()

    def _close(self) -> None:
        name = self.header.codec
        if self.header.codec_fingerprint is not None:
            name += f"\0{self.header.codec_fingerprint}"
        maker = b"" if self.header.codec == _CODECS[self._channels] else name.encode()
        numbers = [self.header.length, *self._patterns, *maker]
        self._file.write(" ".join(map(str, numbers)).encode() + b"\n")


def _channels(header: CodeHeader) -> int:
    for channels, codec in _CODECS.items():
        same = encodec_header(codec, header.n_codebooks)
        if (header.layout, header.codebook_size, header.normalized) == (same.layout, 1024, same.normalized) and (
            2 <= header.n_codebooks <= ENCODEC_CODEBOOKS[codec]
        ):
            return channels
    raise ParameterError(
        "a text of codes can only hold 2 codebooks and more on the frame grids of encodec_24khz and encodec_48khz",
        "write .ecdc or .nac",
    )
