"""Folders that appear under their name only when they are complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import MediaError
from giblet.workfolder import WorkFolder, check_place, reason


@dataclass(frozen=True)
class FolderKind:
    """What tells a folder of ours from others, which are never replaced.

    Attributes
    ----------
    what : str
        What people call it.
    file : str
        A JSON file in it,
    kind : str
        and the value of ``kind`` there.
    """

    what: str
    file: str
    kind: str

    def check(self, output: str | os.PathLike[str], force: bool) -> None:
        """Raise at once what `published` would raise.

        Parameters
        ----------
        output : str or os.PathLike
            The folder to make.
        force : bool
            Whether to replace one of this kind.

        Raises
        ------
        MediaError
            If the name is taken, or nothing can be written there.
        """
        target = Path(output).absolute()
        if os.path.lexists(target):
            if not self._is(target):
                raise MediaError(f"is there already and is no {self.what}", "choose another output", output)
            if not force:
                raise MediaError("is there already", "choose another output, or replace it with --force", output)
        with _explained(output):
            check_place(target)

    @contextmanager
    def published(self, output: str | os.PathLike[str], force: bool) -> Iterator[Path]:
        """Put the folder that the ``with`` block fills under its name, if the block ends well.

        Parameters
        ----------
        output : str or os.PathLike
            The folder to make.
        force : bool
            Whether to replace one of this kind.

        Yields
        ------
        pathlib.Path
            An empty folder to fill.

        Raises
        ------
        MediaError
            If the name is taken, or nothing can be written there.
        """
        self.check(output, force)
        target = Path(output).absolute()
        with _explained(output):
            target.parent.mkdir(parents=True, exist_ok=True)
            with WorkFolder(target) as work:
                new = work.path / "new"
                new.mkdir()
                yield new
                self.check(output, force)
                if target.exists():
                    target.rename(work.path / "old")
                new.rename(target)

    def _is(self, folder: Path) -> bool:
        try:
            about = json.loads((folder / self.file).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(about, dict) and about.get("kind") == self.kind


@contextmanager
def _explained(output: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaError(f"cannot be written ({reason(error)})", "choose another place", output) from error
