"""One call for every file of annotations."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from giblet.annotations.arranging import SILENCES, Wishes, arranged
from giblet.annotations.content import read_content
from giblet.annotations.events import Annotations, Found
from giblet.annotations.sheets import read_sheet
from giblet.annotations.subtitles import SUBTITLES, read_subtitles
from giblet.annotations.tables import TABLES, read_table
from giblet.annotations.textgrid import looks_like_textgrid, read_textgrid
from giblet.errors import AnnotationError
from giblet.timeline import Seconds


def read_annotations(
    path: str | os.PathLike[str],
    *,
    tier: str | int | None = None,
    sheet: str | int | None = None,
    columns: Mapping[str, str | int] | None = None,
    clock_start: Seconds = 0,
    part: int | None = None,
    restarts: str | Sequence[Seconds] | None = None,
    silences: Collection[str] = SILENCES,
    keep_empty: bool = False,
    fps: float | None = None,
) -> Annotations:
    """Read words, scenes or events from a file.

    The ending of the name decides how it is read, where that says nothing the content: ``.TextGrid`` (Praat, long or
    short text form), ``.srt .vtt .ass .ssa .sub`` (subtitles), ``.tsv .csv`` (tables; events.tsv of BIDS is one),
    ``.xlsx`` (sheets).

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    tier : str or int, optional
        TextGrid: name of the tier, or its number counted from 0; by default the only one, or the one of words.
    sheet : str or int, optional
        Workbook: name of the sheet, or its number counted from 0; by default the only one that has a column of onsets.
    columns : mapping of str to str or int, optional
        Tables and sheets: which column is the ``onset``, ``offset``, ``duration``, ``text``, by name or by number
        counted from 0; those not named are found by the names that are usual for them.
    clock_start : number of seconds or str
        What the file's clock reads when the stimulus begins; it is subtracted from every onset.
    part : int, optional
        Where the file's clock restarts: take this part alone, counted from 0, on its own clock.
    restarts : "sort" or sequence of seconds, optional
        Where the file's clock seems to restart and the file does not say what that means: ``"sort"`` if all rows are of
        one clock and merely unordered; else, for each further part, when it begins on the clock of the first.
    silences : collection of str
        Labels that stand for nothing said, without regard to case; such events are left out, as are empty ones.
    keep_empty : bool
        Keep events without a text, of which other columns may tell.
    fps : float, optional
        Pictures per second, where times count pictures (``00:01:02:15``, MicroDVD).

    Returns
    -------
    Annotations
        The events, ascending, with notes on what was found.

    Raises
    ------
    AnnotationError
        If the file cannot be read as annotations, an event lasts less than no time, or its clock restarts and nothing
        says where the parts belong.
    ParameterError
        If a parameter has a value that cannot be used.
    """
    wishes = Wishes.asked(clock_start, part, restarts, silences, keep_empty)
    return arranged(_found(path, tier, sheet, columns, fps), os.fspath(path), wishes)


def _found(
    path: str | os.PathLike[str],
    tier: str | int | None,
    sheet: str | int | None,
    columns: Mapping[str, str | int] | None,
    fps: float | None,
) -> Found:
    content = read_content(path)
    ending = Path(path).suffix.lower()
    if content.is_zip:
        return read_sheet(path, content.data, sheet, columns or {}, fps)
    if ending in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
        raise AnnotationError("is no workbook of the kind .xlsx", "save it as .xlsx, or as .csv", path)
    text, notes = content.text()
    if ending == ".textgrid" or looks_like_textgrid(text):
        found = read_textgrid(path, text, tier)
    elif ending in SUBTITLES or (ending not in TABLES and (text.startswith("WEBVTT") or "-->" in text)):
        found = read_subtitles(path, text, SUBTITLES.get(ending), fps)
    else:
        found = read_table(path, text, columns or {}, fps)
    found.notes[:0] = notes
    return found
