"""Sizes of a language model of our own, and the arrays that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[np.signedinteger]]


@dataclass(frozen=True)
class Shape:
    """Sizes of a model.

    Attributes
    ----------
    n_codebooks : int
        Most codebooks that it codes.
    n_entries : int
        Entries of a codebook.
    width : int
        Size of its code vectors.
    channels : int
        Channels of the convolutions.
    layers : int
        Convolutions; layer i looks 2**i frames back.
    head : int
        Hidden units per codebook.
    """

    n_codebooks: int
    n_entries: int
    width: int = 64
    channels: int = 96
    layers: int = 5
    head: int = 128

    def arrays(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return type and shape of each array of a model, by name."""
        q, n, d, c, h = self.n_codebooks, self.n_entries, self.width, self.channels, self.head
        found: dict[str, tuple[str, tuple[int, ...]]] = {
            "table": ("int8", (q, n, d)),
            "table.write": ("int32", (q, d)),
            "table.read": ("int32", (q, d)),
            "table.bias": ("int16", (q, n)),
            "start": ("int32", (c,)),
            "depth": ("int32", (q, c)),
        }
        linears = {"input": (c, d), "time": (q * d, c)}
        for i in range(self.layers):
            linears |= {f"layers.{i}.open": (2 * c, 2 * c), f"layers.{i}.close": (c, 2 * c)}
        for i in range(q):
            linears |= {f"heads.{i}.below": (d, d), f"heads.{i}.open": (h, d), f"heads.{i}.close": (d, h)}
        for name, (n_out, n_in) in linears.items():
            found[f"{name}.weight"] = ("int8", (n_out, n_in))
            found[f"{name}.scale"] = ("int32", (n_out,))
            found[f"{name}.bias"] = ("int32", (n_out,))
        return found
