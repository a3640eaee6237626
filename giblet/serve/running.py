"""Running the service on a port."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from giblet.errors import ParameterError
from giblet.serve.limits import Limits
from giblet.workfolder import reason

_MOST_CONNECTIONS = 128


def listen(host: str, port: int) -> socket.socket:
    """Take a port, before anything else is loaded.

    Parameters
    ----------
    host : str
        Name or address of this machine.
    port : int
        Number of the port, 0 for any that is free.

    Returns
    -------
    socket.socket
        It listens.

    Raises
    ------
    ParameterError
        If the port cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise ParameterError(
            f"cannot listen on {host}, port {port} ({why})", "choose another --port, or an address of this machine"
        ) from error


def serve(codec: str, place: socket.socket, limits: Limits, device: str, ready: Callable[[str], None]) -> None:
    """Serve until the process is told to stop.

    Parameters
    ----------
    codec : str
        As in `giblet.codecs.load_codec`.
    place : socket.socket
        From `listen`.
    limits : Limits
        What the service takes.
    device : str
        As in `giblet.codecs.load_codec`.
    ready : callable
        Given the address of the page, as soon as it is there.

    Raises
    ------
    CodecError, ParameterError
        If the codec or the device cannot be had.
    """
    import uvicorn

    from giblet.codecs import load_codec
    from giblet.serve.app import create_app

    app = create_app(load_codec(codec, device), limits)
    config = uvicorn.Config(
        app, log_level=logging.WARNING, access_log=False, server_header=False, limit_concurrency=_MOST_CONNECTIONS
    )
    host, port = place.getsockname()[:2]
    ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    with place:
        uvicorn.Server(config).run(sockets=[place])
