"""What scores would be if the features had nothing to do with the brain, and how many discoveries that leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from giblet.encoding.problem import EncodingProblem, run_slices
from giblet.encoding.tally import Tally
from giblet.errors import EncodingError
from giblet.timeline import Seconds, exact, whole

_PERIODIC, _DECAYED, _FEWEST_SHIFTS = 0.5, 0.1, 4


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """How held-out predictions are permuted.

    Attributes
    ----------
    lengths : tuple of int
        Rows of a block, for each fold. The rows at a fold's end that fill no block are left out.
    orders : tuple of ndarray of int64, each of shape (n_permutations, n_blocks)
        Which block of predictions comes to each place, for each fold.
    smallest_p : float
        What p cannot fall below: 1 / (permutations + 1), or 1 / orders that there are.
    """

    lengths: tuple[int, ...]
    orders: tuple[np.ndarray, ...]
    smallest_p: float


def plan_blocks(
    n_test: Sequence[int], tr: Fraction, n_permutations: int, block: Seconds, random_state: int = 0
) -> BlockPlan:
    """Draw the permutations of blocks, the same for all targets.

    Parameters
    ----------
    n_test : sequence of int
        Held-out rows of each fold.
    tr : fractions.Fraction
        Repetition time, seconds.
    n_permutations : int
        How many.
    block : seconds
        Of a block, at the least.
    random_state : int
        Seed.

    Returns
    -------
    BlockPlan
        The permutations.

    Raises
    ------
    EncodingError
        If no fold holds two blocks, or fewer than one permutation is asked for.
    """
    if whole(n_permutations, "the number of permutations") < 1:
        raise EncodingError(f"{n_permutations} permutations make no null", "ask for 1 or more, or for no null")
    least = max(1, math.ceil(exact(block, "the block") / tr))
    counts = [max(1, n // least) for n in n_test]
    if max(counts) < 2:
        raise EncodingError(
            f"held-out parts of at most {max(n_test)} TRs hold no two blocks of {float(exact(block)):g} s",
            "take longer runs or fewer folds, or ask for no null (--null none)",
        )
    rng = np.random.default_rng(random_state)
    orders = tuple(
        np.stack([rng.permutation(count) for _ in range(n_permutations)]).astype(np.int64) for count in counts
    )
    there = math.prod(math.factorial(count) for count in counts)
    lengths = tuple(n // count for n, count in zip(n_test, counts, strict=True))
    return BlockPlan(lengths, orders, max(1 / (n_permutations + 1), 1 / there))


def block_null(
    plan: BlockPlan, predictions: Sequence[np.ndarray], bold: Sequence[np.ndarray], widening: float = math.sqrt(2)
) -> tuple[np.ndarray, np.ndarray]:
    """Compare the mean r of folds with that of permuted predictions.

    Within each fold whole blocks change places, so what is slow in prediction and BOLD stays as slow as it is.

    Each held-out part was learnt from in all other folds. So even where features have nothing to do with BOLD, the r of
    two of F folds correlate by 1 / (F − 1), and the variance of their mean is twice that of independent ones, whatever
    the features, their number and the regularisation. Permutations that know nothing of it are widened by √2.

    Parameters
    ----------
    plan : BlockPlan
        The permutations.
    predictions, bold : sequence of ndarray, each of shape (n_test, n_targets)
        Held-out rows of each fold.
    widening : float
        Factor of the permuted r; 1 for folds that learnt nothing of each other.

    Returns
    -------
    p : ndarray of float64, shape (n_targets,)
        (1 + permutations whose r is as large or larger) / (1 + permutations).
    margin : ndarray of float64, shape (n_targets,)
        By how much r exceeds what it has to exceed for p ≤ .05; NaN where there are too few permutations.
    """
    n_targets, n = predictions[0].shape[1], len(plan.orders[0])
    products = []
    for length, orders, predicted, measured in zip(plan.lengths, plan.orders, predictions, bold, strict=True):
        n_blocks = orders.shape[1]
        ours, theirs = (_unit(part[: n_blocks * length]) for part in (predicted, measured))
        # What any block of predictions shares with any block of BOLD; a permutation sums some of these.
        ours, theirs = (part.reshape(n_blocks, length, n_targets).transpose(2, 0, 1) for part in (ours, theirs))
        products.append(np.ascontiguousarray((ours @ theirs.transpose(0, 2, 1)).transpose(1, 2, 0)))

    def total(orders: Sequence[np.ndarray]) -> np.ndarray:
        return sum(
            (
                product[order, np.arange(len(order))].sum(axis=0)
                for product, order in zip(products, orders, strict=True)
            ),
            np.zeros(n_targets),
        )

    found = total([np.arange(orders.shape[1]) for orders in plan.orders])
    tally = Tally(found, n)
    for i in range(n):
        tally.add(widening * total([orders[i] for orders in plan.orders]))
    return tally.p(), (found - tally.chance()) / len(predictions)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and length 1; 0 where they do not change."""
    centred = values.astype(np.float64)
    centred -= centred.mean(axis=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    usable = length > 1e-9 * np.sqrt(len(values)) * np.abs(values).max(axis=0, initial=0)
    return np.divide(centred, length, out=np.zeros_like(centred), where=usable)


@dataclass(frozen=True, eq=False)
class ShiftPlan:
    """By how much features are moved against BOLD, circularly within each run.

    Attributes
    ----------
    shifts : ndarray of int64
        TRs.
    spacing : int
        TRs after which the features do not know themselves any more; shifts are multiples of it.
    smallest_p : float
        1 / (shifts + 1).
    """

    shifts: np.ndarray
    spacing: int
    smallest_p: float


def plan_shifts(
    problem: EncodingProblem, reach: tuple[float, float], n_shifts: int, random_state: int = 0
) -> ShiftPlan:
    """Choose shifts that are independent of each other, or refuse features that return to themselves.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    reach : tuple of float
        Seconds of past and future that a row of the model knows.
    n_shifts : int
        At most so many.
    random_state : int
        Seed, where there are more than asked for.

    Returns
    -------
    ShiftPlan
        The shifts.

    Raises
    ------
    EncodingError
        If features are periodic, so that shifted ones are as good as they are, or there are too few shifts.
    """
    n_rows = min(rows.stop - rows.start for rows in run_slices(problem.runs))
    spacing = 1
    for name, values in problem.features.items():
        alike = _autocorrelation(problem, np.nan_to_num(values.astype(np.float64)), n_rows)
        # Over all lags of a circle what has a mean of 0 is alike to itself by 0.
        decayed = int(np.flatnonzero(alike <= _DECAYED)[0])
        spacing = max(spacing, decayed)
        after = alike[decayed:]
        if after.max() >= _PERIODIC:
            lag = int(decayed + np.flatnonzero(after >= 0.9 * after.max())[0])
            raise EncodingError(
                f"{problem.name}: {name} repeats itself after {float(lag * problem.tr):g} s (r = {after.max():.2f}), "
                "so a shifted one is no null",
                "take the null by blocks (--null blocks)",
            )
    spacing = max(spacing, math.ceil(Fraction(sum(reach)) / problem.tr))
    candidates = np.arange(spacing, n_rows - spacing + 1, spacing)
    if len(candidates) < _FEWEST_SHIFTS:
        raise EncodingError(
            f"{problem.name}: runs of {n_rows} TRs hold only {len(candidates)} shifts that are independent "
            f"({spacing} TRs apart)",
            "take the null by blocks (--null blocks), or longer runs",
        )
    if len(candidates) > whole(n_shifts, "the number of permutations"):
        drawn = np.random.default_rng(random_state).choice(candidates, max(1, n_shifts), replace=False)
        candidates = np.sort(drawn)
    return ShiftPlan(candidates, spacing, 1 / (len(candidates) + 1))


def _autocorrelation(problem: EncodingProblem, values: np.ndarray, n_lags: int) -> np.ndarray:
    """Return how alike features are to themselves later, circularly in each run: mean over columns, half the lags."""
    total, weight = np.zeros(n_lags // 2 + 1), 0
    for rows in problem.each_run():
        part = _unit(values[rows])
        power = np.square(np.abs(np.fft.rfft(part, axis=0)))
        lags = np.fft.irfft(power, n=len(part), axis=0)[: len(total)]
        moving = part.any(axis=0)
        total += lags[:, moving].sum(axis=1)
        weight += int(moving.sum())
    return total / max(1, weight)


def shifted(problem: EncodingProblem, shift: int) -> dict[str, np.ndarray]:
    """Return features that come ``shift`` TRs later, what leaves a run at its end coming back at its beginning."""
    found: Mapping[str, np.ndarray] = problem.features
    return {
        name: np.concatenate([np.roll(values[rows], shift, axis=0) for rows in problem.each_run()])
        for name, values in found.items()
    }


def false_discoveries(p: np.ndarray) -> np.ndarray:
    """Return q: p after Benjamini and Hochberg's (1995) procedure, over the targets that have one.

    Parameters
    ----------
    p : ndarray, shape (n_targets,)
        NaN for targets without signal.

    Returns
    -------
    ndarray of float64, shape (n_targets,)
        Share of false discoveries if this target and all with lower p are taken for discoveries.
    """
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    there = np.isfinite(p)
    if there.any():
        q[there] = false_discovery_control(p[there], method="bh")
    return q
