"""Hidden folders in which results are made, beside their place; what a killed process left there is recognised.

The name ``.<result>.<machine>-<pid>-<start>-<random><ending>`` says which process works there. It needs no lock, which
not every file system has, and is there from the first moment on.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

OLD_AGE = 24 * 3600
"""Seconds without a change after which a folder counts as abandoned when its process cannot be asked."""
_PROCESS = r"([0-9a-f]{8})-([1-9][0-9]*)-([0-9]+)"
_LONGEST_NAME = 180
"""Bytes of a result's name that fit into the folder's, which may have 255."""


class WorkFolder:
    """A hidden folder for what becomes ``target``; a context manager that removes it.

    On entry, what killed processes left there for the same target goes too.

    Parameters
    ----------
    target : pathlib.Path
        The result.
    ending : str
        Of the folder's name; one for each kind of result.

    Attributes
    ----------
    path : pathlib.Path
        The folder.

    Raises
    ------
    OSError
        On entry, if it cannot be made.
    """

    def __init__(self, target: Path, ending: str = ".part") -> None:
        self._target = target
        self._ending = ending
        self.path = named_afresh(target, ending)

    def __enter__(self) -> Self:
        for folder in take_abandoned(self._target, self._ending):
            shutil.rmtree(folder, ignore_errors=True)
        self.path.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def named_afresh(target: Path, ending: str) -> Path:
    """Return the name of a folder that does not exist yet, owned by this process.

    Parameters
    ----------
    target : pathlib.Path
        The result.
    ending : str
        Of the folder's name.

    Returns
    -------
    pathlib.Path
        Beside ``target``.
    """
    return target.with_name(f"{_prefix(target)}{this_process()}-{secrets.token_hex(4)}{ending}")


def this_process() -> str:
    """Return ``<machine>-<pid>-<start>``, which no other process has had or will have."""
    pid = os.getpid()
    _, start = _state(pid)
    return f"{_machine()}-{pid}-{start}"


def has_ended(process: str) -> bool:
    """Return whether a process is known to have ended, by the name that `this_process` gave it.

    Parameters
    ----------
    process : str
        The name; what is none, or is of another machine, is not known to have ended.

    Returns
    -------
    bool
        Whether it runs no more.
    """
    owner = re.fullmatch(_PROCESS, process)
    # Signal 0 only asks, but not on Windows.
    return bool(owner and owner[1] == _machine() and os.name == "posix" and not _runs(int(owner[2]), int(owner[3])))


def take_abandoned(target: Path, ending: str) -> list[Path]:
    """Take over the folders for ``target`` in which nobody works any more.

    Parameters
    ----------
    target : pathlib.Path
        The result.
    ending : str
        Of the folders' names.

    Returns
    -------
    list of pathlib.Path
        The folders, renamed, so that no other process has them as well.

    Raises
    ------
    OSError
        If the place cannot be listed.
    """
    prefix = _prefix(target)
    pattern = re.compile(rf"{re.escape(prefix)}({_PROCESS})-[0-9a-f]{{8}}{re.escape(ending)}")
    taken = []
    # Among the results of ten thousand others, only the first look at a name must be quick.
    for name in [name for name in os.listdir(target.parent) if name.startswith(prefix)]:  # noqa: PTH208
        owner, folder = pattern.fullmatch(name), target.with_name(name)
        if owner is not None and folder.is_dir() and not folder.is_symlink() and _abandoned(folder, owner[1]):
            mine = named_afresh(target, ending)
            # Only one of several processes can rename it.
            with suppress(OSError):
                folder.rename(mine)
                logger.debug("%s was left by a process that is gone", folder)
                taken.append(mine)
    return taken


def check_place(target: Path) -> None:
    """Raise what making a folder beside ``target`` would raise, and leave no trace.

    Parameters
    ----------
    target : pathlib.Path
        The result; folders above it need not exist yet.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    place = target.parent
    while not os.path.lexists(place):
        place = place.parent
    # Only a system that allows it tells rights, quotas and read-only disks apart from what their settings say.
    with tempfile.TemporaryFile(dir=place):
        pass
    with suppress(FileNotFoundError):
        (place / target.name).lstat()


def reason(error: OSError) -> str:
    """Return what the system says about an error, without the name of the file, which may be a hidden one."""
    return error.strerror or type(error).__name__


def _prefix(target: Path) -> str:
    name = os.fsencode(target.name)
    return f".{target.name if len(name) <= _LONGEST_NAME else hashlib.sha256(name).hexdigest()[:16]}."


def _abandoned(folder: Path, process: str) -> bool:
    if process.startswith(_machine()) and os.name == "posix":
        return has_ended(process)
    newest = 0.0
    for root, _, files in os.walk(folder):
        for path in [Path(root), *(Path(root, file) for file in files)]:
            with suppress(OSError):
                newest = max(newest, path.lstat().st_mtime)
    return time.time() - newest > OLD_AGE


@cache
def _machine() -> str:
    """Return what tells machines, boots and containers apart, for a process id means something in one of them only."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _runs(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    state, started = _state(pid)
    return state not in ("Z", "X") and (not start or started in (0, start))


def _state(pid: int) -> tuple[str, int]:
    """Return how a process is (Z: ended) and when it began, in the system's ticks; nothing and 0 where unknown."""
    try:
        # The name in front, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", 0
