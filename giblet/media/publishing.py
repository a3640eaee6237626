"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from giblet.errors import MediaError
from giblet.workfolder import WorkFolder, reason


class Publication:
    """A file under construction: complete and under its name, or not there at all.

    It is written in a hidden folder beside it. Leaving the ``with`` block puts it in place, leaving by an exception
    removes it; what a killed process left, the next one removes that writes the same file.

    Parameters
    ----------
    path : str or os.PathLike
        Name of the finished file.
    force : bool, optional
        Whether to replace a file of that name.

    Attributes
    ----------
    path : str
        Name of the finished file.
    temporary : pathlib.Path
        Where to write it in the ``with`` block, under the same name.

    Raises
    ------
    MediaError
        If the name is taken, its folder is not there, or, on entry, cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], force: bool = False) -> None:
        self.path = os.fspath(path)
        self._target = Path(path).absolute()
        self._force = force
        if self._target.is_dir():
            raise MediaError("is a folder", "name a file", path)
        if not self._target.parent.is_dir():
            raise MediaError("its folder does not exist", "create the folder first", path)
        self._refuse_existing()
        self._folder = WorkFolder(self._target)
        self.temporary = self._folder.path / self._target.name

    def _refuse_existing(self) -> None:
        if self._target.exists() and not self._force:
            raise MediaError("exists already", "choose another name, or replace it with --force", self.path)

    def __enter__(self) -> Self:
        with self._explained():
            self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._refuse_existing()
                with self._explained():
                    self.temporary.replace(self._target)
        finally:
            self._folder.__exit__(kind, error, trace)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MediaError(f"cannot be written ({reason(error)})", "choose another place", self.path) from error
