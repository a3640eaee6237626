"""A store put at a second place, checked byte by byte: by hard links where the file system has them, or as a copy."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from giblet.errors import StoreError
from giblet.store.keys import file_digest
from giblet.store.manifest import MANIFEST, compose_manifest, damaged
from giblet.store.partial import Partial, explained, real, refuse_inside_store, refuse_unless_free, sweep
from giblet.store.reader import read_manifest


class DamagedError(StoreError):
    """A store is not what its manifest says."""


class VanishedError(StoreError):
    """A store is not there, or was removed while it was read."""


def copy_store(
    source: Path,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    retold: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    after_each: Callable[[], object] = lambda: None,
) -> None:
    """Put a store at another place too, complete or not at all.

    Files of arrays become hard links, never symbolic ones, so that the second store takes no space; its manifest is
    written anew.

    Parameters
    ----------
    source : pathlib.Path
        The store.
    path : str or os.PathLike
        Where it shall be too; the folder above must exist.
    force : bool
        Replace a store there, as `StoreWriter` does.
    retold : callable
        From the provenance in ``source`` to that in the second store.
    after_each : callable
        Called after each file.

    Raises
    ------
    VanishedError, DamagedError
        If ``source`` is no complete store, before or while it is read.
    StoreError
        If ``path`` is taken (`StoreTakenError`), lies inside a store, or cannot be written.
    """
    path, manifest = Path(path), _manifest(source)
    told = retold(manifest["provenance"])
    text = compose_manifest(manifest["key"], manifest["arrays"], manifest["checksums"], told)
    with explained(path):
        target = real(path)
        refuse_inside_store(path)
        sweep(target)
        refuse_unless_free(target, force, path)
        partial = Partial.named_afresh(target)
        try:
            partial.create()
            for name, digest in manifest["checksums"].items():
                file = partial.store / name
                file.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(source, name, file)
                if file_digest(file) != digest:
                    raise _damaged(source)
                after_each()
            (partial.store / MANIFEST).write_bytes(text)
            refuse_unless_free(target, force, path)
            partial.publish(replace=force)
        finally:
            partial.discard()


def _manifest(store: Path) -> dict[str, Any]:
    try:
        return read_manifest(store)
    except StoreError as error:
        raise (_damaged(store) if os.path.lexists(store) else _vanished(store)) from error


def _link_or_copy(store: Path, name: str, target: Path) -> None:
    with _opened(store, name) as file:
        try:
            os.link(store / name, target, follow_symlinks=False)
        except OSError:
            # Another disk, a file system without hard links, or a file of someone else.
            with target.open("xb") as copy:
                shutil.copyfileobj(file, copy, 2**20)
                copy.flush()
                os.fsync(copy.fileno())


def _opened(store: Path, name: str) -> IO[bytes]:
    """Open a file of a store, provided that it is one."""
    try:
        if stat.S_ISREG((store / name).lstat().st_mode):
            return (store / name).open("rb")
    except OSError as error:
        raise (_damaged(store) if store.exists() else _vanished(store)) from error
    raise _damaged(store)


def _damaged(store: Path) -> DamagedError:
    about = damaged(store)
    return DamagedError(about.problem, about.remedy, store)


def _vanished(store: Path) -> VanishedError:
    return VanishedError("there is no store, or no more", "check the name, or write one there first", store)
