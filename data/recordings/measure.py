"""How long, how wide and how clean recordings are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

SHORTEST = 0.3
"""Seconds below which a file is left out: clicks, and letters cut too close."""
LOWEST_RATE = 16_000
QUIETEST = 1e-3
"""Peak below which a file counts as silent."""

_WINDOW = 0.032
_LONGEST = 60
"""Seconds of a file whose spectrum is taken."""


@dataclass(frozen=True)
class Quality:
    """What one file sounds like.

    Attributes
    ----------
    seconds : float
        Length.
    sample_rate : int
        Rate in Hz.
    above_4k, above_7k : float
        Share of its energy above 4 and 7 kHz.
    bandwidth : float
        Frequency in Hz below which the 500-Hz bands within 50 dB of the loudest one lie.
    range_db : float
        Level between the quietest and the loudest twentieth of its windows of 32 ms, in dB.
    clipped : float
        Share of samples at full scale.
    """

    seconds: float
    sample_rate: int
    above_4k: float
    above_7k: float
    bandwidth: float
    range_db: float
    clipped: float


def quality(path: Path) -> Quality | None:
    """Measure a sound file; None for one that is too short, silent, of a low rate, or cannot be decoded."""
    try:
        sound, rate = _decoded(path)
    except (av.FFmpegError, ValueError):
        return None
    if rate < LOWEST_RATE or len(sound) < SHORTEST * rate or np.abs(sound).max() < QUIETEST:
        return None
    size = round(_WINDOW * rate)
    windows = np.lib.stride_tricks.sliding_window_view(sound[: _LONGEST * rate], size)[:: size // 2]
    energy = np.abs(np.fft.rfft(windows * np.hanning(size), axis=1)) ** 2
    frequency = np.fft.rfftfreq(size, 1 / rate)
    level = 10 * np.log10(energy.sum(axis=1) + 1e-9)
    quiet, loud = np.percentile(level, (5, 95))
    mean = energy[level > loud - 25].sum(axis=0)
    edges = np.arange(0, rate / 2 - 250, 500)
    bands = np.array([mean[(frequency >= edge) & (frequency < edge + 500)].mean() for edge in edges])
    return Quality(
        seconds=len(sound) / rate,
        sample_rate=rate,
        above_4k=float(mean[frequency > 4000].sum() / mean.sum()),
        above_7k=float(mean[frequency > 7000].sum() / mean.sum()),
        bandwidth=float(edges[np.flatnonzero(bands > 1e-5 * bands.max())[-1]] + 500),
        range_db=float(loud - quiet),
        clipped=float(np.mean(np.abs(sound) > 0.99)),
    )


def _decoded(path: Path) -> tuple[np.ndarray, int]:
    """Return a file's sound, mixed to one channel, and its rate."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate if container.streams.audio else 0
        if not rate:
            raise ValueError("no sound")
        mono = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        pieces = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in mono.resample(frame)]
    return np.concatenate(pieces), rate
