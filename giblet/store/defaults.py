"""Where results are kept and how much, when nobody says otherwise."""

from __future__ import annotations

import os
import re
from pathlib import Path

from giblet.errors import ParameterError

FOLDER, LIMIT = "GIBLET_CACHE", "GIBLET_CACHE_LIMIT"
USUAL_LIMIT = "20GB"
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def default_folder() -> Path:
    """Return ``$GIBLET_CACHE``, or giblet's folder in the user's cache."""
    if asked := os.environ.get(FOLDER):
        return Path(asked).expanduser()
    # Late, for whoever names a folder does not need it.
    import platformdirs

    return platformdirs.user_cache_path("giblet", appauthor=False)


def default_limit() -> int | None:
    """Return the bytes that ``$GIBLET_CACHE_LIMIT`` allows, 20 GB without it, or None where it is ``none``.

    Raises
    ------
    ParameterError
        If it is no size.
    """
    asked = os.environ.get(LIMIT) or USUAL_LIMIT
    return None if asked.strip().lower() == "none" else as_bytes(asked, LIMIT)


def as_bytes(text: str, what: str) -> int:
    """Return a size as people write it (``20GB``, ``1.5 TB``, ``4096``) in bytes.

    Parameters
    ----------
    text : str
        Number and unit, of thousands.
    what : str
        What it is, for the message.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ParameterError
        If it is no size.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?b?)", text.strip().lower())
    unit = None if found is None else found[2] if found[2] in _UNITS else f"{found[2]}b"
    if found is None or unit is None:
        raise ParameterError(f"{what} is {text!r}", "give a size such as 500MB or 20GB")
    return round(float(found[1]) * _UNITS[unit])
