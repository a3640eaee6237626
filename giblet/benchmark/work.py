"""The hidden folder beside a benchmark in which it is made: what was measured there outlives a run that is stopped.

Inside lie ``parts`` (what was measured, under content keys), ``run`` (the result) and, for the moment of a replacement,
``retired`` (what is replaced).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from giblet.benchmark.result import RESULTS, SEGMENTS, SOUNDS
from giblet.errors import MediaError, StoreError, printable
from giblet.store import refuse_inside_store
from giblet.workfolder import check_place, named_afresh, reason, take_abandoned

log = logging.getLogger(__name__)

ENDING = ".benchmark"
PARTS, RUN, RETIRED = "parts", "run", "retired"
# What may lie in a benchmark that is replaced.
_KNOWN = {RESULTS, SEGMENTS, SOUNDS, "report.html"}


def check_output(output: str | os.PathLike[str], force: bool) -> None:
    """Raise at once what writing a benchmark would raise because of its place.

    Parameters
    ----------
    output : str or os.PathLike
        Folder of the benchmark.
    force : bool
        Whether to replace a benchmark that is there.

    Raises
    ------
    StoreError
        If something else is there, or nothing can be written.
    """
    refuse_inside_store(output)
    target = Path(output).absolute()
    with _explained(output):
        if not target.parent.is_dir():
            raise StoreError("its folder does not exist", "create the folder first", output)
        check_place(target)
        if not os.path.lexists(target):
            return
        if not target.is_dir():
            raise StoreError("is a file", "name a folder for the benchmark", output)
        names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    if RESULTS not in names:
        raise StoreError("holds something else than a benchmark", "choose another folder", output)
    if foreign := sorted(names - _KNOWN):
        raise StoreError(
            f"also holds {printable(foreign[0])}, which giblet did not write, so it is not replaced",
            "choose another folder, or move that away",
            output,
        )
    if not force:
        raise StoreError("holds a benchmark already", "choose another folder, or replace it with --force", output)


class Parts:
    """What was measured, under content keys; several processes may add to it.

    Parameters
    ----------
    folder : pathlib.Path
        Where it lies.
    output : str or os.PathLike
        Folder of the benchmark, for messages.
    """

    def __init__(self, folder: Path, output: str | os.PathLike[str]) -> None:
        self.folder = folder
        self._output = output

    def part(self, key: str, ending: str) -> Path:
        """Return where a part lies, or is to lie."""
        return self.folder / f"{key[:32]}{ending}"

    def load(self, key: str, *endings: str) -> dict[str, Any] | None:
        """Return what was noted of a part, or None if it, or one of its files with ``endings``, is not there."""
        if not all(self.part(key, ending).is_file() for ending in endings):
            return None
        with suppress(OSError, ValueError):
            noted = json.loads(self.part(key, ".json").read_text(encoding="utf-8"))
            return noted if isinstance(noted, dict) else None
        return None

    def save(self, key: str, noted: dict[str, Any]) -> None:
        """Note that a part is complete; its files are there already."""
        with _explained(self._output):
            write_text(self.part(key, ".json"), json.dumps(noted, allow_nan=False))

    def drop(self, key: str, *endings: str) -> None:
        """Remove files of a part that are not needed any more."""
        for ending in endings:
            self.part(key, ending).unlink(missing_ok=True)


class Workshop(Parts):
    """The hidden folder, in a ``with`` statement; parts of an earlier run that was stopped are taken over.

    Parameters
    ----------
    output : str or os.PathLike
        Folder of the benchmark.
    force : bool
        Whether to replace a benchmark that is there.

    Attributes
    ----------
    run : Path
        Folder that `publish` puts in place.

    Raises
    ------
    StoreError
        On entry, as `check_output`.
    """

    def __init__(self, output: str | os.PathLike[str], force: bool = False) -> None:
        super().__init__(Path(), output)
        self._target = Path(output).absolute()
        self._force = force

    def __enter__(self) -> Self:
        with _explained(self._output):
            left = take_abandoned(self._target, ENDING)
            for folder in left:
                _put_back(folder, self._target)
        check_output(self._output, self._force)
        with _explained(self._output):
            self._folder = left[0] if left else named_afresh(self._target, ENDING)
            self.folder = self._folder / PARTS
            self.run = self._folder / RUN
            self.folder.mkdir(parents=True, exist_ok=True)
            for other in left[1:]:
                for part in (other / PARTS).iterdir():
                    part.replace(self.folder / part.name)
                shutil.rmtree(other, ignore_errors=True)
            shutil.rmtree(self.run, ignore_errors=True)
            (self.run / SOUNDS).mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What was measured before something stopped the run is worth keeping, unless it is worth nothing as it is.
        if kind is None or issubclass(kind, MediaError) or not any(self.folder.glob("*.json")):
            shutil.rmtree(self._folder, ignore_errors=True)

    def place_sound(self, key: str, name: str) -> str:
        """Put the sound of a part into the result under ``name``; return its place there."""
        source, target = self.part(key, ".flac"), self.run / SOUNDS / name
        with _explained(self._output):
            try:
                os.link(source, target)
            except OSError:
                # Not every file system has links.
                shutil.copyfile(source, target)
        return f"{SOUNDS}/{name}"

    def publish(self) -> None:
        """Put the result in place.

        Raises
        ------
        StoreError
            If it cannot be, or something appeared there meanwhile.
        """
        check_output(self._output, self._force)
        with _explained(self._output):
            if self._target.exists():
                self._target.rename(self._folder / RETIRED)
            try:
                self.run.rename(self._target)
            except BaseException:
                _put_back(self._folder, self._target)
                raise
        log.debug("published %s", self._target)


def write_text(path: Path, text: str) -> None:
    """Write a file that is there complete or not at all."""
    temporary = path.with_name(f".{path.name}")
    # Names of files that are no text in any encoding stay what they are.
    temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
    temporary.replace(path)


def _put_back(folder: Path, target: Path) -> None:
    """Put back what was to be replaced if nothing has taken its place."""
    if (folder / RETIRED).is_dir() and not os.path.lexists(target):
        (folder / RETIRED).rename(target)


@contextmanager
def _explained(output: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot be written ({reason(error)})", "choose another place", output) from error
