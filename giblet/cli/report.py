"""``giblet report``: one page that shows what a store, a benchmark, a dataset or a fit holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from giblet.cli.options import Device, Force, Json, Verbose
from giblet.cli.progress import Bar
from giblet.errors import CodecError, printable


def command(
    path: Annotated[
        str,
        typer.Argument(
            help="What giblet extract, giblet benchmark, giblet dataset build or giblet fit wrote; also a store's URL.",
            metavar="STORE|BENCHMARK|DATASET|FIT",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page, a .html file.")] = Path("report.html"),
    film: Annotated[
        Path | None,
        typer.Option(help="The film of a store; by default looked for beside it.", show_default=False),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option(
            help="Where the sounds of a store begin, seconds; default 60, or 0 in short films.", show_default=False
        ),
    ] = None,
    listen: Annotated[
        float | None,
        typer.Option(
            help="Seconds of each sound, 0 for none; default 5 to 30, as the page stays small.", show_default=False
        ),
    ] = None,
    bandwidths: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--bandwidths",
            help="Kilobits per second at which a store is heard, several with commas; default all that it holds.",
            show_default=False,
        ),
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Where the store's codec lies now, if it moved.", show_default=False)
    ] = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write one page on a store, a benchmark, a dataset or a fit, with pictures and sounds inside: nothing is loaded.

    Of a store: time line, spectrograms and players of the film and of what each bandwidth keeps, codebooks, all series.
    Of a benchmark: quality by bandwidth and over time. Of a dataset: alignment, what is missing, quality of the BOLD.
    Of a fit: scores beside chance and ceiling, shares of feature spaces.
    """
    kbps = _check(path, output, film, at, listen, bandwidths, codec, device, force)

    from giblet.report import write_report

    with Bar() as bar:
        page = write_report(
            path, output, film=film, at=at, listen=listen, bandwidths=kbps, codec=codec, device=device, force=force,
            progress=bar,
        )  # fmt: skip
    size = page.stat().st_size
    if as_json:
        typer.echo(json.dumps({"output": str(page), "bytes": size}))
    else:
        typer.echo(f"{printable(path)} → {printable(str(page))}, {size / 1e6:.1f} MB")


def _check(
    path: str, output: Path, film: Path | None, at: float | None, listen: float | None, bandwidths: str | None,
    codec: str | None, device: str, force: bool,
) -> list[float] | None:  # fmt: skip
    """Say at once what writing the page would say after it has loaded what it needs; return the bandwidths."""
    from giblet.codecs.catalog import as_bandwidth, find_codec
    from giblet.codecs.loading import check_device
    from giblet.report.checks import check_report
    from giblet.store import read_manifest

    check_device(device)
    kbps = None if bandwidths is None else [as_bandwidth(text) for text in bandwidths.split(",")]
    kind = check_report(path, output, film=film, at=at, listen=listen, bandwidths=kbps, codec=codec, force=force)
    if kind == "store":
        made_by = read_manifest(path)["provenance"].get("codec", {})
        offered = made_by.get("codebooks", {})
        unknown = [each for each in kbps or () if f"{each:g}" not in offered]
        if unknown:
            raise CodecError(
                f"it holds no {unknown[0]:g} kbps" + (f" of {made_by['name']}" if made_by else ""),
                f"choose among {', '.join(offered)}" if offered else "leave --bandwidths out",
                path,
            )
    if codec is not None:
        find_codec(codec)
    return kbps
