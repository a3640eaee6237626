"""``giblet extract`` of many films: a line for each, and a table of those that failed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from giblet.cli.progress import Bar
from giblet.cli.workers import Asked, workers_of
from giblet.errors import printable

if TYPE_CHECKING:
    from giblet.cluster import FilmOutcome, StudyResult

# How the command ends when films failed; 2 is for what cannot be used at all.
FAILED = 1


def is_study(films: Sequence[Path], asked: Asked) -> bool:
    """Tell whether films are to be extracted as a study, and raise if workers cannot be had as asked."""
    from giblet.cluster import check_cluster, is_several

    return check_cluster(*asked) or any(map(is_several, films))


def extract_study(films: Sequence[Path], output: str, settings: dict[str, Any], asked: Asked, as_json: bool) -> None:
    """Extract films, folders and patterns, each into a store of its own.

    Parameters
    ----------
    films : sequence of pathlib.Path
        As they were named.
    output : str
        Folder for the stores, or a URL.
    settings : dict
        For `giblet.extract`.
    asked : Asked
        Who does it.
    as_json : bool
        Whether to print JSON, a document on each line.
    """
    from giblet.cluster import extract_many

    def told(one: FilmOutcome) -> None:
        if as_json:
            typer.echo(json.dumps(asdict(one)))
        else:
            typer.echo(f"{printable(one.film)} → {printable(one.store)}; {_AS_TOLD[one.state]}{_lasted(one)}")

    try:
        with Bar() as bar:
            result = extract_many(films, output, run=workers_of(asked), progress=bar, each=told, **settings)
    except (KeyboardInterrupt, SystemExit):
        sys.stderr.write("giblet: what is done is kept; the same command goes on from there\n")
        raise
    if not as_json:
        _show(result)
    if result.failed:
        raise typer.Exit(FAILED)


_AS_TOLD = {"done": "extracted", "hit": "was there already", "failed": "failed"}
_IN_SUM = _AS_TOLD | {"hit": "there already"}


def _lasted(one: FilmOutcome) -> str:
    return f" in {one.seconds:.1f} s" if one.state == "done" else ""


def _show(result: StudyResult) -> None:
    states = [one.state for one in result.outcomes]
    counts = [f"{states.count(state)} {words}" for state, words in _IN_SUM.items() if state in states]
    typer.echo(f"{len(states)} film{'' if len(states) == 1 else 's'}: {', '.join(counts)}")
    if not result.failed:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("failed", "reason", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for one in result.failed:
        table.add_row(printable(one.film), printable(one.reason))
    Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False).print(table)
