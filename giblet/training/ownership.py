"""One process at a time in a run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from giblet.errors import ParameterError
from giblet.workfolder import named_afresh, take_abandoned

_ENDING = ".running"


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; what a killed one left does not hold it.

    Parameters
    ----------
    folder : Path
        The run's; it exists.

    Raises
    ------
    ParameterError
        If another process holds it.
    """
    target = folder / "run"
    mine = named_afresh(target, _ENDING)
    mine.mkdir()
    try:
        for left in take_abandoned(target, _ENDING):
            shutil.rmtree(left, ignore_errors=True)
        # Of two that begin at the same moment each sees the other, and neither goes on.
        if len(list(folder.glob(f".run.*{_ENDING}"))) > 1:
            raise ParameterError("another process trains in this folder", "wait for it, or name another folder", folder)
        yield
    finally:
        shutil.rmtree(mine, ignore_errors=True)
