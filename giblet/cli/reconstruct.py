"""``giblet reconstruct``: stores to sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from giblet.cli.options import Device, Force, Json, Output
from giblet.cli.progress import Bar
from giblet.errors import printable


def command(
    store: Annotated[Path, typer.Argument(help="A store that extract wrote.", show_default=False)],
    output: Output,
    film: Annotated[
        Path | None, typer.Option(help="The film, when OUTPUT is one: its picture is copied.", show_default=False)
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Where the store's codec lies now, if it moved.", show_default=False)
    ] = None,
    bandwidth: Annotated[
        float | None,
        typer.Option("-b", "--bandwidth", help="Kilobits per second, at most the store's.", show_default=False),
    ] = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn STORE back into sound (.wav, .flac), or into the film with the reconstructed sound."""
    with Bar() as bar:
        from giblet.data.reconstruction import reconstruct

        seconds = reconstruct(
            store, output, film=film, codec=codec, bandwidth=bandwidth, device=device, force=force, progress=bar
        )
    if as_json:
        typer.echo(json.dumps({"output": str(output), "seconds": seconds, "speed": bar.speed}))
    else:
        typer.echo(
            f"{printable(str(store))} → {printable(str(output))}; {seconds:.3f} s of sound; {bar.speed:.0f} × real time"
        )
