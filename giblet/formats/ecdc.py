"""The container .ecdc of EnCodec: the same codes give the same bytes as Meta's program writes.

A head (`ECDC`, version, size of the JSON text, big-endian), a JSON text, then for each segment its scale, where the
codec normalises, and its codes, frame by frame: packed bits, or the output of the arithmetic coder.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from giblet.errors import CodecError, ParameterError
from giblet.formats.arithmetic import LEAST_COUNT, RANGE_BITS, ArithmeticDecoder, ArithmeticEncoder, CodeModel
from giblet.formats.bits import BitPacker, BitUnpacker, packed_size
from giblet.formats.blocks import FRAMES_AT_ONCE, CodeBlock, in_pieces
from giblet.formats.fields import Fields, is_scale
from giblet.formats.header import ENCODEC_CODEBOOKS, CodeHeader, encodec_header
from giblet.formats.source import ByteSource
from giblet.formats.writing import CodeWriter

MAGIC = b"ECDC"
_HEAD = struct.Struct("!4sBI")
_SCALE = struct.Struct("!f")
_MOST_JSON = 2**16
_MODEL_FRAMES_AT_ONCE = 128
"""Frames of a block where a language model takes time for each."""


def read_header(source: ByteSource) -> CodeHeader:
    """Read what stands before the codes.

    Parameters
    ----------
    source : ByteSource
        At its beginning; afterwards, at the first segment.

    Returns
    -------
    CodeHeader
        With length and number of frames.

    Raises
    ------
    FormatError
        If this is no such file, or cannot hold what it announces.
    """
    magic, version, size = _HEAD.unpack(source.read(_HEAD.size))
    if magic != MAGIC:
        raise source.error("does not begin like an .ecdc file", "give a file that giblet or encodec wrote", 0)
    if version != 0:
        raise source.error(f"has version {version} of the format", "convert it with the program that wrote it", 4)
    start = source.offset
    fields = Fields(source, source.read_json(size, _MOST_JSON), start)
    header = _described(fields)
    _check_size(source, header)
    return header


def _described(fields: Fields) -> CodeHeader:
    codec = fields.name("m")
    length = fields.whole("al", 1)
    entropy_coded = fields.flag("lm")
    if codec in ENCODEC_CODEBOOKS:
        header = encodec_header(codec, fields.whole("nc", 1, ENCODEC_CODEBOOKS[codec]), length)
        return fields.completed(replace(header, entropy_coded=entropy_coded))
    if "sr" not in fields:
        raise fields.error(f"was made by the codec {codec!r} and does not say where its frames lie")
    header = CodeHeader(
        codec,
        fields.layout("sr", "hop", "seg", "stride"),
        fields.n_codebooks("nc"),
        fields.codebook_size("size"),
        fields.flag("norm"),
        length,
        fields.whole("nf", 1),
        entropy_coded,
        fields.optional_name("fp"),
        fields.optional_name("lf"),
    )
    return fields.completed(header)


def _check_size(source: ByteSource, header: CodeHeader) -> None:
    """Refuse what the file is too short for, before anything is made ready for it."""
    scale = _SCALE.size if header.normalized else 0
    runs = header.segment_runs()
    if not header.entropy_coded:
        size = sum(n * (scale + packed_size(header.n_codebooks * frames, header.bits)) for n, frames in runs)
        source.need(size, f"the sound of {header.length} samples")
        source.need_no_more(size)
        return
    # The least that a code can cost is what the counts of all other entries leave it.
    cheapest = -math.log2(1 - LEAST_COUNT * (header.codebook_size - 1) / 2**RANGE_BITS)
    n_codes = header.n_codebooks * sum(n * frames for n, frames in runs)
    n_segments = sum(n for n, _ in runs)
    least = max(int(0.9 * cheapest * n_codes / 8), n_segments * (scale + RANGE_BITS // 8))
    source.need(least, f"the sound of {header.length} samples")


def read_blocks(source: ByteSource, header: CodeHeader, model: CodeModel | None = None) -> Iterator[CodeBlock]:
    """Read the codes that follow a header.

    Parameters
    ----------
    source : ByteSource
        At the first segment.
    header : CodeHeader
        What was read before.
    model : CodeModel, optional
        The language model that wrote them, where they are entropy coded.

    Yields
    ------
    CodeBlock
        In their order.

    Raises
    ------
    FormatError
        If the codes are damaged or cut short, or something follows them.
    CodecError
        If they cannot be read without a language model, or not with this one.
    """
    model = check_model(model, header, source.path) if header.entropy_coded else None
    for number, n_frames in enumerate(header.segment_frames()):
        scale = _read_scale(source) if header.normalized else None
        codes = _decoded(source, header, n_frames, model) if model else _unpacked(source, header, n_frames)
        for block in codes:
            yield CodeBlock(number, block, scale)
    source.need_no_more()


def check_model(model: CodeModel | None, header: CodeHeader, path: str | None = None) -> CodeModel:
    """Return the language model after making sure that it knows such codes.

    Raises
    ------
    CodecError
        If it does not, or is None.
    """
    if model is None:
        raise CodecError(
            "its codes are entropy coded", f"read them with the language model of {header.codec} that wrote them", path
        )
    if model.n_entries != header.codebook_size or model.n_codebooks < header.n_codebooks:
        raise CodecError(
            f"the language model knows {model.n_codebooks} codebooks of {model.n_entries} entries, and the codes have "
            f"{header.n_codebooks} of {header.codebook_size}",
            f"use the language model of {header.codec}",
            path,
        )
    return model


def _read_scale(source: ByteSource) -> float:
    start = source.offset
    (scale,) = _SCALE.unpack(source.read(_SCALE.size))
    if not is_scale(scale):
        raise source.error(f"a segment has the loudness {scale}", offset=start)
    return float(scale)


def _unpacked(source: ByteSource, header: CodeHeader, n_frames: int) -> Iterator[np.ndarray]:
    unpacker = BitUnpacker(source.read, header.bits, header.n_codebooks * n_frames)
    for size in in_pieces(n_frames, FRAMES_AT_ONCE):
        start = source.offset
        values = unpacker.pull(header.n_codebooks * size)
        if values.max() >= header.codebook_size:
            raise source.error(f"code {values.max()} is outside 0…{header.codebook_size - 1}", offset=start)
        yield np.ascontiguousarray(values.reshape(size, header.n_codebooks).T).astype(np.int16)


def _decoded(source: ByteSource, header: CodeHeader, n_frames: int, model: CodeModel) -> Iterator[np.ndarray]:
    state = model.start(header.n_codebooks)
    decoder = ArithmeticDecoder(source)
    for size in in_pieces(n_frames, _MODEL_FRAMES_AT_ONCE):
        block = np.empty((header.n_codebooks, size), np.int16)
        for t in range(size):
            frame = np.empty(header.n_codebooks, np.int64)
            for q in range(header.n_codebooks):
                frame[q] = decoder.pull(state.cdf(frame[:q]))
            state.push(frame)
            block[:, t] = frame
        yield block


class EcdcWriter(CodeWriter):
    """Writes an .ecdc file. As `CodeWriter`, and:

    Parameters
    ----------
    model : CodeModel, optional
        Language model to code with.

    Raises
    ------
    CodecError
        If the language model does not fit the codes.
    """

    def __init__(
        self, file: BinaryIO, header: CodeHeader, scratch: Path | None = None, model: CodeModel | None = None
    ) -> None:
        if model is None:
            header = replace(header, entropy_coded=False, model_fingerprint=None)
        else:
            header = replace(header, entropy_coded=True)
            check_model(model, header)
        super().__init__(file, header, scratch)
        self._model = model
        self._check(header)
        # The head comes first, and its size depends on the length.
        self._known = header.codec in ENCODEC_CODEBOOKS and header.length is not None
        if self._known:
            file.write(_head(header))
        self._body = file if self._known else self._temporary()

    @staticmethod
    def _check(header: CodeHeader) -> None:
        most = ENCODEC_CODEBOOKS.get(header.codec)
        if most is None:
            return
        same = encodec_header(header.codec, header.n_codebooks)
        if (header.layout, header.codebook_size, header.normalized) != (same.layout, 1024, same.normalized) or (
            header.n_codebooks > most
        ):
            raise ParameterError(f"these are no codes of {header.codec}", "give the codec a name of its own")
        if header.model_fingerprint is not None:
            raise ParameterError(
                f"an .ecdc file of {header.codec} can only be entropy coded with the language model of Meta",
                "write it without --lm, or with that model",
            )

    def _begin_segment(self, scale: float | None) -> None:
        if scale is not None:
            self._body.write(_SCALE.pack(scale))
        self._coder: ArithmeticEncoder | BitPacker
        if self._model is None:
            self._coder = BitPacker(self.header.bits)
        else:
            self._coder = ArithmeticEncoder()
            self._state = self._model.start(self.header.n_codebooks)

    def _add(self, codes: np.ndarray) -> None:
        if isinstance(self._coder, BitPacker):
            self._body.write(self._coder.push(codes.T.ravel()))
            return
        for first in range(0, codes.shape[1], _MODEL_FRAMES_AT_ONCE):
            low, high = self._state.intervals(codes[:, first : first + _MODEL_FRAMES_AT_ONCE])
            self._body.write(self._coder.push(low, high))

    def _end_segment(self) -> None:
        self._body.write(self._coder.flush())

    def _close(self) -> None:
        if not self._known:
            self._file.write(_head(self.header))
            self._body.seek(0)
            shutil.copyfileobj(self._body, self._file)


def _head(header: CodeHeader) -> bytes:
    layout = header.layout
    fields: dict[str, Any] = {
        "m": header.codec,
        "al": header.length,
        "nc": header.n_codebooks,
        "lm": header.entropy_coded,
    }
    if header.codec not in ENCODEC_CODEBOOKS:
        fields |= {
            "sr": layout.sample_rate,
            "hop": layout.hop,
            "size": header.codebook_size,
            "nf": header.n_frames,
            "norm": header.normalized,
        }
        optional = {
            "seg": layout.segment,
            "stride": layout.stride,
            "fp": header.codec_fingerprint,
            "lf": header.model_fingerprint,
        }
        fields |= {key: value for key, value in optional.items() if value is not None}
    text = json.dumps(fields).encode()
    return _HEAD.pack(MAGIC, 0, len(text)) + text
