from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from giblet.errors import ParameterError
from giblet.media.samples import AudioSamples


def test_samples_know_their_channels_and_length():
    samples = AudioSamples(np.zeros((2, 36000), np.float32), 24000, Fraction(1, 3))
    assert (samples.channels, samples.n_samples, samples.duration) == (2, 36000, Fraction(3, 2))
    assert samples.start == Fraction(1, 3)


@pytest.mark.parametrize(
    ("data", "rate", "start"),
    [
        (np.zeros(10, np.float32), 24000, Fraction(0)),
        (np.zeros((1, 10)), 24000, Fraction(0)),
        ([[0.0]], 24000, Fraction(0)),
        (np.zeros((0, 10), np.float32), 24000, Fraction(0)),
        (np.zeros((1, 10), np.float32), 0, Fraction(0)),
        (np.zeros((1, 10), np.float32), 24000.0, Fraction(0)),
        (np.zeros((1, 10), np.float32), 24000, 0.1),
    ],
)
def test_what_is_no_sound_is_refused(data, rate, start):
    with pytest.raises(ParameterError):
        AudioSamples(data, rate, start)
