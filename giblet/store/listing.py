"""Which stores lie below a folder or a URL; no array is opened, and on a disk no manifest either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import StoreError
from giblet.store.generation import is_generation
from giblet.store.manifest import MANIFEST
from giblet.store.place import as_place, join, place_name
from giblet.store.remote import Remote, each

_GROUP = "zarr.json"


@dataclass(frozen=True)
class Listed:
    """What has a manifest, right or wrong.

    Attributes
    ----------
    place : pathlib.Path or str
        Where it lies.
    manifest : bytes or None
        The manifest's text, where it was read on the way.
    """

    place: Path | str
    manifest: bytes | None = None


def find_stores(place: str | os.PathLike[str]) -> dict[str, Listed]:
    """List the stores below a folder or a URL.

    Folders within are looked into, but for hidden ones, links, stores, and stores that were never completed.

    Parameters
    ----------
    place : str or os.PathLike
        A folder or a URL; if it is a store itself, that is the only one.

    Returns
    -------
    dict
        Paths within the place, with slashes, to what lies there, in the order of the paths.

    Raises
    ------
    StoreError, MissingExtraError
        If the place cannot be read.
    """
    where = as_place(place)
    if isinstance(where, str):
        return dict(sorted(_remote(where)))
    if (where / MANIFEST).exists():
        return {place_name(where.absolute()): Listed(where)}
    try:
        return {name: Listed(Path(path)) for name, path in sorted(_local(where, ""))}
    except OSError as error:
        problem = f"cannot be read ({error.strerror or type(error).__name__})"
        raise StoreError(problem, "name the folder of a study", error.filename or place) from error


def _local(folder: str | Path, head: str) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        below = [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    for entry in below:
        if os.path.exists(f"{entry.path}{os.sep}{MANIFEST}"):  # noqa: PTH110 - making ten thousand paths takes longer
            yield head + entry.name, entry.path
        elif not entry.is_symlink() and not os.path.exists(f"{entry.path}{os.sep}{_GROUP}"):  # noqa: PTH110
            yield from _local(entry.path, f"{head}{entry.name}/")


def _remote(url: str) -> Iterator[tuple[str, Listed]]:
    remote = Remote(url)
    text = remote.read(MANIFEST)
    if text is not None:
        yield place_name(url), Listed(url, text)
        return
    folders = [""]
    while folders:
        # All folders of one depth at once: a service takes long to answer, but many questions at a time.
        below = each(remote.children, folders)
        names = [
            f"{folder}/{name}" if folder else name
            for folder, children in below.items()
            if _GROUP not in children
            for name, is_folder in children.items()
            if is_folder and not name.startswith(".") and not is_generation(name)
        ]
        texts = each(lambda name: remote.read(f"{name}/{MANIFEST}"), names)
        yield from ((name, Listed(join(url, name), text)) for name, text in texts.items() if text is not None)
        folders = [name for name, text in texts.items() if text is None]
