"""Writing a store so that it is there complete or not at all."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from giblet.store.draft import Draft, FolderDraft
from giblet.store.manifest import compose_manifest, is_array_name, parse_manifest
from giblet.store.partial import explained
from giblet.store.place import as_place

if TYPE_CHECKING:
    import zarr
    from numpy.typing import ArrayLike, DTypeLike

    from giblet.store.arrays import ArrayWriter

logger = logging.getLogger(__name__)


class StoreWriter:
    """A store being written; a context manager.

    Everything goes into a hidden folder beside ``path``, which `commit` moves into place. Leaving the ``with`` block
    any other way removes it; what a killed process leaves behind, a later writer for the same path removes. Behind a
    URL, where nothing can be renamed, it goes into a folder of its own (see `giblet.store.generation`).

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store, whose parent must exist, or a URL that fsspec knows, such as ``s3://bucket/film``.
    force : bool, default False
        Replace a store that is there already, at the moment of `commit` and not before. Only a store is ever replaced,
        and only if it holds nothing but what giblet wrote.

    Attributes
    ----------
    path : pathlib.Path or str
        As given; text where it is a URL.
    attrs : dict
        Attributes of the group, JSON types; written by `commit`.

    Raises
    ------
    StoreError
        On entry, if ``path`` is taken (`StoreTakenError`), lies inside a store, or cannot be written.
    MissingExtraError
        If the package that speaks the URL's protocol is not installed.

    Examples
    --------
    >>> with StoreWriter("film.store") as store:  # doctest: +SKIP
    ...     store.put("codebook", ("codebook",), range(4))
    ...     codes = store.create("codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame")
    ...     for block in blocks:
    ...         codes.append(block)
    ...     store.commit({"film": "film.mp4"}, key=key)
    """

    def __init__(self, path: str | os.PathLike[str], force: bool = False) -> None:
        self.path = as_place(path)
        self.attrs: dict[str, Any] = {}
        self._arrays: dict[str, ArrayWriter] = {}
        self._group: zarr.Group | None = None
        self._draft = _draft(self.path, force)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="giblet-store")

    def __enter__(self) -> Self:
        self._draft.prepare()
        try:
            # The thread is there before anything it could leave behind.
            self._run(lambda: None)
            self._group = self._run(self._draft.new_group)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def create(
        self,
        name: str,
        dims: Sequence[str],
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        append_dim: str,
        chunk: int | None = None,
        attrs: Mapping[str, Any] | None = None,
    ) -> ArrayWriter:
        """Begin an array that grows along one dimension.

        Parameters
        ----------
        name : str
            Letters, digits, ``_``, ``.`` and ``-``.
        dims : sequence of str
            A label per dimension; arrays of one store share dimensions of the same label.
        shape : sequence of int
            Length per dimension, 0 for the one that grows.
        dtype : dtype_like
            Booleans or numbers.
        append_dim : str
            The dimension that grows.
        chunk : int, optional
            Steps of ``append_dim`` in one chunk, which is how much is buffered; by default 45 000, or fewer so that a
            chunk stays below 4 MiB.
        attrs : mapping, optional
            Attributes of the array, JSON types.

        Returns
        -------
        ArrayWriter
            Takes blocks through ``append``.

        Raises
        ------
        StoreError
            If the disk is full or cannot be written.
        TypeError, ValueError
            If name, dims, shape, dtype or attrs cannot be used.
        """
        from giblet.store.arrays import ArrayWriter, default_chunk, numeric

        dtype = numeric(dtype)
        if append_dim not in dims or len(dims) != len(shape) or shape[list(dims).index(append_dim)] != 0:
            raise ValueError(f"dims {tuple(dims)} and shape {tuple(shape)} need {append_dim} with length 0")
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk is {chunk}; it counts steps and is at least 1")
        axis = list(dims).index(append_dim)
        chunks = list(shape)
        chunks[axis] = default_chunk(shape, axis, dtype) if chunk is None else chunk
        writer = ArrayWriter(self._new_array(name, dims, shape, dtype, chunks, attrs), axis, self._run)
        self._arrays[name] = writer
        return writer

    def put(self, name: str, dims: Sequence[str], array: ArrayLike, attrs: Mapping[str, Any] | None = None) -> None:
        """Write a small array whole, such as the coordinate of a dimension.

        Parameters
        ----------
        name : str
            As in `create`; an array named as its only dimension is that dimension's index in xarray.
        dims : sequence of str
            A label per dimension.
        array : array_like
            Booleans or numbers.
        attrs : mapping, optional
            Attributes of the array, JSON types.

        Raises
        ------
        StoreError, TypeError, ValueError
            As `create`.
        """
        import numpy as np

        from giblet.store.arrays import numeric

        values = np.asarray(array)
        if len(dims) != values.ndim:
            raise ValueError(f"dims {tuple(dims)} do not fit an array of shape {values.shape}")
        target = self._new_array(name, dims, values.shape, numeric(values.dtype), values.shape, attrs)
        self._run(lambda: target.__setitem__(..., values))

    def commit(self, provenance: Mapping[str, Any], key: str | None = None) -> None:
        """Complete the store and put it in place.

        Parameters
        ----------
        provenance : mapping
            What is worth knowing about the arrays' origin, JSON types; ``provenance`` in the manifest.
        key : str, optional
            The content key, for `stored_key`.

        Raises
        ------
        StoreError
            If the disk is full, or ``path`` was taken meanwhile (`StoreTakenError`). Nothing is visible then.
        TypeError, ValueError
            If provenance or attributes are no JSON, or arrays differ in the length of a dimension that they share.
        RuntimeError
            If called twice or outside the ``with`` block.
        """
        group = self._opened()
        for array in self._arrays.values():
            array.close()
        attrs = _plain(self.attrs)
        self._run(lambda: group.attrs.update(attrs))
        arrays = self._run(lambda: _described(group))
        _check_lengths(arrays)
        logger.debug("%s: complete with %s", self.path, arrays)
        text = compose_manifest(key, arrays, self._draft.checksums(), provenance, self._draft.group)
        # What could not be read again must not be published.
        parse_manifest(text, self.path)
        self._draft.publish(text)
        self._group = None

    def _opened(self) -> zarr.Group:
        if self._group is None:
            raise RuntimeError("a store is written inside its with block, before it is committed")
        return self._group

    def _leave(self) -> None:
        """Remove what was not published, once nothing writes there any more."""
        for array in self._arrays.values():
            array.closed = True
        self._group = None
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._draft.discard()

    def _new_array(
        self,
        name: str,
        dims: Sequence[str],
        shape: Sequence[int],
        dtype: DTypeLike,
        chunks: Sequence[int],
        attrs: Mapping[str, Any] | None,
    ) -> zarr.Array:
        from giblet.store.arrays import new_array

        group = self._opened()
        if not is_array_name(name) or name in group:
            raise ValueError(f"{name!r} is taken or no name for an array")
        if len(set(dims)) != len(dims):
            raise ValueError(f"dims {tuple(dims)} name a dimension twice")
        plain = _plain(attrs or {})
        return self._run(lambda: new_array(group, name, dims, shape, dtype, chunks, plain))

    def _run(self, work: Callable[[], Any]) -> Any:
        """Return what ``work`` returns, errors of the file system explained.

        It runs in a thread, for Ctrl-C only stops the wait for zarr, not zarr: `_leave` waits for it to end, or a chunk
        under way would bring a removed folder back.
        """
        with explained(self.path):
            return self._thread.submit(work).result()


def _draft(path: Path | str, force: bool) -> Draft:
    if isinstance(path, Path):
        return FolderDraft(path, force)
    from giblet.store.generation import Generation

    return Generation(path, force)


def _described(group: zarr.Group) -> dict[str, dict[str, Any]]:
    from giblet.store.arrays import described

    return described(group)


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy, or raise TypeError or ValueError if it is no JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(attrs), allow_nan=False))
    return plain


def _check_lengths(arrays: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise unless a dimension is equally long in all arrays, for xarray would not open them."""
    lengths: dict[str, int] = {}
    for name, array in arrays.items():
        for dim, length in zip(array["dims"], array["shape"], strict=True):
            if lengths.setdefault(dim, length) != length:
                raise ValueError(f"{dim} is {length} long in {name} and {lengths[dim]} in another array")
