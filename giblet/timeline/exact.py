"""Seconds as the numbers people mean."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from numbers import Rational, Real

from giblet.errors import ParameterError

Seconds = str | float | Real
"""Seconds as people write them."""

# No more digits than anybody means: an exponent of millions would fill the memory.
SECONDS = re.compile(r"[+-]?(\d{1,20}/\d{1,20}|(\d{1,20}\.?\d{0,20}|\.\d{1,20})(e[+-]?\d{1,2})?)", re.IGNORECASE)


def exact(seconds: Seconds, name: str = "time") -> Fraction:
    """Return a time as the rational number that was written.

    A float stands for the shortest decimal that prints like it, so ``1.49`` is 149/100 and not the binary number
    beside it; a thousand repetitions then stay exact.

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
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ParameterError(f"{name} {text!r} divides by 0", "give a number such as 1.5 or 4/3") from None
