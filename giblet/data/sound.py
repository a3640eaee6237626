"""The sound of a film for as many TRs as are wanted."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.data.request import TRRequest
from giblet.errors import MediaError
from giblet.media import AudioReader
from giblet.media.probe import probe
from giblet.media.track import OpenTrack
from giblet.timeline import TRGrid, first_sample

log = logging.getLogger(__name__)

# A shortfall below this is how containers round, not a loss.
TOLERATED_SHORTFALL = 1.0
# How far a look ahead at a film goes, seconds.
LOOK = 60


class TRSound:
    """An iterable of float32 blocks (channels, n) from the film's time zero on.

    Parameters
    ----------
    path : str or os.PathLike
        Film or sound file.
    request : TRRequest
        The TRs wanted.
    sample_rate : int
        Rate to resample to, Hz.
    channels : int
        Channels to mix to.
    reach : callable
        From the first sample after the last wanted TR to the number of samples that features of all wanted TRs need.
    track : int, optional
        Audio track, counted from 0.
    picture_clock : bool
        Whether time zero is the first picture (where there is one) or the first sound.
    source : OpenTrack, optional
        The track, opened for several.

    Attributes
    ----------
    n_samples : int
        Samples of the film so far, without padding.
    n_padding : int
        Samples of silence that filled the last TR.
    ended : bool
        Whether the film ended, rather than the wanted TRs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        request: TRRequest,
        sample_rate: int,
        channels: int,
        reach: Callable[[int], int],
        *,
        track: int | None = None,
        picture_clock: bool = True,
        source: OpenTrack | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.request = request
        self.sample_rate = sample_rate
        self.reader = AudioReader(
            path, track=track, channels=channels, sample_rate=sample_rate, picture_clock=picture_clock, source=source
        )
        self.n_samples = 0
        self.n_padding = 0
        self.ended = False
        self._channels = channels
        self._limit: int | None = None
        if request.max_trs is not None:
            last = TRGrid(request.tr, request.max_trs, request.start)
            self._limit = reach(last.bound(request.max_trs, sample_rate))

    @property
    def total(self) -> float | None:
        """Seconds that there are to read, as far as that is known."""
        total = self.reader.duration_hint
        if self._limit is None or total is None:
            return total
        return min(total, self._limit / self.sample_rate)

    def __iter__(self) -> Iterator[np.ndarray]:
        with self.reader:
            yield from self._film()
            if self.ended and self.request.incomplete == "pad":
                yield from self._silence()

    def _film(self) -> Iterator[np.ndarray]:
        for block in self.reader:
            room = None if self._limit is None else self._limit - self.n_samples
            part = block[:, :room]
            self.n_samples += part.shape[1]
            yield part
            if room is not None and block.shape[1] >= room:
                return
        self.ended = True
        self._refuse_loss()

    def _refuse_loss(self) -> None:
        report = self.reader.report
        missing = report.missing
        complete = self.request.stop is not None and self.film_duration >= self.request.stop
        if complete or self.request.partial or missing <= max(TOLERATED_SHORTFALL, float(self.request.tr)):
            return
        raise MediaError(
            f"its sound ends at {report.duration:.2f} s though the file announces {report.announced_duration:.2f} s, "
            f"so {missing:.2f} s ({missing / float(self.request.tr):.1f} TRs) are missing",
            "get the whole file, or extract what is there with --partial (partial=True)",
            self.path,
        )

    def _silence(self) -> Iterator[np.ndarray]:
        wanted = self.stop
        while (left := wanted - self.n_samples - self.n_padding) > 0:
            block = np.zeros((self._channels, min(left, self.sample_rate)), np.float32)
            self.n_padding += block.shape[1]
            yield block

    @property
    def seconds_read(self) -> float:
        """Seconds of the film read so far."""
        return self.n_samples / self.sample_rate

    @property
    def film_duration(self) -> Fraction:
        """Seconds of the film's own sound so far, counted at its own rate and so the same for every feature."""
        return self.reader.placed if self.ended else Fraction(self.n_samples, self.sample_rate)

    @property
    def duration(self) -> Fraction:
        """Seconds of the film's own sound in what was asked for."""
        return self.film_duration if self.request.stop is None else min(self.film_duration, self.request.stop)

    @property
    def stop(self) -> int:
        """First sample after the last TR."""
        grid = self.grid
        return grid.bound(grid.n_trs, self.sample_rate)

    @property
    def n_heard(self) -> int:
        """Samples of the film in what was asked for, without padding and without what was read ahead."""
        return min(self.n_samples, first_sample(self.duration, self.sample_rate))

    @property
    def grid(self) -> TRGrid:
        """The TRs that the sound fills, known once it was read.

        Raises
        ------
        AlignmentError
            If it fills none.
        """
        return self.request.grid(self.film_duration, self.path)

    def describe(self) -> dict[str, Any]:
        """Return what was found while reading, in JSON types."""
        report = self.reader.report
        return {
            "track": self.reader.track,
            "n_tracks": len(probe(self.path).audio),
            "source_rate": self.reader.source_rate,
            "source_channels": self.reader.source_channels,
            "sound_start": report.sound_start,
            "picture_start": report.picture_start,
            "offset": report.offset,
            "gaps": [list(gap) for gap in report.gaps],
            "empty_packets": report.empty_packets,
            "corrupt_packets": report.corrupt_packets,
            "announced_duration": report.announced_duration,
            "duration": float(self.duration),
            "ended": self.ended,
        }


def look_at_sound(
    path: str | os.PathLike[str], request: TRRequest, track: int | None = None, *, picture_clock: bool = True
) -> None:
    """Raise early what reading a film would raise late.

    Decodes the sound up to the end of the first TR, before a model is loaded for it.

    Parameters
    ----------
    path : str or os.PathLike
        Film or sound file.
    request : TRRequest
        The TRs wanted.
    track : int, optional
        Audio track.
    picture_clock : bool
        Whether time zero is the first picture or the first sound.

    Raises
    ------
    MediaError
        If there is no sound to be read.
    AlignmentError
        If it does not fill one TR.
    """
    with AudioReader(path, track=track, picture_clock=picture_clock) as reader:
        needed = min(request.start + request.tr, LOOK) * reader.source_rate
        n_samples = 0
        for block in reader:
            n_samples += block.shape[1]
            if n_samples >= needed:
                return
        request.grid(reader.placed, os.fspath(path))
