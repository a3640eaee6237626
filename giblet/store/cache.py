"""Stores kept by their content key, so that nothing is computed twice; shared by processes and machines."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from giblet.errors import StoreError, printable
from giblet.store.copying import DamagedError, VanishedError, copy_store
from giblet.store.defaults import default_folder, default_limit
from giblet.store.generation import publish
from giblet.store.lease import Lease
from giblet.store.partial import StoreTakenError
from giblet.store.reader import is_store, stored_key, verify
from giblet.store.remembered import Digests
from giblet.store.shelves import Entry, Shelves, bytes_in
from giblet.workfolder import WorkFolder

logger = logging.getLogger(__name__)

SHORTEST_WAIT, LONGEST_WAIT = 0.01, 1.0
"""Seconds between two looks at what another process makes, at first and after a while."""
ATTEMPTS = 3
"""How often what turned out to be damaged or removed is looked for again before it is made without asking."""
_said: set[Path] = set()
# Bytes that this process has put into a folder with a limit since it last counted what lies there.
_added: dict[tuple[Path, int], int] = {}


class Cache:
    """A folder of stores, each under its key; many processes, on several machines, may use it at once.

    Whatever is wrong with the folder (read-only, full) never keeps anyone from computing: it is said once, as a
    warning, and nothing is kept.

    Parameters
    ----------
    folder : str or os.PathLike, optional
        The folder, made when something is kept; by default `default_folder`.
    limit : int, optional
        Bytes that entries may take together; what was used least recently goes first.

    Attributes
    ----------
    folder : pathlib.Path
        Absolute.
    limit : int or None
        As given.

    Examples
    --------
    >>> cache = Cache("/scratch/giblet")  # doctest: +SKIP
    >>> cache.provide(key, "film.store", lambda: write("film.store"))  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, limit: int | None = None) -> None:
        self.folder = (default_folder() if folder is None else Path(folder)).absolute()
        self.limit = limit
        self._digests = Digests(self.folder / "digests")
        self._shelves = Shelves(self.folder)

    @classmethod
    def asked(cls, cache: Cache | str | os.PathLike[str] | bool) -> Cache | None:
        """Return the cache that an argument means.

        Parameters
        ----------
        cache : Cache, str, os.PathLike or bool
            True for the default folder, False for none, a folder, or the cache itself; a folder has `default_limit`.

        Returns
        -------
        Cache or None
            The cache.
        """
        if isinstance(cache, Cache):
            return cache
        if isinstance(cache, bool):
            return cls(limit=default_limit()) if cache else None
        return cls(cache, default_limit())

    def digest(self, path: str | os.PathLike[str]) -> str:
        """Return the SHA-256 of a file, remembered for large ones while it stays what it was (see `Digests`).

        Raises
        ------
        StoreError
            As `giblet.store.file_digest`.
        """
        return self._digests.of(path)

    def find(self, key: str) -> Path | None:
        """Return where the entry of a key lies, or None; it counts as used now."""
        place = self._shelves.place(key)
        if stored_key(place) != key:
            return None
        with suppress(OSError):
            os.utime(place)
        return place

    @contextmanager
    def making(self, key: str) -> Iterator[Path | None]:
        """Yield the entry of a key, or None to the one who is to make it.

        While another process makes it, this waits; when that one fails or is gone, it is the turn of one who waits.

        Parameters
        ----------
        key : str
            The content key.

        Yields
        ------
        pathlib.Path or None
            The entry, or None.
        """
        pause = SHORTEST_WAIT
        with Lease(self.folder / "leases" / key[:2], key) as lease:
            while (entry := self.find(key)) is None:
                try:
                    mine = lease.attempt()
                except OSError as error:
                    self._complain(error)
                    break
                if mine:
                    # The last holder may have kept it just before it gave the lease back.
                    entry = self.find(key)
                    break
                if pause == SHORTEST_WAIT:
                    logger.debug("waiting for another process to make %s", key)
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_WAIT)
            yield entry

    def keep(self, key: str, store: Path) -> bool:
        """Make a complete store an entry, by hard links or a copy; nothing happens if there is one.

        Parameters
        ----------
        key : str
            The content key.
        store : pathlib.Path
            A store of that key, which stays where it is.

        Returns
        -------
        bool
            Whether there is an entry now.
        """
        if self.find(key) is not None:
            return True
        try:
            if stored_key(store) != key:
                logger.debug("%s is not what was to be kept", store)
                return False
            size = bytes_in(store)
            if self.limit is not None and size > self.limit:
                logger.debug("%s is larger than all that may be kept", store)
                return False
            place = self._shelves.place(key)
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place) and not is_store(place):
                self._set_aside(place)
            with suppress(StoreTakenError):
                copy_store(store, place)
            if self.limit is not None:
                self._make_room(size)
        except (OSError, StoreError) as error:
            self._complain(error)
            return False
        return True

    def deliver(
        self,
        key: str,
        output: str | os.PathLike[str],
        force: bool = False,
        retold: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    ) -> bool:
        """Put an entry's store at another place too, checked byte by byte.

        Parameters
        ----------
        key : str
            The content key.
        output : str or os.PathLike
            Where the store shall be: hard links where the file system allows, else a copy.
        force : bool
            Replace a store there.
        retold : callable
            From the entry's provenance to the output's.

        Returns
        -------
        bool
            False if there is no entry or it is damaged, which sets it aside.

        Raises
        ------
        StoreError
            If ``output`` is taken (`StoreTakenError`) or cannot be written.
        """
        with self._shelves.reading(key) as going_on:
            entry = self.find(key)
            if entry is None:
                return False
            try:
                copy_store(entry, output, force=force, retold=retold, after_each=going_on)
            except VanishedError:
                return False
            except DamagedError:
                self._set_aside(entry)
                return False
        return True

    def provide(
        self,
        key: str,
        output: str | os.PathLike[str],
        make: Callable[[], object],
        *,
        force: bool = False,
        retold: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    ) -> bool:
        """Put the store of a key at ``output``: from here, or made by ``make`` and kept.

        Parameters
        ----------
        key, output, force, retold
            As in `deliver`.
        make : callable
            Writes the store at ``output``.

        Returns
        -------
        bool
            Whether it came from here.

        Raises
        ------
        StoreError
            As `deliver`.
        """
        for _ in range(ATTEMPTS):
            with self.making(key) as entry:
                if entry is None:
                    make()
                    self.keep(key, Path(output))
                    return False
            if self.deliver(key, output, force, retold):
                return True
        make()
        return False

    def provide_far(
        self,
        key: str,
        url: str,
        make: Callable[[Path | str], object],
        *,
        force: bool = False,
        retold: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    ) -> bool:
        """Put the store of a key at a URL: from here, or made by ``make`` on this disk, kept, and sent there.

        What cannot be sent is kept, so that the next call only sends it.

        Parameters
        ----------
        key, force, retold
            As in `deliver`.
        url : str
            Where the store shall be.
        make : callable
            Writes the store at a place; the URL itself, where the cache cannot be written to.

        Returns
        -------
        bool
            Whether it came from here.

        Raises
        ------
        StoreError
            If ``url`` is taken (`StoreTakenError`) or cannot be written.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                made = stack.enter_context(WorkFolder(self.folder / "sent")).path / "store"
            except OSError as error:
                self._complain(error)
                make(url)
                return False
            kept = self.provide(key, made, lambda: make(made), retold=retold)
            publish(made, url, force=force)
            return kept

    def entries(self) -> list[Entry]:
        """Return all entries, the least recently used first."""
        return self._shelves.entries()

    def verify(self) -> tuple[list[Entry], list[str]]:
        """Read everything; set damaged entries aside and forget wrong digests.

        Returns
        -------
        entries : list of Entry
            The damaged ones, which are made again when they are wanted.
        films : list of str
            Files whose digest was remembered wrongly.
        """
        wrong = []
        for entry in self.entries():
            with self._shelves.reading(entry.key):
                try:
                    sound = stored_key(entry.path) == entry.key and not verify(entry.path)
                except StoreError:
                    sound = False
                if not sound and self._set_aside(entry.path):
                    wrong.append(entry)
        return wrong, self._digests.verify()

    def collect(self, limit: int | None = None) -> list[Entry]:
        """Remove the least recently used entries until the rest fits, and what killed processes left.

        What is being read into an output stays.

        Parameters
        ----------
        limit : int, optional
            Bytes; by default the cache's own limit, and without one no entry is removed.

        Returns
        -------
        list of Entry
            What was removed.

        Raises
        ------
        StoreError
            If the folder cannot be written to.
        """
        limit = self.limit if limit is None else limit
        if not self.folder.is_dir():
            return []
        try:
            self._digests.forget(self._shelves.sweep())
            return [] if limit is None else self._shelves.shrink(limit)
        except OSError as error:
            raise StoreError(
                "the cache cannot be tidied up", "give yourself the right to write there", self.folder
            ) from error

    def _make_room(self, size: int) -> None:
        """Collect at times: counting what is there takes a while where there are thousands of entries."""
        assert self.limit is not None
        account = (self.folder, self.limit)
        added = _added.get(account, self.limit) + size
        full = added > self.limit // 50
        _added[account] = 0 if full else added
        if full:
            self.collect()

    def _set_aside(self, entry: Path) -> bool:
        """Move a damaged entry out of the way; return whether it was still there and could be moved."""
        try:
            aside = self._shelves.set_aside(entry)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._complain(error)
            return False
        logger.warning("%s was damaged and now lies in %s; it is made again", entry.name[:16], printable(str(aside)))
        return True

    def _complain(self, error: OSError | StoreError) -> None:
        """Say once that nothing is kept."""
        why = error.problem if isinstance(error, StoreError) else error.strerror or type(error).__name__
        level = logging.DEBUG if self.folder in _said else logging.WARNING
        _said.add(self.folder)
        remedy = "name another folder with --cache or GIBLET_CACHE, or use none with --no-cache"
        logger.log(level, "%s: results are not kept (%s); %s", printable(str(self.folder)), why, remedy)
