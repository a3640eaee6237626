"""Arithmetic that does not depend on the machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.codecs.lm.exact import LIMIT, LOGIT_BITS, RANGE_BITS, SCALE_BITS, ExactLinear, counts
from giblet.errors import CodecError


def rounded(value, bits):
    """Python's own whole numbers, halves to even, shifted right."""
    whole, rest = divmod(value, 1 << bits)
    half = 1 << (bits - 1)
    return whole + (rest > half or (rest == half and whole % 2 == 1))


@pytest.mark.parametrize("size", [1, 7, 192])
def test_a_product_is_the_one_of_unlimited_whole_numbers(size):
    rng = np.random.default_rng(size)
    weight = rng.integers(-127, 128, (5, size)).astype(np.int8)
    scale = rng.integers(1, 3000, 5).astype(np.int32)
    bias = rng.integers(-(2**20), 2**20, 5).astype(np.int32)
    x = rng.integers(-int(LIMIT), int(LIMIT) + 1, (4, size)).astype(np.float64)
    expected = [
        [
            rounded(sum(int(a) * int(b) for a, b in zip(row, w, strict=True)) * int(s), SCALE_BITS) + int(c)
            for w, s, c in zip(weight, scale, bias, strict=True)
        ]
        for row in x
    ]
    linear = ExactLinear(weight, scale, bias)
    assert linear(x).tolist() == expected
    assert np.abs(expected).max() <= linear.bound(LIMIT)


def test_weights_whose_sums_would_not_be_exact_are_refused():
    weight = np.full((1, 4096), 127, np.int8)
    linear = ExactLinear(weight, np.full(1, 2**20, np.int32), np.zeros(1, np.int32))
    with pytest.raises(CodecError, match="too large for exact arithmetic"):
        linear.bound(LIMIT)
    assert linear.bound(1.0) > 0


@given(
    st.integers(2, 1024),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 3, 300, 30_000]),
)
def test_counts_are_what_the_coder_needs(n_entries, seed, spread):
    logits = np.random.default_rng(seed).integers(-spread, spread + 1, (3, n_entries)).astype(np.float64)
    expected = np.exp2((logits - logits.max(axis=1, keepdims=True)) / 2**LOGIT_BITS)
    expected /= expected.sum(axis=1, keepdims=True)
    found = counts(logits)
    assert found.dtype == np.int64
    assert found.min() >= 2
    assert (found.sum(axis=1) <= 2**RANGE_BITS).all()
    np.testing.assert_allclose(found / 2**RANGE_BITS, expected, rtol=1e-3, atol=4 / 2**RANGE_BITS)


def test_counts_are_the_same_on_every_machine():
    logits = (np.arange(6400) * 7919 % 6500).astype(np.float64).reshape(2, -1)
    assert hashlib.sha256(counts(logits).astype("<i8").tobytes()).hexdigest() == DIGEST


# Of what unlimited whole numbers give; a processor or a library that differs must not change it.
DIGEST = "f7d665fa5d11829595affadf004f93df98a7c24b3b420223ab96f367b344e03b"
