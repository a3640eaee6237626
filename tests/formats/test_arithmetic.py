"""The arithmetic coder: Meta's bytes, and any codes back."""

from __future__ import annotations

import numpy as np
import pytest
from formats.code_files import ToyModel, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import FormatError, ParameterError
from giblet.formats.arithmetic import ArithmeticDecoder, ArithmeticEncoder, quantised_cdf

QUARTERS = np.arange(1, 5) << 22
# Written by the coder of encodec 0.1.1 with the probabilities of `golden_cdf`.
GOLDEN = "0000ac44906cd260cfd9bdd431832121d2248a196001116d7bbb039fa2ed8ede39821fcacdf901"
GOLDEN_CODES = [(i * i * 3 + i) % 16 for i in range(40)]


def golden_cdf(i):
    weights = (1 + (np.arange(16) * 7 + i * 5) % 13).astype(np.float32) ** 4
    return quantised_cdf(weights / weights.sum(dtype=np.float32))


def encoded(codes, cdfs):
    encoder = ArithmeticEncoder()
    data = b""
    for code, cdf in zip(codes, cdfs, strict=True):
        data += encoder.push(np.array([[cdf[code - 1] if code else 0]]), np.array([[cdf[code]]]))
    return data + encoder.flush()


def test_an_example_by_hand():
    # Four equal shares: each code is two bits, 01 10 11 00, the first in the lowest place; then 22 bits that are left.
    data = encoded([1, 2, 3, 0], [QUARTERS] * 4)
    assert data.hex() == "36000000"
    decoder = ArithmeticDecoder(source_of(data))
    assert [decoder.pull(QUARTERS) for _ in range(4)] == [1, 2, 3, 0]


def test_the_bytes_of_meta():
    cdfs = [golden_cdf(i) for i in range(40)]
    assert encoded(GOLDEN_CODES, cdfs).hex() == GOLDEN
    source = source_of(bytes.fromhex(GOLDEN) + b"next")
    decoder = ArithmeticDecoder(source)
    assert [decoder.pull(cdf) for cdf in cdfs] == GOLDEN_CODES
    assert source.read(4) == b"next"


def test_counts_by_hand():
    # 2²⁴ - 2·4 counts are shared out, and everybody gets two more.
    cdf = quantised_cdf(np.array([0.5, 0.25, 0.25, 0], np.float32))
    assert cdf.tolist() == [8_388_606, 12_582_910, 16_777_214, 16_777_216]


@given(st.integers(2, 2000), st.floats(0, 30), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_every_entry_has_a_share(n_entries, sharpness, seed):
    logits = np.random.default_rng(seed).standard_normal((2, n_entries)).astype(np.float32) * sharpness
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    cdf = quantised_cdf(weights / weights.sum(axis=1, keepdims=True))
    assert cdf.shape == (2, n_entries)
    assert np.diff(cdf, prepend=0).min() >= 2
    assert cdf.max() <= 2**24 + n_entries


@given(st.lists(st.lists(st.integers(0, 2**24), min_size=1, max_size=50), max_size=20), st.data())
@settings(deadline=None)
def test_any_codes_come_back(weights, data):
    cdfs = [np.cumsum(2 + np.array(w) * ((2**24 - 200) // (sum(w) + 1)) // 1) for w in weights]
    codes = [data.draw(st.integers(0, len(cdf) - 1)) for cdf in cdfs]
    packed = encoded(codes, cdfs)
    source = source_of(packed + b"rest")
    decoder = ArithmeticDecoder(source)
    assert [decoder.pull(cdf) for cdf in cdfs] == codes
    assert source.read(4) == b"rest"


def test_probable_codes_are_cheap():
    cdf = quantised_cdf(np.array([0.99, 0.01], np.float32))
    assert len(encoded([0] * 1000, [cdf] * 1000)) < 10


def test_the_end_of_the_file_is_told():
    decoder = ArithmeticDecoder(source_of(b"\1\2"))
    with pytest.raises(FormatError, match="some.file: ends too early.*byte 2"):
        decoder.pull(QUARTERS)


def test_bits_between_codes_are_told():
    decoder = ArithmeticDecoder(source_of(b"\xff" * 4))
    with pytest.raises(FormatError, match="fit no code"):
        decoder.pull(np.array([2, 4]))


@pytest.mark.parametrize(("low", "high"), [(0, 2**25), (-1, 5), (7, 7), (9, 3)])
def test_a_model_that_shares_out_nonsense_is_told(low, high):
    with pytest.raises(ParameterError, match="gives the counts"):
        ArithmeticEncoder().push(np.array([[low]]), np.array([[high]]))


def test_the_toy_model_agrees_with_itself():
    frames = np.random.default_rng(0).integers(0, 1024, (3, 5))
    low, high = ToyModel().start(3).intervals(frames)
    state = ToyModel().start(3)
    for t in range(5):
        cdf = state.cdf(frames[:1, t])
        assert (low[1, t], high[1, t]) == (cdf[frames[1, t] - 1] if frames[1, t] else 0, cdf[frames[1, t]])
        state.push(frames[:, t])
