"""Which targets are usable, and what is taken out of their time courses: block by block, for the sake of memory."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from giblet.bold.confounds import Confounds
from giblet.bold.damage import quiet
from giblet.errors import ParameterError
from giblet.timeline import Seconds, exact

BLOCK = 2**21
"""Values that are worked on at once, 16 MB of float64."""


def blocks(values: np.ndarray) -> Iterator[slice]:
    """Cut the targets of time courses into blocks that fit into little memory.

    Parameters
    ----------
    values : ndarray, shape (n_volumes, n_targets)
        The time courses.

    Yields
    ------
    slice
        Of the columns.
    """
    width = max(1, BLOCK // len(values))
    for first in range(0, values.shape[1], width):
        yield slice(first, first + width)


def judge(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find targets that cannot be used.

    Parameters
    ----------
    values : ndarray of float32, shape (n_volumes, n_targets)
        The time courses.

    Returns
    -------
    constant, broken : ndarray of bool, shape (n_targets,)
        Those that never change, and those that have values which are no numbers.
    """
    constant, broken = (np.zeros(values.shape[1], bool) for _ in range(2))
    for which in blocks(values):
        part = values[:, which]
        broken[which] = ~np.isfinite(part).all(axis=0)
        constant[which] = (part == part[0]).all(axis=0)
    return constant, broken


def clean(
    values: np.ndarray, confounds: Confounds, *, detrend: bool, high_pass: Seconds | None, tr: Fraction | None
) -> np.ndarray:
    """Take drifts and confounds out of time courses, in one regression.

    Parameters
    ----------
    values : ndarray of float32, shape (n_volumes, n_targets)
        The time courses; written over if they can be.
    confounds : Confounds
        Regressed out; censored volumes have no say in the regression, and get the mean of the others.
    detrend : bool
        Take out a straight line and the mean.
    high_pass : number or str, optional
        Hz; drifts below it are taken out by a discrete cosine set, as SPM does.
    tr : fractions.Fraction or None
        Seconds; needed for ``high_pass``.

    Returns
    -------
    ndarray of float32, shape (n_volumes, n_targets)
        What nilearn's ``signal.clean`` makes of them, without standardising.

    Raises
    ------
    ParameterError
        If the frequency cannot be cut off at this TR, or nothing would be left.
    """
    frequency = None if high_pass is None else _cut_off(high_pass, tr)
    if not (detrend or frequency or confounds.values.shape[1]):
        return values
    kept = ~confounds.censored
    # nilearn's set of cosines has one for each half period in the run.
    drifts = 0 if frequency is None or tr is None else int(2 * len(values) * tr * frequency)
    taken = confounds.values.shape[1] + drifts + detrend
    if taken + 1 >= kept.sum():
        raise ParameterError(
            f"{taken} regressors would leave nothing of {kept.sum()} volumes that are not censored",
            "take fewer confounds, censor less, or lower high_pass",
        )
    from nilearn import signal

    cleaned = values if values.flags.writeable else np.empty_like(values)
    for which in blocks(values):
        with quiet():
            part = signal.clean(
                values[:, which].astype(np.float64),
                detrend=detrend,
                standardize=False,
                confounds=confounds.values if confounds.values.shape[1] else None,
                sample_mask=None if kept.all() else np.flatnonzero(kept),
                filter=False if frequency is None else "cosine",
                high_pass=None if frequency is None else float(frequency),
                t_r=None if tr is None else float(tr),
            )
        cleaned[kept, which] = part
        cleaned[~kept, which] = part.mean(axis=0)
    return cleaned


def _cut_off(high_pass: Seconds, tr: Fraction | None) -> Fraction:
    frequency = exact(high_pass, "high_pass")
    if tr is None:
        raise ParameterError("high_pass needs the TR", "give tr= in seconds")
    if not 0 < frequency < 1 / (2 * tr):
        raise ParameterError(
            f"high_pass is {high_pass} Hz",
            f"give Hz below {float(1 / (2 * tr)):g}; a period of 128 s is 1/128",
        )
    return frequency
