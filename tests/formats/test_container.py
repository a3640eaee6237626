"""Files of codes, whatever their kind: opened, converted without any model, written whole or not at all."""

from __future__ import annotations

import json
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from formats.code_files import KINDS, OWN, ToyModel, by_kind, some_codes, write

from giblet.errors import FormatError, GibletError, MediaError, ParameterError
from giblet.formats import (
    CodeBlock,
    CodeHeader,
    as_blocks,
    create_container,
    encodec_header,
    from_blocks,
    open_container,
    write_container,
)
from giblet.timeline import FrameLayout


def content(path, model=None):
    container = open_container(path)
    return (container.header, *from_blocks(container.blocks(model)))


@pytest.mark.parametrize("last", [".ecdc", ".nac", ".txt"])
@pytest.mark.parametrize("middle", [".ecdc", ".nac", ".txt"])
@pytest.mark.parametrize("first", [".ecdc", ".nac", ".txt"])
@pytest.mark.parametrize("codec", ["encodec_24khz", "encodec_48khz"])
def test_from_one_to_another_and_on(tmp_path, codec, first, middle, last):
    codes, segments, written = write(tmp_path / f"a{first}", encodec_header(codec, 4), 150_000)
    for source, target in ((f"a{first}", f"b{middle}"), (f"b{middle}", f"c{last}")):
        container = open_container(tmp_path / source)
        write_container(tmp_path / target, container.header, container.blocks())
    header, back, back_segments = content(tmp_path / f"c{last}")
    assert (back == codes).all()
    assert back_segments == segments
    assert (header.codec, header.length, header.n_frames) == (codec, 150_000, codes.shape[1])
    assert written.n_frames == codes.shape[1]
    if first == last:
        assert (tmp_path / f"a{first}").read_bytes() == (tmp_path / f"c{last}").read_bytes()


@pytest.mark.parametrize("kind", ["nac-original", "ecdc-own"])
@pytest.mark.parametrize("ending", [".ecdc", ".nac"])
def test_codes_of_other_codecs_too(tmp_path, kind, ending):
    container = open_container(by_kind(tmp_path, kind))
    codes, segments = from_blocks(container.blocks())
    write_container(tmp_path / f"y{ending}", container.header, container.blocks())
    header, back, back_segments = content(tmp_path / f"y{ending}")
    assert (back == codes).all()
    assert back_segments == segments
    assert (header.codec, header.layout) == (container.header.codec, container.header.layout)
    assert header.length == container.header.longest


def test_entropy_coding_on_and_off(tmp_path):
    model = ToyModel()
    codes = write(tmp_path / "a.ecdc", encodec_header("encodec_24khz", 2), 9_000)[0]
    plain = open_container(tmp_path / "a.ecdc")
    write_container(tmp_path / "b.ecdc", plain.header, plain.blocks(), model)
    coded = open_container(tmp_path / "b.ecdc")
    assert coded.header.entropy_coded
    write_container(tmp_path / "c.ecdc", coded.header, coded.blocks(model))
    assert (tmp_path / "a.ecdc").read_bytes() == (tmp_path / "c.ecdc").read_bytes()
    write_container(tmp_path / "d.nac", coded.header, coded.blocks(model))
    assert (content(tmp_path / "d.nac")[1] == codes).all()


@pytest.mark.parametrize("kind", KINDS)
def test_descriptions(tmp_path, kind):
    described = open_container(by_kind(tmp_path, kind)).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["kind"] == {"ecdc": "ecdc", "nac": "nac", "txt": "text"}[kind.partition("-")[0]]
    assert described["entropy_coded"] == ("lm" in kind)
    assert described["seconds"] > 0


def test_what_a_description_says(tmp_path):
    write(tmp_path / "a.nac", encodec_header("encodec_48khz", 4), 96_000)
    assert open_container(tmp_path / "a.nac").describe() == {
        "kind": "nac",
        "codec": "encodec_48khz",
        "sample_rate": 48_000,
        "n_samples": 96_000,
        "seconds": 2.0,
        "n_codebooks": 4,
        "codebook_size": 1024,
        "bandwidth": 6.0,
        "frame_rate": 150.0,
        "n_frames": 303,
        "n_segments": 3,
        "normalized": True,
        "entropy_coded": False,
        "notes": [],
    }


def test_the_content_tells_the_kind(tmp_path):
    path = by_kind(tmp_path, "nac-24").rename(tmp_path / "wrongly.ecdc")
    assert open_container(path).kind == "nac"


@pytest.mark.parametrize("name", ["x.mp3", "x", "x.ecdc.part"])
def test_the_ending_tells_what_to_write(tmp_path, name):
    with pytest.raises(ParameterError, match=r"\.ecdc, \.nac, \.txt"):
        write(tmp_path / name, OWN, 5_000)
    write(tmp_path / "x.ECDC", OWN, 5_000)


def test_only_ecdc_is_entropy_coded(tmp_path):
    with pytest.raises(ParameterError, match=r"x\.nac: only \.ecdc files are entropy coded"):
        write(tmp_path / "x.nac", OWN, 5_000, model=ToyModel(700))


@pytest.mark.parametrize("ending", [".ecdc", ".nac", ".txt"])
def test_a_file_is_whole_or_not_there(tmp_path, ending):
    header = encodec_header("encodec_24khz", 2)
    codes, segments = some_codes(header, 9_000)

    def failing():
        yield from as_blocks(codes, segments)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_container(tmp_path / f"x{ending}", header, failing())
    with pytest.raises(ParameterError, match="not those of 5 samples"):
        write_container(tmp_path / f"x{ending}", replace(header, length=5), as_blocks(codes, segments))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="limits files as POSIX does")
@pytest.mark.parametrize("ending", [".ecdc", ".nac", ".txt"])
def test_a_full_disk_is_told(tmp_path, ending):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(FormatError, match=f"x{ending}: cannot be written"):
            write(tmp_path / f"x{ending}", encodec_header("encodec_24khz", 8), 24_000 * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_stays_unless_it_shall_go(tmp_path):
    (tmp_path / "x.ecdc").write_bytes(b"mine")
    with pytest.raises(MediaError, match="exists already"):
        write(tmp_path / "x.ecdc", OWN, 5_000)
    assert (tmp_path / "x.ecdc").read_bytes() == b"mine"
    codes, segments = some_codes(OWN, 5_000)
    write_container(tmp_path / "x.ecdc", OWN, as_blocks(codes, segments), force=True)
    assert (content(tmp_path / "x.ecdc")[1] == codes).all()


def test_a_file_may_be_written_over_itself(tmp_path):
    codes = write(tmp_path / "x.ecdc", OWN, 5_000)[0]
    container = open_container(tmp_path / "x.ecdc")
    write_container(tmp_path / "x.ecdc", container.header, container.blocks(), force=True)
    assert (content(tmp_path / "x.ecdc")[1] == codes).all()


def test_the_length_can_be_told_at_the_end(tmp_path):
    header = encodec_header("encodec_24khz", 2)
    codes, _ = some_codes(header, 9_000)
    with create_container(tmp_path / "x.ecdc", header) as writer:
        writer.write(CodeBlock(0, codes))
        writer.finish(9_000)
    assert open_container(tmp_path / "x.ecdc").header.length == 9_000
    with create_container(tmp_path / "y.ecdc", header) as writer:
        writer.write(CodeBlock(0, codes))
    assert open_container(tmp_path / "y.ecdc").header.length == 29 * 320


@pytest.mark.parametrize("data", [b"", b"RIFF", b"hello", b"\0" * 99, b"EC", b"NA", b"\xef\xbb\xbf1\n6\n"])
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "x.ecdc").write_bytes(data)
    with pytest.raises(FormatError, match=r"x\.ecdc: is no \.ecdc file, no \.nac file and no text"):
        open_container(tmp_path / "x.ecdc")


def test_places_that_are_no_files(tmp_path):
    with pytest.raises(FormatError, match=r"x\.nac: there is no such file"):
        open_container(tmp_path / "x.nac")
    with pytest.raises(FormatError, match="is a folder"):
        open_container(tmp_path)
    with pytest.raises(FormatError, match="no regular file"):
        open_container("/dev/zero")
    with pytest.raises(FormatError, match="null byte|null character"):
        open_container("a\0b.nac")


def test_errors_travel_between_processes():
    import pickle

    error = FormatError("is damaged", "fetch it", "x.nac", 7)
    assert str(error) == "x.nac: is damaged (byte 7); fetch it."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problem, again.offset) == (str(error), "is damaged", 7)
    assert isinstance(error, GibletError)


def peak(minutes, path, header):
    """Return the most memory in bytes that writing and reading so many minutes take."""
    length = minutes * 60 * header.layout.sample_rate
    codes = np.random.default_rng(0).integers(0, 1024, (header.n_codebooks, 1000)).astype(np.int16)
    frames = list(replace(header, length=length).segment_frames())

    def blocks():
        for number, n_frames in enumerate(frames):
            for first in range(0, n_frames, 1000):
                size = min(1000, n_frames - first)
                yield CodeBlock(number, codes[:, :size], 0.5 if header.normalized else None)

    tracemalloc.start()
    write_container(path, header, blocks())
    read = sum(block.codes.shape[1] for block in open_container(path).blocks())
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == sum(frames)
    path.unlink()
    return highest


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".ecdc", ".nac", ".txt"])
@pytest.mark.parametrize("codec", ["encodec_24khz", "encodec_48khz"])
def test_two_hours_need_what_a_minute_needs(tmp_path, codec, ending):
    header = encodec_header(codec, 2)
    minute, hours = (peak(minutes, tmp_path / f"x{ending}", header) for minutes in (1, 120))
    # The loudness of a segment of one second is kept, some bytes each.
    assert hours - minute < 3 * 2**20 + (120 * 60 * 200 if header.normalized else 0)


def test_segments_that_can_be_announced_but_not_held_take_no_time(tmp_path):
    header = CodeHeader("own", FrameLayout(8_000, 1, 2, 1), 1, 2, length=2**50, n_frames=2**51 - 1)
    assert header.n_segments == 2**50
    assert header.is_consistent()
