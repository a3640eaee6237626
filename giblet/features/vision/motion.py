"""Motion energy: how much moves where, in which direction, how coarse and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.streams import FeatureContext, Output
from giblet.features.vision.luminance import lightness
from giblet.features.vision.rates import asked_rate

# Width and height at which pictures are looked at, pixels. The finest filters, of 16 cycles a picture's height, have
# more than 3 pixels a cycle.
SIZE = (96, 54)
# Pictures per second below which the fastest filters, of 4 Hz, see too little of a cycle.
SLOWEST = 8
# Pictures that are filtered together. Sums come out alike however the film is cut, for these never change.
_TOGETHER = 256
# What pymoten adds to an energy before it takes the logarithm.
_OFFSET = 1e-5

Array = npt.NDArray[np.float64]


class MotionEnergy:
    """Motion energy of each picture and its neighbours: a `PictureFeature`.

    The pictures' lightness (CIE L*) is filtered by a pyramid of spatio-temporal Gabor functions in quadrature, as
    pymoten defines it by default (Nishimoto et al. 2011, Current Biology 21, 1641–1646; Nunez-Elizalde et al. 2021),
    and the logarithm of the amplitude taken: what its ``project_stimulus`` gives for the whole film at once. Pictures
    before and after the film count as black.

    Columns are in pymoten's order. Their names tell what they answer to: ``dir`` the direction of motion in degrees
    anticlockwise from the right (of stripes that stand still: across them), ``sf`` cycles per picture height, ``tf``
    Hz, ``x`` and ``y`` the centre in picture heights from the top left, ``sd`` the extent in picture heights.

    Filters that differ in their speed alone share the Gabor functions in space, and opposite directions have the same
    but for a sign. So each picture meets one in five of them, once.

    Parameters
    ----------
    request : FeatureRequest
        Its option ``rate`` is in pictures per second, 0 for the film's own.
    context : FeatureContext
        Knows the film's own rate.

    Raises
    ------
    ParameterError
        If the rate cannot be used, or is below 8 pictures per second.
    """

    size = SIZE

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        from moten import __version__
        from moten.pyramids import MotionEnergyPyramid

        self.rate = asked_rate(request, context)
        if self.rate < SLOWEST:
            raise ParameterError(
                f"{request.feature.name} was to look at {float(self.rate):g} pictures per second, too few for motion",
                f"write {request.feature.name}@rate=15, or another rate from {SLOWEST} on",
            )
        self._pyramid = MotionEnergyPyramid(stimulus_vhsize=self.size[::-1], stimulus_fps=round(self.rate))
        self.identity = {"size": list(self.size), "pymoten": __version__}
        width = self._pyramid.definition.filter_temporal_width
        # The pictures before and after its own that a row depends on, as pymoten lays its filters.
        self._past, self._future = width // 2, (width + 1) // 2 - 1
        about = {
            "units": "log amplitude",
            "definition": f"log(amplitude + {_OFFSET}) of pymoten's default pyramid of Gabor filters on CIE L* of "
            f"pictures scaled to {self.size[0]} × {self.size[1]}, taken to be {round(self.rate)} per second",
            "past": float(self._past / self.rate),
            "future": float(self._future / self.rate),
        }
        self.outputs = (Output(request.name, tuple(map(_column, self._pyramid.filters)), self.rate, about=about),)
        self._filters: _Filters | None = None
        self._waiting: list[Array] = []
        self._responses: Array = np.zeros((0, 0))

    def push(self, pictures: npt.NDArray[np.uint8]) -> Sequence[npt.NDArray[np.float32]]:
        """Return the rows that are certain, shape (k, n_filters)."""
        rows = []
        for picture in pictures:
            self._waiting.append(lightness(picture).ravel())
            if len(self._waiting) == _TOGETHER:
                rows.append(self._filtered(0))
        return (np.concatenate(rows) if rows else self._no_rows(),)

    def finish(self) -> Sequence[npt.NDArray[np.float32]]:
        """Return the remaining rows, as if black pictures followed."""
        return (self._filtered(self._future),)

    def _filtered(self, n_black: int) -> npt.NDArray[np.float32]:
        """Filter what waits and some black pictures behind it."""
        if self._filters is None:
            self._filters = _Filters(self._pyramid)
            self._responses = self._filters.to_black(self._past)
        pictures = np.array(self._waiting).reshape(-1, self.size[0] * self.size[1])
        self._waiting.clear()
        responses = np.concatenate([self._responses, self._filters.in_space(pictures), self._filters.to_black(n_black)])
        self._responses = responses[-(self._past + self._future) :]
        return self._filters.in_time(responses)

    def _no_rows(self) -> npt.NDArray[np.float32]:
        return np.zeros((0, self._pyramid.nfilters), np.float32)


class _Filters:
    """The filters of a pyramid, taken apart into what they do in space and in time."""

    def __init__(self, pyramid: Any) -> None:
        filters = pyramid.filters
        placed = [(f.centerh, f.centerv, f.direction % 180, f.spatial_freq, f.spatial_env) for f in filters]
        _, firsts, self._place = np.unique(placed, axis=0, return_index=True, return_inverse=True)
        _, speeds, self._speed = np.unique([f.temporal_freq for f in filters], return_index=True, return_inverse=True)
        self._sign = np.where(np.array([f.direction for f in filters]) < 180, 1.0, -1.0)
        # Directions ascend in a pyramid, so the first of those that share a Gabor function lies below 180 degrees.
        quadratures = pyramid.get_filter_spatiotemporal_quadratures
        pairs = np.array([quadratures(int(first))[:2] for first in firsts])
        pairs *= np.abs(pairs).sum(axis=1, keepdims=True) > pyramid.mask_threshold
        # Of shape (pixels, responses): first all sines, then all cosines.
        self._in_space = np.ascontiguousarray(pairs.swapaxes(0, 1).reshape(2 * len(firsts), -1).T)
        self._in_time = [quadratures(int(speed))[2:] for speed in speeds]

    def in_space(self, pictures: Array) -> Array:
        """Return the responses to pictures of shape (n, pixels), shape (n, responses)."""
        return pictures @ self._in_space

    def to_black(self, n: int) -> Array:
        """Return the responses to black pictures."""
        return np.zeros((n, self._in_space.shape[1]))

    def in_time(self, responses: Array) -> npt.NDArray[np.float32]:
        """Return the rows of all pictures that have enough neighbours, shape (n, n_filters)."""
        n = max(0, len(responses) - len(self._in_time[0][0]) + 1)
        rows = np.empty((n, len(self._speed)), np.float32)
        half = responses.shape[1] // 2
        for speed, (sine, cosine) in enumerate(self._in_time):
            columns = np.flatnonzero(self._speed == speed)
            place, sign = self._place[columns], self._sign[columns]
            by_sine, by_cosine = _convolved(responses, sine), _convolved(responses, cosine)
            odd = sign * by_cosine[:, place] + by_sine[:, half + place]
            even = by_cosine[:, half + place] - sign * by_sine[:, place]
            rows[:, columns] = np.log(np.sqrt(odd**2 + even**2) + _OFFSET)
        return rows


def _convolved(responses: Array, kernel: Array) -> Array:
    """Convolve responses with a kernel in time, where the kernel lies within them."""
    n = max(0, len(responses) - len(kernel) + 1)
    total = np.zeros((n, responses.shape[1]))
    for first, weight in enumerate(kernel[::-1]):
        total += weight * responses[first : first + n]
    return total


def _column(gabor: Any) -> str:
    """Return what a filter answers to: direction and frequencies, place (heights from the top left) and extent."""
    # Convolution runs a filter backwards in time: pymoten names the direction in which it moves when it is drawn, and
    # it answers to the opposite one.
    towards = (gabor.direction + 180) % 360 if gabor.temporal_freq else gabor.direction
    numbers = {
        "dir": towards,
        "sf": gabor.spatial_freq,
        "tf": gabor.temporal_freq,
        "x": gabor.centerh,
        "y": gabor.centerv,
        "sd": gabor.spatial_env,
    }
    return "_".join(f"{name}{number:.4g}" for name, number in numbers.items())
