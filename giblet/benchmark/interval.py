"""How sure a mean over neighbouring segments is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from giblet.benchmark.result import Interval

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0
# With fewer segments in all, their spread says nothing.
FEWEST = 3


def block_bootstrap(files: Sequence[Sequence[float]]) -> Interval:
    """Return the mean of a measure and its 95 % interval.

    The segments of a file are not independent: a scene, a voice or a piece of music goes on. So they are drawn anew,
    2,000 times, in blocks of neighbours, n^(1/3) segments long of a file's n. Blocks that reach the end go on at the
    beginning, so that every segment is drawn equally often. Of several files, the files are drawn anew as well. The
    interval is that of the percentiles, always the same for the same values.

    Parameters
    ----------
    files : sequence of sequence of float
        Per file, the values of its segments in time; nan where there is none.

    Returns
    -------
    Interval
        Of the mean over segments, then over the files that have any. It tells how the mean would vary with other
        stretches of one file, or with other files like several ones. No interval with fewer than three segments.

    References
    ----------
    Politis and Romano (1992), A circular block-resampling procedure for stationary data; block length as Hall, Horowitz
    and Jing (1995), On blocking rules for the bootstrap with dependent data.
    """
    values = [np.asarray(file, np.float64) for file in files]
    values = [kept for file in values if len(kept := file[np.isfinite(file)])]
    n = sum(map(len, values))
    if not n:
        return Interval(None, None, None, 0)
    mean = float(np.mean([file.mean() for file in values]))
    if n < FEWEST:
        return Interval(mean, None, None, n)
    rng = np.random.default_rng(SEED)
    drawn = _over_files(np.array([_means(file, rng) for file in values]), rng)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    # Rounding must not put a mean beside the interval of equal values.
    return Interval(mean, min(float(low), mean), max(float(high), mean), n)


def block_length(n: int) -> int:
    """Return the segments of a block, 1 or more, for a file of ``n``."""
    return max(1, math.ceil(n ** (1 / 3) - 1e-9))


def _over_files(means: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the means of files drawn anew, float64 (RESAMPLES,), of the files' own resamples (n_files, RESAMPLES)."""
    if len(means) == 1:
        return means[0]
    # A file that is drawn twice comes with two resamples.
    which, resample = rng.integers(len(means), size=means.shape), rng.integers(RESAMPLES, size=means.shape)
    return means[which, resample].mean(axis=0)


def _means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the means of all resamples of one file, float64 (RESAMPLES,)."""
    n, length = len(values), block_length(len(values))
    # Of each block only its sum counts; a last block that would be too long is cut.
    around = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[:length]]))])
    n_blocks, rest = divmod(n, length)
    starts = rng.integers(n, size=(RESAMPLES, n_blocks + bool(rest)))
    lengths = np.full(starts.shape[1], length)
    if rest:
        lengths[-1] = rest
    return (around[starts + lengths] - around[starts]).sum(axis=1) / n
