"""Haemodynamic responses by name, as FIR delays, or as a function; the kernels are nilearn's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.errors import ParameterError
from giblet.timeline import Seconds, exact, whole

HRF = str | Callable[[float, int], np.ndarray] | Sequence[Seconds]
"""A name from `HRFS`; a function of TR and oversampling, as nilearn takes them; or FIR delays in seconds."""

_TERMS = {"derivative": "time_derivative", "dispersion": "dispersion_derivative"}
HRFS = tuple(
    f"{shape}{terms}" for shape in ("spm", "glover") for terms in ("", " + derivative", " + derivative + dispersion")
)
"""Names of haemodynamic responses, as nilearn spells them."""

DURATION = 32.0
"""Seconds that nilearn's kernels last."""


@dataclass(frozen=True)
class Kernel:
    """What an impulse leaves behind, step by step of a fine grid.

    Attributes
    ----------
    lag : int
        Steps after the impulse at which it begins; below 0 only for FIR delays shorter than a TR.
    weights : ndarray of float64, shape (n,)
        Its values.
    """

    lag: int
    weights: np.ndarray


def check_hrf(hrf: HRF) -> HRF:
    """Return a haemodynamic response if there is such a one, FIR delays as a tuple of exact seconds.

    Parameters
    ----------
    hrf : str, callable or sequence of seconds
        A name from `HRFS`; a function ``f(tr, oversampling)`` that returns the response in steps of tr / oversampling;
        or delays in seconds.

    Returns
    -------
    str, callable or tuple of fractions.Fraction
        The same.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if callable(hrf):
        return hrf
    if isinstance(hrf, str):
        name = " + ".join(part.strip() for part in hrf.lower().split("+"))
        if name not in HRFS:
            raise ParameterError(
                f"there is no haemodynamic response {hrf!r}",
                f"choose from {', '.join(HRFS)}, or give FIR delays in seconds or a function",
            )
        return name
    try:
        delays = tuple(exact(delay, "a FIR delay") for delay in hrf)
    except TypeError:
        raise ParameterError(
            f"the haemodynamic response is {hrf!r}", "give a name, a list of FIR delays in seconds, or a function"
        ) from None
    if not delays or len(set(delays)) < len(delays) or min(delays) < 0:
        raise ParameterError(
            f"the FIR delays are {[float(delay) for delay in delays]}", "give different delays of 0 s or more"
        )
    return delays


def hrf_kernels(hrf: HRF, tr: Fraction, oversampling: int) -> tuple[Kernel, ...]:
    """Return the kernels of a haemodynamic response.

    Parameters
    ----------
    hrf : str, callable or sequence of seconds
        As in `check_hrf`.
    tr : fractions.Fraction
        Repetition time, seconds.
    oversampling : int
        Steps per TR.

    Returns
    -------
    tuple of Kernel
        One per column that a feature becomes. A FIR delay d is, as in nilearn, the mean over one TR that begins d
        seconds before the volume; d is rounded to whole steps.

    Raises
    ------
    ParameterError
        If there is no such response, or the function returns no kernel.
    """
    checked, steps = check_hrf(hrf), whole(oversampling, "the oversampling")
    if steps < 1:
        raise ParameterError(f"the oversampling is {steps}", "give 1 step per TR or more")
    if callable(checked):
        return (Kernel(0, _own_kernel(checked, float(tr), steps)),)
    if isinstance(checked, str):
        from nilearn.glm import first_level

        shape, *terms = checked.split(" + ")
        functions = ("hrf", *(_TERMS[term] for term in terms))
        return tuple(Kernel(0, getattr(first_level, f"{shape}_{name}")(float(tr), steps)) for name in functions)
    mean = np.full(steps, 1 / steps)
    return tuple(Kernel(round(exact(delay) / tr * steps) - steps + 1, mean) for delay in checked)


def kernel_names(hrf: HRF) -> tuple[str, ...]:
    """Return what each kernel of a response adds to a column's name.

    Parameters
    ----------
    hrf : str, callable or sequence of seconds
        As in `check_hrf`.

    Returns
    -------
    tuple of str
        "" for the response itself, "derivative", "dispersion", or "delay_4" for a FIR delay of 4 s.
    """
    checked = check_hrf(hrf)
    if callable(checked):
        return ("",)
    if isinstance(checked, str):
        return ("", *checked.split(" + ")[1:])
    return tuple(f"delay_{float(exact(delay)):g}" for delay in checked)


def hrf_peak(hrf: HRF) -> float:
    """Return when a response is strongest.

    Parameters
    ----------
    hrf : str or callable
        As in `check_hrf`; of responses with derivatives the first column counts.

    Returns
    -------
    float
        Seconds after the impulse, to a hundredth.

    Raises
    ------
    ParameterError
        If it is a set of FIR delays, which has no peak.
    """
    checked = check_hrf(hrf)
    if not callable(checked) and not isinstance(checked, str):
        raise ParameterError("FIR delays have no peak", "give the delay of the codes (codes_delay)")
    per_second = 1000
    return round(float(np.argmax(hrf_kernels(checked, Fraction(1), per_second)[0].weights)) / per_second, 2)


def _own_kernel(hrf: Callable[..., Any], tr: float, steps: int) -> np.ndarray:
    try:
        weights = np.asarray(hrf(tr, steps), np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"the haemodynamic response {hrf!r} cannot be computed ({error})",
            "give a function of TR and oversampling that returns numbers",
        ) from error
    if weights.ndim != 1 or not weights.size or not np.isfinite(weights).all():
        raise ParameterError(
            f"the haemodynamic response {hrf!r} returns an array of shape {weights.shape}",
            "give a function of TR and oversampling that returns a row of finite numbers",
        )
    return weights
