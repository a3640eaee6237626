"""Which layers of a model are meant: ``4``, ``-1``, ``2+4``, ``0-6`` or ``all``."""

from __future__ import annotations

import re

from giblet.errors import ParameterError

_LAYER = re.compile(r"(-?\d{1,4})|(\d{1,4})-(-?\d{1,4})")


def choose_layers(text: str, n_layers: int) -> tuple[int, ...]:
    """Return the numbers of the layers that a text names.

    Parameters
    ----------
    text : str
        ``"4"``, ``"-1"`` (the last), ``"2+4"``, ``"0-6"`` (both ends included), ``"0-2+-1"``, or ``"all"``.
    n_layers : int
        Layers of the model. Layer 0 is what its first layer takes in, layer ``n_layers`` the output of its last, as in
        the ``hidden_states`` of transformers.

    Returns
    -------
    tuple of int
        Numbers from 0 to ``n_layers``, ascending, each once.

    Raises
    ------
    ParameterError
        If the text names no layers, or one that the model does not have.
    """
    if text == "all":
        return tuple(range(n_layers + 1))
    chosen: set[int] = set()
    for part in text.split("+"):
        match = _LAYER.fullmatch(part)
        if match is None:
            raise ParameterError(f"the layer {text!r} is no number", "write 4, -1 (the last), 2+4, 0-6 or all")
        first, last = (int(match[1]),) * 2 if match[1] else (int(match[2]), int(match[3]))
        first, last = (number + n_layers + 1 if number < 0 else number for number in (first, last))
        if not 0 <= first <= last <= n_layers:
            raise ParameterError(
                f"the model has no layer {part}" if first <= last else f"the layers {part} run backwards",
                f"choose from 0 to {n_layers}, or -1 for the last",
            )
        chosen.update(range(first, last + 1))
    return tuple(sorted(chosen))
