"""Figures of a fit, for its page and as files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from giblet.encoding.saving import read_results
from giblet.report.axes import value_axis
from giblet.report.figures import Lane, Lanes, Mark, Plot, Span, boxes, line, uprights

if TYPE_CHECKING:
    import xarray as xr

# Targets that are drawn and listed one by one; more are shown as a histogram.
MOST_LISTED = 60
_BINS = 40
_PARTS = 4
_CEILING, _CHANCE = "ceiling: the most that r can be", "what r has to exceed for p ≤ .05"


def score_figure(data: xr.Dataset) -> Lanes | Plot | None:
    """Return r of each target, or how many targets have which, beside the ceiling and what chance gives.

    Parameters
    ----------
    data : xarray.Dataset
        As `giblet.encoding.Scores.to_xarray` makes it.

    Returns
    -------
    Lanes or Plot or None
        None where no target has a score.
    """
    r, ceiling = data.r.values.mean(axis=0), data.ceiling.values
    chance = data.chance.values if "chance" in data else np.full(r.shape, np.nan)
    there = np.isfinite(r)
    if not there.any():
        return None
    alt = f"r of {there.sum()} targets: {_ranges(r[there])}."
    alt += f" Ceiling: {_ranges(ceiling[there])}." if np.isfinite(ceiling).any() else " There is no ceiling."
    alt += f" For p ≤ .05, r has to exceed {_ranges(chance[there])}." if np.isfinite(chance).any() else ""
    if len(r) > MOST_LISTED:
        return _histogram(r, ceiling, chance, alt)
    numbers = np.concatenate([r, ceiling, chance, [0]])
    numbers = numbers[np.isfinite(numbers)]
    x = value_axis(float(numbers.min()), float(numbers.max()), 5)
    lanes = []
    for target, value, top, least in zip(data.target.values, r, ceiling, chance, strict=True):
        spans = []
        if np.isfinite(top):
            spans.append(Span(0, float(top), "there"))
        if np.isfinite(value):
            spans.append(Span(min(0.0, float(value)), max(0.0, float(value)), "good", f"r {value:.3f}"))
        marks = [Mark(uprights(x, [0]), "rule")] if x.low < 0 else []
        if np.isfinite(top):
            marks.append(Mark(uprights(x, [float(top)]), "line s5", f"ceiling {top:.3f}"))
        if np.isfinite(least):
            marks.append(Mark(uprights(x, [float(least)]), "line other", f"chance {least:.3f}"))
        lanes.append(Lane(str(target), tuple(spans), tuple(marks)))
    key = [("good", "r, mean over folds")]
    key += [("stroke s5", _CEILING)] if np.isfinite(ceiling).any() else []
    key += [("stroke other", _CHANCE)] if np.isfinite(chance).any() else []
    return Lanes("r of each target", alt, x, tuple(lanes), tuple(key))


def split_of(data: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the part of R² that each feature space has, by its name: means over folds, (n_targets,) each."""
    parts = data.r2_split.values.mean(axis=1)
    return {str(space): part for space, part in zip(data.space.values, parts, strict=True)}


def split_figure(data: xr.Dataset) -> Lanes | None:
    """Return how R² is divided between feature spaces; None where there is but one, or nothing is explained."""
    split = split_of(data)
    values = np.stack(list(split.values()))
    there = np.isfinite(values).all(axis=0)
    rows = {"mean": values[:, there].mean(axis=1)} if there.any() else {}
    if len(there) <= MOST_LISTED:
        rows |= {str(data.target.values[i]): values[:, i] for i in np.flatnonzero(there)}
    longest = max((float(np.maximum(row, 0).sum()) for row in rows.values()), default=0.0)
    if len(split) < 2 or longest <= 0:
        return None
    x = value_axis(0, longest, 5)
    lanes = []
    for name, row in rows.items():
        ends = np.concatenate([[0], np.cumsum(np.maximum(row, 0))]).tolist()
        spans = (
            Span(ends[i], ends[i + 1], f"part{i % _PARTS}", f"{space} {row[i]:.3f}") for i, space in enumerate(split)
        )
        lanes.append(Lane(name, tuple(span for span in spans if span.end > span.start)))
    means = ", ".join(f"{space} {value:.3f}" for space, value in zip(split, rows["mean"], strict=True))
    alt = f"Parts of R² by feature space, mean over targets: {means}."
    key = tuple((f"part{i % _PARTS}", space) for i, space in enumerate(split))
    return Lanes("R² by feature space; parts below 0 are not drawn", alt, x, tuple(lanes), key)


def write_figures(folder: Path) -> None:
    """Draw the figures of results into their folders: ``NAME/figures/r.svg`` and ``NAME/figures/r2.svg``.

    Parameters
    ----------
    folder : pathlib.Path
        The results of `giblet.encoding.saving.save_scores`.
    """
    from giblet.report.page import drawing

    summary, scores = read_results(folder)
    for one, data in zip(summary["scores"], scores, strict=True):
        for name, figure in (("r", score_figure(data)), ("r2", split_figure(data))):
            if figure is not None:
                place = folder / one["name"] / "figures"
                place.mkdir(exist_ok=True)
                (place / f"{name}.svg").write_text(drawing(figure), encoding="utf-8")


def _histogram(r: np.ndarray, ceiling: np.ndarray, chance: np.ndarray, alt: str) -> Plot:
    shown = {
        "r, mean over folds": (r, "histogram"), _CEILING: (ceiling, "line s5"), _CHANCE: (chance, "line other"),
    }  # fmt: skip
    known = {title: (v[np.isfinite(v)], kind) for title, (v, kind) in shown.items() if np.isfinite(v).any()}
    every = np.concatenate([values for values, _ in known.values()])
    edges = np.histogram_bin_edges(every, _BINS)
    counts = {title: np.histogram(values, edges)[0] for title, (values, _) in known.items()}
    x = value_axis(float(edges[0]), float(edges[-1]), 6)
    y = value_axis(0, max(int(count.max()) for count in counts.values()))
    marks = []
    for title, (_, kind) in known.items():
        columns = list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts[title].tolist(), strict=True))
        if kind == "histogram":
            marks.append(Mark(boxes(x, y, columns), kind, title))
        else:
            steps = [point for left, right, count in columns for point in ((left, count), (right, count))]
            marks.append(Mark(line(x, y, steps), kind, title))
    return Plot("Targets by r", alt, x, y, tuple(marks))


def _ranges(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    low, middle, high = np.quantile(known, [0, 0.5, 1])
    return f"{low:.2f} to {high:.2f}, median {middle:.2f}"
