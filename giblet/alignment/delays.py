"""Rows of TRs again and again, each time later."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from giblet.alignment.hrf import HRF
from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import Seconds, exact


def check_delays(delays: Iterable[Seconds], hrf: HRF | None = None) -> tuple[Fraction, ...]:
    """Return delays as exact seconds.

    Parameters
    ----------
    delays : iterable of seconds
        Positive for rows that come later than their features; may be empty.
    hrf : str, callable, sequence or None
        The haemodynamic response that is applied besides.

    Returns
    -------
    tuple of fractions.Fraction
        The delays.

    Raises
    ------
    ParameterError
        If a delay is no number or there twice, or if there are delays and a response.
    """
    try:
        checked = tuple(exact(delay, "a delay") for delay in delays)
    except TypeError:
        raise ParameterError(f"the delays are {delays!r}", "give a list of seconds, such as [2, 4, 6, 8]") from None
    if len(set(checked)) < len(checked):
        raise ParameterError(f"the delays {[float(delay) for delay in checked]} repeat one", "give each delay once")
    if checked and hrf is not None:
        raise ParameterError(
            "delays are given together with a haemodynamic response, which is a delay already", "leave one of them out"
        )
    return checked


def delayed(values: np.ndarray, delays: Iterable[Seconds], tr: Seconds) -> tuple[np.ndarray, np.ndarray]:
    """Delay rows of TRs, the columns once for each delay.

    A delay of whole TRs moves rows. Any other one interpolates between the two rows around it; to delay at the series'
    own rate instead, filter it onto ``grid.moved(-delay)``.

    Parameters
    ----------
    values : ndarray, shape (n_trs, dim)
        One row per TR: what `to_trs` returns. Not convolved, and integers (categories) by whole TRs only.
    delays : iterable of seconds
        At least one.
    tr : real number or str
        Repetition time, seconds.

    Returns
    -------
    delayed : ndarray, shape (n_trs, dim · n_delays)
        All columns at the first delay, then all at the second, …; of the same dtype. Where a delay reaches before the
        first row (or, if negative, past the last) the nearest row is repeated.
    valid : ndarray of bool, shape (n_trs,)
        False for those rows.

    Raises
    ------
    ParameterError
        If a delay cannot be used or there is none.
    AlignmentError
        If the values are no rows, or categories would be interpolated.
    """
    checked, repetition = check_delays(delays), exact(tr, "tr")
    if not checked:
        raise ParameterError("there are no delays", "give a list of seconds, such as [2, 4, 6, 8]")
    if repetition <= 0:
        raise ParameterError(f"the TR is {float(repetition):g} s", "give a repetition time above 0 s")
    rows = np.asarray(values)
    if rows.ndim != 2 or not len(rows):
        raise AlignmentError(f"the values have the shape {rows.shape}", "give one row per TR, and at least one")
    valid, parts = np.ones(len(rows), bool), []
    for delay in checked:
        earlier, after = math.floor(-delay / repetition), -delay / repetition % 1
        if after and np.issubdtype(rows.dtype, np.integer):
            raise AlignmentError(
                f"a delay of {float(delay):g} s is {float(delay / repetition):.4g} TRs, and categories cannot be "
                "interpolated",
                "delay by whole TRs, or at their own rate (delayed_codes)",
            )
        before = np.arange(len(rows)) + earlier
        behind = before + (after > 0)
        valid &= (before >= 0) & (behind < len(rows))
        first, second = (rows[np.clip(index, 0, len(rows) - 1)] for index in (before, behind))
        parts.append(first * (1 - float(after)) + second * float(after) if after else first)
    return np.concatenate(parts, axis=1).astype(rows.dtype, copy=False), valid
