"""What holds of every low-level feature of sound, and means over rows."""

from __future__ import annotations

import json
import re
import tracemalloc
import warnings
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from sounding import RATE, made, rows_of

from giblet.errors import ParameterError
from giblet.features.sound import pitch
from giblet.features.sound.rows import RowMeans

QUICK = [
    "audio.power",
    "audio.power@rate=29.97",
    "audio.envelope",
    "audio.envelope@bands=3@rate=1000",
    "audio.centroid",
    "audio.onset",
]
PITCH = "audio.f0@fmax=400@fmin=100"


def noise(n: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(5).standard_normal(n)).astype(np.float32)


def n_rows(name: str, n_samples: int) -> int:
    return ceil(n_samples * made(name).outputs[0].rate / RATE)


@pytest.mark.parametrize("name", QUICK)
@given(cuts=st.lists(st.integers(0, 40_000), max_size=8), length=st.integers(0, 40_000))
@settings(deadline=None, max_examples=15)
def test_rows_do_not_depend_on_how_the_sound_is_cut(name: str, cuts: list[int], length: int) -> None:
    samples = noise(length)
    rows = rows_of(name, samples, cuts)
    np.testing.assert_array_equal(rows, rows_of(name, samples))
    assert len(rows) == n_rows(name, length)


@given(cuts=st.lists(st.integers(0, 15_000), max_size=8), length=st.integers(0, 15_000))
@settings(deadline=None, max_examples=6)
def test_nor_does_pitch(cuts: list[int], length: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pitch, "DECODED", 8)
        patch.setattr(pitch, "CONTEXT", 3)
        samples = (0.1 * np.sin(np.arange(length) ** 1.5 / 1000)).astype(np.float32)
        rows = rows_of(PITCH, samples, cuts)
        np.testing.assert_array_equal(rows, rows_of(PITCH, samples))
        assert len(rows) == n_rows(PITCH, length)


@pytest.mark.parametrize("name", QUICK)
def test_rows_come_while_the_sound_goes_on(name: str) -> None:
    stream = made(name)
    (rows,) = stream.push(noise(2 * RATE))
    late = 2 - len(rows) / stream.outputs[0].rate
    # A block of 8192 samples, and what a row waits for.
    assert late < 8192 / RATE + stream.outputs[0].about["future"] + 2 / stream.outputs[0].rate


@pytest.mark.parametrize("name", QUICK)
def test_rows_depend_on_no_more_past_and_future_than_is_said(name: str) -> None:
    output = made(name).outputs[0]
    about = output.about
    past, changed = noise(RATE), noise(2 * RATE)[RATE:]
    before = rows_of(name, np.concatenate((past, past)))
    after = rows_of(name, np.concatenate((past, changed)))
    heard = int((1 - about["future"]) * output.rate) - 1
    np.testing.assert_allclose(after[:heard], before[:heard], rtol=1e-5, atol=1e-12)
    assert not np.array_equal(after, before)
    swapped = rows_of(name, np.concatenate((changed, past)))
    forgotten = int((1 + about["past"]) * output.rate) + 2
    np.testing.assert_allclose(swapped[forgotten:], before[forgotten:], rtol=1e-3, atol=1e-6)


def click(n: int) -> np.ndarray:
    return np.eye(1, n, n // 2, dtype=np.float32)[0]


@pytest.mark.parametrize("name", [*QUICK, PITCH])
def test_odd_sounds_have_finite_rows_without_a_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for length in (0, 1, 511, 512, RATE):
            for sound in (np.zeros(length, np.float32), np.ones(length, np.float32), click(max(1, length))[:length]):
                rows = rows_of(name, sound)
                assert len(rows) == n_rows(name, length)
                assert sound.any() or not rows.any()


@pytest.mark.parametrize("name", ["audio.power", "audio.envelope", "audio.centroid", "audio.onset"])
def test_ten_minutes_need_no_more_memory_than_one(name: str) -> None:
    stream, second = made(name), noise(10 * RATE)
    stream.push(second)
    tracemalloc.start()
    for _ in range(60):
        stream.push(second)
    stream.finish()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1e6
    assert peak < 12e6


@pytest.mark.parametrize("name", ["audio.power", "audio.envelope", "audio.envelope@bands=8"])
@pytest.mark.parametrize("rate", ["0", "-1", "22051", "nan", "inf"])
def test_impossible_rates_are_refused_at_once(name: str, rate: str) -> None:
    with pytest.raises(ParameterError, match="rate"):
        made(f"{name}@rate={rate}")


@pytest.mark.parametrize("name", [*QUICK, PITCH])
def test_a_feature_says_what_it_is(name: str) -> None:
    stream = made(name)
    (output,) = stream.outputs
    assert output.name == name
    assert len(set(output.columns)) == len(output.columns)
    assert {"units", "definition", "past", "future"} <= json.loads(json.dumps(output.about)).keys()
    assert json.loads(json.dumps(stream.identity)) == {}


def test_the_page_tells_columns_past_and_future_of_each() -> None:
    page = (PROJECT / "docs" / "features_sound.md").read_text(encoding="utf-8")
    table = re.findall(
        r"^\| `(audio\.[^`]+)` \| [^|]+ \| ([^|]+) \| [^|]+ \| ([\d.]+)[ s]* \| ([\d.]+)[ s]* \|$", page, re.M
    )
    assert len(table) == 6
    for name, columns, *seconds in table:
        (output,) = made(name.replace("=N", "=4")).outputs
        assert output.columns[0] in columns
        for key, said in zip(("past", "future"), seconds, strict=True):
            assert float(said) == pytest.approx(output.about[key], abs=5e-4)


def test_rates_are_the_numbers_that_were_meant() -> None:
    assert made("audio.power@rate=29.97").outputs[0].rate == Fraction(2997, 100)
    assert made("audio.centroid").outputs[0].rate == Fraction(22050, 512)


@given(
    rate=st.fractions(Fraction(1, 2), RATE, max_denominator=1001),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    length=st.integers(1, 60),
)
@settings(deadline=None, max_examples=50)
def test_means_are_over_the_samples_that_begin_within_a_row(rate: Fraction, cuts: list[int], length: int) -> None:
    values = np.random.default_rng(3).standard_normal((length, 2))
    expected = []
    for row in range(ceil(length * rate / RATE)):
        own = [values[i] for i in range(length) if row / rate <= Fraction(i, RATE) < (row + 1) / rate]
        expected.append(np.mean(own, axis=0) if own else values[-1])
    means = RowMeans(rate, 2)
    got = [means.push(block) for block in np.split(values, sorted(min(cut, length) for cut in cuts))]
    np.testing.assert_allclose(np.concatenate((*got, means.finish()))[: len(expected)], expected, rtol=1e-9, atol=1e-12)


def test_a_quiet_row_keeps_its_digits_after_a_loud_one() -> None:
    means = RowMeans(Fraction(100), 1)
    rows = means.push(np.repeat([1.0, 1e-14], 2205)[:, None])
    np.testing.assert_allclose(rows[11:], 1e-14, rtol=1e-12)
