"""Features over time, and what kind of thing they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import Seconds, exact

SERIES_KINDS = ("categorical", "continuous", "event")

# A time this close below a boundary, in seconds, counts as on it: floats in tables are rounded.
ON_A_BOUNDARY = 1e-6


@dataclass(frozen=True)
class FeatureSeries:
    """Rows of features, each with its own time.

    The kind, not the dtype, decides what may be done: continuous series are filtered, events are summed, both are
    convolved; categories (codes) are only moved in time, for averages of their numbers mean nothing.

    Attributes
    ----------
    values : ndarray, shape (n, dim)
        int64 for categories; float32 or float64, all finite, for the others.
    times : ndarray of float64, shape (n,)
        Seconds on the stimulus' clock at which each row begins, ascending; rows may begin together.
    names : tuple of str, length dim
        What the columns are.
    kind : {"categorical", "continuous", "event"}
        What the values are.
    durations : ndarray of float64, shape (n,)
        Seconds each row lasts. Events may last 0 s (impulses), rows of the other kinds may not.

    Raises
    ------
    ParameterError
        If the kind is unknown.
    AlignmentError
        If shapes, types or times do not fit each other.
    """

    values: np.ndarray
    times: np.ndarray
    names: tuple[str, ...]
    kind: str
    durations: np.ndarray

    def __post_init__(self) -> None:
        if self.kind not in SERIES_KINDS:
            raise ParameterError(f"the kind {self.kind!r} is unknown", f"choose from {', '.join(SERIES_KINDS)}")
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "values", self._checked_values())
        for name in ("times", "durations"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
            self._check_seconds(name)
        if (np.diff(self.times) < 0).any():
            row = int(np.flatnonzero(np.diff(self.times) < 0)[0]) + 1
            raise AlignmentError(
                f"{self.title}: row {row} begins at {self.times[row]:g} s, before row {row - 1}",
                "sort the rows by time",
            )
        shortest = self.durations.min(initial=np.inf)
        if shortest < 0 or (shortest == 0 and self.kind != "event"):
            raise AlignmentError(
                f"{self.title}: row {int(self.durations.argmin())} lasts {shortest:g} s",
                "give durations of 0 s or more to events, and above 0 s to other kinds",
            )

    @classmethod
    def regular(
        cls,
        values: np.ndarray,
        rate: Seconds,
        names: Sequence[str],
        kind: str = "continuous",
        start: Seconds = 0,
    ) -> FeatureSeries:
        """Build a series of rows that follow each other at an even rate.

        Parameters
        ----------
        values : ndarray, shape (n, dim)
            The rows.
        rate : real number or str
            Rows per second, above 0.
        names, kind : sequence of str, str
            As in the class.
        start : real number or str
            Seconds on the stimulus' clock at which the first row begins.

        Returns
        -------
        FeatureSeries
            Row i begins at start + i / rate and lasts 1 / rate; nothing drifts.

        Raises
        ------
        ParameterError, AlignmentError
            As in the class; and if the rate is not above 0.
        """
        per_second, first = exact(rate, "rate"), exact(start, "start")
        if per_second <= 0:
            raise ParameterError(f"the rate is {float(per_second):g} rows per second", "give a rate above 0")
        n = len(values)
        times = float(first) + np.arange(n) * per_second.denominator / per_second.numerator
        return cls(values, times, tuple(names), kind, np.full(n, float(1 / per_second)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def title(self) -> str:
        """Name for messages: that of the first column, and how many there are."""
        more = f" and {len(self.names) - 1} more" if len(self.names) > 1 else ""
        return f"{self.names[0] if self.names else 'the series'}{more}"

    @property
    def end(self) -> float:
        """Seconds on the stimulus' clock at which the last row ends; minus infinity without rows."""
        return float((self.times + self.durations).max(initial=-np.inf))

    def moved(self, delay: Seconds) -> FeatureSeries:
        """Return the same rows ``delay`` seconds later; values are shared, not copied."""
        seconds = float(exact(delay, "delay"))
        return FeatureSeries(self.values, self.times + seconds, self.names, self.kind, self.durations)

    def refuse_categories(self, deed: str) -> None:
        """Raise an error that explains itself if the values are categories.

        Parameters
        ----------
        deed : str
            What would be done to them, as a participle: "averaged".

        Raises
        ------
        AlignmentError
            If the kind is categorical.
        """
        if self.kind == "categorical":
            raise AlignmentError(
                f"{self.title}: codes are categories and cannot be {deed}, for code 512 does not lie between 511 and "
                "513 in any sense",
                "use the latents that the codes stand for, or delay the codes by whole frames (delayed_codes)",
            )

    def _checked_values(self) -> np.ndarray:
        values = np.asarray(self.values)
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise AlignmentError(
                f"{self.title}: values have the shape {values.shape} and there are {len(self.names)} names",
                "give values of shape (rows, columns) and a name for each column",
            )
        if self.kind == "categorical":
            if not np.issubdtype(values.dtype, np.integer):
                raise AlignmentError(f"{self.title}: categories are of type {values.dtype}", "give integers")
            return values.astype(np.int64, copy=False)
        if values.dtype.kind not in "fiub":
            raise AlignmentError(f"{self.title}: values are of type {values.dtype}", "give real numbers")
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            raise AlignmentError(
                f"{self.title}: row {row} holds a value that is no finite number", "fill it or leave the row out"
            )
        return values

    def _check_seconds(self, name: str) -> None:
        seconds = getattr(self, name)
        if seconds.shape != (len(self.values),):
            raise AlignmentError(
                f"{self.title}: {name} have the shape {seconds.shape} and there are {len(self.values)} rows",
                f"give {name} of shape ({len(self.values)},)",
            )
        if not np.isfinite(seconds).all():
            row = int(np.flatnonzero(~np.isfinite(seconds))[0])
            raise AlignmentError(f"{self.title}: {name}[{row}] is {seconds[row]}", "give finite numbers of seconds")
