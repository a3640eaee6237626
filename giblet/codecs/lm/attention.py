"""Attention of one frame to those before it, with the roundings that it has where all of it is computed anew each time.

Meta's program multiplies the whole past with the same weights at every frame, and its roundings decide which bytes are
written. A matrix product computes its rows independently of one another, so a row can be kept, if the machine's kernel
rounds it alike among few rows and among many: that is tried out here, for each length of the past, and where it does
not hold the past is multiplied anew.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

log = logging.getLogger(__name__)

DIM, HEADS = 200, 8

# Products of very few rows have kernels of their own, so a new row is computed among so many copies.
_COPIES = 8


class Past:
    """What a layer remembers.

    Parameters
    ----------
    attention : torch.nn.MultiheadAttention
        Of the layer, with ``batch_first``.
    longest : int
        Frames that are remembered at most.
    quick : frozenset of int
        From `quick_lengths`.
    """

    def __init__(self, attention: nn.MultiheadAttention, longest: int, quick: frozenset[int]) -> None:
        self._attention, self._quick = attention, quick
        # It begins with a vector of zeros, which is attended to like any other.
        first = torch.zeros(1, 1, DIM)
        self._inputs, self._keys, self._values = deque([first], longest + 1), _Rows(longest + 1), _Rows(longest + 1)
        self._enter(first)

    def attend(self, x: Tensor) -> Tensor:
        """Return what the attention gives for the next frame, and remember the frame; both (1, 1, DIM)."""
        keys, values = self._enter(x)
        self._inputs.append(x)
        if keys.shape[1] in self._quick:
            return _attend(self._attention, x, keys, values)
        return _attend_anew(self._attention, x, torch.cat([*self._inputs], dim=1))

    def _enter(self, x: Tensor) -> tuple[Tensor, Tensor]:
        key, value = _project(self._attention, x)
        return self._keys.append(key), self._values.append(value)


class _Rows:
    """The last so many rows, one after another in memory and always from its beginning, where kernels like them."""

    def __init__(self, most: int) -> None:
        self._rows, self._other = torch.empty(1, most, DIM), torch.empty(1, most, DIM)
        self._n = 0

    def append(self, row: Tensor) -> Tensor:
        """Add a row (1, 1, DIM); return all, (1, n, DIM), which holds until the next is added."""
        if self._n == self._rows.shape[1]:
            self._other[:, :-1] = self._rows[:, 1:]
            self._rows, self._other = self._other, self._rows
            self._n -= 1
        self._rows[:, self._n : self._n + 1] = row
        self._n += 1
        return self._rows[:, : self._n]


@cache
def quick_lengths(longest: int) -> frozenset[int]:
    """Return for which numbers of frames, the new one included, a kept past gives the same bits on this machine.

    Parameters
    ----------
    longest : int
        Frames that are remembered at most.

    Returns
    -------
    frozenset of int
        Some of 2 … ``longest + 1``.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad(), one_thread():
        torch.manual_seed(0)
        attention = nn.MultiheadAttention(DIM, HEADS, batch_first=True).eval()
        inputs = torch.randn(1, longest + 1, DIM)
        nn.init.normal_(attention.in_proj_bias)
        rows = [_project(attention, x) for x in inputs.split(1, dim=1)]
        keys, values = (torch.cat(part, dim=1) for part in zip(*rows, strict=True))
        found = set()
        for n in range(2, longest + 2):
            x = inputs[:, n - 1 : n].clone()
            kept = _attend(attention, x, keys[:, :n].clone(), values[:, :n].clone())
            if torch.equal(kept, _attend_anew(attention, x, inputs[:, :n].clone())):
                found.add(n)
    log.debug("%d of %d lengths of the past need not be multiplied anew", len(found), longest)
    return frozenset(found)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, for several may round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _attend_anew(attention: nn.MultiheadAttention, x: Tensor, inputs: Tensor) -> Tensor:
    # Nothing is hidden, for the past is never longer than it may be; a mask is given because it chooses the kernel.
    nothing = torch.zeros(1, inputs.shape[1], dtype=torch.bool)
    return attention(x, inputs, inputs, attn_mask=nothing, need_weights=False)[0]


def _project(attention: nn.MultiheadAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return key and value of a frame, all of them (1, 1, DIM)."""
    weight, bias = attention.in_proj_weight[DIM:], attention.in_proj_bias[DIM:]
    key, value = functional.linear(x.repeat(1, _COPIES, 1), weight, bias)[:, :1].split(DIM, dim=-1)
    return key, value


def _attend(attention: nn.MultiheadAttention, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return what `_attend_anew` gives, from keys and values (1, n, DIM) in place of inputs."""
    query = functional.linear(x, attention.in_proj_weight[:DIM], attention.in_proj_bias[:DIM])
    query, keys, values = (part.view(1, -1, HEADS, DIM // HEADS).transpose(1, 2) for part in (query, keys, values))
    found = functional.scaled_dot_product_attention(query, keys, values, torch.zeros(1, 1, 1, keys.shape[2]))
    return attention.out_proj(found.transpose(1, 2).reshape(1, DIM)).view(1, 1, DIM)
