"""The folders of a cache: where an entry lies, who reads it, and how it goes.

``stores/KE/KEY`` is an entry, whose folder's time is that of its last use; ``readers/KE/KEY.…`` says who reads it;
``damaged`` holds what was set aside, and ``removed`` what is on its way out.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from giblet.store.lease import EXPIRY, lapsed, time_at
from giblet.store.partial import sweep
from giblet.store.reader import is_store
from giblet.workfolder import OLD_AGE, this_process

KEPT_ASIDE = 30 * 86400
"""Seconds for which damaged entries are kept."""
_KEY = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class Entry:
    """A store in a cache.

    Attributes
    ----------
    key : str
        Its content key.
    path : pathlib.Path
        Where it lies.
    size : int
        Bytes of its files, which outputs may share.
    used : float
        When it was last used, seconds since 1970 by the file system's clock.
    """

    key: str
    path: Path
    size: int
    used: float


class Shelves:
    """What lies in a cache's folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, existing or not.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores, self._readers = folder / "stores", folder / "readers"
        self._removed, self._damaged = folder / "removed", folder / "damaged"

    def place(self, key: str) -> Path:
        """Return where the entry of a key lies or would lie; ValueError if it is no content key."""
        if not re.fullmatch(_KEY, key):
            raise ValueError(f"{key!r} is no content key")
        return self._stores / key[:2] / key

    def entries(self) -> list[Entry]:
        """Return all entries, the least recently used first."""
        found = []
        for path in self._stores.glob("??/*"):
            if re.fullmatch(_KEY, path.name):
                with suppress(OSError):
                    found.append(Entry(path.name, path, bytes_in(path), path.stat().st_mtime))
        return sorted(found, key=lambda entry: (entry.used, entry.key))

    @contextmanager
    def reading(self, key: str) -> Iterator[Callable[[], None]]:
        """Keep an entry from being removed while it is read; yields what is to be called now and then meanwhile."""
        text = f"{this_process()}-{secrets.token_hex(8)}"
        mark = self._readers / key[:2] / f"{key}.{text[-16:]}"
        # A cache that may only be read is one that is not tidied up from here.
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(text, encoding="ascii")
        touched = time.monotonic()

        def going_on() -> None:
            nonlocal touched
            if time.monotonic() - touched > EXPIRY / 4:
                touched = time.monotonic()
                with suppress(OSError):
                    os.utime(mark)

        try:
            yield going_on
        finally:
            with suppress(OSError):
                mark.unlink()

    def shrink(self, limit: int) -> list[Entry]:
        """Remove the least recently used entries that nobody reads until the others take ``limit`` bytes at most."""
        entries = self.entries()
        total, removed = sum(entry.size for entry in entries), []
        for entry in entries:
            if total <= limit:
                break
            if self._remove(entry):
                total -= entry.size
                removed.append(entry)
        return removed

    def set_aside(self, entry: Path) -> Path:
        """Move an entry to the damaged ones, and return where it lies now; OSError if that cannot be done."""
        return _moved(entry, self._damaged)

    def sweep(self) -> float:
        """Remove what killed processes left, and return the time by the file system's clock."""
        now = time_at(self._folder)
        for folder, age in [(self._removed, EXPIRY), (self._damaged, KEPT_ASIDE)]:
            for path in _older(folder.glob("*"), now - age):
                shutil.rmtree(path, ignore_errors=True)
        for files in ("leases/??/*", "readers/??/*", "digests/??/.*"):
            for path in _older(self._folder.glob(files), now - OLD_AGE):
                path.unlink(missing_ok=True)
        for hidden in self._stores.glob("??/.*"):
            if key := re.match(rf"\.({_KEY})\.", hidden.name):
                sweep(hidden.with_name(key[1]))
        return now

    def _remove(self, entry: Entry) -> bool:
        """Remove an entry unless someone reads it; return whether it is gone."""
        if self._read(entry.key):
            return False
        try:
            moved = _moved(entry.path, self._removed)
        except FileNotFoundError:
            return True
        # Whoever began to read just before the move is still looking for it.
        if self._read(entry.key) and not os.path.lexists(entry.path) and is_store(moved):
            moved.rename(entry.path)
            return False
        shutil.rmtree(moved, ignore_errors=True)
        return True

    def _read(self, key: str) -> bool:
        return any(not lapsed(mark) for mark in (self._readers / key[:2]).glob(f"{key}.*"))


def bytes_in(folder: str | os.PathLike[str]) -> int:
    """Return the size of all files beneath a folder."""
    size = 0
    with os.scandir(folder) as found:
        for each in found:
            inside = each.is_dir(follow_symlinks=False)
            size += bytes_in(each.path) if inside else each.stat(follow_symlinks=False).st_size
    return size


def _moved(entry: Path, folder: Path) -> Path:
    target = folder / f"{entry.name}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, exist_ok=True)
    entry.rename(target)
    os.utime(target)
    return target


def _older(paths: Iterator[Path], than: float) -> Iterator[Path]:
    for path in paths:
        with suppress(OSError):
            if path.lstat().st_mtime < than:
                yield path
