"""The series of a store over the whole film, brought to as many columns as a screen shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.data.store import FeatureStore
from giblet.errors import StoreError
from giblet.report.axes import Axis, time_axis, value_axis
from giblet.report.figures import Mark, Picture, Plot, band, bars, line
from giblet.report.raster import heat_image, photograph

COLUMNS = 600
# Series of more columns than this are shown as a picture of so many rows at most.
MOST_LINES, MOST_ROWS = 4, 64
# Values that are read at once.
_VALUES_AT_ONCE = 2**20
# Standard deviations that the colours of a picture span.
_SPREAD = 2.5
# Pictures of a film that are shown, and their size in pixels.
STILLS, STILL = 8, (90, 160)


@dataclass(frozen=True)
class SeriesView:
    """A feature of a store, as the page shows it.

    Attributes
    ----------
    name, kind : str
        As in the store.
    facts : str
        Rate, columns and unit in words.
    definition : str
        How it was made, where the store says so.
    plots : tuple of Plot
        One for each column, if they are few.
    pictures : tuple of Picture
        Otherwise: the columns as rows; or stills of the film.
    """

    name: str
    kind: str
    facts: str
    definition: str
    plots: tuple[Plot, ...] = ()
    pictures: tuple[Picture, ...] = ()


def series_views(store: FeatureStore, end: float) -> tuple[SeriesView, ...]:
    """Return the features of a store besides codes, latents and mel spectrogram.

    Parameters
    ----------
    store : FeatureStore
        The store.
    end : float
        Seconds that the film lasts.

    Raises
    ------
    StoreError
        If its files are damaged.
    """
    return tuple(_view(store, name, end) for name in store.provenance.get("series", {}))


def _view(store: FeatureStore, name: str, end: float) -> SeriesView:
    entry, about = store.provenance["series"][name], store.about(name)
    names = entry["columns"]
    columns = [str(i) for i in range(names)] if isinstance(names, int) else list(names)
    units = about.get("units", "")
    unit = "" if isinstance(units, list) else str(units)
    rate = "" if entry["rate"] is None else f"{_rate(entry['rate']):.4g} rows per second"
    n_rows = store.dataset.sizes[f"{entry['array']}.row"]
    counted = [f"{n_rows} rows", rate, unit]
    definition = str(about.get("definition", ""))
    if entry["kind"] == "pictures":
        facts = ", ".join(filter(None, counted))
        return SeriesView(name, "pictures", facts, definition, pictures=(_stills(store, name, entry["array"], end),))
    width = len(columns)
    facts = ", ".join(filter(None, [counted[0], f"{width} column{'s' * (width != 1)}", *counted[1:]]))
    if not n_rows:
        return SeriesView(name, entry["kind"], facts, definition)
    x = time_axis(0.0, end)
    if width <= MOST_LINES:
        binned = _Bins(min(COLUMNS, max(n_rows, 2)), width, end)
        for times, values in _blocks(store, entry["array"]):
            binned.add(times, values)
        event = entry["kind"] == "event"
        labels = [unit or name] if width == 1 else columns
        if isinstance(units, list) and len(units) == width:
            labels = [f"{column}, {each}" for column, each in zip(columns, units, strict=True)]
        plots = tuple(_plot(name, labels[i], i, binned, x, event) for i in range(width))
        return SeriesView(name, entry["kind"], facts, definition, plots)
    picture = _heat(store, name, entry["array"], width, n_rows, x)
    return SeriesView(name, entry["kind"], facts, definition, pictures=(picture,))


def _rate(text: str) -> float:
    numerator, _, denominator = text.partition("/")
    return float(numerator) / float(denominator or 1)


def _blocks(store: FeatureStore, array: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times and rows of a series, flat in memory."""
    values, times = store.dataset[array], store.dataset[f"{array}.time"]
    at_once = max(1, _VALUES_AT_ONCE // max(1, int(np.prod(values.shape[1:]))))
    for first in range(0, values.shape[0], at_once):
        part = slice(first, first + at_once)
        try:
            yield np.asarray(times[part].values), np.asarray(values[part].values, np.float64)
        except Exception as error:  # Which errors damaged chunks raise is nowhere promised.
            raise StoreError("is damaged", "extract it again with --force", store.path) from error


class _Bins:
    """Collects rows in equal parts of the film: what is least, greatest, and the sum."""

    def __init__(self, n: int, width: int, end: float) -> None:
        self.edges = np.linspace(0, end, n + 1)
        self.low, self.high = np.full((n, width), np.inf), np.full((n, width), -np.inf)
        self.total, self.counts = np.zeros((n, width)), np.zeros(n)

    def add(self, times: np.ndarray, values: np.ndarray) -> None:
        """Take times (k,) and values (k, width)."""
        which = np.searchsorted(self.edges, times + 1e-9, side="right") - 1
        which = which.clip(0, len(self.counts) - 1)
        np.minimum.at(self.low, which, values)
        np.maximum.at(self.high, which, values)
        np.add.at(self.total, which, values)
        np.add.at(self.counts, which, 1)

    @property
    def centres(self) -> np.ndarray:
        """Middles of the parts, seconds."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def mean(self) -> np.ndarray:
        """Means (n, width), nan where no row began."""
        return np.divide(
            self.total, self.counts[:, None], out=np.full(self.total.shape, np.nan), where=self.counts[:, None] > 0
        )


def _plot(name: str, label: str, column: int, binned: _Bins, x: Axis, event: bool) -> Plot:
    there = binned.counts > 0
    low, high = binned.low[there, column], binned.high[there, column]
    at = binned.centres[there]
    lowest, highest = float(low.min()), float(high.max())
    what = f"{name}, {label}" if label != name else name
    alt = f"{what} over time: from {lowest:.4g} to {highest:.4g}."
    if event:
        y = value_axis(min(0.0, lowest), max(0.0, highest))
        zero = np.zeros(len(at))
        marks = [Mark(bars(x, y, zip(at, np.minimum(low, zero), np.maximum(high, zero), strict=True)), "line events")]
        return Plot(label, alt, x, y, tuple(marks))
    y = value_axis(lowest, highest)
    area = band(x, y, list(zip(at, low, high, strict=True)))
    return Plot(
        label, alt, x, y,
        (Mark(area, "area"), Mark(line(x, y, zip(at, binned.mean[there, column], strict=True)), "line")),
    )  # fmt: skip


def _heat(store: FeatureStore, name: str, array: str, width: int, n_rows: int, x: Axis) -> Picture:
    n_groups = min(width, MOST_ROWS)
    bounds = np.linspace(0, width, n_groups + 1).round().astype(int)
    binned = _Bins(min(COLUMNS, n_rows), n_groups, x.high)
    for times, values in _blocks(store, array):
        binned.add(times, np.add.reduceat(values, bounds[:-1], axis=1) / np.diff(bounds))
    there = binned.counts > 0
    mean = binned.mean
    deviation = mean[there].std(axis=0)
    scaled = (mean - mean[there].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    # Rows last until the next one begins.
    last = np.maximum.accumulate(np.where(there, np.arange(len(there)), there.argmax()))
    grouped = "" if n_groups == width else f", averaged in {n_groups} rows"
    return Picture(
        f"{width} columns{grouped}; each row on a scale of its own, ±{_SPREAD:g} standard deviations",
        f"{name}: {width} columns over time, as colours.",
        heat_image(0.5 + scaled[last].T / (2 * _SPREAD)), x, ((0.0, "0"), (1.0, f"{width - 1}")),
    )  # fmt: skip


def _stills(store: FeatureStore, name: str, array: str, end: float) -> Picture:
    frames = store.dataset[array]
    chosen = ((np.arange(STILLS) + 0.5) * frames.shape[0] / STILLS).astype(int)
    rows, columns = (np.arange(size) * have // size for size, have in zip(STILL, frames.shape[1:3], strict=True))
    try:
        stills = [np.asarray(frames[int(i)].values)[rows][:, columns] for i in chosen]
    except Exception as error:  # As in `_blocks`.
        raise StoreError("is damaged", "extract it again with --force", store.path) from error
    return Picture(
        f"{STILLS} of {frames.shape[0]} pictures", f"{name}: {STILLS} pictures of the film, evenly spaced.",
        photograph(np.concatenate(stills, axis=1).astype(np.uint8)), time_axis(0.0, end),
    )  # fmt: skip


def row_facts(store: FeatureStore) -> list[dict[str, Any]]:
    """Return name, kind and rate of every feature of a store, for a table."""
    facts = []
    for name in store.features:
        entry = store.provenance.get("series", {}).get(name)
        if entry is not None:
            rate = None if entry["rate"] is None else _rate(entry["rate"])
            columns: Any = entry["columns"] if isinstance(entry["columns"], int) else len(entry["columns"])
            if entry["kind"] == "pictures":
                columns = " × ".join(map(str, store.dataset[entry["array"]].shape[1:]))
        elif name == "audio.mel":
            mel = store.provenance["mel"]
            rate, columns = mel["sample_rate"] / mel["hop_length"], mel["n_mels"]
        else:
            rate = float(store.layout.frame_rate)
            latents = name == "audio.latents" and "codebooks" in store.dataset
            columns = store.dataset.sizes["latent"] if latents else store.dataset.sizes["codebook"]
        facts.append({"name": name, "kind": store.kind(name), "rate": rate, "columns": columns})
    return facts
