"""Vectors that last for a while → one row for each of many windows of time."""

from __future__ import annotations

import numpy as np

from giblet.errors import ParameterError

AGGREGATIONS = ("mean", "first", "last", "max")
GAP_FILLS = ("forward_fill", "zero", "interpolate")

# Seconds that what has no duration counts for: all of a row where it is alone, next to nothing beside what lasts.
_MOMENT = 1e-6


def check_spreading(aggregation: str, gap_fill: str) -> None:
    """Raise if one of the two names means nothing.

    Raises
    ------
    ParameterError
        If `aggregation` is none of `AGGREGATIONS`, or `gap_fill` none of `GAP_FILLS`.
    """
    for name, value, known in (("aggregation", aggregation, AGGREGATIONS), ("gap_fill", gap_fill, GAP_FILLS)):
        if value not in known:
            raise ParameterError(f"{name} is {value!r}", f"choose from {', '.join(known)}")


def overlaps(begins: np.ndarray, ends: np.ndarray, onset: float, duration: float) -> tuple[slice, np.ndarray]:
    """Return the windows in which something goes on.

    Parameters
    ----------
    begins, ends : ndarray of float64, shape (n,)
        Begins and ends of the windows, seconds, each ascending.
    onset, duration : float
        When it begins and how long it lasts, seconds.

    Returns
    -------
    windows : slice
        Those that it overlaps, or for a duration of 0 those in which its moment lies.
    seconds : ndarray of float32, shape (length of the slice,)
        For how long, above 0.
    """
    # Below a microsecond is a rounding of times: what ends at 0.3 s does not go on in the window from 0.3 s.
    if duration <= 2 * _MOMENT:
        windows = slice(*(int(np.searchsorted(edges, onset, "right")) for edges in (ends, begins)))
        return windows, np.full(max(0, windows.stop - windows.start), _MOMENT, np.float32)
    first = int(np.searchsorted(ends, onset + _MOMENT, "right"))
    last = int(np.searchsorted(begins, onset + duration - _MOMENT, "left"))
    windows = slice(first, max(first, last))
    seconds = np.minimum(ends[windows], onset + duration) - np.maximum(begins[windows], onset)
    return windows, seconds.astype(np.float32)


def spread(
    vectors: np.ndarray,
    onsets: np.ndarray,
    durations: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    aggregation: str = "mean",
) -> tuple[np.ndarray, np.ndarray]:
    """Bring vectors that last for a while to windows of time.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n_events, dim)
        The vectors.
    onsets, durations : ndarray of float64, shape (n_events,)
        When each begins, ascending, and how long it lasts, seconds.
    begins, ends : ndarray of float64, shape (n,)
        Begins and ends of the windows, seconds, each ascending; windows may overlap.
    aggregation : {"mean", "first", "last", "max"}
        What a window holds of the vectors that go on in it: their mean, weighted by for how long they do; the one that
        began first or last; the largest value in each column.

    Returns
    -------
    rows : ndarray of float32, shape (n, dim)
        0 where nothing goes on.
    covered : ndarray of bool, shape (n,)
        Where something does.
    """
    rows = np.zeros((len(begins), vectors.shape[1]), np.float32)
    total = np.zeros(len(begins), np.float32)
    for vector, onset, duration in zip(vectors, onsets, durations, strict=True):
        windows, seconds = overlaps(begins, ends, float(onset), float(duration))
        new = total[windows, None] == 0
        if aggregation == "mean":
            rows[windows] += seconds[:, None] * vector
        elif aggregation == "max":
            rows[windows] = np.where(new, vector, np.maximum(rows[windows], vector))
        else:
            rows[windows] = np.where(new | (aggregation == "last"), vector, rows[windows])
        total[windows] += seconds
    covered = total > 0
    if aggregation == "mean":
        rows[covered] /= total[covered, None]
    return rows, covered


def filled(rows: np.ndarray, covered: np.ndarray, gap_fill: str = "forward_fill") -> np.ndarray:
    """Fill the rows in which nothing goes on.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, dim)
        The rows, changed in place.
    covered : ndarray of bool, shape (n,)
        Those that hold something.
    gap_fill : {"forward_fill", "zero", "interpolate"}
        With what: the last row before that holds something; 0; the straight line between the rows on both sides.
        Before the first row that holds something stays 0, and after the last one it stays with every method but
        ``"zero"``.

    Returns
    -------
    ndarray of float32, shape (n, dim)
        The same array.
    """
    there = np.flatnonzero(covered)
    if gap_fill == "zero" or not there.size:
        return rows
    gaps = np.flatnonzero(~covered)
    gaps = gaps[gaps > there[0]]
    behind = np.searchsorted(there, gaps)
    before, after = there[behind - 1], there[np.minimum(behind, len(there) - 1)]
    if gap_fill == "forward_fill":
        rows[gaps] = rows[before]
    else:
        passed = ((gaps - before) / np.maximum(after - before, 1)).astype(np.float32)[:, None]
        rows[gaps] = rows[before] + passed * (rows[after] - rows[before])
    return rows


def known_for(onsets: np.ndarray, durations: np.ndarray, until: float, gap_fill: str = "forward_fill") -> float:
    """Return the longest time, in seconds, between two rows that know the same text.

    Parameters
    ----------
    onsets, durations : ndarray of float64, shape (n_texts,)
        When each text begins, ascending, and how long it lasts, seconds.
    until : float
        Where the rows end, seconds.
    gap_fill : {"forward_fill", "zero", "interpolate"}
        As in `filled`.
    """
    if not len(onsets):
        return 0.0
    first, last = onsets, onsets + durations
    before = np.append(onsets[0], np.maximum.accumulate(last)[:-1])
    if gap_fill != "zero":
        # What has no duration lasts for its row.
        over = np.where(durations > 0, last, np.nextafter(last, np.inf))
        last = np.append(onsets, max(until, last.max()))[np.searchsorted(onsets, over)]
    if gap_fill == "interpolate":
        first = np.minimum(first, before)
    return float((last - first).max())
