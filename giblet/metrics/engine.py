"""All measures of pairs of sound, segment by segment."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import soxr

from giblet.errors import ParameterError
from giblet.metrics.music import is_music
from giblet.metrics.scores import MEASURES, SegmentScore
from giblet.metrics.signal import si_sdr, snr
from giblet.metrics.spectral import log_spectral_distance, mel_distance
from giblet.metrics.speech import pesq, stoi
from giblet.metrics.timing import delay

# PESQ is made for short utterances and fails on minutes of sound.
LONGEST_SEGMENT = 30.0
# STOI compares stretches of 0.4 s and means little of fewer than two.
SHORTEST_SEGMENT = 1.0
# Root mean square, -60 dB of full scale: the hiss of a recording in which nothing happens lies below.
SILENCE = 1e-3
PESQ_RATE = 16_000
PESQ_MEASURES = frozenset({"pesq_wb", "pesq_nb"})


@dataclass(frozen=True)
class Pair:
    """A stretch of sound before and after.

    Attributes
    ----------
    reference, degraded : ndarray of float, shape (n_samples,) or (channels, n_samples)
        The sound before and after, in step. Several channels are measured as their mean.
    sample_rate : int
        Hz.
    file, method : str
        Recording, and what its sound went through.
    bandwidth : float or None
        Kilobits per second.
    start : float
        Where the stretch begins in the recording, seconds.

    Raises
    ------
    ParameterError
        If the two differ in shape.
    """

    reference: np.ndarray
    degraded: np.ndarray
    sample_rate: int
    file: str = ""
    method: str = ""
    bandwidth: float | None = None
    start: float = 0.0

    def __post_init__(self) -> None:
        if self.reference.shape != self.degraded.shape or self.reference.ndim not in (1, 2):
            raise ParameterError(
                f"the sounds have shapes {self.reference.shape} and {self.degraded.shape}",
                "give two of the same shape, (n_samples,) or (channels, n_samples)",
            )

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.reference.shape[-1] / self.sample_rate


def cut(pair: Pair, segment: float = 10.0) -> list[Pair]:
    """Cut a pair into segments of equal length, so that none is a short rest.

    Parameters
    ----------
    pair : Pair
        Sound of any length.
    segment : float
        Seconds that no segment exceeds, 1 to 30.

    Returns
    -------
    list of Pair
        The segments in their order, one channel each; none of a pair without a sample.

    Raises
    ------
    ParameterError
        If the length of the segments is out of range.
    """
    bounds = segment_bounds(pair.reference.shape[-1], pair.sample_rate, segment)
    before, after = _mono(pair.reference), _mono(pair.degraded)
    return [
        dataclasses.replace(
            pair,
            reference=before[first:stop],
            degraded=after[first:stop],
            start=pair.start + first / pair.sample_rate,
        )
        for first, stop in bounds
    ]


def segment_bounds(n_samples: int, sample_rate: int, segment: float) -> list[tuple[int, int]]:
    """Divide a sound into segments of equal length, so that none is a short rest.

    Parameters
    ----------
    n_samples, sample_rate : int
        Length of the sound; Hz.
    segment : float
        Seconds that no segment exceeds, 1 to 30.

    Returns
    -------
    list of (int, int)
        First sample and end of each; none of a sound without a sample.

    Raises
    ------
    ParameterError
        If the length of the segments is out of range.
    """
    check_segment(segment)
    n_segments = -(-n_samples // round(segment * sample_rate))
    return list(pairwise(i * n_samples // max(1, n_segments) for i in range(n_segments + 1)))


def _mono(sound: np.ndarray) -> np.ndarray:
    return sound if sound.ndim == 1 else sound.mean(axis=0)


def check_segment(segment: float) -> None:
    """Refuse a length of segments that cannot be measured.

    Parameters
    ----------
    segment : float
        Seconds.

    Raises
    ------
    ParameterError
        If it is not between 1 and 30 s.
    """
    if not SHORTEST_SEGMENT <= segment <= LONGEST_SEGMENT:
        raise ParameterError(
            f"segments of {segment:g} s cannot be measured",
            f"choose {SHORTEST_SEGMENT:g} to {LONGEST_SEGMENT:g} s, such as 10",
        )


def rms(sound: np.ndarray) -> float:
    """Return the root mean square of a sound.

    Parameters
    ----------
    sound : ndarray of float
        Samples, of any shape.

    Returns
    -------
    float
        0 where there is no sample.
    """
    return math.sqrt(float(np.mean(np.square(sound, dtype=np.float64)))) if sound.size else 0.0


def score(pair: Pair, measures: Collection[str] | None = None) -> SegmentScore:
    """Measure one segment.

    STOI and the distances are taken at the sound's own rate, PESQ at 16 kHz. A segment whose reference stays below
    -60 dB of full scale (root mean square) is silent, and nothing is measured on it. Whether the reference is music,
    and by how much the other comes later, is found in any case.

    Parameters
    ----------
    pair : Pair
        A segment of at most 30 s.
    measures : collection of str, optional
        Names out of `giblet.metrics.scores.MEASURES`; default all that `available_measures` gives.

    Returns
    -------
    SegmentScore
        Its score; a measure that is not defined on the segment is nan, and ``missing`` says why.

    Raises
    ------
    ParameterError
        If a measure is unknown.
    """
    wanted = available_measures() if measures is None else measures
    unknown = sorted(set(wanted) - set(MEASURES))
    if unknown:
        raise ParameterError(f"there is no measure {unknown[0]!r}", f"choose among {', '.join(MEASURES)}")
    before, after = (_mono(sound).astype(np.float64) for sound in (pair.reference, pair.degraded))
    rate = pair.sample_rate
    about = SegmentScore(pair.file, pair.method, pair.bandwidth, pair.start, pair.duration)
    if rms(before) < SILENCE:
        return dataclasses.replace(about, silent=True)
    ways: dict[str, Callable[[], float]] = {
        "stoi": lambda: stoi(before, after, rate),
        "estoi": lambda: stoi(before, after, rate, extended=True),
        "si_sdr": lambda: si_sdr(before, after),
        "snr": lambda: snr(before, after),
        "log_spectral_distance": lambda: log_spectral_distance(before, after, rate),
        "mel_distance": lambda: mel_distance(before, after, rate),
    }
    if PESQ_MEASURES & set(wanted):
        spoken, heard = (soxr.resample(sound, rate, PESQ_RATE) for sound in (before, after))
        ways["pesq_wb"] = lambda: pesq(spoken, heard, PESQ_RATE, "wb")
        ways["pesq_nb"] = lambda: pesq(spoken, heard, PESQ_RATE, "nb")
    values: dict[str, Any] = {name: ways[name]() for name in wanted}
    missing = "; ".join(f"{name}: {_why(name, after, pair.duration)}" for name in wanted if math.isnan(values[name]))
    return dataclasses.replace(
        about, music=is_music(before, rate), drift_ms=delay(before, after, rate), missing=missing, **values
    )


def _why(name: str, after: np.ndarray, duration: float) -> str:
    """Return why a measure is not defined on sound that is not silent."""
    if not after.any():
        return "the reconstruction is silent"
    if duration < SHORTEST_SEGMENT:
        return f"{duration:.2f} s are too short"
    return "no speech is found" if name in PESQ_MEASURES else "too little of it is loud enough to compare"


def available_measures() -> tuple[str, ...]:
    """Return the names of the measures whose packages are installed: all, or all but PESQ."""
    lacking = PESQ_MEASURES if importlib.util.find_spec("pesq") is None else frozenset()
    return tuple(name for name in MEASURES if name not in lacking)
