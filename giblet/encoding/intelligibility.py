"""Whether decoded sound is more like its source than like the sound of other moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet.errors import EncodingError
from giblet.metrics import stoi
from giblet.timeline import Seconds, exact, whole


@dataclass(frozen=True, eq=False)
class SoundScore:
    """STOI of decoded sound, and of the same sound at other times.

    Attributes
    ----------
    stoi : float
        Mean over stretches, weighted by their lengths.
    null : ndarray of float64, shape (n_permutations,)
        The same for sound that was decoded from other TRs.
    p : float
        (1 + permutations that come out as high or higher) / (1 + permutations).
    smallest_p : float
        What p cannot fall below: 1 / (1 + permutations).
    seconds : float
        Sound that was compared.
    """

    stoi: float
    null: np.ndarray
    p: float
    smallest_p: float
    seconds: float

    @property
    def sentence(self) -> str:
        """The result in words."""
        return (
            f"STOI {self.stoi:.3f} over {self.seconds:.0f} s; sound decoded from other TRs {self.null.mean():.3f}; "
            f"p = {self.p:.3g}, which cannot fall below {self.smallest_p:.3g} here."
        )


def score_sound(
    source: Sequence[np.ndarray],
    decoded: Sequence[np.ndarray],
    sample_rate: int,
    tr: Seconds,
    *,
    n_permutations: int = 99,
    away: Seconds = 10,
    extended: bool = False,
    seed: int = 0,
) -> SoundScore:
    """Compare decoded sound with its source, and with its source at other times.

    The null is the sound decoded from other TRs: each stretch is shifted circularly by whole TRs, so level, spectrum
    and slowness stay what they are. A shifted stretch is no null where source or design repeats itself.

    Parameters
    ----------
    source, decoded : sequence of ndarray, each of shape (n_samples,)
        Stretches of sound, pairs in step and of equal length.
    sample_rate : int
        Hz.
    tr : seconds
        Repetition time.
    n_permutations : int
        How many; fewer where there are not so many different ones.
    away : seconds
        By how much sound is shifted at the least, either way: as long as neighbouring predictions are alike, for they
        share BOLD. Stretches that are too short for it, or too quiet for STOI, are left out, of the score as of the
        null.
    extended : bool
        Extended STOI (Jensen and Taal, 2016) in place of STOI.
    seed : int
        Of the permutations.

    Returns
    -------
    SoundScore
        The comparison.

    Raises
    ------
    EncodingError
        If stretches do not fit each other, all are too short, or too little of the source is loud enough for STOI.
    """
    pairs = [(np.asarray(ours), np.asarray(theirs)) for ours, theirs in zip(source, decoded, strict=True)]
    for ours, theirs in pairs:
        if ours.shape != theirs.shape or ours.ndim != 1:
            raise EncodingError(
                f"a stretch of source has the shape {ours.shape}, its sound {theirs.shape}",
                "give one channel each, of the same length",
            )
    if whole(n_permutations, "the number of permutations") < 1 or min(exact(away, "the distance"), exact(tr)) <= 0:
        raise EncodingError(
            "there is nothing to compare with", "ask for 1 permutation or more, above 0 s away, with a TR above 0 s"
        )
    step, least = exact(tr) * sample_rate, math.ceil(exact(away) / exact(tr))
    pairs = [(ours, theirs) for ours, theirs in pairs if round(len(ours) / step) >= 2 * least]
    if not pairs:
        raise EncodingError(
            f"no stretch is as long as twice {float(exact(away)):g} s", "take longer stretches, or shift by less"
        )
    values = [stoi(ours, theirs, sample_rate, extended=extended) for ours, theirs in pairs]
    # Whether there is enough to compare depends on the source alone.
    pairs = [pair for pair, value in zip(pairs, values, strict=True) if not math.isnan(value)]
    if not pairs:
        raise EncodingError("too little of the source is loud enough to compare", "take stretches with more sound")
    found = _mean(pairs, [0] * len(pairs), sample_rate, extended)
    # Different shifts by whole TRs: n − 2 · least + 1 of each stretch.
    choices = [np.arange(least, round(len(ours) / step) - least + 1) for ours, _ in pairs]
    shifts = _draw(choices, n_permutations, np.random.default_rng(seed))
    null = np.array([_mean(pairs, [round(k * step) for k in row], sample_rate, extended) for row in shifts])
    p = (1 + int((null >= found).sum())) / (1 + len(null))
    seconds = sum(len(ours) for ours, _ in pairs) / sample_rate
    return SoundScore(found, null, p, 1 / (1 + len(null)), seconds)


def _draw(choices: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return different combinations of shifts, all of them if there are no more than asked for."""
    there = math.prod(len(each) for each in choices)
    if there <= n:
        grids = np.meshgrid(*choices, indexing="ij")
        return [tuple(int(k) for k in row) for row in np.stack([grid.ravel() for grid in grids], axis=1)]
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < n:
        drawn[tuple(int(rng.choice(each)) for each in choices)] = None
    return list(drawn)


def _mean(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], shifts: Sequence[int], sample_rate: int, extended: bool
) -> float:
    values = [
        stoi(ours, np.roll(theirs, shift), sample_rate, extended=extended)
        for (ours, theirs), shift in zip(pairs, shifts, strict=True)
    ]
    return float(np.average(values, weights=[len(ours) for ours, _ in pairs]))
