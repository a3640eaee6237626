"""The learning rate: it rises, stays and falls to zero."""

import pytest

from giblet.training.config import OptimizerConfig
from giblet.training.schedule import learning_rate

SETTINGS = OptimizerConfig(learning_rate=1e-3, warmup=9, decay=0.2)


def test_rise_plateau_and_fall():
    rates = [learning_rate(SETTINGS, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:801] == [1e-3] * 792
    assert rates[801:] == sorted(rates[801:], reverse=True)
    assert rates[900] == pytest.approx(5e-4)
    assert 0 < rates[-1] < 1e-7


def test_a_longer_run_is_the_same_up_to_the_fall():
    assert learning_rate(SETTINGS, 700, 1000) == learning_rate(SETTINGS, 700, 5000)
