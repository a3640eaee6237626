"""Arithmetic that gives the same bits on every machine, with any number of threads and in blocks of any size.

All values are whole numbers, held in float64 so that matrix products are as fast as the machine's own. A sum of whole
numbers whose partial sums stay below 2**53 is exact, and so is independent of the order in which it is taken; the
bounds are checked when a model is read. What is rounded is rounded once, from an exact value.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache

import numpy as np
import numpy.typing as npt

from giblet.errors import CodecError
from giblet.formats.arithmetic import LEAST_COUNT, RANGE_BITS

Whole = npt.NDArray[np.float64]
"""Whole numbers."""
Integers = npt.NDArray[np.signedinteger]

UNIT_BITS = 12
"""Activations are multiples of 2**-12."""
SCALE_BITS = 18
"""Scales of weights are multiples of 2**-18."""
LOGIT_BITS = 8
"""Logarithms of probabilities, to base 2, are multiples of 2**-8."""
READ_BITS = 16
"""What is multiplied with the table of code vectors, and its factors, are multiples of 2**-16."""
LIMIT = float(1 << 20)
"""Where the residual stream is cut off: 256 in real numbers."""

# A little less than 2**53, for bounds are rounded themselves.
_EXACT = 2.0**53 * (1 - 2.0**-20)
_INVERSE_BITS = 30


class ExactLinear:
    """A matrix of 8-bit weights with one scale per row, and a bias.

    Parameters
    ----------
    weight : ndarray of integers, shape (n_out, n_in)
        Weights.
    scale : ndarray of integers, shape (n_out,)
        What a weight of 1 stands for, in units of ``2**-SCALE_BITS``.
    bias : ndarray of integers, shape (n_out,)
        In units of activations.
    """

    def __init__(self, weight: Integers, scale: Integers, bias: Integers) -> None:
        self._transposed = np.ascontiguousarray(weight.T, np.float64)
        self._scale = scale.astype(np.float64) * 2.0**-SCALE_BITS
        self._bias = bias.astype(np.float64)

    def __call__(self, x: Whole) -> Whole:
        """Return the product with whole numbers (k, n_in), rounded to whole numbers, plus the bias: (k, n_out)."""
        y = x @ self._transposed
        y *= self._scale
        np.rint(y, out=y)
        y += self._bias
        return y

    def bound(self, inputs: float) -> float:
        """Return the largest magnitude of an output.

        Parameters
        ----------
        inputs : float
            The largest magnitude of an input.

        Returns
        -------
        float
            The bound.

        Raises
        ------
        CodecError
            If sums or products could need more bits than are exact.
        """
        sums = np.abs(self._transposed).sum(axis=0) * inputs * np.abs(self._scale)
        check_exact(float(sums.max(initial=0)) * 2.0**SCALE_BITS)
        return float((sums + np.abs(self._bias)).max(initial=0)) + 1


def check_exact(largest: float) -> None:
    """Raise if whole numbers can become too large to be exact.

    Parameters
    ----------
    largest : float
        Largest magnitude that can occur.

    Raises
    ------
    CodecError
        If it has more than 53 bits.
    """
    if not largest <= _EXACT:
        raise CodecError(
            "its weights are too large for exact arithmetic", "train the language model again with a lower rate"
        )


def counts(logits: Whole) -> npt.NDArray[np.int64]:
    """Turn logarithms of probabilities into counts that an arithmetic coder works with.

    Parameters
    ----------
    logits : ndarray of whole float64, shape (..., n_entries)
        In units of ``2**-LOGIT_BITS``, to base 2, up to a constant. Overwritten.

    Returns
    -------
    ndarray of int64, shape (..., n_entries)
        At least 2 each, at most 2**24 in all.
    """
    np.subtract(logits.max(axis=-1, keepdims=True), logits, out=logits)
    np.minimum(logits, float(RANGE_BITS << LOGIT_BITS), out=logits)
    parts = _powers()[logits.astype(np.intp)]
    room = (1 << RANGE_BITS) - LEAST_COUNT * logits.shape[-1]
    # A division per distribution in place of one per entry; the product stays below 2**54.
    inverse = (room << _INVERSE_BITS) // parts.sum(axis=-1, keepdims=True)
    parts *= inverse
    parts >>= _INVERSE_BITS
    parts += LEAST_COUNT
    return parts


@cache
def _powers() -> npt.NDArray[np.int64]:
    """Return 2**24 · 2**(-i / 256), rounded down; 0 at the end. Decimal arithmetic is the same everywhere."""
    context, spare = Context(prec=40), 24
    steps = 1 << LOGIT_BITS
    octave = [
        int(context.power(Decimal(2), RANGE_BITS + spare - context.divide(Decimal(i), Decimal(steps))))
        for i in range(steps)
    ]
    powers = [octave[i % steps] >> (spare + i // steps) for i in range(RANGE_BITS * steps)]
    return np.array([*powers, 0], np.int64)
