"""A reconstruction against its source, segment by segment, on several cores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from giblet.benchmark.rebuilding import Rebuilding
from giblet.benchmark.sources import LISTEN, Listening
from giblet.benchmark.work import Parts
from giblet.metrics import Pair, ScorePool, SegmentScore, json_value
from giblet.metrics.engine import segment_bounds
from giblet.progress import Progress

# Segments that are gathered per process. Rebuilding and measuring take turns, so that the times are their own.
GATHERED = 2


@dataclass(frozen=True)
class Part:
    """One file by one method, measured.

    Attributes
    ----------
    scores : tuple of SegmentScore
        In time; without names of file and method.
    n_bits : int
        Bits spent.
    encode_seconds, decode_seconds : float
        Seconds of computing.
    """

    scores: tuple[SegmentScore, ...]
    n_bits: int
    encode_seconds: float
    decode_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the part in JSON types; what is not defined is None."""
        return json_value(asdict(self))

    @classmethod
    def from_dict(cls, noted: dict[str, Any]) -> Part:
        """Return the part that `to_dict` described."""
        nothing = SegmentScore("", "", None, 0.0, 0.0)
        scores = [
            {name: getattr(nothing, name) if value is None else value for name, value in score.items()}
            for score in noted["scores"]
        ]
        return cls(**noted | {"scores": tuple(SegmentScore(**score) for score in scores)})


def measure(
    rebuilding: Rebuilding,
    reference: np.ndarray,
    sample_rate: int,
    segment: float,
    listen: float,
    pool: ScorePool,
    jobs: int,
    workshop: Parts,
    key: str,
    progress: Progress,
) -> Part:
    """Measure a reconstruction, and keep its first seconds to listen to.

    Parameters
    ----------
    rebuilding : Rebuilding
        The reconstruction.
    reference : ndarray of float32, shape (n_samples,)
        The source, mean of its channels.
    sample_rate : int
        Hz.
    segment, listen : float
        Seconds measured at a time, and to listen to.
    pool : ScorePool
        Measures.
    jobs : int
        Processes of the pool.
    workshop : Parts
        Keeps the part.
    key : str
        Under which name.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Part
        Scores and time, noted in the workshop too.
    """
    scores: list[SegmentScore] = []
    waiting: list[Pair] = []
    with ExitStack() as stack:
        heard = Listening(stack, workshop.part(key, LISTEN), sample_rate, rebuilding.channels, listen)
        for pair in _pairs(_passed(rebuilding, heard), reference, sample_rate, segment):
            waiting.append(pair)
            if len(waiting) >= GATHERED * jobs:
                scores += _scored(pool, waiting, progress)
                waiting = []
        scores += _scored(pool, waiting, progress)
    part = Part(tuple(scores), rebuilding.n_bits, rebuilding.encode_seconds, rebuilding.decode_seconds)
    workshop.save(key, part.to_dict())
    return part


def _passed(rebuilding: Rebuilding, heard: Listening) -> Iterator[np.ndarray]:
    for block in rebuilding:
        heard.add(block)
        yield block.mean(axis=0, dtype=np.float32)


def _pairs(blocks: Iterable[np.ndarray], reference: np.ndarray, sample_rate: int, segment: float) -> Iterator[Pair]:
    """Yield the segments as soon as they are complete."""
    sound = iter(blocks)
    held = np.empty(0, np.float32)
    for first, stop in segment_bounds(len(reference), sample_rate, segment):
        gathered, n_samples = [held], len(held)
        while n_samples < stop - first:
            gathered.append(next(sound))
            n_samples += len(gathered[-1])
        joined = np.concatenate(gathered)
        held = joined[stop - first :]
        yield Pair(np.array(reference[first:stop]), joined[: stop - first], sample_rate, start=first / sample_rate)
    # So that the reconstruction comes to its own end.
    for _ in sound:
        pass


def _scored(pool: ScorePool, pairs: list[Pair], progress: Progress) -> Iterator[SegmentScore]:
    for score in pool.scores(pairs):
        yield score
        progress.advance(score.duration)
