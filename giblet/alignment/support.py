"""How far a TR's features reach into the past and the future."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from giblet.alignment.delays import check_delays
from giblet.alignment.filters import LANCZOS_LOBES
from giblet.alignment.hrf import HRF, check_hrf, hrf_kernels
from giblet.timeline import Seconds, TRGrid


def support(
    grid: TRGrid, *, method: str | None = None, hrf: HRF | None = None, delays: Iterable[Seconds] = ()
) -> tuple[float, float]:
    """Return the seconds before and after its TR that a row of features knows of.

    Between TRs that are learnt from and TRs that are judged by, a gap of the sum of both keeps what one side was shown
    out of the other's features.

    Parameters
    ----------
    grid : TRGrid
        The volumes; TR and sample offset count.
    method : {"mean", "lanczos", "last", "sum"}, optional
        Filter that brought the features to TRs, if no response did.
    hrf : str, callable or sequence of seconds, optional
        Haemodynamic response they were convolved with.
    delays : iterable of seconds
        Delays, of features on TRs or of codes (``[codes_delay]``).

    Returns
    -------
    past, future : float
        Seconds, rounded up to whole TRs, for gaps are counted in TRs.

    Raises
    ------
    ParameterError
        If there is no such response, or there are delays besides one.
    """
    checked, tr = check_delays(delays, hrf), grid.tr
    past, future = Fraction(0), Fraction(0)
    if hrf is not None:
        # The length of a kernel in seconds does not depend on the oversampling by more than a step.
        steps = 100
        for kernel in hrf_kernels(check_hrf(hrf), tr, steps):
            past = max(past, (kernel.lag + len(kernel.weights)) * tr / steps - grid.sample_offset)
            future = max(future, grid.sample_offset - kernel.lag * tr / steps - tr)
    elif method == "lanczos":
        past = future = (LANCZOS_LOBES - Fraction(1, 2)) * tr
    past += max(Fraction(0), *checked) if checked else 0
    future += max(Fraction(0), *(-delay for delay in checked)) if checked else 0
    return _whole_trs(past, tr), _whole_trs(future, tr)


def _whole_trs(seconds: Fraction, tr: Fraction) -> float:
    return float(-(-seconds // tr) * tr)
