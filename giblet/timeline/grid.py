"""When the scanner measured."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from giblet.errors import ParameterError
from giblet.timeline.exact import exact, whole

# A time this close above a sample, in samples, counts as on it: floats in tables are rounded.
ON_A_SAMPLE = Fraction(1, 10**6)


def first_sample(time: Fraction, sample_rate: int) -> int:
    """Return the first sample at or after a time.

    Parameters
    ----------
    time : fractions.Fraction
        Seconds.
    sample_rate : int
        Samples per second.

    Returns
    -------
    int
        Sample number.
    """
    position = time * sample_rate - ON_A_SAMPLE
    return -(-position.numerator // position.denominator)


@dataclass(frozen=True)
class TRGrid:
    """The windows of a run's volumes on the stimulus' clock.

    Volume i stands for the window [start + i·tr, start + (i + 1)·tr) and is sampled at start + i·tr + sample_offset.

    Attributes
    ----------
    tr : fractions.Fraction
        Repetition time, seconds, above 0.
    n_trs : int
        Number of volumes.
    start : fractions.Fraction
        Start of the first window, seconds after the stimulus began (negative: before it).
    sample_offset : fractions.Fraction
        Time within a window at which its volume is sampled, seconds.
    """

    tr: Fraction
    n_trs: int
    start: Fraction = Fraction(0)
    sample_offset: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("tr", "start", "sample_offset"):
            object.__setattr__(self, name, exact(getattr(self, name), name))
        if self.tr <= 0:
            raise ParameterError(f"the TR is {float(self.tr)} s", "give a repetition time above 0 s")
        object.__setattr__(self, "n_trs", whole(self.n_trs, "the number of volumes"))
        if self.n_trs < 0:
            raise ParameterError(f"the number of volumes is {self.n_trs}", "give 0 or more")

    @classmethod
    def covering(
        cls,
        duration: Fraction,
        tr: Fraction,
        start: Fraction = Fraction(0),
        *,
        max_trs: int | None = None,
        partial: bool = False,
    ) -> TRGrid:
        """Build the grid of all windows that ``duration`` seconds of stimulus fill.

        Parameters
        ----------
        duration : fractions.Fraction
            Length of the stimulus, seconds.
        tr, start : fractions.Fraction
            As in the class.
        max_trs : int, optional
            At most so many windows.
        partial : bool
            Count a last window that is only begun.

        Returns
        -------
        TRGrid
            Perhaps with no window at all.
        """
        windows = max(Fraction(0), (duration - start) / tr)
        n_trs = -(-windows.numerator // windows.denominator) if partial else int(windows)
        return cls(tr, n_trs if max_trs is None else min(n_trs, max_trs), start)

    def bound(self, index: int, sample_rate: int) -> int:
        """Return the first sample at or after the start of window ``index``.

        Parameters
        ----------
        index : int
            Window, counted from 0; ``n_trs`` gives the end of the last one.
        sample_rate : int
            Samples per second.

        Returns
        -------
        int
            Sample number on the stimulus' clock.
        """
        return first_sample(self.start + index * self.tr, sample_rate)

    def window(self, index: int) -> tuple[Fraction, Fraction]:
        """Return start and end of window ``index``, seconds."""
        return self.start + index * self.tr, self.start + (index + 1) * self.tr

    @property
    def edges(self) -> np.ndarray:
        """Starts of all windows and the end of the last, seconds: float64 (n_trs + 1,), each rounded on its own."""
        return np.array([float(self.start + i * self.tr) for i in range(self.n_trs + 1)])

    @property
    def midpoints(self) -> np.ndarray:
        """Middles of the windows, seconds: float64 (n_trs,)."""
        middle = self.start + self.tr / 2
        return np.array([float(middle + i * self.tr) for i in range(self.n_trs)])

    @property
    def volume_times(self) -> np.ndarray:
        """Times at which the volumes were sampled, seconds: float64 (n_trs,)."""
        first = self.start + self.sample_offset
        return np.array([float(first + i * self.tr) for i in range(self.n_trs)])

    def part(self, first: int, n_trs: int) -> TRGrid:
        """Return the grid of ``n_trs`` windows from window ``first`` on."""
        return TRGrid(self.tr, n_trs, self.start + first * self.tr, self.sample_offset)

    def moved(self, seconds: Fraction) -> TRGrid:
        """Return the same grid ``seconds`` later; what is cut by a grid moved back by d is delayed by d."""
        return TRGrid(self.tr, self.n_trs, self.start + seconds, self.sample_offset)
