"""What a curve of lags comes to, in one sentence."""

from __future__ import annotations

import numpy as np

REFERENCE = (
    "Lags are in seconds from the times that the study states: 0 is as stated, positive means that the BOLD comes "
    "later than the stimulus says (raise onset by as much), negative that it comes earlier."
)
TOLERANCE = 1.0
"""Seconds by which haemodynamic responses of people and regions differ (Handwerker et al., 2004, NeuroImage 21)."""
WIDEST = 4.0
"""Seconds; an interval that is wider says nothing of use."""
SIGNIFICANT = 0.05


def judge_lag(
    name: str,
    lags: np.ndarray,
    peak: float,
    interval: tuple[float, float],
    r: float,
    p: float,
    smallest_p: float,
    null_r: float,
) -> tuple[str, str]:
    """Judge the peak of a curve.

    Parameters
    ----------
    name : str
        Whose.
    lags : ndarray of float64, shape (n_lags,)
        That were swept, seconds.
    peak : float
        Where r is largest, seconds.
    interval : tuple of float
        Bootstrap interval of the peak, seconds.
    r, p, smallest_p, null_r : float
        As in `giblet.encoding.LagCurve`; r is that of the peak.

    Returns
    -------
    verdict : {"aligned", "off", "inconclusive"}
        Aligned: the peak lies within the tolerance of 0, and so does some of the interval. Off: nothing of it does.
        Inconclusive: r is within the null, the peak at the edge of the sweep, the interval wider than 4 s, or only its
        tail reaches the tolerance.
    sentence : str
        The same for a person.
    """
    low, high = interval
    figures = f"r = {r:.2f}, p = {p:.2g}"
    between = f"95 % interval {_plain(low)} to {_plain(high)} s"
    if p > SIGNIFICANT:
        floor = f", and p cannot fall below {smallest_p:.2g} here" if smallest_p > SIGNIFICANT else ""
        return "inconclusive", (
            f"{name}: inconclusive: at no lag does the feature fit better than chance ({figures}; chance reaches "
            f"{null_r:.2f}{floor})."
        )
    if peak in (lags[0], lags[-1]):
        return "inconclusive", (
            f"{name}: inconclusive: the best lag, {_plain(peak)} s, is at the edge of what was swept ({figures}); "
            "sweep further."
        )
    if high - low > WIDEST:
        return "inconclusive", (
            f"{name}: inconclusive: lags from {_plain(low)} to {_plain(high)} s fit about as well (peak at "
            f"{_plain(peak)} s, {figures})."
        )
    if high < -TOLERANCE or low > TOLERANCE:
        way, other = ("later", "raise") if low > 0 else ("earlier", "lower")
        return "off", (
            f"{name}: off: the BOLD comes {abs(peak):g} s {way} than the stimulus says ({between}, {figures}); {other} "
            f"onset by about {abs(peak):g} s, or look for what was cut off."
        )
    if abs(peak) <= TOLERANCE:
        return "aligned", (
            f"{name}: aligned: the best lag is {_plain(peak)} s ({between}, {figures}), as near to 0 as responses of "
            f"people differ ({TOLERANCE:g} s)."
        )
    return "inconclusive", (
        f"{name}: inconclusive: the best lag is {_plain(peak)} s, but the times may be right as well ({between}, "
        f"{figures})."
    )


def _plain(seconds: float) -> str:
    return f"{seconds:+g}" if seconds else "0"
