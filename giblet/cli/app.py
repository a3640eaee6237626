"""The commands of ``giblet`` and what they have in common."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated, Any, cast

import typer

import giblet
from giblet.cli import (
    benchmark,
    cache,
    check_alignment,
    codec,
    dataset,
    demo,
    evaluate,
    extract,
    features,
    fit,
    info,
    mushra,
    reconstruct,
    report,
    serve,
    train,
)
from giblet.cli.options import Verbose
from giblet.errors import ParameterError

app = typer.Typer(
    help="Features of films and stories, exact in time with fMRI volumes.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("extract")(extract.command)
app.command("features")(features.command)
app.command("reconstruct")(reconstruct.command)
app.command("codec")(codec.command)
app.command("info")(info.command)
app.command("train")(train.command)
app.command("evaluate")(evaluate.command)
app.command("benchmark")(benchmark.command)
app.command("report")(report.command)
app.command("serve")(serve.command)
app.add_typer(dataset.app, name="dataset")
app.add_typer(mushra.app, name="mushra")
app.add_typer(cache.app, name="cache")
app.command("fit")(fit.command)
app.command("check-alignment")(check_alignment.command)
app.command("demo")(demo.command)

# typer brings an own copy of click or uses an installed one; this is the class of all errors of usage in either.
USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(giblet.__version__)
        raise typer.Exit


@app.callback()
def _options(
    verbose: Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def call() -> int:
    """Parse the command line and run the command that it names.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    GibletError
        If the user has something to mend.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An arrow that a terminal cannot show is no reason to fail.
            stream.reconfigure(errors="replace")
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("giblet").setLevel(logging.WARNING)
    try:
        status: Any = app(sys.argv[1:] or ["--help"], prog_name="giblet", standalone_mode=False)
    except USAGE_ERROR as error:
        problem = " ".join(error.format_message().split()).replace(". Did you mean", ", did you mean").rstrip(".?")
        command = "giblet" if error.ctx is None else error.ctx.command_path
        raise ParameterError(problem[:1].lower() + problem[1:], f"see {command} --help") from error
    return status if isinstance(status, int) else 0
