"""The text of acomp: its files are read, and ours are read by it."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from formats.code_files import OWN, OWN_SEGMENTED, some_codes, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import FormatError, ParameterError
from giblet.formats import CodeBlock, as_blocks, encodec_header, from_blocks
from giblet.formats.text import TextWriter, read_blocks, read_header


def written(header, length, codes, segments):
    file = io.BytesIO()
    with TextWriter(file, header) as writer:
        for block in as_blocks(codes, segments):
            writer.write(block)
        writer.finish(length)
    return file.getvalue()


def read(data):
    source = source_of(data)
    header = read_header(source)
    return (header, *from_blocks(read_blocks(source, header)))


def read_by_acomp(text):
    """What the published reader takes from a text: it collects lines until it has one for each codebook."""
    lines = text.splitlines()
    channels, bandwidth = int(lines[0]), float(lines[1])
    n_codebooks = int(bandwidth * 4 / (3 * channels))
    found, segments = [], []
    for line in lines[2:]:
        if line.strip():
            # As torch.tensor of dtype long would hold them.
            found.append(np.array([int(word) for word in line.split()], np.int64))
        if len(found) == n_codebooks:
            segments.append(np.stack(found))
            found = []
    return channels, bandwidth, segments


def test_a_mono_text_by_hand():
    codes = np.array([[1, 20, 300], [4, 1023, 0]], np.int16)
    text = "1\n1.5\n1 20 300\n4 1023 0\n"
    assert written(encodec_header("encodec_24khz", 2), 800, codes, [(3, None)]) == (text + "800\n").encode()
    header, back, segments = read(text.encode())
    assert back.tolist() == codes.tolist()
    assert (header.codec, header.length, header.longest, segments) == ("encodec_24khz", None, 960, [(3, None)])
    assert read((text + "800\n").encode())[0].length == 800


def test_a_stereo_text_by_hand():
    header = encodec_header("encodec_48khz", 2)
    data = written(header, 960, np.array([[1, 2, 3], [4, 5, 6]], np.int16), [(3, 0.5)])
    assert data == f"2\n3.0\n1 2 3\n4 5 6\n960 {0x3F000000}\n".encode()
    assert read(data)[2] == [(3, 0.5)]
    # Without the last line all is equally loud.
    old, _, segments = read(data[: data.index(b"960")])
    assert segments == [(3, 1.0)]
    assert any("loud" in note for note in old.notes)


@pytest.mark.parametrize(
    "text",
    [
        "1\n6\n" + "7\n" * 8,
        "1\r\n6.0\r\n" + "7 \r\n" * 8,
        "1\n6\n\n" + "\n \t7\n" * 8 + "\n\n",
        " 1 \n 6 \n" + "7\n" * 7 + "7",
    ],
)
def test_blanks_and_line_ends_of_all_kinds(text):
    assert read(text.encode())[1].tolist() == [[7]] * 8


HEADERS = st.one_of(
    st.builds(encodec_header, st.just("encodec_24khz"), st.integers(2, 32)),
    st.builds(encodec_header, st.just("encodec_48khz"), st.integers(2, 16)),
    st.just(replace(encodec_header("encodec_24khz", 3), codec="größer/tiny")),
    st.just(replace(encodec_header("encodec_48khz", 2), codec="tiny", codec_fingerprint="0123abc")),
)


@given(HEADERS, st.integers(1, 200_000), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_any_codes_come_back_and_acomp_reads_them(header, length, seed):
    codes, segments = some_codes(header, length, seed)
    data = written(header, length, codes, segments)
    back, back_codes, back_segments = read(data)
    assert (back_codes == codes).all()
    assert back_segments == segments
    assert (back.codec, back.length, back.n_frames) == (header.codec, length, codes.shape[1])
    assert back.codec_fingerprint == header.codec_fingerprint
    channels, bandwidth, found = read_by_acomp(data.decode())
    assert (channels, bandwidth) == (2 if header.normalized else 1, header.bandwidth)
    assert (np.concatenate(found, axis=1) == codes).all()
    assert [segment.shape[1] for segment in found] == [n for n, _ in segments]


@given(st.integers(1, 300_000))
@settings(deadline=None, max_examples=40)
def test_texts_in_the_wild_have_the_frames_of_some_length(length):
    header = encodec_header("encodec_48khz", 2)
    codes, segments = some_codes(header, length)
    text = written(header, length, codes, segments).decode()
    back, back_codes, _ = read("".join(text.splitlines(keepends=True)[:-1]).encode())
    assert (back_codes == codes).all()
    assert back.length is None
    assert list(back.segment_frames()) == [n for n, _ in segments]
    assert length <= back.longest < length + 320


def test_long_lines_are_read_in_pieces():
    codes = np.random.default_rng(0).integers(0, 1024, (2, 60_000)).astype(np.int16)
    text = "1\n1.5\n" + "".join(" ".join(map(str, line)) + "\n" for line in codes)
    source = source_of(text.encode())
    header = read_header(source)
    blocks = list(read_blocks(source, header))
    assert max(block.codes.shape[1] for block in blocks) <= 1024
    assert (from_blocks(blocks)[0] == codes).all()


@pytest.mark.parametrize(
    "header",
    [
        OWN,
        OWN_SEGMENTED,
        encodec_header("encodec_24khz", 1),
        encodec_header("encodec_24khz", 33),
        encodec_header("encodec_48khz", 17),
        replace(encodec_header("encodec_24khz", 2), codebook_size=512),
    ],
)
def test_what_a_text_cannot_say_is_not_written(header):
    with pytest.raises(ParameterError, match="can only hold"):
        TextWriter(io.BytesIO(), header)


NAN, INFINITE, NEGATIVE = (struct.unpack("!I", struct.pack("!f", x))[0] for x in (np.nan, np.inf, -1))
MONO = "1\n1.5\n1 2 3\n4 5 6\n"
STEREO = "2\n3\n1 2 3\n4 5 6\n"


@pytest.mark.parametrize(
    ("text", "reason", "offset"),
    [
        ("", "1 or 2 channels", 0),
        ("1", "1 or 2 channels", 0),
        ("3\n6\n", "1 or 2 channels", 0),
        ("1 1\n6\n", "1 or 2 channels", 0),
        ("1" * 1000, "1 or 2 channels", 0),
        ("1\n", "second line", 2),
        ("1\n6", "second line", 2),
        ("1\n7\n1\n", "second line", 2),
        ("1\n48\n1\n", "second line", 2),
        ("2\n1.5\n1\n", "second line", 2),
        ("1\nnan\n1\n", "second line", 2),
        ("1\n1e999\n1\n", "second line", 2),
        ("1\n-6\n1\n", "second line", 2),
        ("1\n1.5\n", "0 lines of codes", 6),
        ("1\n1.5\n1 2\n", "1 lines of codes", 10),
        ("1\n3\n1\n1\n1\n1\n1\n1\n", "more lines than 4", 14),
        ("2\n6\n1\n1\n1\n1\n1\n1\n", "6 lines of codes", 16),
        ("1\n1.5\n1 2 1024\n4 5 6\n", "code 1024 is outside 0…1023", 10),
        ("1\n1.5\n1 2 3\n4 5 9999\n", "code 9999 is outside", 16),
        ("1\n1.5\n1 2 30000\n4 5 6\n", "too long", 10),
        ("1\n1.5\n1 2 -3\n4 5 6\n", "is no digit", 10),
        ("1\n1.5\n1 2 3.0\n4 5 6\n", "is no digit", 11),
        ("1\n1.5\n1 2 x\n4 5 6\n", "b'x' is no digit", 10),
        ("1\n1.5\n1 2 \0\n4 5 6\n", "is no digit", 10),
        ("1\n1.5\n1 2 3\n4 5\n", "less than 3 codes", 12),
        ("1\n1.5\n1 2 3\n4 5 6 7\n", "more than 3 codes", 12),
        (MONO + "961\n", "do not fit its length", 6),
        (MONO + "640\n", "do not fit its length", 6),
        (MONO + "0\n", "0 samples", 18),
        (MONO + "99999999999999999999\n", "samples cannot be", 18),
        (MONO + "9" * 99 + "\n", "something else than numbers", 18),
        (MONO + "-960\n", "something else than numbers", 18),
        (MONO + "960 256\n", "no name of a codec", 18),
        (MONO + "960 255\n", "no name of a codec", 18),
        (MONO + "960 10\n", "no name of a codec", 18),
        (MONO + "960 65 0\n", "no name of a codec", 18),
        (MONO + "960 0 65\n", "no name of a codec", 18),
        (MONO + "960 65 0 65 0 65\n", "no name of a codec", 18),
        (MONO + "960" + " 65" * 300 + "\n", "no name of a codec", 18),
        (MONO + "960" + " 65" * 30_000 + "\n", "too long", 18),
        (STEREO + "960\n", "no 1 bit patterns", 16),
        (STEREO + f"960 {2**32}\n", "no 1 bit patterns", 16),
        (STEREO + f"960 {NAN}\n", "no positive number", 16),
        (STEREO + f"960 {INFINITE}\n", "no positive number", 16),
        (STEREO + f"960 {NEGATIVE}\n", "no positive number", 16),
        (STEREO + f"48961 {0x3F000000}\n", "do not fit its length", 4),
        ("2\n3\n" + ("1 " * 151 + "\n") * 2, "151 frames at the end, which do not fit", 4),
        ("2\n3\n" + ("1 " * 9 + "\n") * 4, "9, 9 frames at the end, which do not fit", 42),
    ],
)
def test_texts_that_cannot_be(text, reason, offset):
    with pytest.raises(FormatError, match=reason) as refusal:
        read(text.encode())
    assert (refusal.value.path, refusal.value.offset) == ("some.file", offset)


def test_a_segment_in_the_middle_that_is_short():
    header = encodec_header("encodec_48khz", 2)
    codes, segments = some_codes(header, 200_000)
    lines = written(header, 200_000, codes, segments).decode().splitlines()
    lines[4] = lines[4].rpartition(" ")[0]
    with pytest.raises(FormatError, match="less than 150 codes"):
        read("\n".join(lines).encode())


def test_blocks_of_any_size_give_the_same_text():
    header = encodec_header("encodec_24khz", 3)
    codes, segments = some_codes(header, 100_000)
    file = io.BytesIO()
    with TextWriter(file, header) as writer:
        for first in range(0, codes.shape[1], 7):
            writer.write(CodeBlock(0, codes[:, first : first + 7]))
        writer.write(CodeBlock(0, codes[:, :0]))
        writer.finish(100_000)
    assert file.getvalue() == written(header, 100_000, codes, segments)
