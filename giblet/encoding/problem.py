"""What an encoding model is fitted to: features and BOLD, row by row, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from giblet.encoding.columns import judge_columns, listed
from giblet.errors import EncodingError
from giblet.timeline import exact

if TYPE_CHECKING:
    from giblet.bold import Space

FEWEST_ROWS = 4
"""Rows below which nothing can be learnt and judged."""


@dataclass(frozen=True, eq=False)
class EncodingProblem:
    """Features and BOLD of one subject, or of the mean of a group.

    Attributes
    ----------
    features : mapping of str to ndarray, each of shape (n_samples, dim)
        Feature spaces: one row per TR, at the time of the stimulus, without a haemodynamic response and without delays.
        NaN only in rows that are not used: where nothing is known.
    bold : ndarray, shape (n_samples, n_targets)
        The signal; perhaps a file mapped into memory. Targets that never change are kept, and get no scores.
    runs : ndarray of int64, shape (n_samples,)
        Which run a row belongs to. The rows of a run are consecutive TRs and lie together.
    tr : fractions.Fraction
        Repetition time, seconds.
    used : ndarray of bool, shape (n_samples,)
        False for rows that are neither learnt from nor judged: censored, or of unknown features.
    targets : tuple of str
        Names of the columns of ``bold``.
    nuisance : ndarray of float64, shape (n_samples, k), or None
        What is regressed out of BOLD, run by run, by `giblet.encoding.nuisance.without_nuisance`: drifts, motion.
    reach : tuple of float
        Seconds of the past and of the future that filters put into a row of features besides its own TR.
    name : str
        Of the subject, such as "sub-01", or "group".
    sample_offset : fractions.Fraction
        When within its TR a volume was sampled, seconds.
    columns : mapping of str to tuple of str
        Names of the columns of each space; by default their numbers.
    response : str
        What the features were convolved with or delayed by already, for a person; "" for features at the time of the
        stimulus, as they should be where there is a choice.
    space : giblet.bold.Space or None
        Where the targets lie; None for tables.
    notes : tuple of str
        What was done to the data before, a sentence each.

    Raises
    ------
    EncodingError
        If lengths do not fit each other, a run is scattered, there are too few rows, or columns of features are
        constant, no numbers, or there twice.
    """

    features: Mapping[str, np.ndarray]
    bold: np.ndarray
    runs: np.ndarray
    tr: Fraction
    used: np.ndarray
    targets: tuple[str, ...]
    nuisance: np.ndarray | None = None
    reach: tuple[float, float] = (0.0, 0.0)
    name: str = "data"
    sample_offset: Fraction = Fraction(0)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    response: str = ""
    space: Space | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        set_value = object.__setattr__
        set_value(self, "tr", exact(self.tr, "the TR"))
        set_value(self, "sample_offset", exact(self.sample_offset, "the sample offset"))
        set_value(self, "features", {name: np.asarray(values) for name, values in self.features.items()})
        set_value(self, "runs", np.asarray(self.runs))
        set_value(self, "used", np.asarray(self.used, bool))
        set_value(self, "targets", tuple(self.targets))
        self._check_shapes()
        self._check_runs()
        self._check_columns()

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.runs)

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return len(self.targets)

    def each_run(self) -> Iterator[slice]:
        """Yield the rows of each run."""
        yield from run_slices(self.runs)

    def alike_runs(self) -> list[list[int]]:
        """Return the labels of runs, those together whose features are equal."""
        found: dict[tuple[bytes, ...], list[int]] = {}
        for rows in self.each_run():
            shown = tuple(np.ascontiguousarray(values[rows]).tobytes() for values in self.features.values())
            found.setdefault(shown, []).append(int(self.runs[rows.start]))
        return list(found.values())

    def signal(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Tell which targets change within the rows that are used, or within these: bool (n_targets,)."""
        found = np.zeros(self.n_targets, bool)
        rows = np.flatnonzero(self.used) if rows is None else rows
        width = max(1, 2**18 // self.n_samples)
        for first in range(0, self.n_targets, width):
            part = np.asarray(self.bold[:, first : first + width])[rows].astype(np.float64)
            scale = np.abs(part).max(axis=0)
            # What is left of a target that never changes is rounding.
            found[first : first + width] = np.isfinite(part).all(axis=0) & (part.std(axis=0) > 1e-9 * scale)
        return found

    def _check_shapes(self) -> None:
        if self.tr <= 0:
            raise EncodingError(f"{self.name}: the TR is {float(self.tr):g} s", "give a repetition time above 0 s")
        if not self.features:
            raise EncodingError(f"{self.name}: there is no feature", "give at least one feature space")
        if self.bold.ndim != 2 or self.bold.shape[1] != len(self.targets) or not self.targets:
            raise EncodingError(
                f"{self.name}: the BOLD has the shape {self.bold.shape} and {len(self.targets)} names of targets",
                "give a row for each TR and a name for each column",
            )
        lengths = {
            "the BOLD": len(self.bold), "runs": len(self.runs), "used": len(self.used),
            **({} if self.nuisance is None else {"nuisance": len(self.nuisance)}),
        }  # fmt: skip
        for name, values in self.features.items():
            if values.ndim != 2 or not values.shape[1] or values.dtype.kind not in "fiub":
                raise EncodingError(
                    f"{self.name}: {name} has the shape {values.shape} and type {values.dtype}",
                    "give numbers, a row for each TR",
                )
            lengths[name] = len(values)
        if len(set(lengths.values())) > 1:
            raise EncodingError(
                f"{self.name}: " + ", ".join(f"{what} has {n}" for what, n in lengths.items()) + " rows",
                "give everything for the same TRs",
            )
        if self.used.sum() < FEWEST_ROWS:
            raise EncodingError(
                f"{self.name}: only {self.used.sum()} of {self.n_samples} rows can be used", "give longer runs"
            )

    def _check_runs(self) -> None:
        starts = self.runs[np.flatnonzero(np.r_[True, np.diff(self.runs) != 0])]
        if len(np.unique(starts)) < len(starts):
            raise EncodingError(f"{self.name}: the rows of a run do not lie together", "sort the rows by run")
        # Scores need numbers where there are some; what is broken in a target is the target's own matter.
        if self.nuisance is not None and not np.isfinite(self.nuisance).all():
            raise EncodingError(f"{self.name}: the nuisance regressors hold what is no number", "mend or leave it out")

    def _check_columns(self) -> None:
        broken, constant, twins = judge_columns(self.features, self.used, self.columns)
        for names, what, remedy in (
            (broken, "holds values that are no numbers in rows that are used", "mend them, or mark the rows as unused"),
            (constant, "never changes", "leave it out, for it can predict nothing"),
            (tuple(f"{one} (as {other})" for one, other in twins), "is there twice", "leave one of them out"),
        ):
            if names:
                raise EncodingError(f"{self.name}: {listed(names)} {what}", remedy)


def run_slices(runs: np.ndarray) -> Iterator[slice]:
    """Yield the rows of each run, whose rows lie together: slices in order."""
    bounds = np.flatnonzero(np.r_[True, np.diff(runs) != 0, True])
    for first, stop in pairwise(bounds):
        yield slice(int(first), int(stop))
