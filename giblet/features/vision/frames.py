"""The pictures of a film as a feature of their own."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.streams import FeatureContext, Output
from giblet.timeline import exact

SIZE = (160, 90)


class Frames:
    """Pictures of 160 × 90 pixels, stretched to that whatever their aspect.

    Parameters
    ----------
    request : FeatureRequest
        Option ``rate``: pictures per second, 0 for the film's nominal rate.
    context : FeatureContext
        Knows that rate.

    Raises
    ------
    ParameterError
        If the rate is below 0.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        rate = exact(request.option("rate"), "the rate")
        if rate < 0:
            raise ParameterError(f"the rate is {float(rate):g} pictures per second", "give a rate above 0, or 0")
        self.rate = rate or context.picture_rate or Fraction(25)
        self.size = SIZE
        self.identity: Mapping[str, Any] = {"size": list(SIZE)}
        about = {"units": "sRGB, 0 to 255", "definition": "what the film shows in the middle of a row's time"}
        self.outputs = [Output(request.name, (), self.rate, "pictures", about, "uint8", (SIZE[1], SIZE[0], 3))]

    def push(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Return the pictures as they are."""
        return [pictures]

    def finish(self) -> list[np.ndarray]:
        """Return no more."""
        return [np.zeros((0, SIZE[1], SIZE[0], 3), np.uint8)]
