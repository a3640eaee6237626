"""The container .nac of Neural Audio Codec.

A head (`NAC`, version, size of the JSON text, kbps, big-endian), a JSON text, then all codes in one stream of packed
bits: chunk by chunk, and within a chunk codebook by codebook. The original program writes `null` as the text, and
means a codec of 16 kHz with 50 frames a second in chunks of 2 s; ours says there what the codes are.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from giblet.formats.bits import BitPacker, BitUnpacker, packed_size
from giblet.formats.blocks import FRAMES_AT_ONCE, CodeBlock, in_pieces
from giblet.formats.fields import Fields, is_scale
from giblet.formats.header import CodeHeader
from giblet.formats.source import ByteSource
from giblet.formats.writing import CodeWriter
from giblet.timeline import FrameLayout

MAGIC = b"NAC"
NEURAL_AUDIO_CODEC = "neural_audio_codec"
_HEAD = struct.Struct("!3sBIB")
_MOST_JSON = 2**20
_LAYOUT = FrameLayout(16_000, 320, 32_000, 32_000)
_CODEBOOKS_PER_KBPS = 2
_CHUNK = 100
_MOST_CODES_IN_CHUNK = 2**20
_NOT_HEARD = "the weights of Neural Audio Codec are not public, so it can be described and converted, but not heard"
_NO_LENGTH = "does not say how long the sound is"


@dataclass(frozen=True)
class NacHeader(CodeHeader):
    """What a .nac file says. As `CodeHeader`, and:

    Attributes
    ----------
    kbps : int
        The bit rate in its head, a whole number.
    chunk : int
        Frames after which the codebooks begin anew; segments begin a chunk.
    scales : tuple of float
        Of the segments, where the codec normalises.
    """

    kbps: int = 0
    chunk: int = _CHUNK
    scales: tuple[float, ...] = ()


def read_header(source: ByteSource) -> NacHeader:
    """Read what stands before the codes.

    Parameters
    ----------
    source : ByteSource
        At its beginning; afterwards, at the first code.

    Returns
    -------
    NacHeader
        With the number of frames.

    Raises
    ------
    FormatError
        If this is no such file, or does not hold what it announces.
    """
    magic, version, size, kbps = _HEAD.unpack(source.read(_HEAD.size))
    if magic != MAGIC:
        raise source.error("does not begin like a .nac file", "give a file in the format of Neural Audio Codec", 0)
    if version != 0:
        raise source.error(f"has version {version} of the format", "convert it with the program that wrote it", 3)
    start = source.offset
    content = source.read_json(size, _MOST_JSON)
    if isinstance(content, dict) and "model" in content:
        return _described(source, Fields(source, content, start), kbps)
    return _original(source, kbps)


def _described(source: ByteSource, fields: Fields, kbps: int) -> NacHeader:
    header = NacHeader(
        fields.name("model"),
        fields.layout("sample_rate", "hop", "segment", "stride"),
        fields.n_codebooks("codebooks"),
        fields.codebook_size("codebook_size"),
        normalized="scales" in fields,
        length=fields.whole("length", 1),
        n_frames=fields.whole("frames", 1),
        codec_fingerprint=fields.optional_name("fingerprint"),
        kbps=kbps,
        chunk=fields.whole("chunk", 1),
    )
    header = fields.completed(header)
    if header.chunk * header.n_codebooks > _MOST_CODES_IN_CHUNK:
        raise fields.error(f"its description tells of chunks of {header.chunk} frames")
    if header.normalized:
        header = replace(header, scales=_scales(fields, header.n_segments))
    size = packed_size(header.n_codebooks * (header.n_frames or 0), header.bits)
    source.need(size, f"the sound of {header.length} samples")
    source.need_no_more(size)
    return header


def _scales(fields: Fields, count: int) -> tuple[float, ...]:
    try:
        packed = bytes.fromhex(fields.text("scales"))
    except ValueError as error:
        raise fields.error("the loudness of its segments is not in hexadecimal digits") from error
    if len(packed) != 4 * count:
        raise fields.error(f"its description tells the loudness of {len(packed) / 4:g} segments instead of {count}")
    scales = tuple(np.frombuffer(packed, ">f4").tolist())
    if not all(map(is_scale, scales)):
        raise fields.error("the loudness of a segment is no positive number")
    return scales


def _original(source: ByteSource, kbps: int) -> NacHeader:
    n_codebooks = kbps * _CODEBOOKS_PER_KBPS
    n_codes = source.left * 8 // 10
    if not n_codebooks:
        raise source.error("has a bit rate of 0 kbps", offset=_HEAD.size - 1)
    if not n_codes or n_codes % n_codebooks or packed_size(n_codes, 10) != source.left:
        raise source.error(f"{source.left} bytes of codes are not whole frames of {n_codebooks} codebooks")
    return NacHeader(
        NEURAL_AUDIO_CODEC,
        _LAYOUT,
        n_codebooks,
        n_frames=n_codes // n_codebooks,
        notes=(_NO_LENGTH, _NOT_HEARD),
        kbps=kbps,
    )


def read_blocks(source: ByteSource, header: NacHeader) -> Iterator[CodeBlock]:
    """Read the codes that follow a header.

    Parameters
    ----------
    source : ByteSource
        At the first code.
    header : NacHeader
        What was read before.

    Yields
    ------
    CodeBlock
        In their order.

    Raises
    ------
    FormatError
        If the file is cut short, or a code cannot be one.
    """
    unpacker = BitUnpacker(source.read, header.bits, header.n_codebooks * (header.n_frames or 0))
    for number, n_frames in enumerate(header.segment_frames()):
        scale = header.scales[number] if header.normalized else None
        # Many chunks at once, if they are small.
        for size in in_pieces(n_frames, header.chunk * -(-FRAMES_AT_ONCE // header.chunk)):
            start = source.offset
            values = unpacker.pull(header.n_codebooks * size)
            if values.max() >= header.codebook_size:
                raise source.error(f"code {values.max()} is outside 0…{header.codebook_size - 1}", offset=start)
            yield CodeBlock(number, _frames(values, header).astype(np.int16), scale)
    source.need_no_more()


def _frames(values: np.ndarray, header: NacHeader) -> np.ndarray:
    """Return codes (n_codebooks, k) of which only the last chunk may be short."""
    whole = len(values) // (header.n_codebooks * header.chunk) * header.n_codebooks * header.chunk
    chunks = values[:whole].reshape(-1, header.n_codebooks, header.chunk)
    rest = values[whole:].reshape(header.n_codebooks, -1)
    return np.concatenate([chunks.transpose(1, 0, 2).reshape(header.n_codebooks, -1), rest], axis=1)


class NacWriter(CodeWriter):
    """Writes a .nac file, with a description of its codes. As `CodeWriter`."""

    def __init__(self, file: BinaryIO, header: CodeHeader, scratch: Path | None = None) -> None:
        super().__init__(file, replace(header, entropy_coded=False, model_fingerprint=None), scratch)
        per_segment = header.layout.frames_per_segment
        fits = per_segment is not None and per_segment * header.n_codebooks <= _MOST_CODES_IN_CHUNK
        self._chunk = per_segment if per_segment is not None and fits else _CHUNK
        self._scales = bytearray()
        self._waiting = np.empty((header.n_codebooks, 0), np.int16)
        self._packer = BitPacker(header.bits)
        # The head comes first, and says what is known only at the end.
        self._body = self._temporary()

    def _begin_segment(self, scale: float | None) -> None:
        if scale is not None:
            self._scales += struct.pack("!f", scale)

    def _add(self, codes: np.ndarray) -> None:
        codes = np.concatenate([self._waiting, codes], axis=1)
        whole = codes.shape[1] // self._chunk * self._chunk
        for first in range(0, whole, self._chunk):
            self._write_chunk(codes[:, first : first + self._chunk])
        self._waiting = codes[:, whole:]

    def _end_segment(self) -> None:
        self._write_chunk(self._waiting)
        self._waiting = self._waiting[:, :0]

    def _write_chunk(self, codes: np.ndarray) -> None:
        self._body.write(self._packer.push(codes.ravel()))

    def _close(self) -> None:
        self._body.write(self._packer.flush())
        text = json.dumps(self._description()).encode()
        kbps = min(max(math.ceil(self.header.bandwidth), 1), 255)
        self._file.write(_HEAD.pack(MAGIC, 0, len(text), kbps) + text)
        self._body.seek(0)
        shutil.copyfileobj(self._body, self._file)

    def _description(self) -> dict[str, Any]:
        header = self.header
        fields = {
            "model": header.codec,
            "length": header.length,
            "sample_rate": header.layout.sample_rate,
            "hop": header.layout.hop,
            "segment": header.layout.segment,
            "stride": header.layout.stride,
            "codebooks": header.n_codebooks,
            "codebook_size": header.codebook_size,
            "frames": header.n_frames,
            "chunk": self._chunk,
            "scales": self._scales.hex() if header.normalized else None,
            "fingerprint": header.codec_fingerprint,
        }
        return {key: value for key, value in fields.items() if value is not None}
