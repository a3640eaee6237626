"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Bandwidth = Annotated[float, typer.Option("-b", "--bandwidth", help="Kilobits per second.")]
Codec = Annotated[
    str, typer.Option("--codec", help="Hub name, a folder saved by transformers, or tiny, which is built in.")
]
Device = Annotated[str, typer.Option("--device", help="auto (CUDA where there is one), cpu, cuda.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes.", show_default=False)]
