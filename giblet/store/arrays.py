"""All that is zarr's: the one group of a store and arrays that grow chunk by chunk.

Loading zarr takes a while, so this module is imported by the functions that need it, never at the top of another.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, DTypeLike, NDArray
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore

logger = logging.getLogger(__name__)

LONGEST_CHUNK = 75 * 600
"""Steps along the growing dimension in one chunk: ten minutes of codes at 75 per second."""
LARGEST_CHUNK = 4 * 2**20
"""Bytes in one chunk before compression, which shortens the chunks of wide arrays."""
_METADATA = "zarr.json"


class StoreFolder(LocalStore):
    """A local zarr store that lists nothing but what is zarr's, for zarr warns about manifest and foreign files."""

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield what lies under ``prefix``."""
        async for name in super().list_dir(prefix):
            if prefix or name == _METADATA or (self.root / name / _METADATA).is_file():
                yield name


def new_group(folder: Path) -> zarr.Group:
    """Return an empty group in an empty folder."""
    return zarr.create_group(StoreFolder(folder), zarr_format=3)


def new_array(
    group: zarr.Group,
    name: str,
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: DTypeLike,
    chunks: Sequence[int],
    attrs: Mapping[str, Any],
) -> zarr.Array:
    """Return a new array in ``group`` with labelled dimensions.

    Parameters
    ----------
    group : zarr.Group
        Where it goes.
    name : str
        Its name there.
    dims : sequence of str
        One label per dimension.
    shape, chunks : sequence of int
        Lengths of the array and of one chunk.
    dtype : dtype_like
        Booleans or numbers.
    attrs : mapping
        JSON types.

    Returns
    -------
    zarr.Array
        Its chunks carry their own checksum, and are written even where all values are zero, so that neither damage nor
        a missing chunk can pass for data.
    """
    return group.create_array(
        name,
        shape=tuple(shape),
        chunks=tuple(max(1, length) for length in chunks),
        dtype=dtype,
        # Codes below 1024 fill ten bits of sixteen: shuffling bits finds the six that are always zero.
        compressors=[BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle"), Crc32cCodec()],
        fill_value=0,
        dimension_names=tuple(dims),
        attributes=dict(attrs),
        config={"write_empty_chunks": True},
    )


def described(group: zarr.Group) -> dict[str, dict[str, Any]]:
    """Return dims, shape and dtype of each array in ``group``, as the manifest tells them."""
    return {
        name: {
            "dims": list(array.metadata.dimension_names or ()),
            "shape": list(array.shape),
            "dtype": str(array.dtype),
        }
        for name, array in sorted(group.arrays())
    }


def default_chunk(shape: Sequence[int], axis: int, dtype: np.dtype[Any]) -> int:
    """Return the length of a chunk along ``axis`` for an array that is whole in all other dimensions."""
    step = dtype.itemsize * math.prod(length for i, length in enumerate(shape) if i != axis)
    return max(1, min(LONGEST_CHUNK, LARGEST_CHUNK // max(1, step)))


def numeric(dtype: DTypeLike) -> np.dtype[Any]:
    """Return ``dtype`` as a NumPy type, or raise TypeError unless it is boolean or a number."""
    kind = np.dtype(dtype)
    if kind.kind not in "biufc":
        raise TypeError(f"a store holds booleans and numbers, not {kind}; put names and text into attrs")
    return kind


def fitted(values: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return ``values`` as ``dtype``, or raise if an integer would overflow or a kind be lost."""
    array = np.asarray(values)
    if array.dtype.kind in "iu" and dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            raise ValueError(f"values from {low} to {high} do not fit {dtype}")
    elif not np.can_cast(array.dtype, dtype, "same_kind"):
        raise TypeError(f"values of type {array.dtype} do not fit {dtype}")
    return array.astype(dtype, copy=False)


class ArrayWriter:
    """An array that grows along one dimension, on disk one whole chunk at a time.

    Parameters
    ----------
    array : zarr.Array
        Of length 0 along ``axis``, one chunk wide in all others.
    axis : int
        The dimension that grows.
    run : callable
        Runs a function that writes to disk.

    Attributes
    ----------
    dtype : numpy.dtype
        Type on disk.
    shape : tuple of int
        Shape with everything appended so far, on disk or still buffered.
    closed : bool
        Whether the store is finished with; nothing can be appended then.
    """

    def __init__(self, array: zarr.Array, axis: int, run: Callable[[Callable[[], None]], None]) -> None:
        self.dtype: np.dtype[Any] = array.dtype
        self.closed = False
        self._array = array
        self._axis = axis
        self._run = run
        self._chunk: int = array.chunks[axis]
        self._written = 0
        # At most one row of chunks waits in memory, whatever is appended.
        self._buffer = np.empty(self._resized(self._chunk), array.dtype)
        self._pending = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape with everything appended so far."""
        return self._resized(self._written + self._pending)

    def append(self, block: ArrayLike) -> None:
        """Add a block at the end of the growing dimension.

        Parameters
        ----------
        block : array_like
            Any length along the growing dimension, all others as the array's. Integers of another width are taken if
            their values fit, floats of another precision are rounded.

        Raises
        ------
        StoreError
            If the disk is full or cannot be written.
        TypeError, ValueError
            If the block's type, values or shape do not fit the array.
        RuntimeError
            If the store was committed or abandoned already.
        """
        if self.closed:
            raise RuntimeError("the store is closed; append before it is committed")
        values = fitted(block, self.dtype)
        length = values.shape[self._axis] if values.ndim == len(self._buffer.shape) else 0
        if values.shape != self._resized(length):
            raise ValueError(f"a block of shape {values.shape} does not fit an array of shape {self.shape}")
        done = 0
        while done < length:
            if self._pending == self._chunk:
                self._write()
            take = min(self._chunk - self._pending, length - done)
            self._buffer[self._span(self._pending, take)] = values[self._span(done, take)]
            self._pending += take
            done += take

    def revise(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        """Change all values that were appended, one chunk at a time.

        Parameters
        ----------
        change : callable
            From values to new ones of the same shape and type; works on each value by itself.

        Raises
        ------
        StoreError, RuntimeError
            As `append`.
        """
        if self.closed:
            raise RuntimeError("the store is closed; revise before it is committed")
        pending = self._span(0, self._pending)
        self._buffer[pending] = fitted(change(self._buffer[pending]), self.dtype)
        for begin in range(0, self._written, self._chunk):
            span = self._span(begin, min(self._chunk, self._written - begin))
            self._run(lambda span=span: self._array.__setitem__(span, fitted(change(self._array[span]), self.dtype)))  # type: ignore[misc]

    def close(self) -> None:
        """Write what is still buffered and take no more."""
        if self._pending:
            self._write()
        self.closed = True

    def _write(self) -> None:
        end = self._written + self._pending
        values = self._buffer[self._span(0, self._pending)]
        self._run(lambda: self._extend(end, values))
        logger.debug("%s: wrote %s, now %d long", self._array.basename, values.shape, end)
        self._written, self._pending = end, 0

    def _extend(self, end: int, values: NDArray[Any]) -> None:
        self._array.resize(self._resized(end))
        self._array[self._span(self._written, end - self._written)] = values

    def _resized(self, length: int) -> tuple[int, ...]:
        shape = self._array.shape
        return (*shape[: self._axis], length, *shape[self._axis + 1 :])

    def _span(self, start: int, length: int) -> tuple[slice, ...]:
        return (*[slice(None)] * self._axis, slice(start, start + length))
