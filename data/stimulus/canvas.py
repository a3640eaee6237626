"""A small canvas: shapes with smooth edges on an array of colours."""

from __future__ import annotations

import numpy as np

Colour = tuple[float, float, float]
Points = list[tuple[float, float]]

WIDTH, HEIGHT = 320, 180


class Canvas:
    """A picture that shapes are laid on, one over the other.

    Parameters
    ----------
    top, bottom : tuple of float
        Colours (red, green, blue from 0 to 1) that the background runs between.
    """

    def __init__(self, top: Colour, bottom: Colour) -> None:
        self.y, self.x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        share = self.y[..., None] / HEIGHT
        self.pixels = (1 - share) * np.array(top, np.float32) + share * np.array(bottom, np.float32)

    def lay(self, cover: np.ndarray, colour: Colour) -> None:
        """Lay a colour where ``cover`` (shape (180, 320), 0 to 1) says."""
        self.pixels += cover[..., None] * (np.array(colour, np.float32) - self.pixels)

    def disc(self, x: float, y: float, radius: float, colour: Colour, soft: float = 1.0, strength: float = 1.0) -> None:
        """Draw a disc whose edge is ``soft`` pixels wide."""
        distance = np.hypot(self.x - x, self.y - y)
        self.lay(strength * np.clip((radius - distance) / soft + 0.5, 0, 1), colour)

    def polygon(self, points: Points, colour: Colour, soft: float = 1.0, strength: float = 1.0) -> None:
        """Draw a convex polygon, its corners in either order."""
        area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(points))
        inside = np.full((HEIGHT, WIDTH), np.inf, np.float32)
        for (x0, y0), (x1, y1) in _edges(points):
            length = np.hypot(x1 - x0, y1 - y0) * np.sign(area)
            side = ((x1 - x0) * (self.y - y0) - (y1 - y0) * (self.x - x0)) / np.float32(length)
            inside = np.minimum(inside, side)
        self.lay(strength * np.clip(inside / soft + 0.5, 0, 1), colour)

    def water(self, level: float, swell: float, speed: float, t: float, colour: Colour) -> None:
        """Fill everything below a moving wave line."""
        line = level + wave(self.x, swell, speed, t)
        self.lay(np.clip(self.y - line + 0.5, 0, 1), colour)

    def as_rgb24(self) -> np.ndarray:
        """Return the picture, shape (180, 320, 3), uint8."""
        return np.round(np.clip(self.pixels, 0, 1) * 255).astype(np.uint8)


def wave(x: np.ndarray | float, swell: float, speed: float, t: float) -> np.ndarray:
    """Return the height of the waves at ``x`` (pixels, downwards) at the time ``t`` (seconds)."""
    return swell * (np.sin(x / 23 + speed * t) + 0.5 * np.sin(x / 11 - 1.7 * speed * t))


def _edges(points: Points) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(zip(points, points[1:] + points[:1], strict=True))
