"""Subtitles: SubRip, WebVTT, SubStation, MicroDVD."""

from __future__ import annotations

import html
import os
import re

from giblet.annotations.events import Found
from giblet.errors import AnnotationError

SUBTITLES = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ssa", ".sub": "microdvd"}


def read_subtitles(path: str | os.PathLike[str], text: str, kind: str | None, fps: float | None) -> Found:
    """Read subtitles, one event each.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    text : str
        Its content.
    kind : str or None
        One of the values of `SUBTITLES`, None where only the content tells.
    fps : float, optional
        Pictures per second, for MicroDVD.

    Returns
    -------
    Found
        Their times and words, without marks of style; lines are joined by blanks.

    Raises
    ------
    AnnotationError
        If there are none, or one has no two times.
    """
    import pandas as pd
    import pysubs2

    kind = kind or ("vtt" if text.startswith("WEBVTT") else "srt")
    if kind == "vtt":
        text = _cues(text)
    try:
        subtitles = pysubs2.SSAFile.from_string(text, format_=kind, fps=fps)
    except pysubs2.exceptions.UnknownFPSError as error:
        raise AnnotationError("counts pictures and does not say how many a second has", "give fps", path) from error
    # What the parser makes of nonsense is not documented: IndexError, KeyError, ValueError, OverflowError, ...
    except Exception as error:
        raise AnnotationError(f"cannot be read as {kind} subtitles ({error})", "export it again", path) from error
    if kind in ("srt", "vtt"):
        _check_times(path, text, len(subtitles))
    events = [event for event in subtitles if not event.is_comment]
    table = pd.DataFrame(
        {
            "onset": [event.start / 1000 for event in events],
            "duration": [(event.end - event.start) / 1000 for event in events],
            "text": [" ".join(html.unescape(event.plaintext).split()) for event in events],
        }
    ).astype({"onset": float, "duration": float, "text": str})
    table.index += 1
    return Found(table, "subtitle")


def _cues(text: str) -> str:
    """Leave only times and words of WebVTT: names of cues, notes and styles would be taken for words."""
    blocks = (block.split("\n") for block in re.split(r"\n\s*\n", text))
    cues = (lines[at:] for lines in blocks for at in [_times_at(lines)] if at is not None)
    return "WEBVTT\n\n" + "\n\n".join("\n".join(cue) for cue in cues)


def _times_at(lines: list[str]) -> int | None:
    """Return which of the first two lines of a block holds the times of a cue, None for other blocks."""
    return next((number for number, line in enumerate(lines[:2]) if "-->" in line), None)


def _check_times(path: str | os.PathLike[str], text: str, understood: int) -> None:
    """Raise if a line that should hold two times does not: the parser takes it for words."""
    lines = [line.strip() for line in text.split("\n") if re.match(r"\s*[\d:.,]+\s*-->", line)]
    if len(lines) > understood:
        bad = next((line for line in lines if not re.match(_TIMES, line)), lines[-1])
        raise AnnotationError(f"has no two times in {bad[:60]!r}", "write them as 00:00:01,500 --> 00:00:02,250", path)


_TIME = r"(\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
_TIMES = rf"{_TIME}\s*-->\s*{_TIME}"
