"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from giblet.errors import MediaError


class Publication:
    """A file under construction: complete and under its name, or not there at all.

    It is written under a temporary name in the same folder. Leaving the ``with`` block renames it, leaving by an
    exception removes it.

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
        Where to write it meanwhile, with the same ending.

    Raises
    ------
    MediaError
        If the name is taken, or its folder is not there.
    """

    def __init__(self, path: str | os.PathLike[str], force: bool = False) -> None:
        self.path = os.fspath(path)
        self._target = Path(path)
        self._force = force
        if self._target.is_dir():
            raise MediaError("is a folder", "name a file", path)
        if not self._target.parent.is_dir():
            raise MediaError("its folder does not exist", "create the folder first", path)
        self._refuse_existing()
        self.temporary = self._target.with_name(f".{secrets.token_hex(6)}.part{self._target.suffix}")

    def _refuse_existing(self) -> None:
        if self._target.exists() and not self._force:
            raise MediaError("exists already", "choose another name, or replace it with --force", self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._refuse_existing()
                self.temporary.replace(self._target)
        except OSError as problem:
            raise MediaError(f"cannot be written ({problem.strerror})", "choose another name", self.path) from problem
        finally:
            self.temporary.unlink(missing_ok=True)
