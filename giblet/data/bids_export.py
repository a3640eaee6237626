"""Features as a BIDS derivative: continuous recordings, and design matrices for first-level models."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from giblet import __version__
from giblet.data.design import Design, checked_table, design_matrix
from giblet.errors import ParameterError, StudyError
from giblet.timeline import TRGrid
from giblet.workfolder import WorkFolder, check_place, reason

BIDS_VERSION = "1.10.0"
DESCRIPTION = "dataset_description.json"
_ENDING = ".bids"
_OURS = ("_stim.tsv.gz", "_stim.json", "_design.tsv", "_design.json")
# Rows that are formatted at a time.
_BLOCK = 4096


@dataclass(frozen=True)
class Recording:
    """A regular series of one feature.

    Attributes
    ----------
    feature : str
        Its name, such as ``audio.latents``.
    columns : tuple of str
        Names of its dimensions.
    values : ndarray, shape (n, len(columns))
        Numbers; NaN is written as ``n/a``.
    rate : fractions.Fraction
        Rows per second.
    start : fractions.Fraction
        When row 0 begins, seconds on the stimulus' clock.
    """

    feature: str
    columns: tuple[str, ...]
    values: np.ndarray
    rate: Fraction
    start: Fraction = Fraction(0)


@dataclass(frozen=True)
class ExportedRun:
    """What is exported of one run.

    Attributes
    ----------
    subject, run : str
        As in `giblet.data.study.RunFiles`.
    task : str
        What was watched, for file names; a run that was named by BIDS keeps its own.
    grid : TRGrid
        Its volumes on the stimulus' clock.
    recordings : tuple of Recording
        Features.
    design : Design or None
        Regressors on the volumes of ``grid``.
    first_volume : int
        Which stored volume the grid begins with: how many were trimmed.
    """

    subject: str
    run: str
    task: str
    grid: TRGrid
    recordings: tuple[Recording, ...] = ()
    design: Design | None = None
    first_volume: int = 0


def export_bids(
    runs: Iterable[ExportedRun],
    folder: str | os.PathLike[str],
    *,
    name: str,
    sources: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write features of runs as a BIDS derivative.

    For each recording ``…_recording-FEATURE_stim.tsv.gz`` with a sidecar that has SamplingFrequency, StartTime (seconds
    after the first stored volume began) and Columns; for each design ``…_desc-giblet_design.tsv``, a table that
    nilearn's FirstLevelModel takes by its name, with the times of its rows in the sidecar. The folder appears when all
    is written.

    Parameters
    ----------
    runs : iterable of ExportedRun
        One at a time, so that not all need to be in memory.
    folder : str or os.PathLike
        Root of the derivative; its parent must exist.
    name : str
        Name of the derivative.
    sources : sequence of str, optional
        Where the data come from: addresses for SourceDatasets.
    force : bool, optional
        Replace a derivative that giblet wrote there.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    StudyError
        If the place is taken or cannot be written.
    ParameterError
        If something cannot be exported, or two runs would have one name.
    """
    target = Path(folder).absolute()
    _refuse_existing(target, force)
    with _explained(target):
        check_place(target)
        with WorkFolder(target, _ENDING) as work:
            new = work.path / "new"
            new.mkdir()
            description: dict[str, Any] = {
                "Name": name,
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "giblet", "Version": __version__}],
            }
            if sources:
                description["SourceDatasets"] = [{"URL": source} for source in sources]
            _write_json(new / DESCRIPTION, description)
            for run in runs:
                _write_run(run, new)
            _refuse_existing(target, force)
            if target.exists():
                target.rename(work.path / "old")
            new.rename(target)
    return Path(folder)


def bids_label(text: str) -> str:
    """Return text as BIDS allows it in file names: ``text.word_rate`` as ``textWordRate``.

    Raises
    ------
    ParameterError
        If no letter or digit is left.
    """
    first, *others = [part for part in re.split(r"[^A-Za-z0-9]+", text) if part] or [""]
    if not first:
        raise ParameterError(f"{text!r} has neither letters nor digits", "choose another name")
    return first + "".join(part[0].upper() + part[1:] for part in others)


def _stem(run: ExportedRun) -> Path:
    """Return folder and beginning of the file names of a run."""
    subject = f"sub-{bids_label(run.subject.removeprefix('sub-'))}"
    entities = [part for part in run.run.split("_") if re.fullmatch(r"[a-z]+-[A-Za-z0-9]+", part)]
    if not any(part.startswith("task-") for part in entities):
        # BIDS numbers runs; one that has a name is a task of its own.
        numbered = run.run.isascii() and run.run.isdecimal()
        task = bids_label(run.task if numbered else f"{run.task} {run.run}")
        entities = [f"task-{task}", *([f"run-{run.run}"] if numbered else [])]
    session = [part for part in entities if part.startswith("ses-")]
    return Path(subject, *session, "func", "_".join([subject, *entities]))


def _write_run(run: ExportedRun, root: Path) -> None:
    stem = root / _stem(run)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for recording in run.recordings:
        path = stem.with_name(f"{stem.name}_recording-{bids_label(recording.feature)}_stim.tsv.gz")
        _refuse_twice(path, run)
        values = checked_table(recording.values, recording.columns, recording.feature)
        if recording.rate <= 0:
            raise ParameterError(f"{recording.feature} has {recording.rate} rows a second", "give a rate above 0")
        _write_rows(path, values)
        fields = {
            "SamplingFrequency": float(recording.rate),
            "StartTime": float(run.first_volume * run.grid.tr + recording.start - run.grid.start),
            "Columns": list(recording.columns),
            "Description": f"{recording.feature} of the stimulus, by giblet",
        }
        _write_json(path.with_name(path.name.replace(".tsv.gz", ".json")), fields)
    if run.design is not None:
        path = stem.with_name(f"{stem.name}_desc-giblet_design.tsv")
        _refuse_twice(path, run)
        matrix = design_matrix(run.design, run.grid, run.first_volume)
        # Without the times: nilearn would take their column for a regressor.
        matrix.to_csv(path, sep="\t", index=False, float_format="%.9g")
        fields = {
            "RepetitionTime": float(run.grid.tr),
            "StartTime": float(matrix.index[0]),
            "FirstVolume": run.first_volume,
            "Description": "a row for each volume from FirstVolume on, at StartTime + row * RepetitionTime s",
        }
        _write_json(path.with_suffix(".json"), fields)


def _write_rows(path: Path, values: np.ndarray) -> None:
    import pandas as pd

    # Without a name and a time inside, equal values give equal files.
    with path.open("wb") as file, gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed:
        for first in range(0, len(values), _BLOCK):
            block = pd.DataFrame(values[first : first + _BLOCK])
            text = block.to_csv(
                sep="\t", header=False, index=False, na_rep="n/a", float_format="%.9g", lineterminator="\n"
            )
            packed.write(text.encode("ascii"))


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _refuse_twice(path: Path, run: ExportedRun) -> None:
    if path.exists():
        raise ParameterError(
            f"{path.name} would be written twice, the second time for subject {run.subject}, run {run.run}",
            "use names that differ in letters or digits",
        )


def _refuse_existing(target: Path, force: bool) -> None:
    """Raise unless nothing is lost by putting a derivative there."""
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise StudyError("exists already and is no folder", "choose another place", target)
    files = [path for path in target.rglob("*") if not path.is_dir()]
    if not files:
        return
    try:
        generators = json.loads((target / DESCRIPTION).read_text(encoding="utf-8"))["GeneratedBy"]
        ours = generators[0]["Name"] == "giblet"
    except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise StudyError("exists already and giblet did not write it", "choose another place", target)
    foreign = [path for path in files if not path.name.endswith(_OURS) and path != target / DESCRIPTION]
    if foreign:
        problem = f"also holds {foreign[0].name}, which giblet did not write"
        raise StudyError(problem, "choose another place, or move that file away", target)
    if not force:
        raise StudyError("exists already", "choose another place, or replace it with --force (force=True)", target)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudyError(f"cannot be written ({reason(error)})", "choose another place", target) from error
