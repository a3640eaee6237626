"""Options that several commands share, spelled once."""

from __future__ import annotations

import logging
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
    str, typer.Option("--codec", help="Hub name, the folder of a codec, or tiny or apcodec-tiny, which are built in.")
]
Device = Annotated[
    str, typer.Option("--device", help="auto (CUDA where there is one), cpu, cuda, cuda:N for GPU number N, or mps.")
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        help="Where results are found again and kept; without it GIBLET_CACHE, or the user's cache.",
        show_default=False,
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compute everything, and keep nothing for another time.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes.", show_default=False)]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers", metavar="NUMBER", help="Processes of this machine that share the work.", show_default=False
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="A Dask scheduler to do it, such as tcp://10.0.0.1:8786.",
        show_default=False,
    ),
]  # fmt: skip
Slurm = Annotated[
    Path | None,
    typer.Option(
        "--slurm",
        metavar="CONFIG.yaml",
        help="Jobs of a cluster's queue to do it: SLURM, SGE or PBS, as the file says (docs/cluster.md).",
        show_default=False,
    ),
]
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


def as_cache(folder: Path | None, none: bool) -> Path | bool:
    """Return what ``--cache`` and ``--no-cache`` mean as an argument of `giblet.extract`.

    Parameters
    ----------
    folder : pathlib.Path or None
        Of ``--cache``.
    none : bool
        Whether ``--no-cache`` was given.

    Returns
    -------
    pathlib.Path or bool
        The folder, True for the default one, or False.

    Raises
    ------
    ParameterError
        If both were given.
    """
    if none and folder is not None:
        raise ParameterError("--cache and --no-cache contradict each other", "give one of them")
    return not none if folder is None else folder
