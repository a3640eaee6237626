"""Whether the Hugging Face hub can be reached."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit


def hub_answers() -> bool:
    """Tell whether it is worth asking the hub.

    The hub's client retries for half a minute before it gives up; a missing network is known at once.

    Returns
    -------
    bool
        False where the hub's name leads nowhere, or HF_HUB_OFFLINE forbids it.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return False
    if any(os.environ.get(f"{scheme}_proxy") for scheme in ("http", "https", "all", "HTTP", "HTTPS", "ALL")):
        return True
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
