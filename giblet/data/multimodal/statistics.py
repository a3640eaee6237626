"""Mean and spread of features over what is learnt from, and over nothing else."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.data.multimodal.prepared import Prepared
from giblet.data.multimodal.rows import Rows, Source
from giblet.workfolder import WorkFolder

log = logging.getLogger(__name__)

_TRS_AT_ONCE = 256


@dataclass(frozen=True)
class FeatureStatistics:
    """What a feature was in the training split.

    Attributes
    ----------
    mean, std : ndarray of float32, shape (dim,)
        Per dimension; over all frames of a TR where the feature has its own rate. A dimension that never changes has a
        standard deviation of 1.
    n_trs : int
        TRs that were looked at, each once however many subjects saw it.
    """

    mean: np.ndarray
    std: np.ndarray
    n_trs: int


def statistics(prepared: Prepared, found: Sequence[Source], rows: Rows) -> dict[str, FeatureStatistics]:
    """Return the statistics of continuous features and events over the valid TRs of a split; they are kept on disk.

    Parameters
    ----------
    prepared : Prepared
        The dataset.
    found : sequence of Source
        What rows are drawn from.
    rows : Rows
        The training split, of single TRs.

    Returns
    -------
    dict of str to FeatureStatistics
        By the feature's name. Categories and pictures have none.
    """
    trs: dict[int, np.ndarray] = {}
    for i, source in enumerate(found):
        chosen = rows.first[rows.source == i]
        chosen = chosen[source.valid[chosen]]
        trs[source.stimulus] = np.union1d(trs.get(source.stimulus, np.empty(0, np.int64)), chosen)
    digest = hashlib.sha256()
    for stimulus, chosen in sorted(trs.items()):
        digest.update(f"{stimulus}:{chosen.astype('<i8').tobytes().hex()};".encode())
    place = prepared.folder / "statistics" / f"{digest.hexdigest()[:16]}.json"
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return {name: _from_dict(values) for name, values in kept.items()}
    except (OSError, ValueError, KeyError, TypeError):
        made = _statistics(prepared, trs)
    try:
        place.parent.mkdir(exist_ok=True)
        with WorkFolder(place) as work:
            (work.path / place.name).write_text(json.dumps({name: _to_dict(value) for name, value in made.items()}))
            (work.path / place.name).replace(place)
    except OSError as error:
        # A dataset may lie where only reading is allowed.
        log.debug("statistics are not kept in %s: %s", place, error)
    return made


def _statistics(prepared: Prepared, trs: dict[int, np.ndarray]) -> dict[str, FeatureStatistics]:
    names = [feature.name for feature in prepared.stimuli[0].features if feature.kind in ("continuous", "event")]
    return {name: found for name in names if (found := _of_feature(prepared, trs, name)) is not None}


def _of_feature(prepared: Prepared, trs: dict[int, np.ndarray], name: str) -> FeatureStatistics | None:
    count, n_trs = 0, 0
    total: Any = 0.0
    squares: Any = 0.0
    for stimulus, chosen in trs.items():
        files = [feature.file for feature in prepared.stimuli[stimulus].features if feature.name == name]
        for file in files:
            values = prepared.array(file)
            for i in range(0, len(chosen), _TRS_AT_ONCE):
                block = np.asarray(values[chosen[i : i + _TRS_AT_ONCE]], np.float64)
                # (TRs, dim) or (TRs, dim, frames)
                axes = (0, 2) if block.ndim == 3 else 0
                total = total + block.sum(axis=axes)
                squares = squares + np.square(block).sum(axis=axes)
                count += block.size // block.shape[1]
            n_trs += len(chosen)
    if not count:
        return None
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    # What is left of a constant by rounding is no spread.
    spread = np.where(variance > 1e-12 * np.maximum(mean**2, 1e-30), np.sqrt(variance), 1.0)
    return FeatureStatistics(mean.astype(np.float32), spread.astype(np.float32), n_trs)


def _to_dict(found: FeatureStatistics) -> dict[str, Any]:
    return {"mean": found.mean.tolist(), "std": found.std.tolist(), "n_trs": found.n_trs}


def _from_dict(values: dict[str, Any]) -> FeatureStatistics:
    return FeatureStatistics(
        np.asarray(values["mean"], np.float32), np.asarray(values["std"], np.float32), int(values["n_trs"])
    )
