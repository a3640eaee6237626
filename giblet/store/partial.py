"""The hidden folder beside a store in which it is written, and how it takes the store's place.

Inside lie ``owner.json`` (who writes), ``store`` (what is written) and, for the moment of a replacement, ``retired``
(what is replaced). All three share the store's file system, so each step is one rename.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from giblet.errors import StoreError, printable
from giblet.store.manifest import MANIFEST, files_in
from giblet.store.place import as_place
from giblet.store.reader import is_store, read_manifest
from giblet.workfolder import check_place, named_afresh, reason, take_abandoned

logger = logging.getLogger(__name__)

_ENDING = ".partial"
_NAME = re.compile(r"\.(.+)\.[0-9a-f]{8}-[0-9]+-[0-9]+-[0-9a-f]{8}" + re.escape(_ENDING), re.DOTALL)
_OWNER, _STORE, _RETIRED = "owner.json", "store", "retired"
# Files that one store waits for at the same time.
_AT_ONCE = 8


@contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the file system into a StoreError about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            problem, remedy = "something appeared there while it was written", "choose another place, or write it again"
            raise StoreTakenError(problem, remedy, path) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem, remedy = "the disk is full", "free some space or choose another disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem, remedy = "its folder may not be written to", "choose a folder that you may write to"
        elif isinstance(error, FileNotFoundError) and not Path(path).absolute().parent.exists():
            problem, remedy = "its folder does not exist", "create that first"
        elif isinstance(error, NotADirectoryError):
            problem, remedy = "what should be its folder is a file", "choose another place"
        else:
            problem, remedy = "cannot be written", "choose another place"
        raise StoreError(f"{problem} ({reason(error)})", remedy, path) from error


class StoreTakenError(StoreError):
    """Another store lies where one was to be written."""


class Partial:
    """A store on its way to ``target``.

    Parameters
    ----------
    target : pathlib.Path
        Where the store will be; real path, no link.
    folder : pathlib.Path
        The hidden folder, existing or not.

    Attributes
    ----------
    store : pathlib.Path
        Where the store is written.
    """

    def __init__(self, target: Path, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._retired = folder / _RETIRED
        self.store = folder / _STORE

    @classmethod
    def named_afresh(cls, target: Path) -> Partial:
        """Return one that does not exist yet."""
        return cls(target, named_afresh(target, _ENDING))

    def create(self) -> None:
        """Make the hidden folder."""
        self._folder.mkdir()
        # The name says it already, but this is gone when others removed the folder, and for people to read.
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        (self._folder / _OWNER).write_text(json.dumps(owner), encoding="utf-8")
        self.store.mkdir()

    def owned(self) -> bool:
        """Return whether the hidden folder is still the one that was made."""
        return (self._folder / _OWNER).is_file()

    def publish(self, replace: bool) -> None:
        """Move the store to its place; with ``replace``, what is there goes into the hidden folder first."""
        sync(self.store / MANIFEST, *(Path(root) for root, _, _ in os.walk(self.store)))
        if replace and self._target.exists():
            self._target.rename(self._retired)
        # Onto an empty folder this succeeds, onto a full one it fails.
        self.store.rename(self._target)
        sync(self._target.parent)
        logger.debug("published %s", self._target)

    def discard(self) -> None:
        """Remove the hidden folder, and put back what was to be replaced if nothing has taken its place."""
        manifest = self._retired / MANIFEST
        if os.path.lexists(manifest) and not os.path.lexists(self._target):
            try:
                self._retired.rename(self._target)
            except OSError as error:
                remedy = f"move it back from {printable(str(self._retired))}"
                raise StoreError("the old store could not be put back", remedy, self._target) from error
        # Without its manifest the old store is never put back, should its removal be cut short.
        with suppress(OSError):
            manifest.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def sweep(target: Path) -> None:
    """Remove what killed processes left beside ``target``, and put back a store they were replacing."""
    for folder in take_abandoned(target, _ENDING):
        Partial(target, folder).discard()


def sweep_folder(folder: Path) -> None:
    """Do the same for all stores that lie, or were to lie, in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for name in {match[1] for entry in entries if (match := _NAME.fullmatch(entry.name)) is not None}:
            sweep(folder / name)


def check_output(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise at once what writing a store would raise because of its place.

    Nothing is said about a store that is there already, which may be the very one that is wanted.

    Parameters
    ----------
    path : str or os.PathLike
        Where a store is to be; folders above it need not exist yet. Or a URL.
    force : bool, default False
        Whether a store there is to be replaced.

    Raises
    ------
    StoreError
        If nothing can be written there, it lies inside a store, or something else is there.
    """
    if not force and is_store(path):
        return
    place = as_place(path)
    if isinstance(place, str):
        from giblet.store.generation import check_url

        check_url(place, force)
    else:
        _check_folder(place, force)


def _check_folder(path: Path, force: bool) -> None:
    refuse_inside_store(path)
    target = real(path)
    with explained(path):
        try:
            check_place(target)
        except FileNotFoundError as error:
            # Folders that are missing would be made, so the system means something else (/proc).
            raise StoreError(f"cannot be written ({reason(error)})", "choose another place", path) from error
        refuse_unless_free(target, force, path)


def refuse_inside_store(path: str | os.PathLike[str]) -> None:
    """Raise StoreError if ``path`` lies inside a store, which holds nothing but its arrays."""
    for folder in real(path).parents:
        if is_store(folder):
            raise StoreError(f"lies inside the store {printable(str(folder))}", "choose a place outside of it", path)


def real(path: str | os.PathLike[str]) -> Path:
    """Return the real path, for a link to a folder stays a link; StoreError if there can be no such name."""
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise StoreError(f"no usable name ({error})", "choose another one", path) from error


def refuse_unless_free(target: Path, force: bool, path: Path) -> None:
    """Raise unless nothing is lost by putting a store at ``target``.

    Parameters
    ----------
    target : pathlib.Path
        The place, a real path.
    force : bool
        Whether a store there may be replaced, provided that it holds nothing but what giblet wrote.
    path : pathlib.Path
        The same place as the user named it, for messages.

    Raises
    ------
    StoreError
        If something is there that may not be replaced.
    """
    try:
        manifest = read_manifest(target)
    except StoreError as error:
        if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
            return
        problem = "already exists and is not a complete giblet store, so it is never overwritten"
        raise StoreError(problem, "choose another place, or remove it yourself", path) from error
    if not force:
        raise StoreTakenError("already exists", "choose another place, or replace it with --force (force=True)", path)
    foreign = files_in(target) - manifest["checksums"].keys()
    if foreign:
        problem = f"the store also holds {printable(min(foreign))}, which giblet did not write, so it is not replaced"
        raise StoreError(problem, "choose another place, or move that file away", path)


def sync(*paths: Path) -> None:
    """Wait until files, or the lists of folders' entries, are on disk, where the system can tell."""
    if os.name != "posix":
        return
    if len(paths) == 1:
        _sync(paths[0])
        return
    # Asked for at the same time, they go to the disk together.
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="giblet-sync") as threads:
        list(threads.map(_sync, paths))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot do this for folders.
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)
