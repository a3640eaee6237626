"""Options that several commands share, spelled once."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from giblet.errors import ParameterError


def _show_stages(wanted: bool) -> None:
    # The option stands before or after the command; neither place takes back what the other one asked for.
    if wanted:
        logging.getLogger("giblet").setLevel(logging.DEBUG)


Bandwidth = Annotated[
    str | None,
    typer.Option(
        "-b",
        "--bandwidth",
        metavar="KBPS",
        help="Kilobits per second: 1.5, 3, 6, 12 or 24 with facebook/encodec_24khz, 3, 6, 12 or 24 with "
        "facebook/encodec_48khz, 1.5, 3, 6 or 12 with tiny; giblet info CODEC lists those of any other.",
        show_default="3, or the largest of a codec without 3",
    ),
]
Codec = Annotated[
    str, typer.Option("--codec", help="Hub name, a folder saved by transformers, or tiny, which is built in.")
]
Device = Annotated[
    str, typer.Option("--device", help="auto (CUDA where there is one), cpu, cuda, cuda:N for GPU number N, or mps.")
]
Force = Annotated[bool, typer.Option("-f", "--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes.", show_default=False)]
Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="Show each stage, with the shapes.", callback=_show_stages),
]


def as_count(text: str | None, option: str) -> int | None:
    """Return the whole number that an option was given.

    Parameters
    ----------
    text : str or None
        What was written; None if the option was not given.
    option : str
        Its name, for the message.

    Returns
    -------
    int or None
        The number.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise ParameterError(f"{option} is {text!r}", "give a whole number") from None


def cores() -> int:
    """Return the cores that this process may use, which a scheduler may have limited, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
