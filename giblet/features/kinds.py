"""Which features there are, and what may be done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from giblet.errors import ParameterError

# The kind, not the dtype, decides: categories are never averaged, interpolated or convolved.
KINDS = {"audio.codes": "categorical", "audio.latents": "continuous", "audio.mel": "continuous"}


def check_features(names: str | Iterable[str], known: Mapping[str, str] = KINDS) -> tuple[str, ...]:
    """Return feature names, each once and in a fixed order.

    Parameters
    ----------
    names : str or iterable of str
        Names, or one text with commas between them.
    known : mapping of str to str
        Names that there are, in their order.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    ParameterError
        If a name is unknown or there is none.
    """
    try:
        wanted = {str(name).strip() for name in (names.split(",") if isinstance(names, str) else names)}
    except TypeError:
        raise ParameterError(f"features are {names!r}", f"choose from {', '.join(known)}") from None
    unknown = sorted(wanted - known.keys())
    if unknown or not wanted:
        raise ParameterError(
            f"there is no feature {', '.join(map(repr, unknown)) or 'named'}", f"choose from {', '.join(known)}"
        )
    return tuple(name for name in known if name in wanted)
