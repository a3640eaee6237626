"""TextGrids of Praat.

Praat writes a long and a short text form and reads both alike: it takes free-standing numbers, strings in quotation
marks, in which two marks stand for one, and flags in angle brackets, and passes over all other words as comments ("Text
file formats" in Praat's manual). So does this reader.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from giblet.annotations.events import Found
from giblet.errors import AnnotationError

_TOKEN = re.compile(
    r'(?<!\S)"(?P<string>[^"]*+(?:""[^"]*+)*+)"'
    r"|(?<!\S)(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\S)"
    r"|(?<!\S)<(?P<flag>\w+)>(?!\S)"
    r"|(?<!\S)![^\n]*"
)
_REMEDY = "open it in Praat and save it as a text file"
# Names of the tier to take where there are several.
WORD_TIERS = ("words", "word", "ort", "orthography", "tokens")


@dataclass(frozen=True)
class _Tier:
    name: str
    entries: list[tuple[float, float, str]]


def looks_like_textgrid(text: str) -> bool:
    """Whether a text begins as Praat's files do."""
    return text.startswith(('File type = "ooTextFile', '"ooTextFile'))


def read_textgrid(path: str | os.PathLike[str], text: str, tier: str | int | None) -> Found:
    """Read one tier of a TextGrid.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    text : str
        Its content, in the long or the short form.
    tier : str or int, optional
        Name of the tier or its number counted from 0; by default the only one, or the one of words.

    Returns
    -------
    Found
        Intervals with their durations, or points of duration 0.

    Raises
    ------
    AnnotationError
        If it is no TextGrid, is cut short, or has no such tier.
    """
    import pandas as pd

    tiers = _tiers(_Tokens(path, text))
    chosen = _choose(path, tiers, tier)
    onsets, ends, labels = zip(*chosen.entries, strict=True) if chosen.entries else ((), (), ())
    table = pd.DataFrame({"onset": onsets, "duration": ends, "text": labels}).astype(
        {"onset": float, "duration": float}
    )
    table["duration"] -= table["onset"]
    table["text"] = table["text"].astype(str).str.strip()
    table.index += 1
    others = [repr(one.name) for one in tiers if one is not chosen]
    notes = (
        [f"it has {len(tiers)} tiers, of which {chosen.name!r} was read and not {', '.join(others)}"] if others else []
    )
    return Found(table, "interval", notes)


class _Tokens:
    """The numbers, strings and flags of a text, one after the other."""

    def __init__(self, path: str | os.PathLike[str], text: str) -> None:
        self.path = path
        self._tokens = self._found(text)

    def _found(self, text: str) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(text):
            if match.lastgroup is not None:
                yield match.lastgroup, match[match.lastgroup]

    def next(self, kind: str, meaning: str) -> str:
        """Return the next token, which shall be of a kind."""
        there, token = next(self._tokens, (None, ""))
        if there is None:
            raise AnnotationError(f"is cut short: there is no {meaning}", "copy or export it again", self.path)
        if there != kind:
            raise AnnotationError(f"has {token[:40]!r} where {meaning} should be", _REMEDY, self.path)
        return token

    def string(self, meaning: str) -> str:
        return self.next("string", meaning).replace('""', '"')

    def number(self, meaning: str) -> float:
        return float(self.next("number", meaning))

    def count(self, meaning: str) -> int:
        """Return a number of things."""
        number = self.next("number", meaning)
        if not number.isdecimal():
            raise AnnotationError(f"has {number!r} where {meaning} should be", _REMEDY, self.path)
        # More digits than Python takes for an integer are more things than any file holds.
        return int(number[:18])


def _tiers(tokens: _Tokens) -> list[_Tier]:
    """Read all tiers of a TextGrid."""
    kind, content = tokens.string("the type of the file"), tokens.string("the class of its content")
    if not kind.startswith("ooTextFile") or content != "TextGrid":
        raise AnnotationError(f"is no TextGrid but {content[:40]!r} of type {kind[:40]!r}", _REMEDY, tokens.path)
    tokens.number("the start of its time")
    tokens.number("the end of its time")
    if tokens.next("flag", "the flag <exists>") != "exists":
        return []
    return [_tier(tokens, number) for number in range(tokens.count("the number of tiers"))]


def _tier(tokens: _Tokens, number: int) -> _Tier:
    """Read one tier."""
    kind, name = tokens.string(f"the class of tier {number}"), tokens.string(f"the name of tier {number}")
    if kind not in ("IntervalTier", "TextTier"):
        raise AnnotationError(f"has a tier of the unknown class {kind[:40]!r}", _REMEDY, tokens.path)
    tokens.number(f"the start of tier {name!r}")
    tokens.number(f"the end of tier {name!r}")
    entries = []
    for k in range(1, tokens.count(f"the number of entries of tier {name!r}") + 1):
        begin = tokens.number(f"the time of entry {k} of tier {name!r}")
        end = tokens.number(f"the end of interval {k} of tier {name!r}") if kind == "IntervalTier" else begin
        entries.append((begin, end, tokens.string(f"the label of entry {k} of tier {name!r}")))
    return _Tier(name, entries)


def _choose(path: str | os.PathLike[str], tiers: list[_Tier], tier: str | int | None) -> _Tier:
    """Return the tier that is asked for."""
    there = ", ".join(f"{number} ({one.name!r}, {len(one.entries)} entries)" for number, one in enumerate(tiers))
    if not tiers:
        raise AnnotationError("has no tier", "annotate it in Praat first", path)
    if isinstance(tier, int):
        candidates = tiers[tier : tier + 1] if tier >= 0 else []
    elif tier is not None:
        candidates = [one for one in tiers if one.name == tier]
    else:
        candidates = tiers if len(tiers) == 1 else [one for one in tiers if one.name.strip().lower() in WORD_TIERS]
    if len(candidates) == 1:
        return candidates[0]
    if tier is None:
        raise AnnotationError("has several tiers", f"choose by tier one of {there}", path)
    problem = f"has no tier {tier!r}" if not candidates else f"has {len(candidates)} tiers called {tier!r}"
    raise AnnotationError(problem, f"choose by its number one of {there}", path)
