"""What takes seconds to load, such as a model, kept while a process does many films."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST = 8
"""How many are kept; those not used for longest go first."""
_kept: dict[Hashable, Any] | None = None
_lock = threading.RLock()


def keep() -> None:
    """Keep from now on, for as long as the process lasts."""
    global _kept
    with _lock:
        _kept = {} if _kept is None else _kept


@contextmanager
def keeping() -> Iterator[None]:
    """Keep within a ``with`` block."""
    global _kept
    before = _kept
    keep()
    try:
        yield
    finally:
        _kept = before


def kept(name: str, folder: Path | None, more: Hashable, load: Callable[[], Any]) -> Any:
    """Return what was loaded before, or load it.

    Parameters
    ----------
    name : str
        What it is.
    folder : pathlib.Path or None
        Where its files lie; a file that changed is loaded again. Of what has none, nothing is kept.
    more : hashable
        What else decides it, such as a device.
    load : callable
        Loads it.

    Returns
    -------
    object
        What ``load`` returned, now or before. It is shared: nobody may change it.
    """
    if _kept is None or folder is None:
        return load()
    key = (name, more, folder, _state(folder))
    # Threads that want the same wait for the one that loads it.
    with _lock:
        loaded = _kept.pop(key) if key in _kept else load()
        _kept[key] = loaded
        while len(_kept) > MOST:
            del _kept[next(iter(_kept))]
    return loaded


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    return tuple(sorted((str(path), state.st_size, state.st_mtime_ns) for path, state in files))
