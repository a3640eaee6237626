"""Mean squares."""

from __future__ import annotations

import numpy as np
import pytest
from sounding import row_means, rows_of, tone


def test_a_sine_has_half_the_square_of_its_amplitude() -> None:
    # 100 Hz: a row holds one period, to a sample.
    np.testing.assert_allclose(rows_of("audio.power", tone(100, amplitude=0.6)), 0.18, rtol=0.005)
    np.testing.assert_allclose(rows_of("audio.power", np.full(5000, -0.5, np.float32)), 0.25)


@pytest.mark.parametrize("rate", [100, 29.97, 1 / 3])
def test_rows_of_a_recording_are_means_of_its_squares(recording: np.ndarray, rate: float) -> None:
    power = rows_of(f"audio.power@rate={rate!r}", recording)
    squares = recording.astype(np.float64) ** 2
    np.testing.assert_allclose(power[:, 0], row_means(squares, rate, len(power)), rtol=1e-5, atol=1e-15)


def test_loudness_comes_in_its_own_row() -> None:
    samples = np.zeros(22050, np.float32)
    samples[12_346] = 1.0  # rows of 220.5 samples: row 55 begins with sample 12,128, row 56 with 12,348
    power = rows_of("audio.power", samples)[:, 0]
    assert np.flatnonzero(power).tolist() == [55]
    assert power[55] == pytest.approx(1 / 220, rel=1e-6)
