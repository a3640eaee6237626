"""A curve of lags, as it is kept and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class LagCurve:
    """How well a feature fits BOLD at every lag.

    Attributes
    ----------
    name, level : str
        "sub-01" or "group"; "subject" or "group".
    feature, hrf : str
        What was moved, and what it was convolved with.
    tr : float
        Seconds.
    lags : ndarray of float64, shape (n_lags,)
        Seconds; positive: BOLD comes later than the stimulus' times say.
    r : ndarray of float64, shape (n_lags,)
        Pearson's correlation, mean over targets.
    low, high : ndarray of float64, shape (n_lags,)
        95 % of bootstrap draws lie between them, lag by lag.
    peak : float
        Lag of the largest r, seconds.
    interval : tuple of float
        95 % of bootstrap draws have their peak from here to there, seconds.
    p, smallest_p : float
        Of an r as large as the peak's at any lag, had feature and BOLD nothing to do with each other; and what p
        cannot fall below.
    null_r : float
        What 95 % of the null's peaks stay below.
    verdict : {"aligned", "off", "inconclusive"}
        What that comes to.
    sentence : str
        The same for a person.
    n_targets : int
        Targets that count.
    notes : tuple of str
        What was done, a sentence each.
    """

    name: str
    level: str
    feature: str
    hrf: str
    tr: float
    lags: np.ndarray
    r: np.ndarray
    low: np.ndarray
    high: np.ndarray
    peak: float
    interval: tuple[float, float]
    p: float
    smallest_p: float
    null_r: float
    verdict: str
    sentence: str
    n_targets: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the curve in JSON types."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.tolist()
            if isinstance(value, np.ndarray)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in plain.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LagCurve:
        """Return the curve that `to_dict` described."""
        arrays = {name: np.asarray(values[name], np.float64) for name in ("lags", "r", "low", "high")}
        low, high = values["interval"]
        return cls(**{**values, **arrays, "interval": (float(low), float(high)), "notes": tuple(values["notes"])})

    def to_table(self) -> pd.DataFrame:
        """Return the curve as a table with the columns ``name``, ``level``, ``lag``, ``r``, ``low`` and ``high``."""
        import pandas as pd

        columns = {"lag": self.lags, "r": self.r, "low": self.low, "high": self.high}
        return pd.DataFrame({"name": self.name, "level": self.level, **columns})
