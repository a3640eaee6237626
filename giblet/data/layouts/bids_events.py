"""Which film a BIDS run shows, and since when: ``stim_file`` and ``onset`` of events.tsv."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from giblet.data.layouts.files import is_inside, visible_files
from giblet.data.layouts.findings import Findings
from giblet.errors import ParameterError
from giblet.media.folders import ENDINGS
from giblet.timeline import exact

if TYPE_CHECKING:
    import pandas as pd

_NO_ONSET = Fraction(0)


def find_stimulus(
    events: Path | None, root: Path, length: Fraction | None, run: str, findings: Findings
) -> tuple[Path | None, Fraction]:
    """Return what a run shows.

    Parameters
    ----------
    events : pathlib.Path or None
        The run's events.tsv.
    root : pathlib.Path
        The raw dataset; films lie in its folder ``stimuli``.
    length : fractions.Fraction or None
        Length of the run, seconds, None if unknown.
    run : str
        Its name, for messages.
    findings : Findings
        Gets a problem for a table that cannot be read, events outside the run, and films that are missing, outside of
        ``stimuli``, or more than one.

    Returns
    -------
    stimulus : pathlib.Path or None
        Film or sound; None if there is none, or not one.
    onset : fractions.Fraction
        Its beginning, seconds after the first stored volume.
    """
    table = None if events is None else _read_events(events, findings)
    if events is None or table is None:
        return _only_film(events or root, root / "stimuli", run, findings), _NO_ONSET
    _check_times(table, events, length, findings)
    # Stills, which stim_file often names, are no films.
    shown = table[[Path(name).suffix.lower() in ENDINGS for name in table["stim_file"]]]
    films = list(dict.fromkeys(shown["stim_file"]))
    if not films:
        return _only_film(events, root / "stimuli", run, findings), _NO_ONSET
    if len(films) > 1:
        listed = ", ".join(films[:3]) + (", …" if len(films) > 3 else "")
        findings.error(
            events,
            f"stim_file names {len(films)} films ({listed})",
            "let each run show one: join them, and let stim_file name the joined film where it begins",
        )
        return None, _NO_ONSET
    onset = shown["seconds"].iloc[0]
    if onset is None:
        findings.error(events, f"the film {films[0]} has no onset", "write when it began, in seconds")
        onset = _NO_ONSET
    if len(shown) > 1:
        findings.warn(
            events,
            f"stim_file names {films[0]} in {len(shown)} rows",
            f"check that it began once, at {float(onset):g} s as the first of them says",
        )
    if length is not None and onset >= length:
        problem = f"the film {films[0]} begins at {float(onset):g} s and the run ends at {float(length):g} s"
        findings.error(events, problem, "correct its onset, in seconds after the first stored volume")
    return _in_stimuli(films[0], events, root, findings), onset


def _read_events(path: Path, findings: Findings) -> pd.DataFrame | None:
    """Return the table with columns onset, duration and stim_file as text, and seconds as Fraction or None."""
    import pandas as pd

    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        findings.error(path, f"is no table ({reason})", "save it as text with columns apart by tabs")
        return None
    if "onset" not in table:
        findings.error(path, f"has the columns {', '.join(table.columns[:8])}", "name that of the times onset")
        return None
    for name in ("duration", "stim_file"):
        if name not in table:
            table[name] = "n/a"
    table["seconds"] = pd.Series([_seconds(text) for text in table["onset"]], index=table.index, dtype=object)
    return table


def _check_times(table: pd.DataFrame, path: Path, length: Fraction | None, findings: Findings) -> None:
    # People count rows with the header as the first.
    rows = list(enumerate(zip(table["seconds"], table["onset"], table["duration"], strict=True), start=2))
    unread = [f"{row} ({text:.20})" for row, (onset, text, _) in rows if onset is None and text != "n/a"]
    if unread:
        findings.warn(path, f"no onset can be read in row{_listed(unread)}", "write seconds there, or n/a")
    if length is None:
        return
    outside = [
        f"{row} ({text} s)"
        for row, (onset, text, duration) in rows
        if onset is not None and (onset >= length or onset + (_seconds(duration) or 0) < 0)
    ]
    if outside:
        findings.warn(
            path,
            f"the run lasts {float(length):g} s and events lie outside of it, in row{_listed(outside)}",
            "check the TR, and that onsets are seconds after the first stored volume",
        )


def _listed(rows: Sequence[str]) -> str:
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{'s' if len(rows) > 1 else ''} {', '.join(rows[:3])}{more}"


def _seconds(text: str) -> Fraction | None:
    try:
        return exact(text)
    except ParameterError:
        return None


def _in_stimuli(name: str, events: Path, root: Path, findings: Findings) -> Path | None:
    folder = root / "stimuli"
    path = folder / name
    if not is_inside(path, folder):
        findings.error(
            events, f"stim_file {name} lies outside of {folder}", "put the film there and name it from there"
        )
        return None
    # Some datasets name films from their root.
    if not os.path.lexists(path) and name.startswith("stimuli/"):
        return root / name
    return path


def _only_film(source: Path, folder: Path, run: str, findings: Findings) -> Path | None:
    films = [path for path in visible_files(folder) if path.suffix.lower() in ENDINGS] if folder.is_dir() else []
    if len(films) == 1:
        findings.warn(
            source,
            f"no stim_file says what {run} shows; {films[0].name}, the only film in stimuli, is taken to begin with "
            "the first stored volume",
            "add a row with its onset and stim_file to events.tsv",
        )
        return films[0]
    findings.note(f"{run}: no event names a film or sound, so there are brain data only.")
    return None
