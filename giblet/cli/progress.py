"""A progress bar with the speed as a multiple of real time."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from giblet.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """A `giblet.progress.Progress` on standard error, drawn where that is a terminal.

    Parameters
    ----------
    shown_in : rich.progress.Progress, optional
        Where it is drawn, for a bar beside another.
    """

    def __init__(self, shown_in: Progress | None = None) -> None:
        self._bar = _drawing() if shown_in is None else shown_in
        self._task: TaskID | None = None
        self._began = self._ended = 0.0
        self._done = 0.0
        self._beside: list[Bar] = []

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def speed(self) -> float:
        """Seconds of film per second: of the last stage, or of all together where some went on at the same time."""
        stages = [bar for bar in (self, *self._beside) if bar._began]
        if not stages:
            return 0.0
        taken = max(bar._ended for bar in stages) - min(bar._began for bar in stages)
        return max(bar._done for bar in stages) / max(taken, 1e-9)

    def begin(self, stage: str, total: float | None) -> None:
        """Start a stage, after those that went on beside."""
        self._beside.clear()
        self._task = self._bar.add_task(printable(stage), total=total, speed=0.0)
        self._began = self._ended = time.perf_counter()
        self._done = 0.0

    def advance(self, seconds: float) -> None:
        """Report that ``seconds`` more of the film are done."""
        self._done += seconds
        self._ended = time.perf_counter()
        if self._task is not None:
            self._bar.update(self._task, advance=seconds, speed=self._done / max(self._ended - self._began, 1e-9))

    def end(self) -> None:
        """Close the stage."""
        self._ended = time.perf_counter()
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None

    def beside(self) -> Bar:
        """Return another bar, drawn below."""
        bar = Bar(self._bar)
        self._beside.append(bar)
        return bar


def _drawing() -> Progress:
    # Late, for commands that end with an error draw nothing.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        # Names of films may hold what rich takes for markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[speed]:>5.0f} × real time"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
