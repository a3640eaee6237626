"""Keys depend on content alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import giblet.store
from giblet.errors import StoreError
from giblet.store import content_key, file_digest

PROJECT = Path(giblet.store.__file__).parents[2]
PARTS = {
    "film": "ab" * 32,
    "codec": "tiny",
    "bandwidth": 3.0,
    "start": Fraction(1, 3),
    "track": None,
    "dims": [1, True],
}
KEY_OF_PARTS = "c93d6c345f818aff1592127aa643aeab59b8318a362c4f116db02fe885d34ed9"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_key_is_the_same_wherever_it_is_made():
    assert content_key(**PARTS) == KEY_OF_PARTS
    code = f"from fractions import Fraction; from giblet.store import content_key; print(content_key(**{PARTS!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == KEY_OF_PARTS


def test_the_order_of_names_is_immaterial():
    assert content_key(**dict(reversed(PARTS.items()))) == KEY_OF_PARTS


@given(values, values)
def test_different_content_gives_different_keys(a, b):
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (content_key(part=a) == content_key(part=b)) == same


@pytest.mark.parametrize(
    ("a", "b"),
    [(3, 3.0), (Fraction(3, 2), 1.5), (Fraction(3, 2), "3/2"), (1, True), (0.1, np.float32(0.1)), (None, "null")],
)
def test_kinds_and_exact_values_of_numbers_count(a, b):
    assert content_key(part=a) != content_key(part=b)


@pytest.mark.parametrize(
    ("numpy_value", "value"),
    [(np.int64(4), 4), (np.uint8(4), 4), (np.float64(0.1), 0.1), (np.float32(0.5), 0.5), (np.bool_(True), True)],
)
def test_a_numpy_scalar_is_the_number_it_holds(numpy_value, value):
    assert content_key(part=[numpy_value]) == content_key(part=(value,))


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"x", Path("x"), {1: 2}, np.arange(3), np.timedelta64(1, "ns"), np.longdouble(1), 1j, len],
)
def test_what_has_no_fixed_text_makes_no_key(value):
    with pytest.raises(TypeError):
        content_key(part=value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("-inf"), np.float32("nan")])
def test_what_is_no_number_makes_no_key(value):
    with pytest.raises(ValueError, match=r"nan|inf"):
        content_key(part=[value])


def test_a_file_is_digested_in_blocks(tmp_path):
    content = os.urandom(2_500_000)
    file = tmp_path / "film"
    file.write_bytes(content)
    seen: list[int] = []
    assert file_digest(file, progress=seen.append) == hashlib.sha256(content).hexdigest()
    assert sum(seen) == len(content)
    assert max(seen) <= 2**20
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert file_digest(file) != hashlib.sha256(content).hexdigest()


def test_what_is_no_file_is_explained(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("absent", ".", "pipe", "a\0b"):
        with pytest.raises(StoreError):
            file_digest(tmp_path / name)
