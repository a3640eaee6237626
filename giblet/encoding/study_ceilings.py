"""Ceilings of encoding problems: of every subject and their mean, and of runs that repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from giblet.bold.cleaning import BLOCK
from giblet.encoding.ceiling import METHODS, Ceiling, explainable_variance, group_reliability, isc_ceiling
from giblet.encoding.columns import listed
from giblet.encoding.nuisance import without_nuisance
from giblet.encoding.problem import FEWEST_ROWS, EncodingProblem, run_slices
from giblet.errors import EncodingError


def ceilings_of(
    problems: Sequence[EncodingProblem], *, corrected: bool = False, method: str = METHODS[0], random_state: int = 0
) -> dict[str, Ceiling]:
    """Return the ceiling of every subject, and of their mean.

    Nuisance regressors are taken out first, as they are before fitting; rows count that all subjects use.

    Parameters
    ----------
    problems : sequence of EncodingProblem
        One of each subject, of the same volumes and targets.
    corrected
        As in `isc_ceiling`.
    method, random_state
        As in `group_reliability`.

    Returns
    -------
    dict of str to Ceiling
        By the problems' names, and "group"; each r of shape (n_targets,).

    Raises
    ------
    EncodingError
        If there are too few subjects, or their volumes or targets differ.
    """
    rows = shared_rows(problems)
    n_targets, n, signals = problems[0].n_targets, len(problems), [problem.signal(rows) for problem in problems]
    width = max(1, BLOCK // (n * problems[0].n_samples))
    subjects, group = np.full((n, n_targets), np.nan), np.full(n_targets, np.nan)
    sentences = {"subject": "", "group": ""}
    for first in range(0, n_targets, width):
        which = slice(first, first + width)
        bold = [cleaned(problem, rows, which, signal) for problem, signal in zip(problems, signals, strict=True)]
        one = isc_ceiling(bold, corrected=corrected)
        mean = group_reliability(bold, method=method, random_state=random_state)
        subjects[:, which], group[which] = one.r, mean.r
        sentences = {"subject": one.sentence, "group": mean.sentence}
    found = {problem.name: Ceiling("subject", subjects[i], sentences["subject"]) for i, problem in enumerate(problems)}
    return found | {"group": Ceiling("group", group, sentences["group"])}


def known_ceilings(people: Sequence[EncodingProblem]) -> dict[str, Ceiling | str]:
    """Return the ceiling of every subject and of their mean, or why there is none.

    Subjects get that of `ceilings_of`; those whose runs all show the same, or of whom there is but one, that of
    `repeat_ceiling`.

    Parameters
    ----------
    people : sequence of EncodingProblem
        One of each subject.

    Returns
    -------
    dict of str to Ceiling or str
        By the problems' names, and "group".
    """
    found: dict[str, Ceiling | str] = {}
    try:
        found |= ceilings_of(people)
    except EncodingError as error:
        found |= dict.fromkeys([*(problem.name for problem in people), "group"], f"{error.problem}; {error.remedy}")
    for problem in people:
        repeats = max(problem.alike_runs(), key=len)
        n_runs = sum(1 for _ in problem.each_run())
        if len(repeats) > 1 and (len(repeats) == n_runs or isinstance(found[problem.name], str)):
            found[problem.name] = repeat_ceiling(problem, repeats)
    return found


def repeat_ceiling(problem: EncodingProblem, runs: Sequence[int] | None = None, *, mean: bool = False) -> Ceiling:
    """Return the ceiling of a subject's runs that show the same (see `explainable_variance`).

    Parameters
    ----------
    problem : EncodingProblem
        One subject.
    runs : sequence of int, optional
        Labels of the runs that show the same; by default those whose features are equal to those of the first run.
    mean : bool
        As in `explainable_variance`.

    Returns
    -------
    Ceiling
        Of the level "run".

    Raises
    ------
    EncodingError
        If no two runs show the same, or their lengths differ.
    """
    slices = {int(problem.runs[rows.start]): rows for rows in run_slices(problem.runs)}
    runs = problem.alike_runs()[0] if runs is None else runs
    chosen = [slices[run] for run in runs if run in slices]
    lengths = [rows.stop - rows.start for rows in chosen]
    if len(chosen) < 2 or len(chosen) < len(runs) or len(set(lengths)) > 1:
        raise EncodingError(
            f"{problem.name}: runs {listed(runs)}, of {listed(lengths)} TRs, are no repeats",
            "name at least two runs of one length that show the same",
        )
    used = np.flatnonzero(np.logical_and.reduce([problem.used[rows] for rows in chosen]))
    parts = [cleaned(problem, rows.start + used, slice(None), problem.signal(rows.start + used)) for rows in chosen]
    return explainable_variance(parts, mean=mean)


def cleaned(problem: EncodingProblem, rows: np.ndarray, which: slice | np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Return BOLD without nuisance, exactly 0 for targets without a signal, of which else rounding would be left.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    rows : ndarray of int64
        Rows that count.
    which : slice or ndarray of int64
        Targets that are wanted.
    signal : ndarray of bool, shape (n_targets,)
        Which of all targets have a signal: what `EncodingProblem.signal` tells of these rows.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_wanted)
        What is left.
    """
    wanted = np.arange(problem.n_targets)[which]
    there, left = signal[wanted], np.zeros((len(rows), len(wanted)))
    # What is no number in one target must not reach the regression of others.
    left[:, there] = without_nuisance(problem, wanted[there])[rows]
    return left


def shared_rows(problems: Sequence[EncodingProblem]) -> np.ndarray:
    """Return the rows that all subjects use.

    Parameters
    ----------
    problems : sequence of EncodingProblem
        One of each subject.

    Returns
    -------
    ndarray of int64
        Rows.

    Raises
    ------
    EncodingError
        If there is one subject only, or their names, runs, TRs or targets do not fit each other.
    """
    if len(problems) < 2:
        raise EncodingError(
            f"there is {len(problems) or 'no'} subject", "take two or more, for a ceiling is what subjects share"
        )
    first, *others = problems
    names = [problem.name for problem in problems]
    if "group" in names or len(set(names)) < len(names):
        raise EncodingError(
            f"the subjects are {', '.join(names[:6])}", "give one problem of each, and not the mean of the group"
        )
    for problem in others:
        if not np.array_equal(problem.runs, first.runs) or problem.tr != first.tr:
            raise EncodingError(
                f"{problem.name} has other volumes than {first.name}", "compare subjects who saw the same runs whole"
            )
        if problem.targets != first.targets:
            raise EncodingError(f"{problem.name} has other targets than {first.name}", "take those that all have")
    rows = np.flatnonzero(np.logical_and.reduce([problem.used for problem in problems]))
    if len(rows) < FEWEST_ROWS:
        raise EncodingError(f"all subjects use only {len(rows)} rows", "censor less, or leave subjects out")
    return rows
