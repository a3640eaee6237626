"""How long work tells whoever watches how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What a watcher of long work implements; the library only calls it."""

    def begin(self, stage: str, total: float | None) -> None:
        """Start a stage.

        Parameters
        ----------
        stage : str
            What is being done, for a person.
        total : float or None
            Seconds of film in all, or None where that is not known.
        """

    def advance(self, seconds: float) -> None:
        """Report that ``seconds`` more of the film are done."""

    def end(self) -> None:
        """Close the stage, finished or not."""

    def beside(self) -> Progress:
        """Return a watcher of work that is done at the same time."""


class Silent:
    """A watcher that shows nothing, the default of every function."""

    def begin(self, stage: str, total: float | None) -> None:
        """Do nothing."""

    def advance(self, seconds: float) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""

    def beside(self) -> Silent:
        """Return this one."""
        return self


SILENT = Silent()


@contextmanager
def stage(progress: Progress, name: str, total: float | None) -> Iterator[None]:
    """Report a stage that ends with the ``with`` block, however that is left.

    Parameters
    ----------
    progress : Progress
        Who watches.
    name : str
        What is being done, for a person.
    total : float or None
        Seconds of film in all, or None where that is not known.
    """
    progress.begin(name, total)
    try:
        yield
    finally:
        progress.end()
