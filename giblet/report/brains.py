"""Maps of volumes as glass brains."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.report.raster import data_address

VOLUMES_ONLY = "Glass brains are drawn of volumes only."


@dataclass(frozen=True)
class Brain:
    """A map of the targets.

    Attributes
    ----------
    title, alt, image : str
        Heading, description, and the address of the image, which is its content.
    """

    title: str
    alt: str
    image: str


def glass_brains(maps: Iterable[tuple[str, Any, np.ndarray]]) -> tuple[tuple[Brain, ...], tuple[str, ...]]:
    """Draw maps.

    Parameters
    ----------
    maps : iterable of (str, nibabel.Nifti1Image, ndarray)
        Title, image, and the values of its targets, of which some are known.

    Returns
    -------
    brains : tuple of Brain
        The drawings.
    remarks : tuple of str
        Why there are none.
    """
    try:
        import matplotlib.figure
    except ModuleNotFoundError:
        return (), ("The glass brains need matplotlib: pip install 'giblet[plot]'.",)
    from nilearn.plotting import plot_glass_brain

    brains = []
    for title, image, values in maps:
        figure = matplotlib.figure.Figure(figsize=(9, 2.6))
        known = values[np.isfinite(values)]
        signed = bool(known.min() < 0)
        plot_glass_brain(
            image, display_mode="lyrz", colorbar=True, plot_abs=False, figure=figure,
            threshold=1e-6, cmap="RdBu_r" if signed else "viridis", vmin=None if signed else 0, symmetric_cbar=signed,
        )  # fmt: skip
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, facecolor="white")
        alt = f"Glass brain of {title}, seen from the left, behind, the right and above; median {median(values):.2f}."
        brains.append(Brain(title, alt, data_address(buffer.getvalue(), "image/png")))
    return tuple(brains), ()


def median(values: np.ndarray) -> float:
    """Return the median of the values that are known; nan where there is none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
