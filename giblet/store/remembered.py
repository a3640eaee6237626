"""Digests of large files, remembered while a file stays what it was."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from giblet.errors import StoreError
from giblet.store.keys import file_digest
from giblet.store.lease import time_at
from giblet.workfolder import reason

logger = logging.getLogger(__name__)

SMALLEST = 4 * 2**20
"""Bytes from which a digest takes longer to make than to remember."""
FRESH = 3.0
"""Seconds within which a file may change again and keep its times: some file systems count whole or even seconds."""
FORGOTTEN = 90 * 86400
"""Seconds without use after which a digest is forgotten."""


class Digests:
    """The digests of files, a small file for each; they may be lost at any time.

    A file counts as unchanged while device, inode, size, and the times of its last change and of the last change of its
    entry are the same, to the nanosecond. The last of them also tells a change after which the first was set back.

    Parameters
    ----------
    folder : pathlib.Path
        Where they lie; made when something is remembered.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, path: str | os.PathLike[str]) -> str:
        """Return the SHA-256 of a file.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Returns
        -------
        str
            64 hexadecimal digits.

        Raises
        ------
        StoreError
            As `giblet.store.file_digest`.
        """
        state = _state(path)
        if state is None or state["size"] < SMALLEST:
            return file_digest(path)
        record = self._record(state)
        known = _read(record)
        if known is not None and {name: known[name] for name in state} == state:
            with suppress(OSError):
                os.utime(record)
            return str(known["sha256"])
        digest = file_digest(path)
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            # A file that changed just now may change again within one tick of its file system's clock. Which clock that
            # is, nobody tells; the cache may well lie on the same server.
            now = min(time.time(), time_at(record.parent))
            if now - max(state["mtime_ns"], state["ctime_ns"]) / 1e9 > FRESH and _state(path) == state:
                _write(record, {**state, "sha256": digest, "path": str(Path(path).absolute())})
        except OSError as error:
            logger.debug("the digest of %s cannot be remembered (%s)", path, reason(error))
        return digest

    def verify(self) -> list[str]:
        """Read again what is there and said to be unchanged, and forget the digests that are wrong.

        Returns
        -------
        list of str
            Files whose digest was wrong.
        """
        wrong = []
        for record in self._records():
            known = _read(record)
            if known is None:
                record.unlink(missing_ok=True)
                continue
            state = _state(known["path"])
            if state is None or {name: known[name] for name in state} != state:
                continue
            with suppress(StoreError):
                if file_digest(known["path"]) != known["sha256"] and _state(known["path"]) == state:
                    wrong.append(str(known["path"]))
                    record.unlink(missing_ok=True)
        return wrong

    def forget(self, now: float) -> None:
        """Remove what was not used for `FORGOTTEN` seconds before ``now``, by the file system's clock."""
        for record in self._records():
            with suppress(OSError):
                if now - record.stat().st_mtime > FORGOTTEN:
                    record.unlink()

    def _records(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9a-f][0-9a-f]/*.json"))

    def _record(self, state: dict[str, int]) -> Path:
        name = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:32]
        return self._folder / name[:2] / f"{name}.json"


def _state(path: str | os.PathLike[str]) -> dict[str, int] | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return {name: getattr(status, f"st_{name}") for name in ("dev", "ino", "size", "mtime_ns", "ctime_ns")}


def _read(record: Path) -> dict[str, Any] | None:
    """Return a record, or None if there is none that makes sense."""
    try:
        known = json.loads(record.read_bytes())
        if len(known["sha256"]) == 64 and isinstance(known["path"], str) and known["size"] >= 0:
            return dict(known)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _write(record: Path, known: dict[str, Any]) -> None:
    draft = record.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(record)
    finally:
        draft.unlink(missing_ok=True)
