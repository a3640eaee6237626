"""What the names of files say: what they hold, what is made of them, where it goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from giblet.data.rebuild import check_output
from giblet.errors import MediaError, ParameterError
from giblet.formats.container import ENDINGS
from giblet.media import SOUND_ENDINGS, find_sound_files
from giblet.media.folders import ENDINGS as READABLE_ENDINGS
from giblet.store import is_store

SOUND, CODES, STORE = "sound", "codes", "store"
CODE_ENDINGS = tuple(ENDINGS)
"""Endings of containers."""
STORE_ENDING = ".giblet"
"""Ending of a store that is to be made; one that is there is known whatever its name."""
OUTPUT_ENDINGS = (*CODE_ENDINGS, *SOUND_ENDINGS, STORE_ENDING)


@dataclass(frozen=True)
class Job:
    """One input and what becomes of it.

    Attributes
    ----------
    source, output : Path
        Files or stores.
    makes_folder : bool
        Whether the folder of the output may have to be made.
    """

    source: Path
    output: Path
    makes_folder: bool = False


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return what lies at a path, or will: ``"codes"`` and ``"store"`` by ending; a store also by its content."""
    suffix = Path(path).suffix.lower()
    if suffix in CODE_ENDINGS:
        return CODES
    return STORE if suffix == STORE_ENDING or is_store(path) else SOUND


def default_output(path: str | os.PathLike[str], ending: str | None = None) -> Path:
    """Return where the result goes if nobody says it, as Meta's tool does.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file, a container or a store.
    ending : str, optional
        What is to be made of it; default .wav of a container, .ecdc of anything else.

    Returns
    -------
    Path
        Beside it: ``talk.ecdc`` for ``talk.mp3``, ``talk_decompressed.wav`` for a container.
    """
    path = Path(path)
    ending = ending or (".wav" if kind_of(path) == CODES else ".ecdc")
    return path.with_name(f"{path.stem}_decompressed{ending}" if ending in SOUND_ENDINGS else f"{path.stem}{ending}")


def plan(names: Sequence[Path]) -> list[Job]:
    """Read a command's inputs and, perhaps, output.

    Of two names the second is the output; of more, the last one is if it is a folder. A folder as an input stands for
    its sound files, or where it holds none, for its containers. An output that is nothing but an ending (``.nac``)
    says what to make beside each input.

    Parameters
    ----------
    names : sequence of Path
        At least one.

    Returns
    -------
    list of Job
        In the order of the inputs.

    Raises
    ------
    MediaError, ParameterError
        If a folder is empty, several inputs have one output, or two would become the same.
    """
    sources, output = _split(list(dict.fromkeys(names)) if len(names) > 2 else list(names))
    files = [(file, folder) for source in sources for file, folder in _files(source)]
    if output is None or output.name in OUTPUT_ENDINGS:
        ending = None if output is None else output.name
        jobs = [Job(file, default_output(file, ending)) for file, _ in files]
    elif len(files) == 1 and files[0][1] is None and not _is_folder(output):
        return [Job(files[0][0], output)]
    else:
        if output.suffix.lower() in OUTPUT_ENDINGS or (output.exists() and not output.is_dir()):
            raise ParameterError("is no folder, and several inputs need one", "name a folder as the output", output)
        jobs = [Job(file, output / _below(default_output(file), folder), makes_folder=True) for file, folder in files]
    outputs = Counter(job.output for job in jobs)
    for job in jobs:
        if outputs[job.output] > 1:
            raise ParameterError(
                f"several inputs would become {job.output.name}", "name an output for each, one by one", job.source
            )
    return jobs


def _split(names: list[Path]) -> tuple[list[Path], Path | None]:
    if len(names) == 1:
        return names, None
    last = names[-1]
    new_folder = not last.exists() and last.suffix.lower() not in {*READABLE_ENDINGS, *OUTPUT_ENDINGS}
    if len(names) == 2 or last.name in OUTPUT_ENDINGS or _is_folder(last) or new_folder:
        return names[:-1], last
    return names, None


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_store(path)


def _files(source: Path) -> list[tuple[Path, Path | None]]:
    """Return an input, or the files of one that is a folder, each with the folder it was found in."""
    if not _is_folder(source):
        return [(source, None)]
    found = find_sound_files(source)
    if not found:
        found = sorted(path for path in source.rglob("*") if path.is_file() and _is_container(path))
    if not found:
        raise MediaError("holds neither sound nor files of codes", "name another folder", source)
    return [(file, source) for file in found]


def _is_container(path: Path) -> bool:
    if path.suffix.lower() != ".txt":
        return path.suffix.lower() in CODE_ENDINGS and path.name[0] != "."
    # Any text may lie there; one of codes begins with the number of channels.
    with path.open("rb") as file:
        return file.readline(8).strip() in (b"1", b"2")


def _below(path: Path, folder: Path | None) -> Path:
    return Path(path.name) if folder is None else path.relative_to(folder)


def check_place_of(
    output: str | os.PathLike[str],
    path: str | os.PathLike[str],
    endings: tuple[str, ...],
    force: bool,
    makes_folder: bool = False,
) -> None:
    """Raise at once what writing a result would raise because of its name.

    Parameters
    ----------
    output : str or os.PathLike
        The result.
    path : str or os.PathLike
        What it is made from, which is never replaced.
    endings : tuple of str
        Those that it may have.
    force : bool
        Whether it may replace another file.
    makes_folder : bool
        Whether its folder will be made.

    Raises
    ------
    ParameterError
        If the ending is another.
    MediaError
        If it is the input itself, is there already, or cannot be written.
    StoreError
        If it lies inside a store.
    """
    output = Path(output)
    if output.suffix.lower() not in endings:
        raise ParameterError("its ending does not say what to make", f"use {', '.join(endings)}", output)
    if output.is_dir():
        raise MediaError("is a folder", "name a file", output)
    if output.exists() and output.samefile(path):
        raise MediaError("is the input itself", "choose another name for the output", output)
    if output.exists() and not force:
        raise MediaError("is there already", "choose another name, or replace it with --force", output)
    if not makes_folder and not output.absolute().parent.is_dir():
        raise MediaError("its folder does not exist", "make the folder first", output)
    check_output(output)
