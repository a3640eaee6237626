"""From files, folders and patterns to films, and to names of stores that cannot meet or leave the output folder."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from giblet.errors import MediaError, ParameterError, StoreError
from giblet.media.folders import find_sound_files
from giblet.store import join

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Film:
    """A film of a study.

    Attributes
    ----------
    path : pathlib.Path
        The file, as it was named.
    name : pathlib.PurePath
        Of its store, within the output folder.
    """

    path: Path
    name: PurePath


def is_several(place: str | os.PathLike[str]) -> bool:
    """Tell whether a place is a folder or a pattern, and not the name of one file."""
    path = Path(place)
    return path.is_dir() or (not os.path.lexists(path) and _PATTERN.search(os.fspath(path)) is not None)


def find_films(places: Iterable[str | os.PathLike[str]], leave_out: str | os.PathLike[str] | None = None) -> list[Film]:
    """List films, and name a store for each.

    A store is named after the path of its film within the folder that was given, or within the fixed part of the
    pattern, without its ending. Where two would share a name, or one would lie inside the other, they keep their
    endings, then count their paths from the folder that all films lie in, and at last get a digest of where they lie.

    Parameters
    ----------
    places : iterable of str or os.PathLike
        Files; folders, which are searched by the endings of sound and film; patterns with ``*``, ``?``, ``[…]`` and
        ``**``.
    leave_out : str or os.PathLike, optional
        A folder not to look into.

    Returns
    -------
    list of Film
        Each file once, in the order of the places, and of the names within them.

    Raises
    ------
    MediaError
        If a name or pattern stands for nothing, or a folder holds no film or may not be read.
    ParameterError
        If no place is given, or films cannot be told apart.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for place in places:
        for path, base in _films_of(place, leave_out):
            found.setdefault(_whole(path), (path, base))
    if not found:
        raise ParameterError("no film is named", "name films, folders or patterns")
    names = _names([(path, base) for path, base in found.values()])
    return [Film(path, name) for (path, _), name in zip(found.values(), names, strict=True)]


def place_in(output: Path | str, name: PurePath) -> Path | str:
    """Return where a store is to lie.

    Parameters
    ----------
    output : pathlib.Path or str
        Folder of the study, or its URL.
    name : pathlib.PurePath
        The store's name within.

    Returns
    -------
    pathlib.Path or str
        The place.

    Raises
    ------
    StoreError
        If a link within the folder leads out of it.
    """
    place = join(output, name.as_posix())
    if isinstance(place, str):
        return place
    if not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(output)):
        raise StoreError("leads out of the output folder by a link", "remove the link, or choose another output", place)
    return place


def _films_of(place: str | os.PathLike[str], leave_out: str | os.PathLike[str] | None) -> Iterator[tuple[Path, Path]]:
    """Yield the films that a place stands for, each with the folder that its name counts from."""
    path = Path(place)
    if path.is_dir():
        yield from _films_in(path, path, leave_out)
    elif os.path.lexists(path):
        yield path, path.parent
    elif not is_several(place):
        raise MediaError("there is no such file or folder", "check the name", place)
    else:
        fixed = re.split(_PATTERN, os.fspath(place), maxsplit=1)[0]
        base = Path(fixed.rpartition(os.sep)[0] or (os.sep if fixed.startswith(os.sep) else os.curdir))
        matches = [Path(match) for match in sorted(glob.glob(os.fspath(place), recursive=True))]  # noqa: PTH207 - may begin anywhere
        # With ** a folder is there beside all that lies in it.
        chosen = [match for match in matches if not match.is_dir()]
        folders = [match for match in matches if match.is_dir() and not any(match in file.parents for file in chosen)]
        if not chosen and not folders:
            raise MediaError("no file has such a name", "check the pattern, and put it into quotes", place)
        for match in chosen:
            yield match, base
        for folder in folders:
            yield from _films_in(folder, base, leave_out)


def _films_in(folder: Path, base: Path, leave_out: str | os.PathLike[str] | None) -> Iterator[tuple[Path, Path]]:
    films = find_sound_files(folder, leave_out)
    if not films:
        raise MediaError("holds no films or sound files", "name a folder with films", folder)
    for film in films:
        yield film, base


def _names(films: Sequence[tuple[Path, Path]]) -> list[PurePath]:
    common = Path(os.path.commonpath([_whole(path).parent for path, _ in films]))
    ways: tuple[Callable[[Path, Path], PurePath], ...] = (
        lambda path, base: _bare(path.relative_to(base)),
        lambda path, base: path.relative_to(base),
        lambda path, _: _bare(_whole(path).relative_to(common)),
        lambda path, _: _whole(path).relative_to(common),
        lambda path, _: PurePath(f"{path.name}-{_digest(path)}"),
    )
    chosen = [0] * len(films)
    while True:
        names = [ways[way](*film) for way, film in zip(chosen, films, strict=True)]
        clashing = _clashing(names)
        if not clashing:
            return names
        if all(chosen[number] == len(ways) - 1 for number in clashing):
            raise ParameterError(
                "its store cannot be told apart from another's", "extract it alone", films[min(clashing)][0]
            )
        for number in clashing:
            chosen[number] = min(chosen[number] + 1, len(ways) - 1)


def _whole(path: Path) -> Path:
    """Return the one name of a file; a link to a film is a film of its own, one to a folder is not."""
    return path.parent.resolve() / path.name


def _bare(path: PurePath) -> PurePath:
    # "...mp4" without its ending would be the folder above.
    return path if path.stem.strip(".") == "" else path.with_name(path.stem)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(_whole(path))).hexdigest()[:12]


def _clashing(names: Sequence[PurePath]) -> set[int]:
    """Return which names are equal to another, or a folder above it, on any file system."""
    # Some file systems tell neither capitals nor ways to write an accent apart.
    folded = [tuple(unicodedata.normalize("NFKC", part).casefold() for part in name.parts) for name in names]
    order = sorted(range(len(names)), key=folded.__getitem__)
    clashing: set[int] = set()
    outer: list[int] = []
    for number in order:
        while outer and folded[outer[-1]] != folded[number][: len(folded[outer[-1]])]:
            outer.pop()
        if outer:
            clashing |= {outer[-1], number} if folded[outer[-1]] == folded[number] else {outer[-1]}
        outer.append(number)
    return clashing
