"""Language models that several tests use."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from giblet.codecs.lm.own import OwnModel
from giblet.codecs.lm.shape import Shape

SMALL = Shape(3, 50, width=8, channels=12, layers=3, head=10)


def network(shape: Shape = SMALL, seed: int = 0):
    """Return an untrained model in floating point, lively enough that it matters what it sees."""
    import torch

    from giblet.codecs.lm.network import Network

    torch.manual_seed(seed)
    codebooks = np.random.default_rng(seed).standard_normal((shape.n_codebooks, shape.n_entries, 6)).astype(np.float32)
    made = Network(shape, codebooks)
    with torch.no_grad():
        for parameter in (made.bias, made.start, made.depth, made.head_bias, made.input.bias):
            parameter.normal_()
        made.time.weight.mul_(10)
        made.below.normal_()
        made.temperature.sub_(2.5)
    return made


def own(shape: Shape = SMALL, seed: int = 0) -> OwnModel:
    return OwnModel(shape, network(shape, seed).whole_numbers())


def stepped(state, frames):
    """Return low and high as a decoder comes to know them, code by code."""
    low, high = np.empty(frames.shape, np.int64), np.empty(frames.shape, np.int64)
    for t, frame in enumerate(frames.T):
        for q, code in enumerate(frame):
            cdf = state.cdf(frame[:q])
            low[q, t], high[q, t] = cdf[code - 1] if code else 0, cdf[code]
        state.push(frame)
    return low, high


@pytest.fixture(scope="session")
def models():
    """Ways to make small models, and to step through them."""
    return SimpleNamespace(SMALL=SMALL, network=network, own=own, stepped=stepped)
