"""The language model in floating point, as it is trained, and its translation into whole numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet.codecs.lm.exact import LOGIT_BITS, READ_BITS, SCALE_BITS, UNIT_BITS
from giblet.codecs.lm.shape import Arrays, Shape
from giblet.errors import CodecError

_LARGEST = 127
_INT32 = 2**31 - 1


class Network(nn.Module):
    """What `giblet.codecs.lm.own.OwnModel` computes, differentiable.

    Parameters
    ----------
    shape : Shape
        Its sizes.
    codebooks : ndarray of float32, shape (n_codebooks, n_entries, dim)
        The codec's code vectors, from which the model's begin.
    """

    def __init__(self, shape: Shape, codebooks: npt.NDArray[np.float32]) -> None:
        super().__init__()
        self.shape = shape
        q, d, c, h = shape.n_codebooks, shape.width, shape.channels, shape.head
        table = _principal(torch.from_numpy(codebooks), d)
        self.table = nn.Parameter(table)
        spread = table.square().mean((1, 2)).sqrt().clamp_min(1e-3)
        self.temperature = nn.Parameter((0.3 / spread).log())
        self.bias = nn.Parameter(torch.zeros(q, shape.n_entries))
        self.start = nn.Parameter(torch.zeros(c))
        self.depth = nn.Parameter(torch.zeros(q, c))
        self.input = nn.Linear(d, c)
        self.open = nn.Parameter(torch.randn(shape.layers, 2 * c, 2 * c) / math.sqrt(2 * c))
        self.open_bias = nn.Parameter(torch.zeros(shape.layers, 2 * c))
        self.close = nn.Parameter(torch.randn(shape.layers, c, 2 * c) * (0.3 / math.sqrt(2 * c)))
        self.close_bias = nn.Parameter(torch.zeros(shape.layers, c))
        self.time = nn.Linear(c, q * d)
        nn.init.normal_(self.time.weight, std=0.3 / math.sqrt(c))
        # The less of the sound the codebooks below have left over, the less there is of it to come.
        self.below = nn.Parameter(-0.1 * torch.eye(d).repeat(q, 1, 1))
        self.head_open = nn.Parameter(torch.randn(q, h, d) / math.sqrt(d))
        self.head_bias = nn.Parameter(torch.zeros(q, h))
        self.head_close = nn.Parameter(torch.randn(q, d, h) * (0.1 / math.sqrt(h)))

    def forward(self, codes: Tensor, sequence: Tensor) -> Tensor:
        """Return the logarithms of probabilities, up to a constant.

        Parameters
        ----------
        codes : Tensor of int64, shape (batch, n_codebooks, 1 + time)
            Frames; the first is only what was before, and any number of codebooks will do.
        sequence : Tensor of int64, shape (batch, 1 + time)
            Which sequence each frame belongs to; a model sees nothing of another.

        Returns
        -------
        Tensor of float32, shape (n_codebooks, batch · time, n_entries)
            For all frames but the first.
        """
        n_batch, q, n_frames = codes.shape
        n_frames -= 1
        vectors = torch.stack([functional.embedding(codes[:, i], self.table[i]) for i in range(q)])
        same = (sequence[:, 1:] == sequence[:, :-1])[..., None]
        x = self.input(vectors[:, :, :-1].sum(0) * same) + self.depth[q - 1] + self.start * ~same
        for i in range(self.shape.layers):
            both = torch.cat([x, _past(x, sequence[:, 1:], 1 << i)], dim=-1)
            hidden = functional.relu(functional.linear(both, self.open[i], self.open_bias[i]))
            x = x + functional.linear(hidden, self.close[i], self.close_bias[i])
        context = self.time(x).view(n_batch * n_frames, self.shape.n_codebooks, -1)[:, :q].transpose(0, 1)
        now = vectors[:, :, 1:].flatten(1, 2)
        joined = context + torch.bmm(now.cumsum(0) - now, self.below[:q].mT)
        hidden = functional.relu(torch.baddbmm(self.head_bias[:q, None], joined, self.head_open[:q].mT))
        joined = torch.baddbmm(joined, hidden, self.head_close[:q].mT)
        joined = joined * self.temperature[:q].exp()[:, None, None]
        return torch.baddbmm(self.bias[:q, None], joined, self.table[:q].mT)

    def bits(self, codes: Tensor, sequence: Tensor) -> Tensor:
        """Return the mean bits per code of each codebook, float32 (n_codebooks,); arguments as for `forward`."""
        logits = self(codes, sequence)
        wanted = codes[:, :, 1:].transpose(0, 1).flatten(1)
        costs = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
        return costs.view(len(wanted), -1).mean(1) / math.log(2)

    @torch.no_grad()
    def whole_numbers(self) -> Arrays:
        """Return the weights in whole numbers, as `Shape.arrays` names them.

        Raises
        ------
        CodecError
            If a weight is not finite, or far too large.
        """
        columns = self.table.abs().amax(1).clamp_min(1e-6) / _LARGEST
        read = columns * self.temperature.exp()[:, None] * (2.0 ** (READ_BITS - UNIT_BITS) / math.log(2))
        bias = (self.bias - self.bias.mean(1, keepdim=True)) * (2.0**LOGIT_BITS / math.log(2))
        arrays: Arrays = {
            "table": _whole(self.table / columns[:, None], _LARGEST, np.int8),
            "table.write": _whole(columns * 2.0 ** (UNIT_BITS + READ_BITS), _INT32, np.int32),
            "table.read": _whole(read * 2.0**READ_BITS, _INT32, np.int32),
            "table.bias": _whole(bias, 2**15 - 1, np.int16),
            "start": _whole(self.start * 2.0**UNIT_BITS, _INT32, np.int32),
            "depth": _whole(self.depth * 2.0**UNIT_BITS, _INT32, np.int32),
        }
        arrays |= _linear("input", self.input.weight, self.input.bias)
        arrays |= _linear("time", self.time.weight, self.time.bias)
        for i in range(self.shape.layers):
            arrays |= _linear(f"layers.{i}.open", self.open[i], self.open_bias[i])
            arrays |= _linear(f"layers.{i}.close", self.close[i], self.close_bias[i])
        for i in range(self.shape.n_codebooks):
            arrays |= _linear(f"heads.{i}.below", self.below[i], None)
            arrays |= _linear(f"heads.{i}.open", self.head_open[i], self.head_bias[i])
            arrays |= _linear(f"heads.{i}.close", self.head_close[i], None)
        return arrays


def _principal(codebooks: Tensor, width: int) -> Tensor:
    """Return code vectors (n_codebooks, n_entries, width) along the axes in which they differ most."""
    vectors = codebooks.flatten(0, 1)
    _, _, axes = torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    table = codebooks @ axes[:width].T
    table = functional.pad(table, (0, width - table.shape[-1]))
    return table / table[0].std().clamp_min(1e-6)


def _past(x: Tensor, sequence: Tensor, distance: int) -> Tensor:
    """Return what was a number of frames before, zeros where that was another sequence: (batch, time, channels)."""
    n_frames = x.shape[1]
    if distance >= n_frames:
        return torch.zeros_like(x)
    same = sequence[:, distance:] == sequence[:, : n_frames - distance]
    return functional.pad(x[:, : n_frames - distance] * same[..., None], (0, 0, distance, 0))


def _linear(name: str, weight: Tensor, bias: Tensor | None) -> Arrays:
    rows = weight.abs().amax(1).clamp_min(1e-12) / _LARGEST
    # Rounded up, so that no weight is cut off.
    scale = (rows * 2.0**SCALE_BITS).ceil()
    values = torch.zeros(len(weight)) if bias is None else bias * 2.0**UNIT_BITS
    return {
        f"{name}.weight": _whole(weight / (scale * 2.0**-SCALE_BITS)[:, None], _LARGEST, np.int8),
        f"{name}.scale": _whole(scale, _INT32, np.int32),
        f"{name}.bias": _whole(values, _INT32, np.int32),
    }


def _whole(values: Tensor, largest: int, kind: type[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
    found = values.double().round().cpu().numpy()
    if not (np.abs(found) <= largest).all():
        raise CodecError(
            "weights of the language model are NaN or too large", "train it again with a lower learning rate"
        )
    return found.astype(kind)
