"""A small language model over the codes of any codec, exact everywhere.

Time by time, and within a time codebook by codebook, it gives the distribution of the next code. A stack of causal
convolutions (dilated as in WaveNet, arXiv 1609.03499) looks at the frames before, each as the sum of its code vectors;
a small network per codebook joins that with the sum of the code vectors below it in the same frame; the product with
the codebook's own vectors gives the logarithms of probabilities. The vectors begin as the codec's own, and are shared
by input and output, so that most of the model is one table of 8-bit numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from giblet.codecs.lm.exact import LIMIT, LOGIT_BITS, READ_BITS, ExactLinear, Whole, check_exact, counts
from giblet.codecs.lm.shape import Arrays, Shape
from giblet.errors import CodecError

Counts = npt.NDArray[np.int64]

# Frames whose distributions are made at once: few enough to stay in the processor's cache.
_BLOCK = 64


class OwnModel:
    """A language model in whole numbers; `giblet.codecs.lm.files.read_model` reads one.

    Parameters
    ----------
    shape : Shape
        Its sizes.
    arrays : dict of str to ndarray
        As ``shape.arrays()`` names them.

    Attributes
    ----------
    shape : Shape
        As given.
    n_codebooks, n_entries : int
        Most codebooks that it codes, and entries of each.
    fingerprint : str
        SHA-256 of its arrays: what was coded with one model is decoded with the same only.

    Raises
    ------
    CodecError
        If its weights are so large that sums would not be exact.
    """

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.shape = shape
        self.n_codebooks, self.n_entries = shape.n_codebooks, shape.n_entries
        self.fingerprint = _digest(arrays)

        def linear(name: str) -> ExactLinear:
            return ExactLinear(*(arrays[f"{name}.{part}"] for part in ("weight", "scale", "bias")))

        table = arrays["table"].astype(np.float64)
        self.vectors = np.rint(table * (arrays["table.write"][:, None] * 2.0**-READ_BITS))
        self._columns = [np.ascontiguousarray(codebook.T) for codebook in table]
        self._read = arrays["table.read"] * 2.0**-READ_BITS
        self._bias = arrays["table.bias"].astype(np.float64)
        self._start = arrays["start"].astype(np.float64)
        self._depth = arrays["depth"].astype(np.float64)
        self._input, self._time = linear("input"), linear("time")
        self._layers = [(linear(f"layers.{i}.open"), linear(f"layers.{i}.close")) for i in range(shape.layers)]
        self._heads = [
            (linear(f"heads.{i}.below"), linear(f"heads.{i}.open"), linear(f"heads.{i}.close"))
            for i in range(shape.n_codebooks)
        ]
        self._check_bounds()

    def _check_bounds(self) -> None:
        vectors = float(np.abs(self.vectors).max(axis=(1, 2)).sum())
        check_exact(self._input.bound(vectors) + np.abs(self._start).max() + np.abs(self._depth).max() + 2 * LIMIT)
        for first, second in self._layers:
            check_exact(second.bound(first.bound(LIMIT)) + LIMIT)
        time = self._time.bound(LIMIT)
        for (below, first, second), read, table in zip(self._heads, self._read, self._columns, strict=True):
            joined = time + below.bound(vectors)
            out = joined + second.bound(first.bound(joined))
            factor = float(np.abs(read).max())
            check_exact(out * factor * 2.0**READ_BITS)
            check_exact(float(np.abs(table).sum(axis=0).max()) * (out * factor + 1) * 2)

    def start(self, n_codebooks: int) -> OwnState:
        """Begin to code a sequence of frames.

        Parameters
        ----------
        n_codebooks : int
            Codebooks of each frame.

        Returns
        -------
        OwnState
            What is known so far: nothing.

        Raises
        ------
        CodecError
            If the model has fewer codebooks.
        """
        if not 1 <= n_codebooks <= self.n_codebooks:
            raise CodecError(
                f"the language model codes 1 to {self.n_codebooks} codebooks, and there are {n_codebooks}",
                "code them without it, or train one for this codec",
            )
        return OwnState(self, n_codebooks)

    def first_past(self) -> list[Whole]:
        """Return what the convolutions see in front of the first frame: zeros (2**layer, channels) each."""
        return [np.zeros((1 << i, self.shape.channels)) for i in range(self.shape.layers)]

    def contexts(self, previous: Whole, n_codebooks: int, past: list[Whole], first: bool) -> Whole:
        """Run the convolutions over frames.

        Parameters
        ----------
        previous : ndarray, shape (k, width)
            Sum of the code vectors of the frame before each; zeros before the first frame of a sequence.
        n_codebooks : int
            Codebooks of a frame.
        past : list of ndarray
            Inputs of the layers before these frames; replaced by those before the next.
        first : bool
            Whether the sequence begins here.

        Returns
        -------
        ndarray, shape (k, n_codebooks of the model, width)
            What each codebook is told about the time before.
        """
        x = self._input(previous)
        x += self._depth[n_codebooks - 1]
        if first:
            x[0] += self._start
        for i, (first_linear, second_linear) in enumerate(self._layers):
            np.minimum(np.maximum(x, -LIMIT, out=x), LIMIT, out=x)
            long = np.concatenate([past[i], x])
            past[i] = long[len(x) :]
            hidden = first_linear(np.concatenate([x, long[: len(x)]], axis=1))
            x += second_linear(np.maximum(hidden, 0, out=hidden))
        np.minimum(np.maximum(x, -LIMIT, out=x), LIMIT, out=x)
        return self._time(x).reshape(len(x), self.n_codebooks, -1)

    def counts(self, codebook: int, context: Whole, below: Whole) -> Counts:
        """Return distributions of one codebook.

        Parameters
        ----------
        codebook : int
            Which.
        context : ndarray, shape (k, width)
            From `contexts`.
        below : ndarray, shape (k, width)
            Sum of the code vectors of the same frame in the codebooks below.

        Returns
        -------
        ndarray of int64, shape (k, n_entries)
            Counts, at least 2 each, at most 2**24 in all.
        """
        linear, first, second = self._heads[codebook]
        joined = linear(below)
        joined += context
        hidden = first(joined)
        joined += second(np.maximum(hidden, 0, out=hidden))
        joined *= self._read[codebook]
        np.rint(joined, out=joined)
        logits = joined @ self._columns[codebook]
        logits *= 2.0 ** (LOGIT_BITS - READ_BITS)
        np.rint(logits, out=logits)
        logits += self._bias[codebook]
        return counts(logits)


class OwnState:
    """How far a sequence is coded; `OwnModel.start` makes it.

    Parameters
    ----------
    model : OwnModel
        The model.
    n_codebooks : int
        Codebooks of each frame.
    """

    def __init__(self, model: OwnModel, n_codebooks: int) -> None:
        self._model = model
        self._n_codebooks = n_codebooks
        self._past = model.first_past()
        self._previous = np.zeros((1, model.shape.width))
        self._first = True
        self._context: Whole | None = None

    def cdf(self, below: Sequence[int] | npt.NDArray[np.integer]) -> Counts:
        """Return the distribution of the next code of the next frame.

        Parameters
        ----------
        below : sequence of int, length q
            The frame's codes of the codebooks below; q is the codebook that is asked for.

        Returns
        -------
        ndarray of int64, shape (n_entries,)
            Cumulative counts, the last at most 2**24, each step at least 2.
        """
        context = self._entered()[:, len(below)]
        return np.cumsum(self._model.counts(len(below), context, self._sum(below))[0])

    def push(self, frame: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Go on to the next frame.

        Parameters
        ----------
        frame : sequence of int, length n_codebooks
            The codes of this one.
        """
        self._entered()
        self._context = None
        self._previous = self._sum(frame)

    def _entered(self) -> Whole:
        """Let the convolutions see the frame before, once per frame."""
        if self._context is None:
            self._context = self._model.contexts(self._previous, self._n_codebooks, self._past, self._first)
            self._first = False
        return self._context

    def _sum(self, codes: Sequence[int] | npt.NDArray[np.integer]) -> Whole:
        return self._model.vectors[np.arange(len(codes)), np.asarray(codes, np.intp)].sum(axis=0, keepdims=True)

    def intervals(self, frames: npt.NDArray[np.integer]) -> tuple[Counts, Counts]:
        """Return what an encoder needs to know of frames whose codes are known, and go on behind them.

        Parameters
        ----------
        frames : ndarray of integers, shape (n_codebooks, k)
            Codes.

        Returns
        -------
        low, high : ndarray of int64, shape (n_codebooks, k)
            Cumulative counts in front of each code and behind it, as `cdf` gives them.
        """
        found = [self._block(frames[:, i : i + _BLOCK]) for i in range(0, frames.shape[1], _BLOCK)]
        found.append((np.empty((self._n_codebooks, 0), np.int64),) * 2)
        return np.concatenate([low for low, _ in found], axis=1), np.concatenate([high for _, high in found], axis=1)

    def _block(self, frames: npt.NDArray[np.integer]) -> tuple[Counts, Counts]:
        model, n_frames = self._model, frames.shape[1]
        low, high = np.empty(frames.shape, np.int64), np.empty(frames.shape, np.int64)
        vectors = model.vectors[np.arange(len(frames))[:, None], frames.astype(np.intp)]
        sums = vectors.sum(axis=0)
        contexts = model.contexts(
            np.concatenate([self._previous, sums[:-1]]), self._n_codebooks, self._past, self._first
        )
        self._previous, self._first = sums[-1:], False
        below, rows = np.zeros_like(sums), np.arange(n_frames)
        for q, codes in enumerate(frames):
            found = model.counts(q, contexts[:, q], below)
            below += vectors[q]
            ends = np.cumsum(found, axis=1)
            high[q] = ends[rows, codes]
            low[q] = high[q] - found[rows, codes]
        return low, high


def _digest(arrays: Arrays) -> str:
    sha = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        sha.update(f"{name}{values.shape}{values.dtype.name}".encode())
        sha.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()
