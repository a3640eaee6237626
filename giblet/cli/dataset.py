"""``giblet dataset``: a study's stimuli and scans, brought together."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Device, Force, Json, Verbose, as_count
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable

if TYPE_CHECKING:
    from giblet.data.multimodal.prepared import Prepared

app = typer.Typer(help="Bring a study's films, words and scans together, TR by TR.", no_args_is_help=True)

Study = Annotated[
    Path, typer.Argument(help="A folder with a study, a YAML file that describes one.", show_default=False)
]
Built = Annotated[
    Path, typer.Argument(help="A dataset that was built, or a study, which is built first.", show_default=False)
]
