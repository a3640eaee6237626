"""The learning rate over a run."""

from __future__ import annotations

import math

from giblet.training.config import OptimizerConfig


def learning_rate(settings: OptimizerConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    It rises linearly, stays, or falls by a factor after every epoch, and falls to zero along a half cosine over the
    last share of the run: a run that is stopped before its fall can be continued for longer.

    Parameters
    ----------
    settings : OptimizerConfig
        Highest rate, ``warmup`` in steps, ``decay`` as a share of the run, ``gamma`` for each ``epoch``.
    step : int
        From 0.
    steps : int
        Length of the run.

    Returns
    -------
    float
        The rate.
    """
    rise = min(1.0, (step + 1) / (settings.warmup + 1))
    fall = settings.decay * steps
    left = min(1.0, (steps - step) / fall) if fall else 1.0
    return (
        settings.learning_rate
        * rise
        * (0.5 - 0.5 * math.cos(math.pi * left))
        * settings.gamma ** (step // settings.epoch)
    )


def geometric(ends: tuple[float, float], step: int, steps: int) -> float:
    """Return a value that goes from the first to the second in equal factors.

    Parameters
    ----------
    ends : (float, float)
        Positive.
    step : int
        Steps done.
    steps : int
        That it takes; the value stays then.

    Returns
    -------
    float
        The value of the step.
    """
    first, last = ends
    done = min(1.0, step / steps) if steps else 1.0
    return math.exp((1 - done) * math.log(first) + done * math.log(last))
