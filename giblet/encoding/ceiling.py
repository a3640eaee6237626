"""How well any model of the stimulus could do: the most that r can be, for a subject, a group's mean or a run.

Each answers for one level only. A subject's BOLD is mostly its own noise, the mean of a group mostly signal: dividing
the r of one by the ceiling of the other gives figures that mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from giblet.bold.cleaning import BLOCK
from giblet.bold.quality import isc
from giblet.errors import EncodingError
from giblet.timeline import whole

METHODS = ("split-half", "alpha")
N_SPLITS = 200


@dataclass(frozen=True, eq=False)
class Ceiling:
    """The most that r can be, and of what.

    Attributes
    ----------
    level : {"subject", "group", "run"}
        Whose r it is for: that of one subject, of the mean of the group, or of one run of several that show the same.
    r : ndarray of float64, shape (n_targets,) or (n_subjects, n_targets)
        Highest r; 0 where nothing is shared, NaN for targets that never change.
    sentence : str
        What it is, and what it is for.
    """

    level: str
    r: np.ndarray
    sentence: str

    def share(self, r: np.ndarray) -> np.ndarray:
        """Return which part of the ceiling a model has reached.

        Parameters
        ----------
        r : ndarray, shape as `r` of the ceiling
            Held-out correlations of the same level.

        Returns
        -------
        ndarray of float64, same shape
            r / ceiling; NaN where nothing is shared. Above 1 where a ceiling, which is estimated, came out too low.

        Raises
        ------
        EncodingError
            If the shapes differ.
        """
        found = np.asarray(r, np.float64)
        if found.shape != self.r.shape:
            raise EncodingError(
                f"r has the shape {found.shape} and the ceiling of the {self.level} level {self.r.shape}",
                "compare what belongs to the same subjects and targets",
            )
        return np.divide(found, self.r, out=np.full(found.shape, np.nan), where=self.r > 0)


def isc_ceiling(bold: Sequence[np.ndarray], *, corrected: bool = False) -> Ceiling:
    """Return the ceiling of each subject's r: its correlation with the mean of all others.

    This is what a model would reach that predicts that mean: the lower of the two bounds of Nili et al. (2014), PLoS
    Computational Biology 10. The mean of the others is not free of noise itself, so a model of what all share can reach
    more; ``corrected`` divides by what that costs, the root of the mean's reliability (Spearman's attenuation). A model
    can also predict what the stimulus does in this subject alone, of which other subjects know nothing.

    Parameters
    ----------
    bold : sequence of ndarray, each of shape (n_volumes, n_targets)
        The same volumes of at least two subjects, as they were judged: without drifts and confounds.
    corrected : bool
        Whether to correct for noise in the mean of the others; needs three subjects.

    Returns
    -------
    Ceiling
        Of the level "subject"; r of shape (n_subjects, n_targets).

    Raises
    ------
    EncodingError
        If there are too few subjects, or their shapes differ.
    """
    _check_alike(bold, "subject", 3 if corrected else 2)
    found = isc(bold).astype(np.float64)
    if corrected:
        for which in _blocks(bold):
            shared = _gram([part[:, which] for part in bold])
            for subject in range(len(bold)):
                others = np.delete(np.delete(shared, subject, 1), subject, 2)
                found[subject, which] *= _inverse_root(_alpha(others))
    n = len(bold) - 1
    what = f"the mean of the {n} others" if n > 1 else "the one other"
    return Ceiling(
        "subject",
        np.where(np.isnan(found), np.nan, np.clip(found, 0, 1)),
        f"For the r of one subject: its correlation with {what}"
        + (
            ", corrected for the noise in that mean; what the stimulus does in this subject alone could add to it."
            if corrected
            else ", a low estimate, for that still holds noise of its own."
        ),
    )


def group_reliability(
    bold: Sequence[np.ndarray], *, method: str = METHODS[0], n_splits: int = N_SPLITS, random_state: int = 0
) -> Ceiling:
    """Return the ceiling of the r of the group's mean: the root of how reliable that mean is.

    Parameters
    ----------
    bold : sequence of ndarray, each of shape (n_volumes, n_targets)
        The same volumes of at least two subjects; each is z-scored before the mean is taken.
    method : {"split-half", "alpha"}
        Correlation of the means of two halves of the group, over many splits, brought to the whole group by Spearman
        and Brown's formula (both 1910, British Journal of Psychology 3); or Cronbach's (1951, Psychometrika 16) alpha,
        which is what all splits have in common and needs no draws.
    n_splits : int
        Splits that are drawn. Of an odd number one subject, drawn anew, stands aside.
    random_state : int
        Seed.

    Returns
    -------
    Ceiling
        Of the level "group"; r of shape (n_targets,).

    Raises
    ------
    EncodingError
        If there are too few subjects, their shapes differ, or there is no such method.
    """
    _check_alike(bold, "subject", 2)
    if method not in METHODS or whole(n_splits, "n_splits") < 1:
        raise EncodingError(
            f"{n_splits} splits by {method!r}", f"choose from {', '.join(METHODS)}, with 1 split or more"
        )
    halves = _halves(len(bold), n_splits, random_state)
    found = np.full(np.shape(bold[0])[1], np.nan)
    for which in _blocks(bold):
        shared = _gram([part[:, which] for part in bold])
        reliability = _alpha(shared) if method == "alpha" else _split_half(shared, halves)
        found[which] = np.sqrt(np.clip(reliability, 0, 1))
    how = "Cronbach's alpha" if method == "alpha" else f"{n_splits} split halves with Spearman and Brown's formula"
    return Ceiling(
        "group",
        found,
        f"For the r of the mean of these {len(bold)} subjects, and of no single one: the root of that mean's "
        f"reliability, by {how}.",
    )


def explainable_variance(repeats: Sequence[np.ndarray], *, mean: bool = False) -> Ceiling:
    """Return the ceiling of the r of one subject's runs that show the same.

    The power of what repeats is the mean covariance of pairs of runs, which noise does not raise (Sahani and Linden,
    2003, Advances in Neural Information Processing Systems 15; Schoppe et al., 2016, Frontiers in Computational
    Neuroscience 10). Its share in a run's variance is the explainable variance: the square of this r.

    Parameters
    ----------
    repeats : sequence of ndarray, each of shape (n_volumes, n_targets)
        At least two runs of one subject, volume by volume of the same stimulus.
    mean : bool
        Whether it is for the r of the runs' mean, or for that of a single run.

    Returns
    -------
    Ceiling
        Of the level "run"; r of shape (n_targets,).

    Raises
    ------
    EncodingError
        If there is one run only, or their lengths differ.
    """
    _check_alike(repeats, "run", 2)
    n = len(repeats)
    found = np.full(np.shape(repeats[0])[1], np.nan)
    for which in _blocks(repeats):
        parts = np.stack([_changing(part[:, which]) for part in repeats])
        each, together = parts.var(axis=1).mean(axis=0), parts.mean(axis=0).var(axis=0)
        signal = (n * together - each) / (n - 1)
        total = together if mean else each
        share = np.divide(signal, total, out=np.full(total.shape, np.nan), where=total > 0)
        found[which] = np.sqrt(np.clip(share, 0, 1))
    whose = f"the mean of these {n} runs" if mean else f"a single one of these {n} runs"
    return Ceiling(
        "run",
        found,
        f"For the r of {whose}, which show the same to one subject: the root of the share of variance that repeats.",
    )


def _check_alike(parts: Sequence[np.ndarray], what: str, fewest: int) -> None:
    shapes = {np.shape(part) for part in parts}
    if len(parts) < fewest:
        raise EncodingError(f"there is only {len(parts)} {what}", f"give {fewest} or more, for the rest is noise")
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise EncodingError(
            f"the {what}s have the shapes {', '.join(map(str, sorted(shapes)))[:200]}",
            "give (n_volumes, n_targets), volume by volume of the same stimulus",
        )


def _blocks(parts: Sequence[np.ndarray]) -> Iterator[slice]:
    n_volumes, n_targets = np.shape(parts[0])
    width = max(1, BLOCK // (len(parts) * max(n_volumes, len(parts))))
    for first in range(0, n_targets, width):
        yield slice(first, first + width)


def _changing(values: np.ndarray) -> np.ndarray:
    """Return the values around their mean; exactly 0 where they do not change but for rounding."""
    part = values.astype(np.float64)
    part -= part.mean(axis=0)
    return np.where(part.std(axis=0) > 1e-9 * np.abs(values).max(axis=0, initial=0), part, 0)


def _gram(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return how subjects correlate with each other: (n_targets, n_subjects, n_subjects)."""
    unit = np.stack([_changing(part) for part in parts])
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = np.divide(unit, length, out=np.zeros_like(unit), where=length > 0).transpose(2, 0, 1)
    return np.asarray(unit @ unit.transpose(0, 2, 1))


def _alpha(shared: np.ndarray) -> np.ndarray:
    """Return Cronbach's alpha of z-scored subjects, of those who have a signal in the target."""
    n = np.trace(shared, axis1=1, axis2=2).round()
    total = shared.sum(axis=(1, 2))
    there = (n > 1) & (total > 1e-9)
    ratio = np.divide(n, total, out=np.ones_like(total), where=there)
    alpha = np.divide(n * (1 - ratio), n - 1, out=np.zeros_like(total), where=there)
    return np.where(n > 1, alpha, np.nan)


def _halves(n: int, n_splits: int, random_state: int) -> np.ndarray:
    """Return which subjects are in either half: bool (2, n_splits, n)."""
    rng, half = np.random.default_rng(random_state), n // 2
    ranks = np.stack([rng.permutation(n) for _ in range(n_splits)])
    return np.stack([ranks < half, (ranks >= half) & (ranks < 2 * half)])


def _split_half(shared: np.ndarray, halves: np.ndarray) -> np.ndarray:
    one, other = halves.astype(np.float64)
    first, second = one @ shared, other @ shared
    cross = (first * other).sum(axis=2)
    length = np.sqrt((first * one).sum(axis=2) * (second * other).sum(axis=2))
    # A split without a signal in one of its halves says nothing.
    r = np.divide(cross, length, out=np.full(cross.shape, np.nan), where=length > 1e-9)
    there = np.isfinite(r).any(axis=1)
    mean = np.full(len(r), np.nan)
    mean[there] = np.nanmean(r[there], axis=1)
    larger = shared.shape[1] / one[0].sum()
    return larger * mean / (1 + (larger - 1) * np.maximum(mean, 0))


def _inverse_root(reliability: np.ndarray) -> np.ndarray:
    """Return 1 / root; 1 where others share nothing, for there is nothing to correct."""
    root = np.sqrt(np.maximum(reliability, 0))
    return np.divide(1, root, out=np.ones_like(root), where=root > 0)
