"""Seconds as the numbers people mean."""

from __future__ import annotations

import math
import operator
import re
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

from giblet.errors import ParameterError

Seconds = str | float | Real
"""Seconds as people write them."""

# Fractions with a larger denominator are nobody's repetition time; floats are rounded, and rounded again by arithmetic.
LARGEST_DENOMINATOR = 10_000
ROUNDING = Fraction(1, 10**12)

# No more digits than anybody means: an exponent of millions would fill the memory.
SECONDS = re.compile(r"[+-]?(\d{1,20}/\d{1,20}|(\d{1,20}\.?\d{0,20}|\.\d{1,20})(e[+-]?\d{1,2})?)", re.IGNORECASE)


def exact(seconds: Seconds, name: str = "time") -> Fraction:
    """Return a time as the rational number that was written.

    A float stands for the simple fraction it is a rounding of, if there is one (1.49 is 149/100, 4/3 is a third more
    than 1), else for the decimal that it prints as; a thousand repetitions then stay exact.

    Parameters
    ----------
    seconds : str or real number
        Seconds: int, float, numpy scalar, `fractions.Fraction`, or text such as ``"1.49"`` or ``"4/3"``.
    name : str
        What the value is, for the message of an error.

    Returns
    -------
    fractions.Fraction
        The same time, exact.

    Raises
    ------
    ParameterError
        If the value is no finite number.
    """
    if isinstance(seconds, Rational):
        return Fraction(seconds)
    text = str(seconds).strip()
    if isinstance(seconds, Real) and not math.isfinite(seconds):
        raise ParameterError(f"{name} is {seconds}", "give a finite number of seconds")
    if SECONDS.fullmatch(text) is None:
        raise ParameterError(f"{name} {text[:40]!r} is no number of seconds", "give a number such as 1.5 or 4/3")
    if isinstance(seconds, Real):
        written = Fraction(text)
        simple = written.limit_denominator(LARGEST_DENOMINATOR)
        return simple if abs(simple - written) <= abs(written) * ROUNDING else written
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ParameterError(f"{name} {text!r} divides by 0", "give a number such as 1.5 or 4/3") from None


def whole(count: Any, name: str) -> int:
    """Return a count as an int.

    Parameters
    ----------
    count : int or numpy integer
        The count.
    name : str
        What it counts, for the message of an error.

    Returns
    -------
    int
        The same.

    Raises
    ------
    ParameterError
        If it is no integer.
    """
    try:
        return operator.index(count)
    except TypeError:
        raise ParameterError(f"{name} is {count!r}", "give a whole number") from None
