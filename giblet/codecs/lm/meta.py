"""The language model of EnCodec: a streaming transformer, run one frame at a time.

Method: Défossez et al., High Fidelity Neural Audio Compression, 2022, section 3.3. Its floating-point sums decide which
bytes are written, so the operations here have the shapes that they have in the program of its authors: in other shapes
they may round otherwise, and then files can no longer be read. Where one is known not to, `giblet.codecs.lm.attention`
makes use of it. One thread does it all, for several may round otherwise too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet.codecs.lm.attention import BLOCK, DIM, HEADS, Attention, Past, one_thread, trial
from giblet.errors import CodecError
from giblet.formats.arithmetic import quantised_cdf

N_ENTRIES = 1024
_LAYERS, _FEED_FORWARD = 5, 800
_LONGEST_PERIOD = 10_000.0

Counts = npt.NDArray[np.int64]


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(DIM, HEADS, batch_first=True)
        self.linear1 = nn.Linear(DIM, _FEED_FORWARD)
        self.linear2 = nn.Linear(_FEED_FORWARD, DIM)
        self.norm1 = nn.LayerNorm(DIM)
        self.norm2 = nn.LayerNorm(DIM)


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_in = nn.LayerNorm(DIM)
        self.layers = nn.ModuleList([_Layer() for _ in range(_LAYERS)])


class MetaNetwork(nn.Module):
    """The weights, under the names that they have in Meta's checkpoints.

    Parameters
    ----------
    n_codebooks : int
        Codebooks that it knows.
    """

    def __init__(self, n_codebooks: int) -> None:
        super().__init__()
        self.transformer = _Transformer()
        self.emb = nn.ModuleList([nn.Embedding(N_ENTRIES + 1, DIM) for _ in range(n_codebooks)])
        self.linears = nn.ModuleList([nn.Linear(DIM, N_ENTRIES) for _ in range(n_codebooks)])


class _Stage:
    """What a layer does: it attends to the inputs that it had before, and normalises behind each part.

    Functions are called and not modules, which take longer to call than most of them to compute.
    """

    def __init__(self, layer: _Layer) -> None:
        self.attention = Attention(layer.self_attn)
        self._first = layer.linear1.weight, layer.linear1.bias
        self._second = layer.linear2.weight, layer.linear2.bias
        self._norms = [(norm.weight, norm.bias, norm.eps) for norm in (layer.norm1, layer.norm2)]

    def __call__(self, xs: list[Tensor], past: Past) -> list[Tensor]:
        """Take frames (1, 1, 200) and what was before; return the outputs, of the same shape."""
        return [self._behind(x, found) for x, found in zip(xs, past.attend(xs), strict=True)]

    def _behind(self, x: Tensor, found: Tensor) -> Tensor:
        x = functional.layer_norm(x + found, (DIM,), *self._norms[0])
        hidden = functional.gelu(functional.linear(x, *self._first))
        return functional.layer_norm(x + functional.linear(hidden, *self._second), (DIM,), *self._norms[1])


class MetaModel:
    """Meta's language model, ready to use; `giblet.codecs.lm.checkpoints.load_meta_model` loads one.

    Parameters
    ----------
    network : MetaNetwork
        Its weights, on the CPU.
    past_frames : int
        Frames that a layer remembers.
    fingerprint : str
        SHA-256 of the file that the weights came from.

    Attributes
    ----------
    n_codebooks, n_entries : int
        Most codebooks that it codes, and entries of each.
    fingerprint : str
        As given.
    """

    n_entries = N_ENTRIES

    def __init__(self, network: MetaNetwork, past_frames: int, fingerprint: str) -> None:
        self.network = network.eval().requires_grad_(False)
        self.past_frames = past_frames
        self.n_codebooks = len(network.emb)
        self.fingerprint = fingerprint
        self.stages = [_Stage(layer) for layer in cast("list[_Layer]", list(network.transformer.layers))]
        self.linears = [(linear.weight, linear.bias) for linear in cast("list[nn.Linear]", list(network.linears))]
        self.vectors = [embedding.weight.numpy() for embedding in cast("list[nn.Embedding]", list(network.emb))]

    def start(self, n_codebooks: int) -> MetaState:
        """Begin to code a segment.

        Parameters
        ----------
        n_codebooks : int
            Codebooks of each frame.

        Returns
        -------
        MetaState
            What is known so far: nothing.

        Raises
        ------
        CodecError
            If the model has fewer codebooks.
        """
        if not 1 <= n_codebooks <= self.n_codebooks:
            raise CodecError(
                f"the language model codes 1 to {self.n_codebooks} codebooks, and there are {n_codebooks}",
                "code them without it",
            )
        return MetaState(self, n_codebooks)


class MetaState:
    """How far a segment is coded; `MetaModel.start` makes it.

    Parameters
    ----------
    model : MetaModel
        The model.
    n_codebooks : int
        Codebooks of each frame.
    """

    def __init__(self, model: MetaModel, n_codebooks: int) -> None:
        self._model = model
        # Index 0 stands for no code, so entries begin at 1.
        self._previous = np.zeros(n_codebooks, np.int64)
        exact = trial(model.past_frames)
        with torch.inference_mode(), one_thread():
            self._past = [Past(stage.attention, model.past_frames, exact) for stage in model.stages]
        self._n_frames = 0
        self._cdf: Counts | None = None
        half = DIM // 2
        self._periods = _LONGEST_PERIOD ** (torch.arange(half).view(1, 1, -1) / (half - 1))

    def cdf(self, below: Sequence[int] | npt.NDArray[np.integer]) -> Counts:
        """Return the distribution of the next code of the next frame.

        Parameters
        ----------
        below : sequence of int, length q
            The frame's codes of the codebooks below; only their number is used: the codebook that is asked for.

        Returns
        -------
        ndarray of int64, shape (1024,)
            Cumulative counts, as `giblet.formats.arithmetic.quantised_cdf` makes them.
        """
        if self._cdf is None:
            self._cdf = quantised_cdf(self._step(self._previous[None])[0])
        return self._cdf[len(below)]

    def push(self, frame: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Go on to the next frame.

        Parameters
        ----------
        frame : sequence of int, length n_codebooks
            The codes of this one.
        """
        if self._cdf is None:
            self._step(self._previous[None])
        self._cdf = None
        self._previous = np.asarray(frame, np.int64) + 1

    def intervals(self, frames: npt.NDArray[np.integer]) -> tuple[Counts, Counts]:
        """Return what an encoder needs to know of frames whose codes are known, and go on behind them.

        Parameters
        ----------
        frames : ndarray of integers, shape (n_codebooks, k)
            Codes.

        Returns
        -------
        low, high : ndarray of int64, shape (n_codebooks, k)
            Cumulative counts in front of each code and behind it.
        """
        low, high = np.zeros(frames.shape, np.int64), np.empty(frames.shape, np.int64)
        rows = np.arange(len(frames))
        for i in range(0, frames.shape[1], BLOCK):
            block = frames[:, i : i + BLOCK].T.astype(np.int64)
            index = np.concatenate([self._previous[None], block + 1])
            self._previous = index[-1]
            for t, (codes, probabilities) in enumerate(zip(block, self._step(index[:-1]), strict=True), i):
                cdf = quantised_cdf(probabilities)
                high[:, t] = cdf[rows, codes]
                low[:, t] = np.where(codes > 0, cdf[rows, codes - 1], 0)
        return low, high

    def _step(self, index: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float32]]:
        """Let the network see frames, int64 (k, n_codebooks); return k times probabilities (n_codebooks, 1024).

        Each product is one of a single frame, and only their order is free: all frames with a matrix, then the next
        matrix, which is fast because a matrix stays in the processor's cache.
        """
        model, norm = self._model, self._model.network.transformer.norm_in
        found = []
        with torch.inference_mode(), one_thread():
            xs = [norm(self._embedded(row)) + self._position(t) for t, row in enumerate(index, self._n_frames)]
            for stage, past in zip(model.stages, self._past, strict=True):
                xs = stage(xs, past)
            logits = [[functional.linear(x, *linear) for x in xs] for linear in model.linears[: index.shape[1]]]
            for parts in zip(*logits, strict=True):
                probabilities = torch.softmax(torch.stack(parts, dim=1).permute(0, 3, 1, 2), dim=1)
                found.append(np.ascontiguousarray(probabilities[0, :, :, 0].numpy().T))
        self._n_frames += len(index)
        return found

    def _embedded(self, row: npt.NDArray[np.int64]) -> Tensor:
        # Summed from the first codebook to the last, beginning with zero.
        total = np.zeros((1, 1, DIM), np.float32)
        for vectors, code in zip(self._model.vectors, row.tolist(), strict=False):
            total += vectors[code]
        return torch.from_numpy(total)

    def _position(self, frame: int) -> Tensor:
        phase = torch.full((1, 1, 1), frame) / self._periods
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)


def past_frames(frame_rate: float) -> int:
    """Return how many frames a layer remembers: 3.5 seconds."""
    return math.floor(3.5 * frame_rate)
