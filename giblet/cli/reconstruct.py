"""``giblet reconstruct``: stores to sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Device, Force, Json, Verbose
from giblet.cli.progress import Bar
from giblet.errors import CodecError, MediaError, printable

if TYPE_CHECKING:
    from giblet.data import Reconstruction


def command(
    store: Annotated[str, typer.Argument(help="A store that extract wrote, or its URL.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The sound (.wav, .flac, .ogg), or with --film the film (.mp4, .m4v, .mov, .mkv, .webm).",
            show_default=False,
        ),
    ],
    film: Annotated[
        Path | None, typer.Option(help="The film, when OUTPUT is one: its picture is copied.", show_default=False)
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Where the store's codec lies now, if it moved.", show_default=False)
    ] = None,
    bandwidth: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--bandwidth",
            metavar="KBPS",
            help="Kilobits per second: the store's own (giblet info STORE lists them, under codebooks), or fewer.",
            show_default="the store's",
        ),
    ] = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Turn STORE back into sound, or into the film with the reconstructed sound."""
    kbps = _check(store, output, film, codec, bandwidth, device)

    from giblet.data.reconstruction import reconstruct

    with Bar() as bar:
        done = reconstruct(
            store, output, film=film, codec=codec, bandwidth=kbps, device=device, force=force, progress=bar
        )
    if as_json:
        about = {"output": str(output), "seconds": done.seconds, "picture_seconds": done.picture_seconds}
        typer.echo(json.dumps(about | {"speed": bar.speed}))
    else:
        typer.echo(closing_line(store, done, bar.speed))


def closing_line(store: str, done: Reconstruction, speed: float) -> str:
    """Say what a reconstruction gave.

    Parameters
    ----------
    store : str
        The store.
    done : Reconstruction
        The result.
    speed : float
        Seconds of sound per second.

    Returns
    -------
    str
        Names, duration, and by how much the picture's is another.
    """
    parts = [f"{printable(store)} → {printable(str(done.path))}", f"{done.seconds:.3f} s of sound"]
    if done.difference:
        than = "longer" if done.difference > 0 else "shorter"
        parts.append(f"the picture lasts {abs(done.difference):.2f} s {than} than the sound")
    return "; ".join([*parts, f"{speed:.0f} × real time"])


def _check(
    store: str, output: Path, film: Path | None, codec: str | None, bandwidth: str | None, device: str
) -> float | None:
    """Say at once what reconstructing would say after it has loaded what it needs; return the bandwidth."""
    from giblet.codecs.catalog import as_bandwidth, find_codec
    from giblet.codecs.loading import check_device
    from giblet.data.checks import check_file
    from giblet.store import read_manifest

    check_device(device)
    kbps = None if bandwidth is None else as_bandwidth(bandwidth)
    if output.is_dir():
        raise MediaError("is a folder", "name a file", output)
    if film is not None:
        check_file(film)
    made_by: dict[str, Any] = read_manifest(store)["provenance"].get("codec", {})
    offered = made_by.get("codebooks", {})
    if kbps is not None and made_by and f"{kbps:g}" not in offered:
        raise CodecError(
            f"it holds no {kbps:g} kbps of {made_by['name']}",
            f"choose one of {', '.join(offered)}, or extract again with a larger bandwidth",
            store,
        )
    if codec is not None:
        find_codec(codec)
    elif made_by.get("source") is not None:
        try:
            find_codec(made_by["source"])
        except CodecError as error:
            raise CodecError(
                f"its codec {made_by['source']} cannot be had ({error.problem})",
                "say with --codec where it lies now, or connect to the network if it comes from there",
                store,
            ) from error
    return kbps
