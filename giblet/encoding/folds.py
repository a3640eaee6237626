"""Which rows are learnt from and which are kept to judge by, with gaps that no feature reaches across."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise

import numpy as np

from giblet.alignment import HRF, support
from giblet.encoding.problem import EncodingProblem
from giblet.errors import EncodingError
from giblet.timeline import Seconds, TRGrid, exact, whole

N_BLOCKS = 5
"""Blocks that one run is cut into by default, and inner folds at the most."""
FEWEST_JUDGED = 3
"""Rows of a held-out part below which a correlation says nothing."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the rows.

    Attributes
    ----------
    train, test : ndarray of int64
        Rows to learn from and rows to judge by, ascending; none is in both.
    """

    train: np.ndarray
    test: np.ndarray


def reach_of(problem: EncodingProblem, delays: Iterable[Seconds] = (), hrf: HRF | None = None) -> tuple[float, float]:
    """Return the seconds of past and future that a row of the model knows besides its own TR.

    Parameters
    ----------
    problem : EncodingProblem
        Its TR, sample offset and the reach of its features' filters count.
    delays : iterable of seconds
        Delays of the model.
    hrf : str, callable or sequence of seconds, optional
        Its haemodynamic response.

    Returns
    -------
    past, future : float
        Seconds, of filter and response or delays together.
    """
    past, future = support(TRGrid(problem.tr, 1, sample_offset=problem.sample_offset), hrf=hrf, delays=delays)
    return problem.reach[0] + past, problem.reach[1] + future


def gap_rows(problem: EncodingProblem, gap: Seconds | None, reach: tuple[float, float]) -> int:
    """Return how many rows lie at the least between one that is learnt from and one that is judged by.

    Parameters
    ----------
    problem : EncodingProblem
        Its TR counts.
    gap : seconds or None
        As asked; None for all of the reach.
    reach : tuple of float
        What `reach_of` returned.

    Returns
    -------
    int
        TRs, rounded up.

    Raises
    ------
    EncodingError
        If the gap is below 0.
    """
    seconds = exact(sum(reach), "the reach") if gap is None else exact(gap, "the gap")
    if seconds < 0:
        raise EncodingError(f"the gap is {float(seconds):g} s", "give seconds, 0 or more")
    return math.ceil(Fraction(seconds) / problem.tr)


def make_folds(
    problem: EncodingProblem,
    n_blocks: int | None = None,
    gap: Seconds | None = None,
    *,
    delays: Iterable[Seconds] = (),
    hrf: HRF | None = None,
    used: np.ndarray | None = None,
) -> tuple[Fold, ...]:
    """Divide the rows of a problem, each of them being judged once.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    n_blocks : int, optional
        Contiguous blocks to cut all rows into, however many runs there are. By default each run is held out once, and
        a single run is cut into 5 blocks.
    gap : seconds, optional
        What is left out of the training rows before and after each held-out row of the same run; by default as much as
        filter, response and delays reach.
    delays, hrf
        Of the model, for the default gap.
    used : ndarray of bool, optional
        Rows that count; by default those that the problem uses.

    Returns
    -------
    tuple of Fold
        In the order of their test rows.

    Raises
    ------
    EncodingError
        If there are fewer rows than folds, or nothing is left to learn from or to judge by.
    """
    rows = np.flatnonzero(problem.used if used is None else used)
    gap_in_rows = gap_rows(problem, gap, reach_of(problem, delays, hrf))
    folds = divide(rows, problem.runs, n_blocks, gap_in_rows)
    for number, fold in enumerate(folds, 1):
        if len(fold.train) < FEWEST_JUDGED or len(fold.test) < FEWEST_JUDGED:
            raise EncodingError(
                f"{problem.name}: of {len(rows)} rows, fold {number} of {len(folds)} learns from {len(fold.train)} and "
                f"judges by {len(fold.test)}, with gaps of {gap_in_rows} TRs",
                "take longer or more runs, fewer folds, shorter delays, or a smaller gap",
            )
    return folds


def inner_folds(
    problem: EncodingProblem,
    fold: Fold,
    n_blocks: int = N_BLOCKS,
    gap: Seconds | None = None,
    *,
    delays: Iterable[Seconds] = (),
    hrf: HRF | None = None,
) -> tuple[Fold, ...]:
    """Divide the training rows of a fold once more, to choose regularisation by.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    fold : Fold
        Whose training rows.
    n_blocks : int
        At most so many inner folds; as many fewer as the rows, less their gaps, need.
    gap, delays, hrf
        As in `make_folds`.

    Returns
    -------
    tuple of Fold
        Rows of the problem, all of them training rows of the fold.

    Raises
    ------
    EncodingError
        If the rows do not suffice for two.
    """
    return inner_division(fold.train, problem.runs, n_blocks, gap_rows(problem, gap, reach_of(problem, delays, hrf)))


def inner_division(rows: np.ndarray, runs: np.ndarray, n_blocks: int, gap: int) -> tuple[Fold, ...]:
    """Divide training rows by whole runs, or where those do not suffice into blocks (see `inner_folds`)."""
    numbers = range(whole(n_blocks, "the number of inner folds"), 1, -1)
    n_runs = len(np.unique(runs[rows]))
    by_runs = (_by_runs(rows, runs, n) for n in numbers if n <= n_runs)
    in_blocks = (divide(rows, runs, n, gap) for n in numbers if n <= len(rows))
    for folds in chain(by_runs, in_blocks):
        if all(len(part.train) >= FEWEST_JUDGED and len(part.test) >= 2 for part in folds):
            return folds
    raise EncodingError(
        f"{len(rows)} rows to learn from are too few to be divided once more with gaps of {gap} TRs",
        "take longer or more runs, fewer folds, shorter delays, or a smaller gap",
    )


def divide(rows: np.ndarray, runs: np.ndarray, n_blocks: int | None, gap: int) -> tuple[Fold, ...]:
    """Divide rows by run, or into contiguous blocks.

    Parameters
    ----------
    rows : ndarray of int64
        Those that count, ascending.
    runs : ndarray of int64, shape (n_samples,)
        Run of every row, also of those that do not count.
    n_blocks : int or None
        Blocks; None for one fold a run, or 5 blocks of a single run.
    gap : int
        TRs of the same run left out of the training rows on both sides of each test row.

    Returns
    -------
    tuple of Fold
        Every row is in one test part.

    Raises
    ------
    EncodingError
        If there are fewer rows than blocks, or fewer than two blocks.
    """
    if n_blocks is None:
        n_runs = len(np.unique(runs[rows]))
        if n_runs > 1:
            return _by_runs(rows, runs, n_runs)
    n = N_BLOCKS if n_blocks is None else whole(n_blocks, "the number of folds")
    if n < 2 or n > len(rows):
        raise EncodingError(
            f"{len(rows)} rows cannot be divided into {n} folds", "ask for 2 folds or more, and fewer than rows"
        )
    return tuple(Fold(_apart(rows, block, runs, gap), block) for block in np.array_split(rows, n))


def _by_runs(rows: np.ndarray, runs: np.ndarray, n: int) -> tuple[Fold, ...]:
    groups = np.array_split(np.array(list(dict.fromkeys(runs[rows].tolist()))), n)
    held = [np.isin(runs[rows], group) for group in groups]
    return tuple(Fold(rows[~test], rows[test]) for test in held)


def _apart(rows: np.ndarray, test: np.ndarray, runs: np.ndarray, gap: int) -> np.ndarray:
    """Return the rows that are more than ``gap`` rows away from all test rows of their run."""
    near = np.zeros(len(runs), bool)
    for first, last, run in _stretches(test, runs):
        start, stop = max(0, first - gap), min(len(runs), last + gap + 1)
        near[start:stop] |= runs[start:stop] == run
    return rows[~near[rows]]


def _stretches(rows: np.ndarray, runs: np.ndarray) -> list[tuple[int, int, int]]:
    """Return first and last row and run of each stretch of rows that follow each other."""
    ends = np.flatnonzero(np.r_[True, (np.diff(rows) != 1) | (np.diff(runs[rows]) != 0), True])
    return [(int(rows[a]), int(rows[b - 1]), int(runs[rows[a]])) for a, b in pairwise(ends)]
