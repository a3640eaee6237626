"""``giblet serve``: a page to drop sound on."""

from __future__ import annotations

from typing import Annotated

import typer

from giblet.cli.options import Codec, Device, Verbose
from giblet.errors import ParameterError


def command(
    codec: Codec = "facebook/encodec_24khz",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets the whole network in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any that is free.")] = 8000,
    max_mb: Annotated[float, typer.Option("--max-mb", help="Largest upload, in megabytes.")] = 64.0,
    max_minutes: Annotated[float, typer.Option("--max-minutes", help="Longest sound.")] = 10.0,
    at_once: Annotated[int, typer.Option(help="Files worked on at once.")] = 2,
    device: Device = "auto",
    verbose: Verbose = False,
) -> None:
    """Serve a page that turns sound into .ecdc or .nac, and those into sound. Ctrl-C ends it."""
    import importlib.util

    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise ParameterError(f"serving needs the package {package}", "run pip install 'giblet[serve]'")

    from giblet.codecs import find_codec
    from giblet.codecs.loading import check_device
    from giblet.serve.limits import Limits
    from giblet.serve.running import listen, serve

    limits = Limits(n_bytes=int(max_mb * 1e6), seconds=60 * max_minutes, at_once=at_once)
    check_device(device)
    find_codec(codec)
    serve(codec, listen(host, port), limits, device, lambda page: typer.echo(f"{codec} at {page}"))
