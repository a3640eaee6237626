"""Attention of one frame to those before it, with the roundings that it has where all of it is computed anew each time.

Meta's program multiplies the whole past with the same weights at every frame, and its roundings decide which bytes are
written. A matrix product computes its rows independently of one another, so a row can be kept, if the machine's kernel
rounds it alike among few rows and among many: that is tried out here, for each length of the past, and where it does
not hold the past is multiplied anew.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

log = logging.getLogger(__name__)

DIM, HEADS = 200, 8
BLOCK = 32
"""Most frames that are projected at once."""

# Products of very few rows have kernels of their own, so there are always so many, or a whole block.
_FEW = 8


class Attention:
    """What attention does to single frames.

    Parameters
    ----------
    module : torch.nn.MultiheadAttention
        The weights, with ``batch_first``.
    """

    def __init__(self, module: nn.MultiheadAttention) -> None:
        self._module = module
        weight, bias = module.in_proj_weight, module.in_proj_bias
        self._query = weight[:DIM], bias[:DIM]
        self._past = weight[DIM:], bias[DIM:]
        self._out = module.out_proj.weight, module.out_proj.bias

    def project(self, x: Tensor) -> Tensor:
        """Return keys and values (2, k, DIM) of frames (1, k, DIM), of which there are at most `BLOCK`."""
        k = x.shape[1]
        rows = torch.empty(1, _FEW if k < _FEW else BLOCK, DIM)
        rows[:, :k] = x
        rows[:, k:] = x[:, -1:]
        return functional.linear(rows, *self._past)[0, :k].view(k, 2, DIM).transpose(0, 1)

    def attend(self, x: Tensor, past: Tensor) -> Tensor:
        """Return what `attend_anew` gives, from keys and values (2, 1, HEADS, n, DIM // HEADS) in place of inputs."""
        query = functional.linear(x, *self._query).view(1, HEADS, 1, DIM // HEADS)
        found = functional.scaled_dot_product_attention(query, past[0], past[1], _nothing(past.shape[3]))
        return functional.linear(found.view(1, DIM), *self._out).view(1, 1, DIM)

    def attend_anew(self, x: Tensor, inputs: Tensor) -> Tensor:
        """Return what the frame (1, 1, DIM) finds among inputs (1, n, DIM), of which it is the last; (1, 1, DIM)."""
        # Nothing is hidden, for the past is never longer than it may be; a mask is given because it chooses the kernel.
        nothing = torch.zeros(1, inputs.shape[1], dtype=torch.bool)
        return self._module(x, inputs, inputs, attn_mask=nothing, need_weights=False)[0]


class Past:
    """What a layer remembers.

    Parameters
    ----------
    attention : Attention
        Of the layer.
    longest : int
        Frames that are remembered at most.
    exact : callable
        Tells for a number of frames, the new one included, whether keys and values may be kept; from `Trial`.
    """

    def __init__(self, attention: Attention, longest: int, exact: Callable[[int], bool]) -> None:
        self._attention, self._exact = attention, exact
        # It begins with a vector of zeros, which is attended to like any other.
        first = torch.zeros(1, 1, DIM)
        self._inputs, self._rows = deque([first], longest + 1), Rows(longest + 1)
        self._rows.append(attention.project(first)[:, 0])

    def attend(self, xs: list[Tensor]) -> Iterator[Tensor]:
        """Yield what the attention gives for the next frames, and remember the frames; all of them (1, 1, DIM)."""
        for x, row in zip(xs, self._attention.project(torch.cat(xs, dim=1)).unbind(1), strict=True):
            kept = self._rows.append(row)
            self._inputs.append(x)
            if self._exact(len(self._inputs)):
                yield self._attention.attend(x, kept)
            else:
                yield self._attention.attend_anew(x, torch.cat([*self._inputs], dim=1))


class Rows:
    """The last keys and values, one after another in memory and always from its beginning, where kernels like them.

    Parameters
    ----------
    most : int
        How many frames.
    """

    def __init__(self, most: int) -> None:
        self._rows, self._other = torch.empty(2, most, DIM), torch.empty(2, most, DIM)
        self._n, self._most = 0, most

    def append(self, row: Tensor) -> Tensor:
        """Add those of a frame, (2, DIM).

        Parameters
        ----------
        row : Tensor
            Key and value.

        Returns
        -------
        Tensor, shape (2, 1, HEADS, n, DIM // HEADS)
            Of all frames; holds until the next is added.
        """
        if self._n == self._most:
            self._other[:, :-1] = self._rows[:, 1:]
            self._rows, self._other = self._other, self._rows
            self._n -= 1
        self._rows[:, self._n] = row
        self._n += 1
        return self._rows[:, : self._n].view(2, 1, self._n, HEADS, DIM // HEADS).transpose(2, 3)


class Trial:
    """Tells for which numbers of frames a kept past gives the same bits on this machine.

    Parameters
    ----------
    longest : int
        Frames that are remembered at most.
    """

    def __init__(self, longest: int) -> None:
        self._known: dict[int, bool] = {}
        with torch.random.fork_rng(devices=[]), torch.inference_mode(), one_thread():
            torch.manual_seed(0)
            module = nn.MultiheadAttention(DIM, HEADS, batch_first=True).eval()
            nn.init.normal_(module.in_proj_bias)
            self._attention = Attention(module)
            self._inputs = torch.randn(1, longest + 1, DIM)
            one_by_one = [self._attention.project(x) for x in self._inputs.split(1, dim=1)]
            blocks = [self._attention.project(x) for x in self._inputs.split(BLOCK, dim=1)]
            self._past = torch.cat(one_by_one, dim=1)
            self._alike = torch.equal(self._past, torch.cat(blocks, dim=1))

    def __call__(self, n: int) -> bool:
        """Tell it for ``n`` frames, the new one included."""
        if n not in self._known:
            with torch.inference_mode(), one_thread():
                x, rows = self._inputs[:, n - 1 : n].clone(), Rows(n)
                for row in self._past[:, :n].unbind(1):
                    kept = rows.append(row)
                anew = self._attention.attend_anew(x, self._inputs[:, :n].clone())
                self._known[n] = self._alike and torch.equal(self._attention.attend(x, kept), anew)
            log.debug("a past of %d frames is %s", n, "kept" if self._known[n] else "multiplied anew")
        return self._known[n]


@cache
def trial(longest: int) -> Trial:
    """Return the one trial of so many frames."""
    return Trial(longest)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, for several may round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _nothing(n: int) -> Tensor:
    """Return the mask that hides none of ``n`` frames."""
    return torch.zeros(1, 1, 1, n)
