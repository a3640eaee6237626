"""Damaged and malicious files: read to some end, or refused with file, byte and reason; soon, and in little memory."""

from __future__ import annotations

import itertools
import json
import random
import struct
import time
import tracemalloc
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from formats.code_files import KINDS, ToyModel, by_kind
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.errors import FormatError, GibletError
from giblet.formats import open_container, quantised_cdf
from giblet.formats.bits import packed_size

MODEL = ToyModel(sharpness=0.1)
MOST_SECONDS = 5
MOST_BYTES = 64 * 2**20


def drain(path):
    """Read everything; return the frames."""
    container = open_container(path)
    container.describe()
    n_frames = 0
    for block in container.blocks(MODEL):
        assert 0 <= block.codes.min() <= block.codes.max() < container.header.codebook_size
        n_frames += block.codes.shape[1]
    assert n_frames == container.header.n_frames
    return n_frames


def ecdc(description, body=b"", head=b"ECDC\0", size=None):
    text = description if isinstance(description, bytes) else json.dumps(description).encode()
    return head + struct.pack("!I", len(text) if size is None else size) + text + body


def nac(description, body):
    """A file of a codec with one codebook of two entries, and a frame for each sample."""
    small = {"model": "x", "sample_rate": 9, "hop": 1, "codebooks": 1, "codebook_size": 2, "chunk": 100}
    text = json.dumps(small | description).encode()
    return b"NAC\0" + struct.pack("!IB", len(text), 1) + text + body


META = {"m": "encodec_24khz", "al": 640, "nc": 2, "lm": False}
STEREO = {"m": "encodec_48khz", "al": 640, "nc": 2, "lm": False}
OTHER = {"m": "x", "al": 640, "nc": 2, "lm": False, "sr": 9, "hop": 320, "size": 1024, "nf": 2, "norm": False}


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"ECDC", "ends too early", 0),
        (b"ECDC\0\0\0\0", "ends too early", 0),
        (ecdc(META, bytes(5), head=b"ECDC\1"), "has version 1", 4),
        (ecdc(META, bytes(5), size=2**32 - 1), "description would take 4294967295 bytes", 9),
        (ecdc(META, bytes(5), size=2**15), "ends too early", 9),
        (ecdc(META, bytes(5), size=10), "no JSON text", 9),
        (ecdc(b"[" * 65_000), "no JSON text", 9),
        (ecdc(b'{"a":' * 13_000), "no JSON text", 9),
        (ecdc(b'{"al": ' + b"9" * 60_000 + b"}"), "no JSON text", 9),
        (ecdc(b'{"m": "\xff"}'), "no JSON text", 9),
        (ecdc(b'{"al": NaN}'), "no JSON text", 9),
        (ecdc(b"null"), "holds no fields", 9),
        (ecdc(b"[1, 2]"), "holds no fields", 9),
        (ecdc({}), "says nothing for 'm'", 9),
        (ecdc(META | {"m": 3}), "says 3 for 'm'", 9),
        (ecdc(META | {"m": "x"}), "'x' and does not say where its frames lie", 9),
        (ecdc(META | {"al": -1}), "says -1 for 'al'", 9),
        (ecdc(META | {"al": 0}), "says 0 for 'al'", 9),
        (ecdc(META | {"al": True}), "says True for 'al'", 9),
        (ecdc(META | {"al": 640.0}), "says 640.0 for 'al'", 9),
        (ecdc(META | {"al": "640"}), "says '640' for 'al'", 9),
        (ecdc(META | {"al": 2**60}), "for 'al' instead of a whole number", 9),
        (ecdc(META | {"al": 2**53}), "ends too early: the sound of 9007199254740992 samples takes", 77),
        (ecdc(META | {"al": 2**53, "lm": True}, bytes(99)), "ends too early", 76),
        (ecdc(STEREO | {"al": 2**53}), "ends too early", 77),
        (ecdc(STEREO | {"al": 2**53, "lm": True}, bytes(99)), "ends too early", 76),
        (ecdc(META | {"nc": 0}), "says 0 for 'nc'", 9),
        (ecdc(META | {"nc": 33}), "says 33 for 'nc'", 9),
        (ecdc(STEREO | {"nc": 17}), "says 17 for 'nc'", 9),
        (ecdc(META | {"lm": 1}), "says 1 for 'lm'", 9),
        (ecdc(META, bytes(4)), "ends too early: the sound of 640 samples takes 5 bytes and 4 are left", 64),
        (ecdc(META, bytes(6)), "1 bytes follow behind its end", 69),
        (ecdc(META | {"lm": True}, bytes(9)), "bytes follow behind its end", 68),
        (ecdc(META | {"lm": True}, bytes(2)), "ends too early", 63),
        (ecdc(STEREO, struct.pack("!f", float("nan")) + bytes(5)), "the loudness nan", 64),
        (ecdc(STEREO, struct.pack("!f", float("inf")) + bytes(5)), "the loudness inf", 64),
        (ecdc(STEREO, struct.pack("!f", -1) + bytes(5)), "the loudness -1.0", 64),
        (ecdc(OTHER | {"hop": 0}), "'hop'", 9),
        (ecdc(OTHER | {"sr": 2**40}), "'sr'", 9),
        (ecdc(OTHER | {"nf": 1}), "1 frames in 640 samples", 9),
        (ecdc(OTHER | {"nf": 2**53}), "ends too early", 126),
        (ecdc(OTHER | {"nc": 2**20}), "'nc'", 9),
        (ecdc(OTHER | {"size": 2**16}), "'size'", 9),
        (ecdc(OTHER | {"size": 600}, b"\xff" * 5), "code 1023 is outside 0…599", 110),
        (ecdc(OTHER | {"seg": 640}), "says nothing for 'stride'", 9),
        (ecdc(OTHER | {"seg": 2**31, "stride": 1}), "segments are tiny, or overlap by more than half", 9),
        (ecdc(OTHER | {"seg": 640, "stride": 600, "hop": 40}), "2 frames in 640 samples", 9),
        (ecdc(OTHER | {"norm": None}), "says None for 'norm'", 9),
        (ecdc(OTHER | {"fp": "x" * 256}), "for 'fp' instead of a name", 9),
    ],
)
def test_ecdc_files_that_cannot_be(tmp_path, data, reason, offset):
    path = tmp_path / "x.ecdc"
    path.write_bytes(data)
    with pytest.raises(FormatError) as refusal:
        drain(path)
    assert reason in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert refusal.value.offset == offset


def test_the_files_that_were_made_worse_are_good(tmp_path):
    path = tmp_path / "x.ecdc"
    for data in (ecdc(META, bytes(5)), ecdc(STEREO, bytes(9)), ecdc(OTHER, bytes(5))):
        path.write_bytes(data)
        assert drain(path) == 2


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("lines.txt", b"1\n6\n" + b"\n" * (5 * 2**20)),
        ("blanks.txt", b"1\n6\n" + b" " * (5 * 2**20)),
        ("numbers.txt", b"1\n6\n" + b"1\n" * (3 * 2**20)),
        ("stereo.txt", b"2\n6\n" + b"1\n" * (2 * 2**20 + 1)),
        ("digits.txt", b"1\n6\n" + b"1" * (5 * 2**20)),
        ("line.txt", b"1\n1.5\n" + b"1 " * (3 * 2**20)),
        ("pieces.txt", b"2\n3\n" + b"1 " * (3 * 2**20) + b"\n1\n"),
        ("last.txt", b"1\n1.5\n1\n1\n" + b"1 " * (3 * 2**20)),
        ("zeros.nac", b"NAC\0\0\0\0\4\1null" + bytes(5 * 2**20 + 1)),
        ("deep.nac", b"NAC\0\0\x0f\xff\xff\1" + b"[" * 2**20),
        ("wide.nac", b"NAC\0\0\4\0\1\1[" + b"1," * (2**17 - 1) + b"1]"),
        ("chunks.nac", nac({"length": 2**22, "frames": 2**22, "chunk": 1}, bytes(2**19 + 1))),
        ("segments.nac", nac({"length": 2**22, "frames": 2**22, "segment": 1, "stride": 1}, bytes(2**19 + 1))),
        ("scales.nac", b'NAC\0\0\x0f\xff\xff\1{"model": "' + b"0" * 2**20),
    ],
)
def test_large_nonsense_takes_little(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    size = len(data)
    del data
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(FormatError, match=name):
        drain(path)
    taken, highest = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < MOST_SECONDS
    assert highest < min(MOST_BYTES, 16 * 2**20 + 8 * size)


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_a_file_ends_too_early(tmp_path, kind):
    path = by_kind(tmp_path, kind)
    data = path.read_bytes()
    for size in {*range(0, 130, 6), *range(130, len(data), 211), len(data) - 1}:
        path.write_bytes(data[:size])
        # A text can lose its last line, and is then one of the original program.
        if kind.startswith("txt") and (data[:size].count(b"\n") >= data.count(b"\n") - 1 or size > len(data) - 30):
            continue
        # The original's .nac does not say how many frames there are.
        n_codes = (size - 13) * 8 // 10
        if kind == "nac-original" and n_codes > 0 and n_codes % 6 == 0 and packed_size(n_codes, 10) == size - 13:
            continue
        with pytest.raises(FormatError) as refusal:
            drain(path)
        assert path.name in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_behind_the_end(tmp_path, kind):
    path = by_kind(tmp_path, kind)
    for rest in (b"\0", b"x" * 7, b"1 2 3\n" * 2):
        good = path.read_bytes()
        path.write_bytes(good + rest)
        with pytest.raises(FormatError, match=path.name):
            drain(path)
        path.write_bytes(good)
    drain(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 40)
    | st.sampled_from([2**15, 2**31, 2**32, 2**53, 2**63, 2**64])
    | st.floats()
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from([META, STEREO, OTHER]),
    st.dictionaries(st.sampled_from([*OTHER, "seg", "stride", "fp", "lf"]), JSON, max_size=4),
    st.binary(max_size=40),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_description_of_ecdc(tmp_path, description, change, body):
    (tmp_path / "x.ecdc").write_bytes(ecdc(description | change, body))
    with suppress(GibletError), naming(tmp_path / "x.ecdc"):
        drain(tmp_path / "x.ecdc")


NAC_FIELDS = ["model", "sample_rate", "hop", "segment", "stride", "codebooks", "codebook_size", "chunk", "length"]


@given(st.dictionaries(st.sampled_from([*NAC_FIELDS, "frames", "scales"]), JSON, max_size=5), st.binary(max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_description_of_nac(tmp_path, change, body):
    (tmp_path / "x.nac").write_bytes(nac({"length": 99, "frames": 99} | change, body))
    with suppress(GibletError), naming(tmp_path / "x.nac"):
        drain(tmp_path / "x.nac")


@contextmanager
def naming(path):
    """Fail unless an error names the file."""
    try:
        yield
    except GibletError as error:
        if str(path) not in str(error):
            pytest.fail(f"{error} does not name the file")
        raise


def mutations(data, random):
    """Yield damaged copies of a file for ever."""
    numbers = [
        b"\0" * 4,
        b"\xff" * 4,
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"-1",
        b"1e999",
        b"NaN",
        b"4294967296",
        b"null",
    ]
    while True:
        copy = bytearray(data)
        for _ in range(random.choice([1, 1, 2, 5, 20])):
            # Headers are where parsers go wrong, so half of the changes are there.
            at = random.randrange(min(len(copy), random.choice([16, 150, len(copy)])) + 1)
            how = random.randrange(7)
            if how == 0:
                copy[at : at + 1] = bytes([random.randrange(256)])
            elif how == 1 and at < len(copy):
                copy[at] ^= 1 << random.randrange(8)
            elif how == 2:
                copy[at : at + random.randrange(1, 9)] = b""
            elif how == 3:
                copy[at:at] = random.randbytes(random.randrange(1, 9))
            elif how == 4:
                number = random.choice(numbers)
                copy[at : at + random.choice([0, len(number)])] = number
            elif how == 5:
                copy[at:at] = copy[(start := random.randrange(len(copy) + 1)) : start + random.randrange(64)]
            elif random.random() < 0.3:
                del copy[at:]
        yield bytes(copy)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(tmp_path, kind):
    path = by_kind(tmp_path, kind)
    refused = 0
    for data in itertools.islice(mutations(path.read_bytes(), random.Random(kind)), 60):
        path.write_bytes(data)
        begin = time.process_time()
        try:
            drain(path)
        except GibletError as error:
            refused += 1
            if str(path) not in str(error) or not 0 <= (getattr(error, "offset", 0) or 0) <= len(data):
                pytest.fail(f"{error} for {data.hex()}")
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} for {data.hex()}") from error
        assert time.process_time() - begin < MOST_SECONDS, data.hex()
    assert refused > 5


def test_the_least_that_codes_can_cost_bounds_what_a_file_can_announce(tmp_path):
    class Certain(ToyModel):
        def start(self, n_codebooks):
            state = super().start(n_codebooks)
            state.cdf = lambda below: cdf
            return state

    cdf = quantised_cdf(np.eye(1, 1024, dtype=np.float32)[0])
    path = tmp_path / "x.ecdc"
    path.write_bytes(ecdc(META | {"al": 320 * 200_000, "lm": True}, bytes(5)))
    with pytest.raises(FormatError, match="ends too early"):
        open_container(path)
    # A model that is certain codes 80,000 codes in 5 bytes.
    path.write_bytes(ecdc(META | {"al": 320 * 40_000, "lm": True}, bytes(5)))
    assert sum(block.codes.shape[1] for block in open_container(path).blocks(Certain())) == 40_000
