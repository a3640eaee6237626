"""Reading the files that listeners sent back, which may be anything."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import ListeningError, printable
from giblet.listening.anchors import REFERENCE

COLUMNS = ("test", "listener", "trial", "trial_order", "stimulus_order", "condition", "rating", "plays")
"""What is read of a file; more columns are passed over."""
_MOST_BYTES = 10_000_000
_AGAIN = "ask the listener for the file as it was downloaded"


@dataclass(frozen=True)
class Rating:
    """What one listener said of one signal of one trial.

    Attributes
    ----------
    test, listener, trial, condition : str
        Names.
    trial_order, stimulus_order : int
        The how-manieth trial and letter it was for the listener, from 1 on.
    rating : float
        0 to 100.
    plays : int
        How often it was played.
    """

    test: str
    listener: str
    trial: str
    trial_order: int
    stimulus_order: int
    condition: str
    rating: float
    plays: int


@dataclass(frozen=True)
class Answers:
    """All that one listener said.

    Attributes
    ----------
    listener : str
        Name.
    path : str
        The file.
    ratings : tuple of Rating
        One for each trial and condition.
    """

    listener: str
    path: str
    ratings: tuple[Rating, ...]

    def of(self, condition: str) -> list[float]:
        """Return the ratings of a condition, one for each trial that has it."""
        return [rating.rating for rating in self.ratings if rating.condition == condition]


def read_answers(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[Answers], list[str]]:
    """Read the answers of all listeners of one test.

    Parameters
    ----------
    paths : iterable of str or os.PathLike
        Files as the test's page gives them; one may hold several listeners.

    Returns
    -------
    answers : list of Answers
        One for each listener, in the order of their names.
    notes : list of str
        What was left out, a sentence each.

    Raises
    ------
    ListeningError
        If a file cannot be read or is damaged, files belong to different tests, a listener answered twice in
        different ways, or answers are missing.
    """
    found: dict[str, Answers] = {}
    notes = []
    test: tuple[str, str] | None = None
    for place in paths:
        path = os.fspath(place)
        for answers in _read(path):
            mine = answers.ratings[0].test
            test = test or (mine, path)
            if mine != test[0]:
                raise ListeningError(
                    f"is of test {mine}, and {printable(test[1])} of test {test[0]}", "score each test by itself", path
                )
            before = found.setdefault(answers.listener, answers)
            if before is answers:
                continue
            if before.ratings != answers.ratings:
                raise ListeningError(
                    f"listener {answers.listener} gave other ratings in {printable(before.path)}",
                    "leave out the one that does not count",
                    path,
                )
            notes.append(f"{printable(path)} repeats {printable(before.path)}, and is left out.")
    if not found:
        raise ListeningError("there are no files to score", "name the files that listeners sent")
    everyone = [found[listener] for listener in sorted(found)]
    _check_complete(everyone)
    return everyone, notes


def _read(path: str) -> list[Answers]:
    rows: dict[str, list[Rating]] = {}
    seen: dict[tuple[str, str, str], int] = {}
    for number, rating in _rows(path):
        item = (rating.listener, rating.trial, rating.condition)
        if item in seen:
            raise _damage(
                path, number, f"rates {rating.condition!r} in {rating.trial!r} again, as row {seen[item]} does"
            )
        seen[item] = number
        rows.setdefault(rating.listener, []).append(rating)
    if not rows:
        raise ListeningError("holds no ratings", _AGAIN, path)
    # In one order, whatever a spreadsheet made of it.
    return [
        Answers(name, path, tuple(sorted(ratings, key=lambda r: (r.trial, r.condition))))
        for name, ratings in rows.items()
    ]


def _rows(path: str) -> Iterator[tuple[int, Rating]]:
    """Yield the ratings with the numbers of their rows, as a spreadsheet counts them."""
    text = _text(path)
    head = text.partition("\n")[0]
    # Spreadsheets of some countries save with semicolons.
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        missing = [column for column in COLUMNS if header.count(column) != 1]
        if missing:
            raise ListeningError(
                f"row 1 has no column {missing[0]!r}"
                if missing[0] not in header
                else f"has two columns {missing[0]!r}",
                "name files that the page of a listening test gave",
                path,
            )
        for number, fields in enumerate(reader, 2):
            if not any(fields):
                continue
            if len(fields) != len(header):
                raise _damage(path, number, f"has {len(fields)} fields, and the header {len(header)}")
            yield number, _rating(dict(zip(header, fields, strict=True)), path, number)
    except csv.Error as error:
        raise _damage(path, reader.line_num, f"is no CSV ({error})") from None


def _text(path: str) -> str:
    try:
        if Path(path).is_dir():
            raise ListeningError("is a folder", "name the files in it", path)
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ListeningError(f"has more than {_MOST_BYTES // 10**6} MB", "name results of a listening test", path)
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ListeningError("there is no such file", "check the name", path) from None
    except OSError as error:
        raise ListeningError(f"cannot be read ({error.strerror})", "check the file and its permissions", path) from None
    except ValueError:
        raise ListeningError("is no text in UTF-8", _AGAIN, path) from None


def _rating(row: dict[str, str], path: str, number: int) -> Rating:
    for name in ("test", "listener", "trial", "condition"):
        if not row[name].strip() or not row[name].isprintable():
            raise _damage(path, number, f"has {row[name]!r} as {name}")
    return Rating(
        test=row["test"],
        listener=row["listener"],
        trial=row["trial"],
        trial_order=_whole(row, "trial_order", 1, path, number),
        stimulus_order=_whole(row, "stimulus_order", 1, path, number),
        condition=row["condition"],
        rating=_within(row["rating"], path, number),
        plays=_whole(row, "plays", 0, path, number),
    )


def _within(text: str, path: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 100:
        raise _damage(path, number, f"has the rating {text!r}, which is no number from 0 to 100")
    return value


def _whole(row: dict[str, str], name: str, least: int, path: str, number: int) -> int:
    text = row[name]
    # int() takes more than digits, and refuses thousands of them.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise _damage(path, number, f"has {text!r} as {name}, which is no whole number from {least} on")
    return int(text)


def _damage(path: str, number: int, problem: str) -> ListeningError:
    return ListeningError(f"row {number} {problem}", _AGAIN, path)


def _check_complete(everyone: Sequence[Answers]) -> None:
    """Refuse answers that lack something that others rated, or the reference."""
    asked = {(rating.trial, rating.condition): answers for answers in everyone for rating in answers.ratings}
    for trial in dict.fromkeys(trial for trial, _ in asked):
        asked.setdefault((trial, REFERENCE), everyone[0])
    for answers in everyone:
        missing = asked.keys() - {(rating.trial, rating.condition) for rating in answers.ratings}
        if missing:
            trial, condition = min(missing)
            raise ListeningError(
                f"listener {answers.listener} has not rated {condition!r} in {trial!r}", _AGAIN, answers.path
            )
