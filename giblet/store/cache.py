"""Stores kept by their content key, so that nothing is computed twice; shared by processes and machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        Bytes of its files.
    used : float
        When it was last used, seconds since 1970 by the file system's clock.
    """

    key: str
    path: Path
    size: int
    used: float


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
        As given.
    limit : int or None
        As given.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, limit: int | None = None) -> None:
        raise NotImplementedError

    @classmethod
    def asked(cls, cache: Cache | str | os.PathLike[str] | bool) -> Cache | None:
        """Return the cache that an argument means: True the default one, False none, else a folder or a cache."""
        raise NotImplementedError

    def find(self, key: str) -> Path | None:
        """Return where the entry of a key lies, or None; it counts as used now."""
        raise NotImplementedError

    @contextmanager
    def making(self, key: str) -> Iterator[Path | None]:
        """Yield the entry of a key, or None to the one who is to make it.

        While another process makes it, this waits; when that one fails or is gone, it is the turn of one who waits.

        Parameters
        ----------
        key : str
            The content key.
        """
        raise NotImplementedError

    def keep(self, key: str, store: Path) -> bool:
        """Make a complete store an entry, by hard links or a copy; nothing happens if there is one.

        Parameters
        ----------
        key : str
            The content key.
        store : pathlib.Path
            A store, which stays where it is.

        Returns
        -------
        bool
            Whether there is an entry now.
        """
        raise NotImplementedError

    def deliver(
        self, key: str, output: str | os.PathLike[str], force: bool = False, provenance: dict[str, Any] | None = None
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
        provenance : dict, optional
            What differs from the entry's provenance.

        Returns
        -------
        bool
            False if there is no entry or it is damaged, which sets it aside.

        Raises
        ------
        StoreError
            If ``output`` is taken (`StoreTakenError`) or cannot be written.
        """
        raise NotImplementedError

    def provide(
        self, key: str, output: str | os.PathLike[str], make: Callable[[], object], force: bool = False
    ) -> bool:
        """Put the store of a key at ``output``: from here, or made by ``make`` and kept.

        Parameters
        ----------
        key, output, force
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
        raise NotImplementedError

    def digest(self, path: str | os.PathLike[str]) -> str:
        """Return the SHA-256 of a file, remembered for large ones while device, inode, size and times stay the same.

        Raises
        ------
        StoreError
            As `giblet.store.file_digest`.
        """
        raise NotImplementedError

    def entries(self) -> list[Entry]:
        """Return all entries, the least recently used first."""
        raise NotImplementedError

    def verify(self) -> tuple[list[Entry], list[str]]:
        """Read everything; set damaged entries aside and forget wrong digests.

        Returns
        -------
        entries : list of Entry
            The damaged ones.
        films : list of str
            Files whose digest was remembered wrongly.
        """
        raise NotImplementedError

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
        """
        raise NotImplementedError


def default_folder() -> Path:
    """Return ``$GIBLET_CACHE``, or giblet's folder in the user's cache."""
    raise NotImplementedError
