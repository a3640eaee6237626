"""What the sample film shows: six scenes of a boat, a fog and a lamp."""

from __future__ import annotations

import numpy as np

from .canvas import HEIGHT, WIDTH, Canvas, Colour, wave

CUTS = (0.0, 6.6, 10.8, 17.2, 21.9, 26.0)
"""Seconds at which the scenes begin."""

FLASHES = (15.6, 16.2, 16.8)
"""Seconds at which the lamp flashes, each with a bell."""

FLASH = 0.32
"""Seconds that a flash lasts."""

LAMP_ON = 12.3
"""Seconds at which the lamp begins to glow."""

RED, WHITE, YELLOW, GREY = (0.84, 0.19, 0.16), (0.96, 0.95, 0.9), (1.0, 0.86, 0.35), (0.66, 0.69, 0.73)
NIGHT, DEEP, HILL, BARK = (0.05, 0.07, 0.2), (0.04, 0.16, 0.3), (0.08, 0.15, 0.14), (0.3, 0.2, 0.14)


def picture(t: float) -> np.ndarray:
    """Return the picture at the time ``t``.

    Parameters
    ----------
    t : float
        Seconds on the film's clock, 0 to 30.

    Returns
    -------
    np.ndarray
        Shape (180, 320, 3), uint8, red, green, blue.
    """
    scene = int(np.searchsorted(CUTS, t + 1e-9, side="right")) - 1
    return SCENES[scene](t).as_rgb24()


def _dusk(t: float) -> Canvas:
    """The boat sails out, the sun sinks, the fog comes down."""
    canvas = Canvas((0.23, 0.25, 0.5), (0.98, 0.6, 0.4))
    canvas.disc(80, 78 + 5 * t, 24, (1.0, 0.75, 0.4))
    canvas.water(112, 1.5, 0.8, t, (0.15, 0.35, 0.52))
    _boat(canvas, 60 + 22 * t, 124, 0.7, t)
    canvas.water(132, 2.5, 1.3, t, DEEP)
    _fog(canvas, t, np.clip((t - 4.0) / 2.6, 0, 1) * 0.85)
    return canvas


def _lost(t: float) -> Canvas:
    """The boat close by, in the fog."""
    canvas = Canvas((0.55, 0.58, 0.64), (0.42, 0.46, 0.53))
    canvas.water(118, 3, 0.9, t, (0.33, 0.41, 0.49))
    _boat(canvas, 165 + 6 * np.sin(0.7 * t), 134, 1.9, t)
    canvas.water(146, 4, 1.4, t, (0.24, 0.33, 0.42))
    _fog(canvas, t, 0.55)
    return canvas


def _hill(t: float) -> Canvas:
    """The lighthouse on its hill; its lamp wakes, then flashes three times."""
    flash = any(start - 1e-9 <= t < start + FLASH - 1e-9 for start in FLASHES)
    lit = 1.0 if flash else 0.3 * np.clip((t - LAMP_ON) / 0.8, 0, 1)
    canvas = Canvas(NIGHT, (0.16, 0.2, 0.36))
    _stars(canvas, t)
    canvas.disc(150, 260, 140, HILL)
    canvas.water(158, 1.5, 0.9, t, DEEP)
    _lighthouse(canvas, 150, 124, 1.15, lit)
    return canvas


def _seen(t: float) -> Canvas:
    """The boat close by; the beam of the lamp sweeps over it."""
    canvas = Canvas((0.2, 0.24, 0.36), (0.3, 0.35, 0.46))
    sweep = 95 + 45 * np.sin(1.4 * (t - CUTS[3]))
    canvas.polygon([(-10, 30), (360, sweep - 28), (360, sweep + 28)], YELLOW, soft=12, strength=0.45)
    canvas.water(118, 3, 0.9, t, (0.14, 0.26, 0.4))
    _boat(canvas, 140 + 5 * (t - CUTS[3]), 134, 1.9, t)
    canvas.water(146, 4, 1.4, t, DEEP)
    _fog(canvas, t, 0.3 * np.clip(1 - (t - CUTS[3]) / 4, 0, 1))
    return canvas


def _turn(t: float) -> Canvas:
    """The boat turns around and sails towards the light."""
    since = t - CUTS[4]
    canvas = Canvas(NIGHT, (0.2, 0.2, 0.4))
    _stars(canvas, t)
    canvas.disc(30, 190, 90, HILL)
    _lighthouse(canvas, 48, 105, 0.8, 0.8)
    canvas.water(118, 1.5, 0.8, t, (0.1, 0.22, 0.38))
    # Facing runs from right to left: the boat is narrow while it turns.
    facing = float(np.clip(1 - 2 * (since - 0.4) / 1.0, -1, 1))
    _boat(canvas, 250 - 38 * max(since - 1.2, 0), 130, 0.8, t, facing)
    canvas.water(140, 2.5, 1.3, t, DEEP)
    return canvas


def _morning(t: float) -> Canvas:
    """Morning in the harbour: the sun rises, the lamp is out."""
    since = t - CUTS[5]
    canvas = Canvas((0.45, 0.7, 0.92), (1.0, 0.88, 0.68))
    canvas.disc(225, 118 - 15 * since, 22, YELLOW, soft=2)
    canvas.disc(40, 200, 110, (0.36, 0.58, 0.32))
    _lighthouse(canvas, 60, 98, 1.0, 0.0)
    canvas.water(122, 1.0, 0.7, t, (0.25, 0.55, 0.7))
    canvas.polygon([(60, 126), (150, 126), (150, 131), (60, 131)], BARK)
    for x in (80, 110, 140):
        canvas.polygon([(x, 128), (x + 4, 128), (x + 4, 150), (x, 150)], BARK)
    _boat(canvas, 190 - 16 * min(since, 1.2), 134, 0.9, t, facing=-1)
    canvas.water(146, 1.5, 1.1, t, (0.16, 0.42, 0.6))
    # Black at the end, as a film ends.
    canvas.pixels *= np.float32(np.clip((30.0 - t) / 0.8, 0, 1))
    return canvas


SCENES = (_dusk, _lost, _hill, _seen, _turn, _morning)


def _boat(canvas: Canvas, x: float, y: float, size: float, t: float, facing: float = 1.0) -> None:
    """A red hull, a mast and two sails, rocking on the waves; ``facing`` 1 looks right, -1 left."""
    y += float(wave(x, 2.0, 1.3, t)) * size
    tilt = 0.09 * np.sin(1.9 * t)
    # Never quite edge-on: a hull without width has no inside.
    width = facing if abs(facing) > 0.05 else 0.05

    def placed(*corners: tuple[float, float]) -> list[tuple[float, float]]:
        cos, sin = size * np.cos(tilt), size * np.sin(tilt)
        return [(x + width * u * cos - v * sin, y + width * u * sin + v * cos) for u, v in corners]

    canvas.polygon(placed((-1.2, -48), (1.2, -48), (1.2, 0), (-1.2, 0)), BARK)
    canvas.polygon(placed((3, -45), (3, -8), (26, -8)), WHITE)
    canvas.polygon(placed((-3, -40), (-3, -8), (-18, -8)), (0.9, 0.85, 0.72))
    canvas.polygon(placed((-27, -4), (31, -4), (20, 11), (-20, 11)), RED)


def _lighthouse(canvas: Canvas, x: float, foot: float, size: float, lit: float) -> None:
    """A white tower with two red bands; ``lit`` from 0 to 1 is the strength of its lamp."""

    def band(low: float, high: float, colour: Colour) -> None:
        half = [13 - 5 * h / 70 for h in (low, high)]
        corners = [(-half[0], low), (half[0], low), (half[1], high), (-half[1], high)]
        canvas.polygon([(x + size * u, foot - size * v) for u, v in corners], colour)

    for low, high, colour in [(0, 70, WHITE), (14, 28, RED), (42, 56, RED), (70, 73, BARK)]:
        band(low, high, colour)
    lamp = foot - size * 79
    glass = [(x + size * u, lamp + size * v) for u, v in [(-6, -6), (6, -6), (6, 6), (-6, 6)]]
    canvas.polygon(glass, (0.3, 0.33, 0.4))
    canvas.polygon(glass, YELLOW, strength=lit)
    canvas.polygon([(x + size * u, lamp + size * v) for u, v in [(-9, -6), (9, -6), (0, -16)]], RED)
    canvas.disc(x, lamp, 18 * size, YELLOW, soft=36 * size, strength=0.8 * lit)


def _stars(canvas: Canvas, t: float) -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    for x, y, phase in rng.random((28, 3)):
        shine = 0.65 + 0.35 * np.sin(2 * t + 6.3 * phase)
        canvas.disc(WIDTH * x, 0.5 * HEIGHT * y, 0.9, WHITE, strength=shine)


def _fog(canvas: Canvas, t: float, strength: float) -> None:
    """Grey, thicker in drifting banks."""
    banks = 0.75 + 0.25 * np.sin(canvas.x / 55 + 0.5 * t) * np.sin(canvas.y / 38 - 0.3 * t)
    canvas.lay(strength * banks.astype(np.float32), GREY)
