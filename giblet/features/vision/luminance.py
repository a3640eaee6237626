"""How light pictures are, and how much their light varies from place to place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from giblet.features.asking import FeatureRequest
from giblet.features.streams import FeatureContext, Output
from giblet.features.vision.rates import asked_rate

# Width and height at which pictures are looked at, pixels: those of video.frames. What is finer is averaged before.
SIZE = (160, 90)


def _linear_light() -> npt.NDArray[np.float64]:
    """Return what each value of each primary of sRGB adds to the luminance, shape (3, 256)."""
    value = np.arange(256) / 255
    # IEC 61966-2-1.
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.outer((0.2126, 0.7152, 0.0722), linear)


_RED, _GREEN, _BLUE = _linear_light()


def luminance(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the relative luminance Y of a picture in sRGB.

    Parameters
    ----------
    picture : ndarray of uint8, shape (..., 3)
        Red, green and blue.

    Returns
    -------
    ndarray of float64, shape (...)
        Linear light, from 0 for black to 1 for white (IEC 61966-2-1).
    """
    return _RED[picture[..., 0]] + _GREEN[picture[..., 1]] + _BLUE[picture[..., 2]]


def lightness(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the lightness L* of a picture in sRGB, as evenly spaced as eyes see it.

    Parameters
    ----------
    picture : ndarray of uint8, shape (..., 3)
        Red, green and blue.

    Returns
    -------
    ndarray of float64, shape (...)
        From 0 for black to 100 for white (CIE 1976, white D65).
    """
    y = luminance(picture)
    return np.where(y > (6 / 29) ** 3, 116 * np.cbrt(y) - 16, y * (29 / 3) ** 3)


class _Statistic(ABC):
    """One number for each picture: a `PictureFeature`.

    Parameters
    ----------
    request : FeatureRequest
        Its option ``rate`` is in pictures per second, 0 for the film's own.
    context : FeatureContext
        Knows the film's own rate.

    Raises
    ------
    ParameterError
        If the rate cannot be used.
    """

    size = SIZE
    _units: str
    _definition: str

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.rate = asked_rate(request, context)
        self.identity = {"size": list(self.size)}
        about = {
            "units": self._units,
            "definition": f"{self._definition} of pictures scaled to {self.size[0]} × {self.size[1]}",
            "past": 0.0,
            "future": 0.0,
        }
        self.outputs = (Output(request.name, (request.feature.name,), self.rate, about=about),)

    def push(self, pictures: npt.NDArray[np.uint8]) -> Sequence[npt.NDArray[np.float32]]:
        """Return the number of each picture, shape (n, 1)."""
        return (np.array([self._value(picture) for picture in pictures], np.float32).reshape(-1, 1),)

    def finish(self) -> Sequence[npt.NDArray[np.float32]]:
        """Return no more rows: every picture has given its own."""
        return (np.zeros((0, 1), np.float32),)

    @abstractmethod
    def _value(self, picture: npt.NDArray[np.uint8]) -> float: ...


class Luminance(_Statistic):
    """Mean lightness of each picture: the CIE 1976 L* of its pixels, from 0 for black to 100 for white."""

    _units = "CIE L*"
    _definition = "mean CIE 1976 lightness L*"

    def _value(self, picture: npt.NDArray[np.uint8]) -> float:
        return float(lightness(picture).mean())


class Contrast(_Statistic):
    """Contrast of each picture: the standard deviation of the luminance of its pixels, linear light from 0 to 1.

    This is the root-mean-square contrast of Peli (1990, Journal of the Optical Society of America A 7, 2032–2040). It
    is not divided by the mean, so a black picture has the contrast 0 and not none.
    """

    _units = "relative luminance, white = 1"
    _definition = "standard deviation over the pixels of the relative luminance (linear light)"

    def _value(self, picture: npt.NDArray[np.uint8]) -> float:
        return float(luminance(picture).std())
