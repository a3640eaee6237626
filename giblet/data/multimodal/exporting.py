"""A dataset's features as a BIDS derivative."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from giblet.data.bids_export import ExportedRun, Recording, bids_label, export_bids
from giblet.data.design import Design
from giblet.data.multimodal.prepared import FeatureArray, Prepared, Scan
from giblet.data.store import open_store
from giblet.errors import ParameterError
from giblet.timeline import TRGrid


def export(
    prepared: Prepared,
    folder: str | os.PathLike[str],
    *,
    task: str | None = None,
    high_pass: float | None = 1 / 128,
    force: bool = False,
) -> Path:
    """Write features as BIDS recordings, and as design matrices where they are on TRs.

    Sound at its native rate becomes a recording of that rate; what was filtered or convolved a recording of one row for
    each TR, and a column of the design. Pictures are not written: BIDS keeps them as the film.

    Parameters
    ----------
    prepared : Prepared
        The dataset.
    folder : str or os.PathLike
        Root of the derivative.
    task : str, optional
        Name of what was watched, for file names; default the study's.
    high_pass : float or None
        Hz; slower drifts get cosines in the designs.
    force : bool
        Whether to replace a derivative that giblet wrote there.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ParameterError
        If nothing in the dataset can be written.
    StudyError, StoreError
        If the place cannot be written to, or a store is gone.
    """
    if all(feature.kind == "pictures" for stimulus in prepared.stimuli for feature in stimulus.features):
        raise ParameterError("there are only pictures, which stay in their film", "build it with other features")
    runs = _runs(prepared, bids_label(task or prepared.name), high_pass)
    return export_bids(runs, folder, name=f"giblet features of {prepared.name}", force=force)


def _runs(prepared: Prepared, task: str, high_pass: float | None) -> Iterator[ExportedRun]:
    for scan in prepared.scans:
        grid = prepared.stimuli[scan.stimulus].grid
        grid = TRGrid(grid.tr, scan.n_trs, grid.start, grid.sample_offset)
        features = [f for f in prepared.stimuli[scan.stimulus].features if f.kind != "pictures"]
        yield ExportedRun(
            scan.subject,
            scan.run,
            task,
            grid,
            tuple(_recording(prepared, feature, grid) for feature in features),
            _design(prepared, scan, [feature for feature in features if feature.columns], high_pass),
            scan.first_volume,
        )


def _recording(prepared: Prepared, feature: FeatureArray, grid: TRGrid) -> Recording:
    if feature.columns:
        values = prepared.array(feature.file)[: grid.n_trs]
        return Recording(feature.name, feature.columns, values, 1 / grid.tr, grid.start)
    series = open_store(feature.store or "").series(feature.name, prepared.settings.bandwidth)
    step = Fraction(float(series.durations[0])).limit_denominator(10**6)
    if not np.allclose(np.diff(series.times), float(step), atol=1e-6):
        raise ParameterError(
            f"{feature.name} come at no even rate, for their codec cuts the sound into segments",
            "build the dataset with latents, and an HRF or a filter",
            prepared.folder,
        )
    start = Fraction(float(series.times[0])).limit_denominator(10**6)
    return Recording(feature.name, series.names, series.values, 1 / step, start)


def _design(prepared: Prepared, scan: Scan, features: list[FeatureArray], high_pass: float | None) -> Design | None:
    if not features:
        return None
    values = np.concatenate([prepared.array(feature.file)[: scan.n_trs] for feature in features], axis=1)
    valid = np.array(prepared.array(prepared.stimuli[scan.stimulus].valid)[: scan.n_trs])
    if scan.used is not None and prepared.array(scan.used).any():
        valid &= prepared.array(scan.used)
    return Design(tuple(name for feature in features for name in feature.columns), values, valid, high_pass)
