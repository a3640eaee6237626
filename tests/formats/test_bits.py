"""Values of a few bits each: packed as a loop would, and much faster."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.formats.bits import BitPacker, BitUnpacker, pack, packed_size, unpack


class OneByOne:
    """Packs each value as it comes, as the programs do that these formats are from."""

    def __init__(self, bits, file):
        self.bits = bits
        self.file = file
        self.waiting = self.n_waiting = 0

    def push(self, value):
        self.waiting += value << self.n_waiting
        self.n_waiting += self.bits
        while self.n_waiting >= 8:
            self.file.write(bytes([self.waiting & 0xFF]))
            self.waiting >>= 8
            self.n_waiting -= 8

    def flush(self):
        if self.n_waiting:
            self.file.write(bytes([self.waiting]))


def packed_one_by_one(values, bits):
    file = io.BytesIO()
    packer = OneByOne(bits, file)
    for value in values:
        packer.push(value)
    packer.flush()
    return file.getvalue()


@st.composite
def packable(draw):
    bits = draw(st.integers(1, 16))
    return bits, draw(st.lists(st.integers(0, 2**bits - 1), max_size=60))


def test_an_example_by_hand():
    # 1 | 2 << 10 | 3 << 20 = 0x300801, the lowest byte first
    assert pack(np.array([1, 2, 3]), 10).hex() == "01083000"
    assert unpack(bytes.fromhex("01083000"), 10, 3).tolist() == [1, 2, 3]


@given(packable())
def test_packed_as_one_by_one(case):
    bits, values = case
    data = pack(np.array(values, np.int64), bits)
    assert data == packed_one_by_one(values, bits)
    assert len(data) == packed_size(len(values), bits)
    assert unpack(data, bits, len(values)).tolist() == values


@given(packable(), st.lists(st.integers(0, 20)))
def test_in_pieces(case, cuts):
    bits, values = case
    packer = BitPacker(bits)
    pieces = np.split(np.array(values, np.int64), sorted(min(cut, len(values)) for cut in cuts))
    data = b"".join(map(packer.push, pieces)) + packer.flush()
    assert data == packed_one_by_one(values, bits)
    # What lies behind is left alone.
    file = io.BytesIO(data + b"next")
    unpacker = BitUnpacker(file.read, bits, len(values))
    assert np.concatenate([unpacker.pull(len(piece)) for piece in pieces]).tolist() == values
    assert file.read() == b"next"
    with pytest.raises(ValueError, match="1 values asked for, 0 left"):
        unpacker.pull(1)


def test_after_flushing_a_new_byte_begins():
    packer = BitPacker(10)
    packed = packer.push(np.array([1, 2, 3])) + packer.flush() + packer.push(np.array([1])) + packer.flush()
    assert packed.hex() == "01083000" + "0100"


@pytest.mark.parametrize("bits", [0, 17, -1])
def test_other_widths_are_refused(bits):
    with pytest.raises(ValueError, match="cannot be packed"):
        BitPacker(bits)


def test_fifty_times_faster_than_one_by_one():
    values = np.random.default_rng(0).integers(0, 1024, 80_000)
    listed = values.tolist()
    data = pack(values, 10)

    def seconds(function):
        begin = time.process_time()
        function()
        return time.process_time() - begin

    loop = min(seconds(lambda: packed_one_by_one(listed, 10)) for _ in range(2))
    ours = min(seconds(lambda: [pack(values, 10) for _ in range(10)]) / 10 for _ in range(3))
    back = min(seconds(lambda: [unpack(data, 10, len(values)) for _ in range(10)]) / 10 for _ in range(3))
    assert loop / ours > 50
    assert loop / back > 50
