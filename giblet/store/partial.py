"""The hidden folder beside a store in which it is written, and how it takes the store's place.

Inside ``.<name>.<random>.partial`` lie ``owner.json`` (who writes), ``store`` (what is written) and, for the moment of
a replacement, ``retired`` (what is replaced). All three share the store's file system, so each step is one rename.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from giblet.errors import StoreError, printable
from giblet.store.manifest import MANIFEST, files_in
from giblet.store.reader import read_manifest

logger = logging.getLogger(__name__)

OLD_AGE = 24 * 3600
"""Seconds without a change after which a folder counts as abandoned when its process cannot be asked."""
_OWNER, _STORE, _RETIRED = "owner.json", "store", "retired"


@contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the file system into a StoreError about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem, remedy = "the disk is full", "free some space or choose another disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem, remedy = "its folder may not be written to", "choose a folder that you may write to"
        elif error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            problem, remedy = "something appeared there while it was written", "choose another place, or write it again"
        elif isinstance(error, FileNotFoundError):
            problem, remedy = "its folder does not exist", "create that first"
        elif isinstance(error, NotADirectoryError):
            problem, remedy = "what should be its folder is a file", "choose another place"
        else:
            problem, remedy = f"cannot be written ({error.strerror or error})", "choose another place"
        raise StoreError(problem, remedy, path) from error


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
        return cls(target, target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial"))

    @classmethod
    def beside(cls, target: Path) -> list[Partial]:
        """Return all there are for ``target``, alive or not."""
        pattern = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{8}\.partial")
        with os.scandir(target.parent) as entries:
            names = [e.name for e in entries if pattern.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
        return [cls(target, target.with_name(name)) for name in names]

    def create(self) -> None:
        """Make the hidden folder, owned by this process."""
        self._folder.mkdir()
        owner = {"host": socket.gethostname(), "pid": os.getpid()}
        (self._folder / _OWNER).write_text(json.dumps(owner), encoding="utf-8")
        self.store.mkdir()

    def owned(self) -> bool:
        """Return whether the record of who writes here is still in place."""
        return (self._folder / _OWNER).is_file()

    def abandoned(self) -> bool:
        """Return whether nobody writes here any more."""
        owner = self._owner()
        # Signal 0 only asks, but not on Windows.
        if owner is not None and owner["host"] == socket.gethostname() and os.name == "posix":
            return not _runs(owner["pid"])
        newest = 0.0
        for root, _, files in os.walk(self._folder):
            for path in [Path(root), *(Path(root, file) for file in files)]:
                with suppress(OSError):
                    newest = max(newest, path.lstat().st_mtime)
        return time.time() - newest > OLD_AGE

    def publish(self, replace: bool) -> None:
        """Move the store to its place; with ``replace``, what is there goes into the hidden folder first."""
        for root, _, _ in os.walk(self.store):
            sync(Path(root))
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
        # The owner's record goes last: as long as there is something to remove, one can ask whose it is.
        for folder in (self.store, self._retired, self._folder):
            shutil.rmtree(folder, ignore_errors=True)

    def _owner(self) -> dict[str, Any] | None:
        try:
            owner = json.loads((self._folder / _OWNER).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(owner, dict) or not isinstance(owner.get("host"), str):
            return None
        # A pid below 1 would mean a group of processes.
        return owner if type(owner.get("pid")) is int and owner["pid"] > 0 else None


def sweep(target: Path) -> None:
    """Remove what killed processes left beside ``target``, and put back a store they were replacing."""
    for partial in Partial.beside(target):
        if partial.abandoned():
            logger.debug("removing an abandoned partial store beside %s", target)
            partial.discard()


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
        raise StoreError("already exists", "choose another place, or replace it with --force (force=True)", path)
    foreign = files_in(target) - manifest["checksums"].keys()
    if foreign:
        problem = f"the store also holds {printable(min(foreign))}, which giblet did not write, so it is not replaced"
        raise StoreError(problem, "choose another place, or move that file away", path)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's entries, is on disk, where the system can tell."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot do this for folders.
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
