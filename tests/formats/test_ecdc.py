"""The container .ecdc: Meta's bytes, both ways."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from formats.code_files import OWN, OWN_SEGMENTED, ToyModel, ecdc_bytes, some_codes, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import CodecError, FormatError, ParameterError
from giblet.formats import CodeBlock, as_blocks, encodec_header, from_blocks
from giblet.formats.ecdc import EcdcWriter, read_blocks, read_header

# Written by encodec 0.1.1 from the codes of `counted`.
GOLDEN_24 = (
    "4543444300000000387b226d223a2022656e636f6465635f32346b687a222c2022616c223a20313030302c20226e63223a20322c20226c6d"
    "223a2066616c73657d0728d21064135a9a31e7"
)
GOLDEN_48_BEGIN = (
    "4543444300000000397b226d223a2022656e636f6465635f34386b687a222c2022616c223a2034383030302c20226e63223a20322c20226c"
    "6d223a2066616c73657d3f000000"
)
GOLDEN_48_END = "3e8000008b391829c5"
GOLDEN_48_SHA256 = "950cfbcf6adc163f34202da27cafd27c6bdb343643c38c28129b09ffecfc4bc2"


def counted(n_codebooks, n_frames):
    """Codes that count on from frame to frame."""
    return ((np.arange(n_codebooks * n_frames).reshape(n_frames, n_codebooks).T * 131 + 7) % 1024).astype(np.int16)


def read(data, model=None):
    source = source_of(data)
    header = read_header(source)
    return (header, *from_blocks(read_blocks(source, header, model)))


def test_the_bytes_of_meta_at_24_khz():
    codes = counted(2, 4)
    assert ecdc_bytes(encodec_header("encodec_24khz", 2), 1000, codes, [(4, None)]).hex() == GOLDEN_24
    header, back, segments = read(bytes.fromhex(GOLDEN_24))
    assert back.tolist() == codes.tolist()
    assert back.dtype == np.int16
    assert segments == [(4, None)]
    assert (header.length, header.n_frames, header.bandwidth) == (1000, 4, 1.5)


def test_the_bytes_of_meta_at_48_khz():
    codes = counted(2, 152)
    segments = [(150, 0.5), (2, 0.25)]
    data = ecdc_bytes(encodec_header("encodec_48khz", 2), 48_000, codes, segments)
    assert data.hex().startswith(GOLDEN_48_BEGIN)
    assert data.hex().endswith(GOLDEN_48_END)
    assert hashlib.sha256(data).hexdigest() == GOLDEN_48_SHA256
    header, back, read_segments = read(data)
    assert (back == codes).all()
    assert read_segments == segments
    assert header.normalized


HEADERS = st.one_of(
    st.builds(encodec_header, st.just("encodec_24khz"), st.integers(1, 32)),
    st.builds(encodec_header, st.just("encodec_48khz"), st.integers(1, 16)),
    st.builds(
        lambda n, size: replace(OWN, n_codebooks=n, codebook_size=size), st.integers(1, 9), st.integers(2, 2**15)
    ),
    st.just(OWN_SEGMENTED),
)


@given(HEADERS, st.integers(1, 110_000), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_any_codes_come_back(header, length, seed):
    codes, segments = some_codes(header, length, seed)
    back_header, back, back_segments = read(ecdc_bytes(header, length, codes, segments))
    assert (back == codes).all()
    assert back_segments == segments
    assert replace(back_header, length=None, n_frames=None) == header


@pytest.mark.parametrize(
    ("header", "length"),
    [(encodec_header("encodec_24khz", 3), 7000), (encodec_header("encodec_48khz", 2), 47_700), (OWN_SEGMENTED, 2_500)],
)
def test_entropy_coding(header, length):
    model = ToyModel(header.codebook_size)
    codes, segments = some_codes(header, length)
    # What the model expects is cheap.
    codes[:, 5:] = 0
    data = ecdc_bytes(header, length, codes, segments, model)
    assert len(data) < len(ecdc_bytes(header, length, codes, segments))
    back_header, back, back_segments = read(data, model)
    assert back_header.entropy_coded
    assert (back == codes).all()
    assert back_segments == segments


def test_entropy_coding_is_the_same_in_blocks_of_any_size():
    header, model = encodec_header("encodec_24khz", 2), ToyModel()
    codes, segments = some_codes(header, 100_000)
    file = io.BytesIO()
    with EcdcWriter(file, replace(header, length=100_000), model=model) as writer:
        for first in range(0, codes.shape[1], 7):
            writer.write(CodeBlock(0, codes[:, first : first + 7]))
        writer.finish()
    assert file.getvalue() == ecdc_bytes(header, 100_000, codes, segments, model)


def test_a_length_that_is_known_at_the_end_gives_the_same_bytes():
    header = encodec_header("encodec_48khz", 2)
    codes, segments = some_codes(header, 100_000)
    file = io.BytesIO()
    with EcdcWriter(file, header) as writer:
        for block in as_blocks(codes, segments):
            writer.write(block)
        writer.finish(100_000)
    assert file.getvalue() == ecdc_bytes(header, 100_000, codes, segments)


def test_other_codecs_say_where_their_frames_lie():
    header = replace(OWN, codec_fingerprint="ab" * 32)
    codes, segments = some_codes(header, 5_000)
    data = ecdc_bytes(header, 5_000, codes, segments)
    text = json.loads(data[9 : 9 + int.from_bytes(data[5:9], "big")])
    assert list(text)[:4] == ["m", "al", "nc", "lm"]
    assert read(data)[0] == replace(header, length=5_000, n_frames=16)


def test_frames_behind_the_end_are_kept_where_a_codec_has_them():
    codes = np.zeros((5, 17), np.int16)
    assert read(ecdc_bytes(OWN, 5_000, codes, [(17, None)]))[1].shape == (5, 17)


def test_without_its_language_model_it_is_not_read():
    header = encodec_header("encodec_24khz", 2)
    codes, segments = some_codes(header, 1000)
    data = ecdc_bytes(header, 1000, codes, segments, ToyModel())
    with pytest.raises(CodecError, match=r"some.file: its codes are entropy coded; .*language model of encodec_24khz"):
        read(data)
    with pytest.raises(CodecError, match="16 codebooks of 512 entries.*the codes have 2 of 1024"):
        read(data, ToyModel(512))


def test_another_language_model_gives_other_codes_or_an_error():
    header = encodec_header("encodec_24khz", 2)
    codes, segments = some_codes(header, 20_000)
    data = ecdc_bytes(header, 20_000, codes, segments, ToyModel())
    with suppress(FormatError):
        assert (read(data, ToyModel(sharpness=1))[1] != codes).any()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (encodec_header("encodec_24khz", 33), "no codes of encodec_24khz"),
        (replace(encodec_header("encodec_24khz", 2), layout=OWN.layout), "no codes of encodec_24khz"),
        (replace(encodec_header("encodec_48khz", 2), normalized=False), "no codes of encodec_48khz"),
        (replace(OWN, codec=""), "no container can hold"),
        (replace(OWN, codebook_size=2**16), "no container can hold"),
        (replace(OWN_SEGMENTED, layout=replace(OWN_SEGMENTED.layout, stride=100)), "no container can hold"),
    ],
)
def test_headers_that_cannot_be_written(header, reason):
    with pytest.raises(ParameterError, match=reason):
        EcdcWriter(io.BytesIO(), header)


def test_the_language_model_of_meta_has_no_rival_in_its_own_files():
    header = replace(encodec_header("encodec_24khz", 2), model_fingerprint="ab")
    with pytest.raises(ParameterError, match="only be entropy coded with the language model of Meta"):
        EcdcWriter(io.BytesIO(), header, model=ToyModel())


def zeros(n):
    return np.zeros((2, n), np.int16)


@pytest.mark.parametrize(
    ("blocks", "length", "reason"),
    [
        ([], 1000, "no codes to write"),
        ([CodeBlock(0, zeros(3))], 1000, "3 frames in 1 segments are not those of 1000 samples"),
        ([CodeBlock(0, zeros(5))], 1000, "5 frames"),
        ([CodeBlock(0, zeros(4))], 0, "0 samples"),
        ([CodeBlock(1, zeros(4))], 1000, "segment 1 follows segment -1"),
        ([CodeBlock(0, zeros(2)), CodeBlock(1, zeros(2))], 1000, "segment 1 follows where the sound should have ended"),
        ([CodeBlock(0, zeros(4), 0.5)], 1000, "has the scale 0.5"),
        ([CodeBlock(0, zeros(4) + 1024)], 1000, "a code is outside 0…1023"),
        ([CodeBlock(0, zeros(4) - 1)], 1000, "a code is outside"),
        ([CodeBlock(0, zeros(4)[:1])], 1000, r"shape \(1, 4\)"),
        ([CodeBlock(0, zeros(4) + 0.5)], 1000, "type float64"),
    ],
)
def test_codes_that_cannot_be_written(blocks, length, reason):
    writer = EcdcWriter(io.BytesIO(), replace(encodec_header("encodec_24khz", 2), length=length))
    with pytest.raises(ParameterError, match=reason):
        _write(writer, blocks)


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([CodeBlock(0, zeros(150))], "has the scale None"),
        ([CodeBlock(0, zeros(150), float("nan"))], "nan is no loudness"),
        ([CodeBlock(0, zeros(150), 1e39)], "is no loudness"),
        ([CodeBlock(0, zeros(150), -1.0)], "is no loudness"),
        ([CodeBlock(0, zeros(9), 0.5), CodeBlock(0, zeros(9), 0.6)], "each with one scale"),
        ([CodeBlock(i, zeros(149), 0.5) for i in range(3)], "segment 2 follows where"),
        ([CodeBlock(0, zeros(150), 0.5), CodeBlock(1, zeros(3), 0.5)], "153 frames in 2 segments are not those of"),
        ([CodeBlock(0, zeros(149), 0.5), CodeBlock(1, zeros(3), 0.5)], "152 frames in 2 segments are not those of"),
    ],
)
def test_segments_that_cannot_be_written(blocks, reason):
    writer = EcdcWriter(io.BytesIO(), replace(encodec_header("encodec_48khz", 2), length=48_000))
    with pytest.raises(ParameterError, match=reason):
        _write(writer, blocks)


def _write(writer, blocks):
    with writer:
        for block in blocks:
            writer.write(block)
        writer.finish()
