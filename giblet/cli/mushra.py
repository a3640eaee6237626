"""``giblet mushra``: listening tests, from sounds to a page, and from people's answers to figures."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giblet.cli.options import Device, Force, Json, Verbose
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable

if TYPE_CHECKING:
    from giblet.listening import Scores, Summary

app = typer.Typer(help="Let people listen: MUSHRA tests after ITU-R BS.1534-3.", no_args_is_help=True)


@app.command()
def make(
    sounds: Annotated[list[Path], typer.Argument(help="Sound files, films, and folders of them.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the test.", show_default=False)],
    codec: Annotated[
        str | None,
        typer.Option(
            help="Hub name, the folder of a codec, or tiny or apcodec-tiny, which are built in; default "
            "facebook/encodec_24khz, or none where there are other conditions and no bandwidths.",
            show_default=False,
        ),
    ] = None,
    bandwidths: Annotated[
        str | None,
        typer.Option(
            "-b", "--bandwidths", help="Kilobits per second, several with commas; default all.", show_default=False
        ),
    ] = None,
    mel: Annotated[bool, typer.Option("--mel", help="Also the mel spectrogram, back by Griffin-Lim.")] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE",
            help="Also sounds from files, in step with the originals: a file, or a folder with one of the same name "
            "for each. Can be given several times.",
            show_default=False,
        ),
    ] = None,
    excerpt: Annotated[float, typer.Option(help="Seconds of each sound, 1 to 12.")] = 10.0,
    start: Annotated[
        str | None,
        typer.Option(
            help="Where the excerpts begin, seconds; several with commas, one for each sound; default so that they "
            "lie in the middle.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Listening test",
    seed: Annotated[
        int | None, typer.Option(help="Of names and random orders; default another each time.", show_default=False)
    ] = None,
    device: Device = "auto",
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Make a page on which people rate, against the reference, what is left of each sound.

    Each sound is one trial: open and hidden reference, anchors low-passed at 3.5 and 7 kHz, each bandwidth of the
    codec, and what else is asked for, 12 signals at most. The page needs no network, and gives each listener's
    ratings as a CSV file, which giblet mushra score reads.
    """
    from giblet.listening import make_test

    kbps = None if bandwidths is None else _numbers(bandwidths, "--bandwidths")
    starts = None if start is None else _numbers(start, "--start")
    files = _conditions(condition or [])
    with Bar() as bar:
        made = make_test(
            sounds, output, codec=codec, bandwidths=kbps, mel=mel, conditions=files, excerpt=excerpt, start=starts,
            title=title, seed=seed, device=device, force=force, progress=bar,
        )  # fmt: skip
    for note in made.notes:
        typer.echo(printable(note))
    page = printable(str(output / "index.html"))
    typer.echo(f"{page}: test {made.test}, {_counted(len(made.trials), 'trial')} of {len(made.conditions)} signals")


@app.command()
def score(
    files: Annotated[
        list[Path], typer.Argument(help="CSV files that listeners downloaded from the page.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for tables, JSON and a box plot.", show_default=False),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Count those too whom post-screening would exclude.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Post-screen listeners after BS.1534-3, and give medians, quartiles, means and 95 % intervals."""
    from giblet.listening import score as score_answers
    from giblet.listening import write_scores
    from giblet.listening.scoring import SCORES_FOLDER

    if output is not None:
        SCORES_FOLDER.check(output, force)
    scores = score_answers(files, keep_all=keep_all)
    if output is not None and not write_scores(scores, output, force=force):
        sys.stderr.write("giblet: no plot was drawn, for matplotlib is missing; run pip install 'giblet[plot]'.\n")
    if as_json:
        typer.echo(json.dumps(scores.to_dict()))
    else:
        _show(scores)
        if output is not None:
            typer.echo(f"written  {printable(str(output))}")


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"{option} is {text!r}", "give numbers with commas between, such as 1.5,3") from None


def _conditions(given: list[str]) -> dict[str, Path]:
    conditions: dict[str, Path] = {}
    for text in given:
        name, _, place = text.partition("=")
        if not name or not place:
            raise ParameterError(f"--condition is {text!r}", "give NAME=FILE or NAME=FOLDER")
        if name in conditions:
            raise ParameterError(f"two conditions are called {name!r}", "give each a name of its own")
        conditions[name] = Path(place)
    return conditions


def _show(scores: Scores) -> None:
    everyone = len(scores.listeners) + (0 if scores.kept_all else len(scores.excluded))
    typer.echo(f"test {printable(scores.test)}: {len(scores.listeners)} of {_counted(everyone, 'listener')}")
    for exclusion in scores.excluded:
        would = "would be excluded" if scores.kept_all else "excluded"
        typer.echo(
            printable(f"{would}: {exclusion.listener} ({exclusion.path}), who {' and '.join(exclusion.reasons)}")
        )
    _print("all trials", scores.conditions)
    trials = dict.fromkeys(summary.trial for summary in scores.trials)
    for trial in trials if len(trials) > 1 else ():
        _print(str(trial), [summary for summary in scores.trials if summary.trial == trial])
    typer.echo("median and quartiles over ratings; mean and interval over listeners (Student's t)")
    for note in scores.notes:
        typer.echo(note)


def _print(title: str, summaries: tuple[Summary, ...] | list[Summary]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(Text(title))
    for heading in ("listeners", "ratings", "median", "quartiles", "mean", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for s in summaries:
        interval = "–" if math.isnan(s.ci_low) else f"{s.ci_low:.1f} … {s.ci_high:.1f}"
        table.add_row(
            Text(s.condition), str(s.n_listeners), str(s.n_ratings), f"{s.median:g}",
            f"{s.lower_quartile:g} … {s.upper_quartile:g}", f"{s.mean:.1f}", interval,
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table)


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else what + 's'}"
