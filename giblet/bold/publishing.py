"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from giblet.errors import BoldError
from giblet.workfolder import WorkFolder, reason


@contextmanager
def published(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Put what the ``with`` block writes under its name, if the block ends well.

    Parameters
    ----------
    path : str or os.PathLike
        Name of the finished file.
    force : bool
        Whether to replace a file of that name.

    Yields
    ------
    pathlib.Path
        Where to write it: in a hidden folder beside it, under the same name.

    Raises
    ------
    BoldError
        If the name is taken, its folder is not there, or cannot be written to.
    """
    target = Path(path).absolute()
    if target.is_dir():
        raise BoldError("is a folder", "name a file", path)
    if not target.parent.is_dir():
        raise BoldError("its folder does not exist", "create the folder first", path)
    _refuse_existing(target, path, force)
    try:
        with WorkFolder(target) as folder:
            yield folder.path / target.name
            _refuse_existing(target, path, force)
            (folder.path / target.name).replace(target)
    except OSError as error:
        raise BoldError(f"cannot be written ({reason(error)})", "choose another place", path) from error


def _refuse_existing(target: Path, path: str | os.PathLike[str], force: bool) -> None:
    if target.exists() and not force:
        raise BoldError("exists already", "choose another name, or replace it with force", path)
