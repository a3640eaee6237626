"""The sound of a film, block by block, on the film's clock."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import soxr

from giblet.errors import MediaError, ParameterError
from giblet.media.clock import Placed, SampleClock
from giblet.media.mixing import Mixer
from giblet.media.samples import AudioSamples
from giblet.media.track import OpenTrack

logger = logging.getLogger(__name__)

Block = npt.NDArray[np.float32]

# Sound is handed on about every so many seconds.
_BLOCK = 0.5


@dataclass(frozen=True)
class ClockReport:
    """How a sound track came to lie on the film's clock.

    Attributes
    ----------
    sound_start : float or None
        First decoded sample on the container's clock in seconds, None without time stamps.
    picture_start : float or None
        First displayed picture on the container's clock in seconds, None for a sound file.
    offset : float
        First decoded sample on the film's clock in seconds; what lies before 0 is cut, a later start is silence.
    gaps : tuple of (float, float)
        Film time of each correction and its size in seconds: silence inserted (+) or sound dropped (-).
    empty_packets, corrupt_packets : int
        Packets that were skipped because they were of length zero or could not be decoded.
    duration : float
        Seconds of sound delivered so far, silence included.
    announced_duration : float or None
        End of the sound on the film's clock by the container's own statement, in seconds; None where it makes none.
    """

    sound_start: float | None
    picture_start: float | None
    offset: float
    gaps: tuple[tuple[float, float], ...]
    empty_packets: int
    corrupt_packets: int
    duration: float
    announced_duration: float | None

    @property
    def missing(self) -> float:
        """Seconds of sound that the container announces at the end and does not hold."""
        return 0.0 if self.announced_duration is None else max(0.0, self.announced_duration - self.duration)


class AudioReader:
    """Read the sound of a film or sound file in blocks, the first of which begins when the first picture is shown.

    The film's clock reads 0 at its first displayed picture, for a sound file at its first decoded sample. Sound that
    begins later is preceded by silence; what lies before is cut. Samples are counted, and time stamps that deviate
    lastingly from the count move the sound (see `SampleClock`). The track is never held in memory as a whole. The
    file is opened at once; iterating is possible once.

    Parameters
    ----------
    path : str or os.PathLike
        A film or sound file.
    track : int, optional
        Number of the sound track, counted from 0 among the sound tracks; the first by default.
    channels : {1, 2} or None
        Channels to deliver (see `Mixer` for how they are mixed); None keeps what there is.
    sample_rate : int, optional
        Rate to deliver, in Hz; by default the track's own.
    picture_clock : bool
        Whether time 0 is the first displayed picture, where there is one, or always the first decoded sample.
    source : OpenTrack, optional
        The same track, opened to be decoded once for several readers; whoever opened it closes it.

    Attributes
    ----------
    path : str
        The file.
    track : int
        Number of the sound track.
    source_rate : int
        The track's own rate in Hz.
    source_channels : int
        The track's own number of channels.
    sample_rate : int
        Rate of the blocks in Hz.
    channels : int
        Channels of the blocks.
    duration_hint : float or None
        Length on the film's clock in seconds, stated or estimated before decoding.

    Raises
    ------
    MediaError
        If the file cannot be read, has no such track, or the track holds no sound; while iterating, if samples are no
        numbers or time stamps jump by more than an hour.
    ParameterError
        If channels or rate cannot be delivered.

    Examples
    --------
    >>> with AudioReader("film.mp4", sample_rate=24000) as reader:  # doctest: +SKIP
    ...     n_samples = sum(block.shape[1] for block in reader)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        track: int | None = None,
        channels: int | None = 1,
        sample_rate: int | None = None,
        *,
        picture_clock: bool = True,
        source: OpenTrack | None = None,
    ) -> None:
        if channels not in (1, 2, None):
            raise ParameterError(f"{channels} channels cannot be delivered", "ask for 1, 2 or None")
        if sample_rate is not None and sample_rate <= 0:
            raise ParameterError(f"a sample rate of {sample_rate} Hz cannot be delivered", "ask for a positive rate")
        self.path = os.fspath(path)
        self.track = track or 0
        self._delivered = 0
        self._begun = False
        self._source = OpenTrack(path, track, picture_clock=picture_clock) if source is None else source
        self._owned = source is None
        self._frames = self._source.frames()
        self._mixer = Mixer(channels, self._source.first, path)
        self.source_rate = self._source.first.sample_rate
        self.source_channels = self._source.first.layout.nb_channels
        self.sample_rate = self.source_rate if sample_rate is None else sample_rate
        self.channels = self._mixer.channels
        self._picture = self._source.picture
        self._clock: SampleClock[Block] = SampleClock(self.source_rate, self._picture, self.path)
        self.duration_hint = _since(self._source.zero, self._source.likely_end)
        logger.debug(
            "%s: %d channels at %d Hz to %d at %d Hz, first picture at %s s",
            path, self.source_channels, self.source_rate, self.channels, self.sample_rate, self._picture,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, or leave it to the other readers."""
        self._frames = iter(())
        if self._owned:
            self._source.close()

    def __iter__(self) -> Iterator[Block]:
        """Yield the sound.

        Yields
        ------
        numpy.ndarray, shape (channels, n_samples), float32
            The next stretch, of about half a second.

        Raises
        ------
        MediaError
            If samples are no numbers, time stamps jump by more than an hour, or nothing lies on the film's clock.
        """
        if self._begun:
            raise ParameterError("the sound was read already", "open it again", self.path)
        self._begun = True
        blocks = self._gathered(self._sound())
        for block in blocks if self.sample_rate == self.source_rate else self._resampled(blocks):
            self._delivered += block.shape[1]
            yield block
        if self._delivered == 0 and self._picture is None:
            raise MediaError(f"is shorter than one sample at {self.sample_rate} Hz", "give a longer sound", self.path)
        if self._delivered == 0:
            raise MediaError("its sound ends before the first picture", "check the film's time stamps", self.path)
        logger.debug("%s: %s", self.path, self.report)

    def read(self) -> AudioSamples:
        """Return all of the sound at once, for short files.

        Returns
        -------
        AudioSamples
            The sound from film time 0 on.
        """
        return AudioSamples(np.concatenate(list(self), axis=1), self.sample_rate)

    @property
    def placed(self) -> Fraction:
        """Seconds of sound placed on the film's clock so far, silence included, counted at the track's own rate."""
        return Fraction(self._clock.written, self.source_rate)

    @property
    def report(self) -> ClockReport:
        """How the sound came to lie on the film's clock; complete after the last block."""
        zero, offset = self._clock.zero, self._clock.start or Fraction(0)
        return ClockReport(
            sound_start=None if zero is None else float(zero + offset),
            picture_start=None if self._picture is None else float(self._picture),
            offset=float(offset),
            gaps=tuple((float(time), float(seconds)) for time, seconds in self._clock.gaps),
            empty_packets=self._source.tally.empty,
            corrupt_packets=self._source.tally.corrupt,
            duration=self._delivered / self.sample_rate,
            announced_duration=_since(zero, self._source.stated_end),
        )

    def _sound(self) -> Iterator[Block]:
        """Yield the track's sound at its own rate in short pieces, with silence where the clock wants it."""
        silence = np.zeros((self.channels, round(_BLOCK * self.source_rate)), np.float32)
        for placed in self._placed():
            for begin in range(0, placed.silence, silence.shape[1]):
                yield silence[:, : placed.silence - begin]
            yield placed.frame[:, placed.skip :]

    def _placed(self) -> Iterator[Placed[Block]]:
        """Yield the mixed frames with their places."""
        for frame, time in self._frames:
            sound = self._mixer(frame)
            yield from self._clock.place(sound, sound.shape[1], time)
        yield from self._clock.finish()

    def _gathered(self, pieces: Iterable[Block]) -> Iterator[Block]:
        """Join short pieces to blocks."""
        waiting: list[Block] = []
        n_samples = 0
        for piece in pieces:
            waiting.append(piece)
            n_samples += piece.shape[1]
            if n_samples >= _BLOCK * self.source_rate:
                yield np.concatenate(waiting, axis=1)
                waiting, n_samples = [], 0
        if n_samples:
            yield np.concatenate(waiting, axis=1)

    def _resampled(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Change the rate, in one stream without seams."""
        stream = soxr.ResampleStream(self.source_rate, self.sample_rate, self.channels, dtype="float32", quality="HQ")
        nothing = np.zeros((self.channels, 0), np.float32)
        for block, last in itertools.chain(((block, False) for block in blocks), [(nothing, True)]):
            resampled = stream.resample_chunk(np.ascontiguousarray(block.T), last=last).T
            if resampled.shape[1]:
                yield np.ascontiguousarray(resampled)


def _since(zero: Fraction | None, end: Fraction | None) -> float | None:
    """Return a time on the container's clock in seconds since the film's zero, None where it is unknown."""
    return None if end is None else float(end - (zero or 0))
