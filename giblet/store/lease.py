"""The right to make something, which one process has at a time; no lock is needed, which not every file system has.

Holders are numbered: lease 2 of ``film`` is the file ``film.2``, and only one process can make a file of that name. Who
finds that the last holder is gone makes the file of the next number, so nothing has to be removed first, which two
might do. A holder changes its file's time while it lives. How old that is, the file system's own clock tells, for
clocks of machines differ; where the holder ran on this machine, its end is seen at once.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from giblet.workfolder import has_ended, this_process

logger = logging.getLogger(__name__)

EXPIRY = 60.0
"""Seconds after which a lease that is not renewed has lapsed; more than network file systems remember times for."""


class Lease:
    """One lease among those of a name; a context manager that gives it back.

    Parameters
    ----------
    folder : pathlib.Path
        Where leases lie, the same for all who ask; made where it is missing.
    name : str
        Of what is to be made.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._text = f"{this_process()}-{secrets.token_hex(8)}"
        self._file: Path | None = None
        self._released = threading.Event()
        self._renewal = threading.Thread(target=self._renew_until_released, name="giblet-lease", daemon=True)

    def attempt(self) -> bool:
        """Take the lease if nobody else has it, and renew it from then on; called until it succeeds.

        Returns
        -------
        bool
            Whether this one holds it now.

        Raises
        ------
        OSError
            If files cannot be made there.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        last, text = max(self._numbered().items(), default=(0, ""))
        if last and not lapsed(self._path(last)):
            return False
        self._file = self._path(last + 1)
        if not _make(self._file, self._text):
            return False
        # Whoever was slow may have seen what is no more: a holder that has ended since, or none where there is one now.
        found = self._numbered()
        if max(found, default=0) != last + 1 or (last and found.get(last) != text):
            self._file.unlink(missing_ok=True)
            return False
        for number in found.keys() - {last + 1}:
            self._path(number).unlink(missing_ok=True)
        self._renewal.start()
        return True

    def renew(self) -> bool:
        """Stay the holder; return whether this one still is."""
        if self._file is None or _read(self._file) != self._text:
            return False
        os.utime(self._file)
        return max(self._numbered(), default=0) == int(self._file.suffix[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        if self._renewal.ident is not None:
            self._renewal.join()
        with suppress(OSError):
            if self._file is not None and _read(self._file) == self._text:
                self._file.unlink()

    def _renew_until_released(self) -> None:
        while not self._released.wait(EXPIRY / 4):
            with suppress(OSError):
                if not self.renew():
                    # What is made is the same as what the other one makes, so there is no reason to stop.
                    logger.debug("the lease of %s was taken over", self._name)
                    return

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number}"

    def _numbered(self) -> dict[int, str]:
        """Return the leases that there are, and who has each."""
        pattern = re.compile(re.escape(self._name) + r"\.([1-9][0-9]*)")
        numbers = (pattern.fullmatch(path.name) for path in self._folder.iterdir())
        texts = {int(number[1]): _read(self._path(int(number[1]))) for number in numbers if number}
        return {number: text for number, text in texts.items() if text is not None}


def lapsed(file: Path) -> bool:
    """Return whether the process that a file names has ended, or has not changed the file for `EXPIRY` seconds.

    Parameters
    ----------
    file : pathlib.Path
        Made by a `Lease`, or another that `this_process` opens; one that is gone has lapsed.

    Returns
    -------
    bool
        Whether nobody cares for it any more.

    Raises
    ------
    OSError
        If nothing can be written beside it, which is how its file system is asked for the time.
    """
    text = _read(file)
    if text is None or has_ended(text.rpartition("-")[0]):
        return True
    try:
        changed = file.stat().st_mtime
    except FileNotFoundError:
        return True
    # A clock that was set back must not keep it for hours, either.
    return abs(time_at(file.parent) - changed) > EXPIRY


def time_at(folder: Path) -> float:
    """Return the time, in seconds since 1970, by the clock of a folder's file system."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def _make(path: Path, text: str) -> bool:
    """Make a file with its content at once; return False if one of that name is there."""
    draft = path.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        draft.write_text(text, encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            return _make_in_place(path, text)
        # An answer of a file server may be lost and the question repeated, but the number of names tells.
        return draft.stat().st_nlink == 2
    finally:
        draft.unlink(missing_ok=True)


def _make_in_place(path: Path, text: str) -> bool:
    """Do the same where there are no hard links: for a moment the file is empty, and its owner unknown."""
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
