"""What is noticed while a study's files are looked up."""

from __future__ import annotations

import os

from giblet.data.study import Problem
from giblet.errors import printable


class Findings:
    """A list that grows while files are looked up, so that one problem does not hide the next.

    Attributes
    ----------
    notes : list of str
        Choices that were made, a sentence each.
    problems : list of Problem
        What is wrong.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.problems: list[Problem] = []

    def error(self, path: str | os.PathLike[str], problem: str, remedy: str) -> None:
        """Add something with which a run cannot be used."""
        self.problems.append(Problem(os.fspath(path), problem, remedy, "error"))

    def warn(self, path: str | os.PathLike[str], problem: str, remedy: str) -> None:
        """Add something that may not be meant like this."""
        self.problems.append(Problem(os.fspath(path), problem, remedy, "warning"))

    def note(self, text: str) -> None:
        """Add a choice, as one sentence."""
        if printable(text) not in self.notes:
            self.notes.append(printable(text))
