"""Workers as the command line asks for them, and where to watch them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from giblet.jobs import Runner

Asked = tuple[int | None, str | None, Path | None]
"""What --workers, --scheduler and --slurm were given."""


@contextmanager
def workers_of(asked: Asked) -> Iterator[Runner]:
    """Have workers within a ``with`` block, and say where their dashboard is; without any, this process does the work.

    Parameters
    ----------
    asked : Asked
        Of which one may be given.

    Yields
    ------
    giblet.jobs.Runner
        Who does the work.
    """
    if not any(value is not None for value in asked):
        from giblet.jobs import in_turn

        yield in_turn
        return
    from giblet.cluster import crew

    with crew(*asked) as run:
        address = run.dashboard
        there = f"the dashboard is at {address}" if address else "there is no dashboard, for bokeh is not installed"
        sys.stderr.write(f"giblet: {there}\n")
        yield run
