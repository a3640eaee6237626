"""Values of a few bits each, packed into bytes: the least significant bit first, one value after the other.

Eight values of n bits fill n bytes exactly, whatever n is. So values are packed in groups of eight, all groups at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

MOST_BITS = 16
"""Bits of the widest value."""
_GROUP = 8


def packed_size(count: int, bits: int) -> int:
    """Return the bytes that ``count`` values of ``bits`` bits take, the last byte padded."""
    return -(-count * bits // 8)


def pack(values: np.ndarray, bits: int) -> bytes:
    """Pack values into bytes.

    Parameters
    ----------
    values : ndarray of integers, shape (n,)
        Each in [0, 2 ** bits).
    bits : int
        Width of a value, 1 to 16.

    Returns
    -------
    bytes
        ``packed_size(n, bits)`` of them; unused bits of the last one are 0.
    """
    groups = -(-len(values) // _GROUP)
    padded = np.zeros(groups * _GROUP, np.uint16)
    padded[: len(values)] = values
    # One row for each place in a group: long contiguous rows are what numpy is quick at.
    places = np.ascontiguousarray(padded.reshape(groups, _GROUP).T)
    packed = np.zeros((bits, groups), np.uint8)
    for place, byte, shift in _overlaps(bits):
        part = places[place] << shift if shift >= 0 else places[place] >> -shift
        packed[byte] |= part.astype(np.uint8)
    return packed.T.tobytes()[: packed_size(len(values), bits)]


def unpack(data: bytes, bits: int, count: int) -> np.ndarray:
    """Unpack values from bytes.

    Parameters
    ----------
    data : bytes
        At least ``packed_size(count, bits)``.
    bits : int
        Width of a value, 1 to 16.
    count : int
        How many values.

    Returns
    -------
    ndarray of uint16, shape (count,)
        The values.
    """
    groups = -(-count // _GROUP)
    padded = np.zeros(groups * bits, np.uint8)
    used = packed_size(count, bits)
    padded[:used] = np.frombuffer(data, np.uint8, used)
    packed = np.ascontiguousarray(padded.reshape(groups, bits).T).astype(np.uint16)
    places = np.zeros((_GROUP, groups), np.uint16)
    for place, byte, shift in _overlaps(bits):
        places[place] |= packed[byte] >> shift if shift >= 0 else packed[byte] << -shift
    return np.ascontiguousarray(places.T).reshape(-1)[:count] & np.uint16((1 << bits) - 1)


@cache
def _overlaps(bits: int) -> tuple[tuple[int, int, int], ...]:
    """List which places of a group lie in which of its bytes, and how far to the left."""
    if not 1 <= bits <= MOST_BITS:
        raise ValueError(f"values of {bits} bits cannot be packed")
    return tuple(
        (place, byte, place * bits - 8 * byte)
        for place in range(_GROUP)
        for byte in range(place * bits // 8, ((place + 1) * bits - 1) // 8 + 1)
    )


class BitPacker:
    """Packs values that come in pieces, as if they had come at once.

    Parameters
    ----------
    bits : int
        Width of a value, 1 to 16.
    """

    def __init__(self, bits: int) -> None:
        _overlaps(bits)
        self._bits = bits
        self._waiting = np.empty(0, np.uint16)

    def push(self, values: np.ndarray) -> bytes:
        """Take integers (n,) and return the bytes that are complete by now; up to seven values wait for the next."""
        values = np.concatenate([self._waiting, values.astype(np.uint16, copy=False)])
        whole = len(values) // _GROUP * _GROUP
        self._waiting = values[whole:]
        return pack(values[:whole], self._bits)

    def flush(self) -> bytes:
        """Return what waited, its last byte padded with zeros; the next value starts a new byte."""
        rest = pack(self._waiting, self._bits)
        self._waiting = self._waiting[:0]
        return rest


class BitUnpacker:
    """Unpacks values in pieces, and reads no byte behind the last one.

    Parameters
    ----------
    read : callable
        Takes a number of bytes and returns exactly so many.
    bits : int
        Width of a value, 1 to 16.
    count : int
        Values that were packed before the last byte was padded.
    """

    def __init__(self, read: Callable[[int], bytes], bits: int, count: int) -> None:
        _overlaps(bits)
        self._read = read
        self._bits = bits
        self._unread = count
        self._waiting = np.empty(0, np.uint16)

    def pull(self, count: int) -> np.ndarray:
        """Return the next values, uint16 (count,).

        Raises
        ------
        ValueError
            If there are fewer left.
        """
        missing = max(0, count - len(self._waiting))
        if missing > self._unread:
            raise ValueError(f"{count} values asked for, {len(self._waiting) + self._unread} left")
        # Whole groups end with a byte, so reading goes on there.
        take = min(-(-missing // _GROUP) * _GROUP, self._unread)
        data = self._read(packed_size(take, self._bits))
        self._unread -= take
        values = np.concatenate([self._waiting, unpack(data, self._bits, take)])
        self._waiting = values[count:]
        return values[:count]
