"""Several features of one film at once: its sound is decoded once, and so are its pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from giblet.data.request import TRRequest
from giblet.data.sound import TRSound
from giblet.features import Output, SoundFeature
from giblet.media.track import OpenTrack
from giblet.progress import SILENT, Progress, stage


class SoundStream(Protocol):
    """Whatever yields features while it reads the sound of a film."""

    sound: TRSound

    def __iter__(self) -> Iterator[Any]:
        """Yield what the next stretch of sound gave."""


class FilmSeries:
    """An iterable of the rows that a feature of sound gives, a list with an array (k, n_columns) per output.

    Parameters
    ----------
    path : str or os.PathLike
        Film or sound file.
    feature : SoundFeature
        The feature.
    request : TRRequest
        The TRs wanted. The feature always starts at the film's time zero, so a later start changes nothing.
    track : int, optional
        Audio track, counted from 0.
    source : OpenTrack, optional
        The track, opened for several.
    progress : Progress
        Told of the seconds done.

    Attributes
    ----------
    sound : TRSound
        Where the rows come from.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        feature: SoundFeature,
        request: TRRequest,
        *,
        track: int | None = None,
        source: OpenTrack | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.feature = feature
        self.progress = progress
        rate = feature.sample_rate
        self._stop = request.stop
        ahead = look_ahead(feature.outputs)
        self.sound = TRSound(
            path, request, rate, 1, lambda stop: stop + -int(-ahead * rate // 1), track=track, source=source
        )
        self._limit = RowLimit(feature.outputs)

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        names = ", ".join(output.name for output in self.feature.outputs[:3])
        with stage(self.progress, f"{names} of {Path(self.sound.path).name}", self.sound.total):
            for samples in self.sound:
                yield self._wanted(self.feature.push(samples[0]))
                self.progress.advance(samples.shape[1] / self.feature.sample_rate)
            yield self._wanted(self.feature.finish())

    def _wanted(self, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
        # Rows after the last TR lack the sound that follows.
        return self._limit.cut(blocks, None if self.sound.ended else self._stop)


class RowLimit:
    """Leaves out rows that begin after what was asked for.

    Parameters
    ----------
    outputs : sequence of Output
        The series.
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._given = [0] * len(outputs)

    def cut(self, blocks: Sequence[np.ndarray], stop: Fraction | None) -> list[np.ndarray]:
        """Return the next rows of each series without those that begin at ``stop`` seconds or later."""
        wanted = []
        for i, (rows, output) in enumerate(zip(blocks, self._outputs, strict=True)):
            if stop is not None:
                rows = rows[: max(0, rows_before(stop, output.rate) - self._given[i])]
            self._given[i] += len(rows)
            wanted.append(rows)
        return wanted


def look_ahead(outputs: Sequence[Output]) -> Fraction:
    """Return how many seconds after the last wanted moment must be there for all rows to be as they should."""
    return max(Fraction(output.about.get("future", 0)) + 1 / output.rate for output in outputs)


def rows_before(stop: Fraction, rate: Fraction) -> int:
    """Return how many rows of a rate per second begin before a time in seconds."""
    return -int(-stop * rate // 1)


@dataclass
class Consumer:
    """A stream, and what takes its blocks.

    Attributes
    ----------
    stream : SoundStream
        The stream.
    take : callable
        Called with each block.
    """

    stream: SoundStream
    take: Callable[[Any], None]


def run_together(consumers: Sequence[Consumer]) -> None:
    """Take all blocks of streams over one film, always of the one that has read least of it.

    So none runs ahead, and what is decoded for all is held for a moment only.

    Parameters
    ----------
    consumers : sequence of Consumer
        The streams.
    """
    running = [(consumer, iter(consumer.stream)) for consumer in consumers]
    while running:
        slowest = min(running, key=lambda pair: pair[0].stream.sound.seconds_read)
        consumer, blocks = slowest
        block = next(blocks, None)
        if block is None:
            running.remove(slowest)
        else:
            consumer.take(block)
