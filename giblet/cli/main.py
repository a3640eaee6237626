"""The ``giblet`` command."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from typing import Annotated

import typer

import giblet
from giblet.cli import demo, extract, info, reconstruct
from giblet.errors import GibletError

# How a command ends that was told to stop: by Ctrl-C, as typer answers it, or by SIGTERM, as schedulers send it.
INTERRUPTED, TERMINATED = 130, 143

app = typer.Typer(
    help="Features of films and stories, exact in time with fMRI volumes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("extract")(extract.command)
app.command("reconstruct")(reconstruct.command)
app.command("info")(info.command)
app.command("demo")(demo.command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(giblet.__version__)
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show each stage, with the shapes.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("giblet").setLevel(logging.DEBUG if verbose else logging.WARNING)


def run() -> None:
    """Run the command line; errors that a user can mend end with status 2, an interrupt with 130, a
    termination with 143.
    """
    # Threads that wait for each other spin for milliseconds by default, which makes everything far slower once another
    # program wants the processor. Spinning for microseconds costs nothing. torch reads this when it loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An arrow that a terminal cannot show is no reason to fail.
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        app()
    except GibletError as error:
        sys.stderr.write(f"giblet: {error}\n")
        sys.exit(2)
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            sys.stderr.write("giblet: interrupted; nothing half-written was left behind\n")
        raise
