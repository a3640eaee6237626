"""From a path or a URL to a store's manifest, arrays and state of health."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import GibletError, StoreError
from giblet.store.keys import file_digest
from giblet.store.manifest import LARGEST, MANIFEST, damaged, files_in, parse_manifest
from giblet.store.place import as_place

if TYPE_CHECKING:
    import xarray
    import zarr


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a store says about itself.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store, or its URL.

    Returns
    -------
    dict
        ``format``, ``format_version`` (int), ``group`` (folder of the zarr group, the store itself if empty), ``key``
        (str or None), ``arrays`` (name → dims, shape, dtype), ``provenance`` (dict, as the writer gave it) and
        ``checksums`` (file → SHA-256).

    Raises
    ------
    StoreError
        If nothing is there, it is no store, it was interrupted or damaged, or a newer giblet wrote it.
    MissingExtraError
        If the package that speaks the URL's protocol is not installed.
    """
    place = as_place(path)
    if isinstance(place, str):
        return _read_remote(place)
    try:
        return parse_manifest(_manifest_text(place), path)
    except FileNotFoundError as error:
        raise _absent(place) from error
    except NotADirectoryError as error:
        raise StoreError("a file, not a store", "give a folder that giblet wrote", path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"the store cannot be read ({reason})", "check the folder and its permissions", path
        ) from error


def is_store(path: str | os.PathLike[str]) -> bool:
    """Return whether a complete store that can be read lies at ``path``; imports nothing heavy."""
    try:
        place = as_place(path)
        # Asked of all folders above a store, which mostly have none.
        if isinstance(place, Path) and not os.path.lexists(place / MANIFEST):
            return False
        read_manifest(place)
    except StoreError:
        return False
    return True


def stored_key(path: str | os.PathLike[str]) -> str | None:
    """Return the content key of the store at ``path``; None without a store or a key; imports nothing heavy."""
    try:
        key: str | None = read_manifest(path)["key"]
    except StoreError:
        return None
    return key


def open_group(path: str | os.PathLike[str]) -> zarr.Group:
    """Return the arrays of a store, read only.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store, or its URL.

    Returns
    -------
    zarr.Group
        One zarr array per name in the manifest; nothing is loaded yet.

    Raises
    ------
    StoreError
        As `read_manifest`; also if a file is missing or the description of an array was changed.
    """
    group, _ = _opened(path)
    return group


def _opened(path: str | os.PathLike[str]) -> tuple[zarr.Group, dict[str, Any]]:
    """Return the group and the manifest that it belongs to, though others may replace the store meanwhile."""
    while True:
        manifest = read_manifest(path)
        try:
            return _group(as_place(path), manifest), manifest
        except StoreError:
            if read_manifest(path)["group"] == manifest["group"]:
                raise


def _group(place: Path | str, manifest: dict[str, Any]) -> zarr.Group:
    if isinstance(place, Path):
        _check_files(place, manifest["checksums"])
    with _damage_explained(place):
        import zarr

        from giblet.store.arrays import StoreFolder, described

        if isinstance(place, str):
            from giblet.store.objects import snapshot

            store = snapshot(place, manifest)
        else:
            store = StoreFolder(place / manifest["group"], read_only=True)
        group = zarr.open_group(store, mode="r", zarr_format=3)
        # zarr passes over an array that it does not understand.
        if described(group) != manifest["arrays"]:
            raise damaged(place)
        return group


def open_dataset(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Return the arrays of a store as an xarray dataset.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store, or its URL.

    Returns
    -------
    xarray.Dataset
        Labelled arrays, read from disk when they are used; dask is not needed.

    Raises
    ------
    StoreError
        As `open_group`.
    """
    return open_described(path)[0]


def open_described(path: str | os.PathLike[str]) -> tuple[xarray.Dataset, dict[str, Any]]:
    """Return the arrays of a store as `open_dataset` does, and the manifest that belongs to them."""
    group, manifest = _opened(path)
    with _damage_explained(path):
        import xarray

        return xarray.open_zarr(group.store, consolidated=False, chunks=None), manifest


def verify(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of files that are not as the writer left them.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the store, or its URL; all of it is read.

    Returns
    -------
    list of str
        Sorted names, relative to the store, of files that changed, are missing, or do not belong; empty if all is well.

    Raises
    ------
    StoreError
        As `read_manifest`.
    """
    place = as_place(path)
    while True:
        manifest = read_manifest(path)
        wrong = _wrong(place, manifest)
        # Others may have replaced the store meanwhile.
        if not wrong or read_manifest(path)["group"] == manifest["group"]:
            return sorted(wrong)


def _wrong(place: Path | str, manifest: dict[str, Any]) -> set[str]:
    if isinstance(place, str):
        from giblet.store.generation import wrong_files

        return wrong_files(place, manifest)
    checksums = manifest["checksums"]
    changed = {name for name, digest in checksums.items() if _digest(place / name) != digest}
    return changed | (files_in(place) - checksums.keys())


def manifest_text(place: Path | str) -> bytes | None:
    """Return the text of a manifest, None where there is none, and nothing where it cannot be one."""
    if isinstance(place, str):
        from giblet.store.remote import Remote

        return Remote(place).read(MANIFEST)
    try:
        return _manifest_text(place)
    except FileNotFoundError:
        return None
    except (OSError, StoreError):
        return b""


def _manifest_text(folder: Path) -> bytes:
    """Return the manifest's bytes; errors of the file system pass through."""
    manifest = folder / MANIFEST
    status = manifest.stat()
    # A pipe in its place would wait for ever, and nothing honest is that large.
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        raise damaged(folder)
    return manifest.read_bytes()


def _read_remote(url: str) -> dict[str, Any]:
    from giblet.store.remote import Remote

    remote = Remote(url)
    text = remote.read(MANIFEST)
    if text is not None:
        return parse_manifest(text, url)
    there = remote.children()
    if not there:
        raise StoreError("there is no store", "check the name, or write one there first", url)
    if "zarr.json" in there:
        raise damaged(url)
    raise StoreError("not a giblet store", "give the URL of one that giblet wrote", url)


def _absent(folder: Path) -> StoreError:
    """Return the error for a place without a manifest."""
    if not folder.exists():
        return StoreError("there is no store", "check the name, or write one there first", folder)
    if (folder / "zarr.json").exists():
        return damaged(folder)
    return StoreError("not a giblet store", "give a folder that giblet wrote", folder)


def _check_files(path: str | os.PathLike[str], checksums: dict[str, str]) -> None:
    """Raise if a file is gone, for zarr reads zeros in its place, or if metadata changed."""
    for name, digest in checksums.items():
        file = Path(path, name)
        if not file.is_file() or (file.name == "zarr.json" and _digest(file) != digest):
            raise damaged(path)


def _digest(file: Path) -> str | None:
    try:
        return file_digest(file)
    except StoreError:
        return None


@contextmanager
def _damage_explained(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except (ImportError, MemoryError, GibletError):
        raise
    # Which exceptions zarr and xarray raise for metadata that makes no sense is nowhere promised.
    except Exception as error:
        raise damaged(path) from error
