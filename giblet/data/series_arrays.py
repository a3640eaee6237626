"""Series of features as arrays of a store: how they are named there, written and found again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.features import FeatureSeries, Output
from giblet.store import StoreWriter

_LONGEST_NAME = 60


def array_name(feature: str) -> str:
    """Return the name of a feature's array: its own where that can be a file's name, or one like it.

    Parameters
    ----------
    feature : str
        Such as ``"audio.hf:openai/whisper-tiny:4"``.

    Returns
    -------
    str
        Letters, digits, ``.``, ``_`` and ``-``; different for different features.
    """
    plain = re.sub(r"[^A-Za-z0-9.]+", "_", feature)
    if plain == feature and len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[-_LONGEST_NAME:].strip('._')}-{hashlib.sha256(feature.encode()).hexdigest()[:8]}"


class SeriesWriter:
    """Writes the rows of one series as they come.

    Parameters
    ----------
    store : StoreWriter
        The store.
    output : Output
        What the series is.
    source : {"sound", "pictures"}
        What it is made of.

    Attributes
    ----------
    output : Output
        As given.
    n_rows : int
        Rows so far.
    """

    def __init__(self, store: StoreWriter, output: Output, source: str) -> None:
        self.output = output
        self.n_rows = 0
        self._store, self._source = store, source
        self._name = array_name(output.name)
        shape = output.shape or (len(output.columns),)
        dims = (f"{self._name}.row", *(f"{self._name}.{dim}" for dim in _dims(output)))
        self._array = store.create(
            self._name, dims, (0, *shape), output.dtype, append_dim=dims[0],
            attrs={"feature": output.name, "kind": output.kind, **_units(output.about)},
        )  # fmt: skip

    def append(self, rows: np.ndarray) -> None:
        """Add rows, shape (k, …)."""
        self._array.append(rows)
        self.n_rows += len(rows)

    def close(self) -> dict[str, Any]:
        """Write the times of the rows, and return what the store says about the series, in JSON types."""
        rate = self.output.rate
        times = np.arange(self.n_rows) * rate.denominator / rate.numerator
        _put_times(self._store, self._name, times)
        return {
            "array": self._name,
            "source": self._source,
            "kind": self.output.kind,
            "rate": str(rate),
            "columns": _columns(self.output.name, self.output.columns),
            "about": dict(self.output.about),
        }


def put_series(store: StoreWriter, name: str, series: FeatureSeries, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write a series of words, whole, and return what the store says about it, in JSON types."""
    array = array_name(name)
    store.put(
        array, (f"{array}.row", f"{array}.column"), series.values.astype(np.float32),
        {"feature": name, "kind": series.kind, **_units(about)},
    )  # fmt: skip
    _put_times(store, array, series.times)
    store.put(f"{array}.duration", (f"{array}.row",), series.durations, {"units": "s"})
    return {
        "array": array,
        "source": "words",
        "kind": series.kind,
        "rate": None,
        "columns": _columns(name, series.names),
        "about": dict(about),
    }


def read_series(
    name: str, about: Mapping[str, Any], values: np.ndarray, times: np.ndarray, durations: np.ndarray | None
) -> FeatureSeries:
    """Return a stored series.

    Parameters
    ----------
    name : str
        Of the feature.
    about : mapping
        What the store says about it.
    values, times : ndarray
        Its arrays.
    durations : ndarray or None
        The array of durations, where there is one.

    Returns
    -------
    FeatureSeries
        The same rows. Events of an even rate are impulses.
    """
    columns = about["columns"]
    if isinstance(columns, int):
        columns = [name] if columns == 1 else [f"{name}.{i}" for i in range(columns)]
    else:
        columns = [f"{name}.{column}" for column in columns]
    if durations is None:
        rate = Fraction(about["rate"])
        durations = np.full(len(times), 0.0 if about["kind"] == "event" else float(1 / rate))
    return FeatureSeries(values, times, tuple(columns), about["kind"], durations)


def _put_times(store: StoreWriter, array: str, times: np.ndarray) -> None:
    store.put(
        f"{array}.time", (f"{array}.row",), times, {"units": "s", "long_name": "start of the row on the film's clock"}
    )


def _dims(output: Output) -> tuple[str, ...]:
    return ("height", "width", "channel") if output.shape else ("column",)


def _columns(name: str, columns: Sequence[str]) -> int | list[str]:
    """Return names of columns for a manifest, or only how many there are where they are numbered or there is one."""
    own = [column.removeprefix(f"{name}.") for column in columns]
    return len(own) if len(own) == 1 or own == [str(i) for i in range(len(own))] else own


def _units(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"units": about["units"]} if "units" in about else {}
