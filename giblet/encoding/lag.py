"""Does BOLD follow the stimulus when it should? The lag at which a feature fits best, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from giblet.bold.cleaning import BLOCK as VALUES
from giblet.bold.quality import isc
from giblet.encoding.columns import listed
from giblet.encoding.curve import LagCurve
from giblet.encoding.lag_sweep import LagSweep
from giblet.encoding.nuisance import without_nuisance
from giblet.encoding.nulls import BlockPlan, plan_blocks
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.study_ceilings import cleaned, shared_rows
from giblet.encoding.verdict import judge_lag
from giblet.errors import EncodingError
from giblet.timeline import Seconds, exact, whole

BLOCK = 30
"""Seconds of a block, which outlasts what features and BOLD remember."""
FEWEST_SUBJECTS, FEWEST_BLOCKS = 6, 6
"""Below, drawing subjects (or blocks) again says little of how sure a peak is."""

# Of more targets than these, those count that subjects share most.
_FEW_TARGETS, _MOST_TARGETS = 50, 500


def lag_curve(
    problems: EncodingProblem | Sequence[EncodingProblem],
    swept: LagSweep,
    *,
    targets: Sequence[str] | None = None,
    n_bootstrap: int = 2000,
    n_permutations: int = 1000,
    block: Seconds = BLOCK,
    random_state: int = 0,
) -> LagCurve:
    """Correlate a feature with BOLD at every lag, for one subject or for the mean of several.

    Nuisance regressors, such as drifts, are taken out of BOLD and feature alike. The interval of the peak comes from
    drawing subjects again, or blocks of time where there are fewer than six subjects; p from permutations of blocks of
    BOLD, each with the largest r of all lags, so that the search for a peak is part of the null.

    Parameters
    ----------
    problems : EncodingProblem or sequence of those
        A subject; or several, of the same volumes and targets, for the mean of the group.
    swept : LagSweep
        What `giblet.encoding.lag_sweep.sweep` made for the same volumes.
    targets : sequence of str, optional
        Which count. By default all, or of more than 50 in a group the tenth (50 to 500) with the largest mean
        leave-one-out inter-subject correlation, which knows nothing of the stimulus.
    n_bootstrap, n_permutations : int
        Draws.
    block : seconds
        Of a block, at the least.
    random_state : int
        Seed.

    Returns
    -------
    LagCurve
        The curve, its peak, and what they come to.

    Raises
    ------
    EncodingError
        If problems do not fit each other or the sweep, no target has a signal, or there are too few blocks.
    """
    group = [problems] if isinstance(problems, EncodingProblem) else list(problems)
    rows = np.flatnonzero(group[0].used) if len(group) == 1 else shared_rows(group)
    first = group[0]
    if swept.values.shape[1] != first.n_samples or swept.tr != first.tr:
        raise EncodingError(
            f"{first.name}: the feature has {swept.values.shape[1]} rows of {float(swept.tr):g} s, the BOLD "
            f"{first.n_samples} of {float(first.tr):g} s",
            "sweep it for the volumes of the same runs",
        )
    if whole(n_bootstrap, "n_bootstrap") < 1:
        raise EncodingError(f"{n_bootstrap} bootstrap draws give no interval", "ask for 1000 or more")
    which, chosen = choose_targets(group, rows, targets)
    bold, n_targets = _bold(group, rows, which)
    lagged = _feature(first, swept, rows)
    lengths = [int((first.runs[rows] == run).sum()) for run in dict.fromkeys(first.runs[rows].tolist())]
    least = max(1, math.ceil(exact(block, "the block") / first.tr))
    n_blocks = sum(n // least for n in lengths)
    if n_blocks < FEWEST_BLOCKS:
        raise EncodingError(
            f"{first.name}: {listed(lengths)} TRs hold {n_blocks} whole blocks of {float(exact(block)):g} s, and "
            f"{FEWEST_BLOCKS} are the least to tell chance by",
            "take longer or more runs",
        )
    plan = plan_blocks(lengths, first.tr, n_permutations, block, random_state)
    by_subject = len(group) >= FEWEST_SUBJECTS
    curves = _bootstrap(lagged, bold, None if by_subject else plan, lengths, n_bootstrap, random_state)
    lags = np.array([float(lag) for lag in swept.lags])
    mean = bold.sum(axis=0)
    r = lagged @ mean
    peaks = lags[curves.argmax(axis=1)]
    interval = _between(peaks)
    p, null_r = _null(lagged, mean, plan, lengths)
    level = "group" if len(group) > 1 or first.name == "group" else "subject"
    name = "group" if len(group) > 1 else first.name
    peak = float(lags[r.argmax()])
    verdict, sentence = judge_lag(name, lags, peak, interval, float(r.max()), p, plan.smallest_p, null_r)
    seconds = f"{float(min(plan.lengths) * first.tr):g} s"
    return LagCurve(
        name=name,
        level=level,
        feature=swept.feature,
        hrf=swept.hrf,
        tr=float(first.tr),
        lags=lags,
        r=r,
        low=np.quantile(curves, 0.025, axis=0),
        high=np.quantile(curves, 0.975, axis=0),
        peak=peak,
        interval=interval,
        p=p,
        smallest_p=plan.smallest_p,
        null_r=null_r,
        verdict=verdict,
        sentence=sentence,
        n_targets=n_targets,
        notes=(
            *first.notes,
            "What is taken out of the BOLD is taken out of the feature, too.",
            *chosen,
            f"Interval: {n_bootstrap} bootstrap draws of "
            + (f"{len(group)} subjects." if by_subject else f"{n_blocks} blocks of {seconds}."),
            f"Null: {n_permutations} permutations of blocks of {seconds}, of each the largest r of all lags.",
        ),
    )


def choose_targets(
    problems: Sequence[EncodingProblem], rows: np.ndarray, names: Sequence[str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return the targets that count in a curve, and what is to be said of the choice.

    Parameters
    ----------
    problems : sequence of EncodingProblem
        Subjects.
    rows : ndarray of int64
        Rows that all of them use.
    names : sequence of str, optional
        Those that were asked for.

    Returns
    -------
    which : ndarray of int64
        Targets.
    notes : list of str
        A sentence, unless all count.

    Raises
    ------
    EncodingError
        If there is no target of such a name.
    """
    first = problems[0]
    if names is not None:
        unknown = [name for name in names if name not in first.targets]
        if unknown or not names:
            raise EncodingError(
                f"{first.name}: there is no target {listed(unknown)}", f"choose from {listed(first.targets)}"
            )
        return np.array([first.targets.index(name) for name in names]), [f"Targets: {listed(names)}."]
    if first.n_targets <= _FEW_TARGETS or len(problems) == 1:
        return np.arange(first.n_targets), []
    shared, signals = np.full(first.n_targets, -np.inf), [problem.signal(rows) for problem in problems]
    width = max(1, VALUES // (len(problems) * first.n_samples))
    for start in range(0, first.n_targets, width):
        part = slice(start, start + width)
        alike = isc([cleaned(one, rows, part, signal) for one, signal in zip(problems, signals, strict=True)])
        # A target that one subject lacks is no target of the group.
        shared[part] = np.where(np.isnan(alike).any(axis=0), -np.inf, np.nan_to_num(alike).mean(axis=0))
    n = min(_MOST_TARGETS, max(_FEW_TARGETS, math.ceil(first.n_targets / 10)))
    which = np.sort(np.argsort(-shared, kind="stable")[:n])
    return which, [f"The {n} of {first.n_targets} targets count that subjects share most, whatever they share."]


def _bold(problems: Sequence[EncodingProblem], rows: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, int]:
    """Return what each subject adds to the mean over targets of the group's unit BOLD: (n_subjects, n_rows)."""
    found, n_targets = np.zeros((len(problems), len(rows))), 0
    signals = [problem.signal(rows) for problem in problems]
    width = max(1, VALUES // (len(problems) * problems[0].n_samples))
    for start in range(0, len(which), width):
        part = which[start : start + width]
        scaled = [_standard(cleaned(one, rows, part, signal)) for one, signal in zip(problems, signals, strict=True)]
        length = np.linalg.norm(sum(scaled), axis=0)
        there = length > 1e-9
        found += np.stack([(one[:, there] / length[there]).sum(axis=1) for one in scaled])
        n_targets += int(there.sum())
    if not n_targets:
        raise EncodingError(f"{problems[0].name}: no target has a signal", "leave this subject out")
    return found / n_targets, n_targets


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)


def _feature(problem: EncodingProblem, swept: LagSweep, rows: np.ndarray) -> np.ndarray:
    """Return the feature at every lag without nuisance, of length 1: (n_lags, n_rows)."""
    names = tuple(map(str, range(len(swept.lags))))
    cleaned = without_nuisance(replace(problem, bold=swept.values.T, targets=names))[rows].T
    cleaned -= cleaned.mean(axis=1, keepdims=True)
    length = np.linalg.norm(cleaned, axis=1, keepdims=True)
    if not (length > 1e-9 * np.abs(swept.values).max()).all():
        raise EncodingError(f"{swept.feature}: nothing is left of the feature without drifts", "take another feature")
    return np.asarray(cleaned / length)


def _bootstrap(
    lagged: np.ndarray, bold: np.ndarray, plan: BlockPlan | None, lengths: Sequence[int], n: int, random_state: int
) -> np.ndarray:
    """Return curves (n, n_lags) of units drawn again: subjects, or blocks of time."""
    if plan is None:
        shared, power = bold @ lagged.T, None
    else:
        starts = _block_starts(plan, lengths)
        shared = np.add.reduceat(lagged * bold.sum(axis=0), starts, axis=1).T
        power = np.add.reduceat(np.square(lagged), starts, axis=1).T
    rng, units = np.random.default_rng(random_state), len(shared)
    drawn = rng.multinomial(units, np.full(units, 1 / units), size=n).astype(np.float64)
    curves = drawn @ shared
    return np.asarray(curves if power is None else curves / np.sqrt(drawn @ power))


def _between(peaks: np.ndarray) -> tuple[float, float]:
    """Return lags of the sweep that 95 % of the peaks lie between."""
    low, high = np.quantile(peaks, 0.025, method="lower"), np.quantile(peaks, 0.975, method="higher")
    return float(low), float(high)


def _block_starts(plan: BlockPlan, lengths: Sequence[int]) -> np.ndarray:
    """Return the first row of each block; what is left at the end of a run belongs to its last one."""
    starts, first = [], 0
    for n, length, orders in zip(lengths, plan.lengths, plan.orders, strict=True):
        starts += [first + i * length for i in range(orders.shape[1])]
        first += n
    return np.array(starts)


def _null(lagged: np.ndarray, bold: np.ndarray, plan: BlockPlan, lengths: Sequence[int]) -> tuple[float, float]:
    """Return p of the largest r of all lags, and what 95 % of the null stays below."""
    products, first = [], 0
    for n, length, orders in zip(lengths, plan.lengths, plan.orders, strict=True):
        rows = slice(first, first + orders.shape[1] * length)
        theirs = bold[rows].reshape(-1, length)
        products.append(lagged[:, rows].reshape(len(lagged), -1, length) @ theirs.T)
        first += n

    def largest(orders: Sequence[np.ndarray]) -> float:
        parts = [
            product[:, order, np.arange(len(order))].sum(axis=1)
            for product, order in zip(products, orders, strict=True)
        ]
        return float(sum(parts).max())

    found = largest([np.arange(orders.shape[1]) for orders in plan.orders])
    n_permutations = len(plan.orders[0])
    null = np.array([largest([orders[i] for orders in plan.orders]) for i in range(n_permutations)])
    # The same numbers in another order sum to almost the same.
    p = (1 + int((null >= found - 1e-9).sum())) / (1 + n_permutations)
    return max(p, plan.smallest_p), float(np.quantile(null, 0.95))
