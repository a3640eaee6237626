"""Where decoded sound belongs on the film's clock, by counting samples and minding time stamps only if they insist."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from giblet.errors import MediaError

T = TypeVar("T")

# Time stamps of good files jitter by up to 19 ms, so a deviation counts only above this, in seconds ...
TOLERANCE = Fraction(50, 1000)
# ... and only if it lasts for so much sound, in seconds.
LASTING = Fraction(250, 1000)
# Longer gaps, in seconds, come from stamps that are wrong, not from sound that is missing.
LONGEST_GAP = 3600


@dataclass(frozen=True)
class Placed(Generic[T]):
    """A frame of sound with its place.

    Attributes
    ----------
    frame : object
        What was given to the clock.
    silence : int
        Samples of silence to put in front of it.
    skip : int
        Samples to leave out at its beginning.
    """

    frame: T
    silence: int
    skip: int


@dataclass(frozen=True)
class _Held(Generic[T]):
    """A frame that waits until it is clear what its time stamp is worth."""

    frame: T
    index: int  # of its first sample among the decoded ones
    n_samples: int
    time: Fraction | None


class SampleClock(Generic[T]):
    """Place frames of sound on the film's clock.

    The first frame's time stamp says where the sound begins; from there samples are counted. Time stamps that deviate
    from the count by more than 50 ms move the sound only if the deviation lasts: for 0.25 s of sound or to the end of
    the track, over at least two frames, of which most agree. Until that is clear, the frames concerned are held back.

    Parameters
    ----------
    sample_rate : int
        Samples per second.
    zero : fractions.Fraction or None
        Time stamp at which the film's clock reads 0, in seconds; None takes the first frame's.
    path : str, optional
        The file's name, for the messages.

    Attributes
    ----------
    zero : fractions.Fraction or None
        Time stamp at which the film's clock reads 0, None as long as none is known.
    start : fractions.Fraction or None
        Film time of the first decoded sample in seconds, None before it is placed.
    written : int
        Samples placed so far, silence included.
    gaps : list of tuple of (fractions.Fraction, fractions.Fraction)
        Film time at which a correction was made, and its size: silence inserted (+) or sound dropped (-), in seconds.
    """

    def __init__(self, sample_rate: int, zero: Fraction | None = None, path: str | None = None) -> None:
        self.sample_rate = sample_rate
        self.zero = zero
        self.start: Fraction | None = None
        self.written = 0
        self.gaps: list[tuple[Fraction, Fraction]] = []
        self._path = path
        self._sound_is_zero = zero is None
        self._tolerance = round(TOLERANCE * sample_rate)
        self._decoded = 0
        self._shift = 0  # film time of decoded sample 0 by the present reckoning, in samples
        self._held: list[_Held[T]] = []

    def place(self, frame: T, n_samples: int, time: Fraction | None) -> list[Placed[T]]:
        """Take the next decoded frame and return those whose place is now certain.

        Parameters
        ----------
        frame : object
            The frame, which is only passed on.
        n_samples : int
            Its length.
        time : fractions.Fraction or None
            Its time stamp in seconds, None if it has none.

        Returns
        -------
        list of Placed
            Frames in order; none, one or several.

        Raises
        ------
        MediaError
            If the time stamps leave a gap of more than an hour.
        """
        if n_samples == 0:
            return []
        if time is not None and self.zero is None:
            self.zero = time - Fraction(self._decoded, self.sample_rate)
        if time is not None and self._decoded == 0:
            self._shift = self._position(time)
        self._held.append(_Held(frame, self._decoded, n_samples, time))
        self._decoded += n_samples
        return self._settle(LASTING)

    def finish(self) -> list[Placed[T]]:
        """Return the frames that are still held back, at the end of the track."""
        return self._settle(Fraction(0)) + self._release(len(self._held))

    def _settle(self, lasting: Fraction) -> list[Placed[T]]:
        """Release what is certain, moving the sound where stamps have deviated for ``lasting`` seconds."""
        placed = self._release(self._undisputed())
        # The first frame, whose stamp agrees with itself, waits for a second opinion; it is no part of a deviation.
        while len(run := [held for held in self._held if held.index > 0]) > 1:
            if sum(held.n_samples for held in run) < lasting * self.sample_rate:
                break
            deviations = [deviation for held in run if (deviation := self._deviation(held)) is not None]
            amount = statistics.median_low(deviations)
            agreeing = sum(abs(deviation - amount) <= self._tolerance for deviation in deviations)
            if 2 * agreeing > len(deviations):
                self._move(amount, run[0])
                placed += self._release(self._undisputed())
            else:
                placed += self._release(len(self._held))
        return placed

    def _undisputed(self) -> int:
        """Return how many of the held frames come no later than one whose stamp agrees with the count."""
        certain, disputed = 0, False
        for number, held in enumerate(self._held, start=1):
            deviation = self._deviation(held)
            if deviation is not None:
                disputed = abs(deviation) > self._tolerance
            if not disputed and (held.index > 0 or deviation is None):
                certain = number
        return certain

    def _deviation(self, held: _Held[T]) -> int | None:
        """Return by how many samples a frame's stamp is later than the count, None without a stamp."""
        return None if held.time is None else self._position(held.time) - held.index - self._shift

    def _position(self, time: Fraction) -> int:
        """Return a time stamp in samples on the film's clock."""
        return round((time - (self.zero or 0)) * self.sample_rate)

    def _move(self, amount: int, first: _Held[T]) -> None:
        """Move all sound from a frame on by some samples."""
        self._check(amount)
        seconds = Fraction(amount, self.sample_rate)
        if self.start is not None:
            self.gaps.append((Fraction(first.index + self._shift, self.sample_rate), seconds))
        if self.start is None and self._sound_is_zero:
            self.zero = (self.zero or 0) + seconds
        else:
            self._shift = self._shift + amount

    def _release(self, number: int) -> list[Placed[T]]:
        """Place the first of the held frames by the present reckoning."""
        placed = []
        for held in self._held[:number]:
            if self.start is None:
                self._check(self._shift)
                self.start = Fraction(self._shift, self.sample_rate)
            ahead = held.index + self._shift - self.written
            silence, skip = max(0, ahead), min(held.n_samples, max(0, -ahead))
            self.written += silence + held.n_samples - skip
            placed.append(Placed(held.frame, silence, skip))
        del self._held[:number]
        return placed

    def _check(self, samples: int) -> None:
        if abs(samples) > LONGEST_GAP * self.sample_rate:
            raise MediaError(
                f"the time stamps of its sound jump by {samples / self.sample_rate:.0f} s",
                "remux it (ffmpeg -fflags +genpts -i FILM -map 0 -c copy NEW.mkv)",
                self._path,
            )
