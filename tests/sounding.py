"""Features of sounds, as their makers give them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from giblet.features import FeatureContext, SoundFeature, ask_features
from giblet.media import AudioReader

RATE = 22050


def made(name: str) -> SoundFeature:
    """Return the maker's stream for a feature."""
    (request,) = ask_features(name)
    return request.feature.load()(request, FeatureContext())


def rows_of(name: str, samples: np.ndarray, cuts: list[int] | None = None) -> np.ndarray:
    """Return all rows of a feature of a sound that comes in blocks."""
    stream = made(name)
    blocks = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts or []))
    parts = [rows for block in blocks for rows in stream.push(block)]
    rows = np.concatenate([*parts, *stream.finish()])
    assert rows.dtype == np.float32
    assert rows.shape[1] == len(stream.outputs[0].columns)
    assert np.isfinite(rows).all()
    return rows


def sound_of(path: Path, seconds: float | None = None) -> np.ndarray:
    """Return the sound of a film or sound file at 22,050 Hz."""
    with AudioReader(path, sample_rate=RATE) as reader:
        samples = np.concatenate([block[0] for block in reader])
    return samples if seconds is None else samples[: int(seconds * RATE)]


def tone(frequency: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    """Return a sine."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def row_means(values: np.ndarray, rate: float, n_rows: int) -> np.ndarray:
    """Average values over the intervals of rows, one after the other."""
    edges = [int(np.ceil(round(row * RATE / rate, 6))) for row in range(n_rows + 1)]
    return np.array([values[begin:end].mean(axis=0) for begin, end in pairwise(edges)])
