"""The container .nac: what is in the wild is read, and ours says what it holds."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from formats.code_files import OWN, OWN_SEGMENTED, some_codes, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import FormatError
from giblet.formats import CodeBlock, as_blocks, encodec_header, from_blocks
from giblet.formats.bits import pack
from giblet.formats.nac import NacWriter, read_blocks, read_header


def written(header, length, codes, segments):
    file = io.BytesIO()
    with NacWriter(file, header) as writer:
        for block in as_blocks(codes, segments):
            writer.write(block)
        writer.finish(length)
    return file.getvalue()


def read(data):
    source = source_of(data)
    header = read_header(source)
    return (header, *from_blocks(read_blocks(source, header)))


def in_the_wild(kbps, chunks):
    """A file as the original program writes it: chunk by chunk, all frames of a codebook together."""
    codes = np.concatenate([chunk.ravel() for chunk in chunks])
    return b"NAC" + bytes([0, 0, 0, 0, 4, kbps]) + b"null" + pack(codes, 10)


@pytest.mark.parametrize("frames", [[37], [100], [100] * 26, [100, 100, 13]])
def test_files_in_the_wild(frames):
    rng = np.random.default_rng(0)
    chunks = [rng.integers(0, 1024, (6, n)) for n in frames]
    header, codes, segments = read(in_the_wild(3, chunks))
    assert (codes == np.concatenate(chunks, axis=1)).all()
    assert segments == [(n, None) for n in frames]
    assert (header.codec, header.n_codebooks, header.bandwidth) == ("neural_audio_codec", 6, 3.0)
    assert (header.layout.sample_rate, header.layout.hop, header.length) == (16_000, 320, None)
    assert header.longest == 320 * sum(frames)
    assert any("not public" in note for note in header.notes)


def test_an_example_by_hand():
    # Codebook by codebook: 1, 2 of the first, then 3, 4 of the second.
    data = b"NAC\0\0\0\0\x04\x01null" + bytes.fromhex("0108300001")
    assert read(data)[1].tolist() == [[1, 2], [3, 4]]


def test_metadata_of_others_is_not_taken_for_ours():
    data = b"NAC\0\0\0\0\x0e\x01" + b'{"title": "x"}' + bytes.fromhex("0108300001")
    assert read(data)[1].tolist() == [[1, 2], [3, 4]]


HEADERS = st.one_of(
    st.builds(encodec_header, st.just("encodec_24khz"), st.integers(1, 32)),
    st.builds(encodec_header, st.just("encodec_48khz"), st.integers(1, 16)),
    st.just(OWN),
    st.just(OWN_SEGMENTED),
    st.just(replace(OWN, codec_fingerprint="ab" * 32, n_codebooks=1, codebook_size=2)),
)


@given(HEADERS, st.integers(1, 110_000), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_any_codes_come_back(header, length, seed):
    codes, segments = some_codes(header, length, seed)
    back, back_codes, back_segments = read(written(header, length, codes, segments))
    assert (back_codes == codes).all()
    assert back_segments == segments
    same = {name: getattr(header, name) for name in ("codec", "layout", "n_codebooks", "codebook_size", "normalized")}
    assert same == {name: getattr(back, name) for name in same}
    assert (back.length, back.codec_fingerprint) == (length, header.codec_fingerprint)


def test_blocks_of_any_size_give_the_same_file():
    header = encodec_header("encodec_24khz", 3)
    codes, segments = some_codes(header, 100_000)
    file = io.BytesIO()
    with NacWriter(file, header) as writer:
        for first in range(0, codes.shape[1], 7):
            writer.write(CodeBlock(0, codes[:, first : first + 7]))
        writer.finish(100_000)
    assert file.getvalue() == written(header, 100_000, codes, segments)


def test_a_codec_of_the_original_kind_is_laid_out_as_the_original():
    header = replace(OWN, n_codebooks=6, codebook_size=1024)
    codes, segments = some_codes(header, 64_000)
    data = written(header, 64_000, codes, segments)
    assert data[8] == 3
    body = pack(np.concatenate([codes[:, :100].ravel(), codes[:, 100:].ravel()]), 10)
    assert data.endswith(body)


def ours(change):
    """A file of ours with other metadata."""
    header = OWN_SEGMENTED
    codes, segments = some_codes(header, 2_500)
    data = written(header, 2_500, codes, segments)
    size = int.from_bytes(data[4:8], "big")
    text = json.loads(data[9 : 9 + size])
    text = json.dumps({key: value for key, value in (text | change).items() if value is not ...}).encode()
    return data[:4] + len(text).to_bytes(4, "big") + data[8:9] + text + data[9 + size :]


def test_unchanged_it_can_be_read():
    assert read(ours({}))[1].shape == (3, 27)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"length": 2**53 + 1}, "says 9007199254740993 for 'length'"),
        ({"length": 2**52}, "frames in 4503599627370496 samples"),
        ({"length": -1}, "'length'"),
        ({"length": True}, "says True for 'length'"),
        ({"length": 2500.0}, "'length'"),
        ({"length": ...}, "says nothing for 'length'"),
        ({"frames": 29}, "29 frames in 2500 samples"),
        ({"frames": 2**53}, "frames"),
        ({"chunk": 0}, "'chunk'"),
        ({"chunk": 2**40}, "chunks of 1099511627776 frames"),
        ({"codebooks": 0}, "'codebooks'"),
        ({"codebooks": 2**40}, "'codebooks'"),
        ({"codebooks": 4}, "ends too early"),
        ({"codebooks": 2}, "bytes follow behind its end"),
        ({"codebook_size": 2**20}, "'codebook_size'"),
        ({"codebook_size": 1}, "'codebook_size'"),
        ({"codebook_size": 20}, "ends too early|bytes follow"),
        ({"sample_rate": 0}, "'sample_rate'"),
        ({"hop": 0}, "'hop'"),
        ({"stride": 1}, "overlap by more than half"),
        ({"stride": 1_001}, "or leave gaps"),
        ({"segment": ...}, "'segment'"),
        ({"model": ""}, "'model'"),
        ({"model": "a\nb"}, "'model'"),
        ({"model": "x" * 300}, "'model'"),
        ({"model": 7}, "'model'"),
        ({"scales": "zz"}, "hexadecimal"),
        ({"scales": "3f000000"}, "of 1 segments instead of 3"),
        ({"scales": "7fc00000" * 3}, "no positive number"),
        ({"scales": "7f800000" * 3}, "no positive number"),
        ({"scales": "bf000000" * 3}, "no positive number"),
        ({"scales": 5}, "'scales'"),
        ({"fingerprint": []}, "'fingerprint'"),
    ],
)
def test_descriptions_that_cannot_be(change, reason):
    with pytest.raises(FormatError, match=reason) as refusal:
        read(ours(change))
    assert refusal.value.path == "some.file"
    assert refusal.value.offset is not None


@pytest.mark.parametrize("chunk", [1, 3, 100, 5_000])
def test_chunks_of_any_size_are_read(chunk):
    codes = np.random.default_rng(0).integers(0, 1024, (3, 2_345)).astype(np.int16)
    text = {"model": "x", "sample_rate": 9, "hop": 1, "codebooks": 3, "codebook_size": 1024, "length": 2_345}
    text = json.dumps(text | {"frames": 2_345, "chunk": chunk}).encode()
    body = pack(np.concatenate([codes[:, first : first + chunk].ravel() for first in range(0, 2_345, chunk)]), 10)
    assert (read(b"NAC\0" + len(text).to_bytes(4, "big") + b"\1" + text + body)[1] == codes).all()


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", "ends too early", 0),
        (b"NAC\0\0\0\0\x04", "ends too early", 0),
        (b"ECD\0\0\0\0\x04\x03null", "does not begin like a .nac file", 0),
        (b"NAC\1\0\0\0\x04\x03null", "has version 1", 3),
        (b"NAC\0\xff\xff\xff\xff\x03null", "description would take 4294967295 bytes", 9),
        (b"NAC\0\0\x10\0\0\x03null", "ends too early", 9),
        (b"NAC\0\0\0\0\x04\x03nul!", "no JSON text", 9),
        (b"NAC\0\0\0\0\x04\x03null", "0 bytes of codes are not whole frames of 6", 13),
        (b"NAC\0\0\0\0\x04\x00null" + bytes(5), "bit rate of 0", 8),
        (b"NAC\0\0\0\0\x04\x01null" + bytes(4), "4 bytes of codes are not whole frames of 2 codebooks", 13),
        (b"NAC\0\0\0\0\x04\x01null" + bytes(6), "6 bytes of codes are not whole frames", 13),
    ],
)
def test_heads_that_cannot_be(data, reason, offset):
    with pytest.raises(FormatError, match=reason) as refusal:
        read(data)
    assert refusal.value.offset == offset


def test_codes_that_are_no_entries():
    header = replace(OWN, n_codebooks=1, codebook_size=1024)
    data = written(header, 640, np.array([[5, 700]], np.int16), [(2, None)])
    small = data.replace(b'"codebook_size": 1024', b'"codebook_size": 700 ')
    with pytest.raises(FormatError, match="code 700 is outside 0…699"):
        read(small)
    assert read(small.replace(b"700 ", b"701 "))[1].tolist() == [[5, 700]]
