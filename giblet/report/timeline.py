"""The time line of a store: TRs, sound, what is missing, what is heard."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from giblet.data.store import FeatureStore
from giblet.report.axes import Axis, clock, time_axis, value_axis
from giblet.report.figures import Lane, Lanes, Mark, Span, band, uprights
from giblet.report.findings import missing_seconds
from giblet.report.sounds import Stretch
from giblet.timeline import TRGrid

# TRs that can be told apart in one lane.
MOST_TRS = 120
# Decibels below full scale at which the level is drawn as nothing.
_QUIET = -60.0
# Seconds by which sound starts late that can be seen in the first TRs, and how many of these are shown.
LATE, _BEGINNING = 0.005, 2


def tr_step(n_trs: int, most: int = MOST_TRS) -> int:
    """Return every how many TRs are marked, a round number."""
    return next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, n_trs + 1) if n_trs / s <= most)


def tr_lines(grid: TRGrid, x: Axis) -> Mark:
    """Return a line at each boundary of TRs in a stretch, or at every few of many."""
    places = grid.edges
    inside = np.flatnonzero((places >= x.low - 1e-9) & (places <= x.high + 1e-9))
    step = tr_step(len(inside))
    chosen = inside[inside % step == 0]
    return Mark(uprights(x, places[chosen]), "tr", f"every {step} TRs" if step > 1 else "every TR")


def time_lines(
    store: FeatureStore, grid: TRGrid, stretch: Stretch | None, levels: np.ndarray | None
) -> tuple[Lanes, ...]:
    """Return when the sound is there, where TRs lie, and what was found: over the whole film, and its beginning larger
    where the sound starts late.

    Parameters
    ----------
    store : FeatureStore
        The store.
    grid : TRGrid
        Its TRs.
    stretch : Stretch or None
        What is heard.
    levels : ndarray or None
        Root mean square over the whole sound.
    """
    about = store.provenance
    sound = about["sound"]
    duration, padded = (float(Fraction(about[name])) for name in ("duration", "duration_with_padding"))
    end = max(duration, padded) + missing_seconds(store)
    x = time_axis(0.0, end)
    lanes = [_trs(grid, duration)]
    if sound is None:
        lanes.append(Lane("Film", (Span(0, duration, "there", f"{duration:.2f} s of film"),)))
    else:
        lanes.append(_sound(sound, x, duration, padded, end, levels))
    if stretch is not None:
        heard = f"{stretch.seconds:.1f} s from {clock(stretch.start, True)} on"
        lanes.append(Lane("Heard below", (Span(stretch.start, stretch.start + stretch.seconds, "heard", heard),)))
    used = {span.kind for lane in lanes for span in lane.spans}
    key = tuple((kind, text) for kind, text in _KEY if kind in used)
    step = tr_step(grid.n_trs)
    each = "each box is a TR" if step == 1 else f"each box is {step} TRs"
    title = f"{grid.n_trs} TRs of {float(grid.tr):g} s, {each}"
    whole = Lanes(title, _alt(grid, duration, about["film"]["name"]), x, tuple(lanes), key)
    offset = 0.0 if sound is None else float(sound["offset"])
    beginning = max(_BEGINNING * float(grid.tr), 2 * offset)
    if offset < LATE or beginning > end / 2:
        return (whole,)
    near = time_axis(0.0, beginning)
    alt = f"The beginning: the first picture at 0 s, the first sound at {offset:.3f} s."
    close = (_trs(grid, duration, 1), _sound(sound, near, duration, padded, end, None))
    return whole, Lanes(f"The beginning: sound starts {1000 * offset:.0f} ms after the first picture", alt, near, close)


_KEY = (
    ("there", "there"),
    ("gap plus", "silence inserted in a gap"),
    ("gap minus", "sound dropped"),
    ("absent", "before the sound starts"),
    ("missing", "announced by the file, and missing"),
    ("padding", "silence that fills the last TR"),
    ("unused", "in no TR"),
)


def _alt(grid: TRGrid, duration: float, name: str) -> str:
    first, last = grid.edges[0], grid.edges[-1]
    return (
        f"Time line of {name}: {duration:.2f} s; {grid.n_trs} TRs of {float(grid.tr):g} s from {first:.2f} s to "
        f"{last:.2f} s."
    )


def _trs(grid: TRGrid, duration: float, step: int | None = None) -> Lane:
    step = step or tr_step(grid.n_trs)
    edges = grid.edges
    spans = [
        Span(
            float(edges[i]), float(edges[min(i + step, grid.n_trs)]), f"box {'odd' if i // step % 2 else 'even'}",
            f"TR {i}" if step == 1 else f"TRs {i} to {min(i + step, grid.n_trs) - 1}",
        )
        for i in range(0, grid.n_trs, step)
    ]  # fmt: skip
    rest = [Span(a, b, "unused", "in no TR") for a, b in ((0.0, edges[0]), (edges[-1], duration)) if b - a > 1e-3]
    return Lane("TRs", (*rest, *spans))


def _sound(
    sound: dict[str, object], x: Axis, duration: float, padded: float, end: float, levels: np.ndarray | None
) -> Lane:
    offset = max(0.0, float(str(sound["offset"])))
    spans = [Span(offset, duration, "there", f"{duration - offset:.2f} s of sound")]
    if offset:
        spans.append(Span(0, offset, "absent", f"the sound starts at {offset:.3f} s"))
    if padded > duration:
        spans.append(Span(duration, padded, "padding", f"{padded - duration:.2f} s of silence"))
    if end > max(duration, padded):
        spans.append(Span(max(duration, padded), end, "missing", f"{end - max(duration, padded):.2f} s are missing"))
    gaps: list[list[float]] = sound.get("gaps", [])  # type: ignore[assignment]
    for at, size in gaps:
        kind = "gap plus" if size > 0 else "gap minus"
        # A gap of milliseconds in an hour must still be seen.
        spans.append(Span(at, at + max(abs(size), (x.high - x.low) / 300), kind, f"{size:+.3f} s at {clock(at, True)}"))
    marks: tuple[Mark, ...] = ()
    if levels is not None:
        with np.errstate(divide="ignore"):
            heights = np.clip(1 - 20 * np.log10(levels) / _QUIET, 0, 1)
        middles = (np.arange(len(levels)) + 0.5) * duration / len(levels)
        y = value_axis(-1, 1)
        marks = (Mark(band(x, y, [(t, -h, h) for t, h in zip(middles, heights, strict=True)]), "level"),)
    return Lane("Sound", tuple(spans), marks)
