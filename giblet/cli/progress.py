"""A progress bar with the speed as a multiple of real time."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bar:
    """A `giblet.progress.Progress` on standard error, drawn where that is a terminal.

    Attributes
    ----------
    seconds_done : float
        Seconds of film done in the last stage.
    seconds_taken : float
        Seconds that the last stage took.
    """

    def __init__(self) -> None:
        # Late, for commands that end with an error draw nothing.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]:>5.0f} × real time"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task: TaskID | None = None
        self._began = 0.0
        self.seconds_done = 0.0
        self.seconds_taken = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def speed(self) -> float:
        """Seconds of film per second, of the last stage."""
        return self.seconds_done / max(self.seconds_taken, 1e-9)

    def begin(self, stage: str, total: float | None) -> None:
        """Start a stage."""
        self._task = self._bar.add_task(stage, total=total, speed=0.0)
        self._began = time.perf_counter()
        self.seconds_done = self.seconds_taken = 0.0

    def advance(self, seconds: float) -> None:
        """Report that ``seconds`` more of the film are done."""
        self.seconds_done += seconds
        self.seconds_taken = time.perf_counter() - self._began
        if self._task is not None:
            self._bar.update(self._task, advance=seconds, speed=self.speed)

    def end(self) -> None:
        """Close the stage."""
        self.seconds_taken = time.perf_counter() - self._began
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
