"""Everything that is wrong with a study, in one list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from giblet.data.multimodal.building import check_targets, shared_voxels
from giblet.data.multimodal.scans import PlacedScan, place_scan
from giblet.data.multimodal.settings import DatasetSettings
from giblet.data.study import Problem, RunFiles, Study
from giblet.errors import GibletError
from giblet.progress import SILENT, Progress, stage


def verify(study: Study, settings: DatasetSettings, progress: Progress = SILENT) -> tuple[Problem, ...]:
    """Read everything that a dataset would be built from, and say what is wrong instead of stopping there.

    Parameters
    ----------
    study : Study
        The files.
    settings : DatasetSettings
        How they would be used.
    progress : Progress
        Who watches.

    Returns
    -------
    tuple of Problem
        Errors first, then what one should know; each once.
    """
    with stage(progress, f"files of {study.name}", None):
        found = [*study.problems, *_of_scans(study, settings), *_of_annotations(study, settings)]
    return tuple(sorted(dict.fromkeys(found), key=lambda problem: problem.severity != "error"))


def _of_scans(study: Study, settings: DatasetSettings) -> Iterator[Problem]:
    try:
        mask = shared_voxels(study)
    except GibletError as error:
        yield _problem(error, study.root)
        return
    first: PlacedScan | None = None
    for run in study.runs:
        try:
            placed = place_scan(run, settings, mask)
            first = placed if first is None else first
            check_targets(first, placed)
        except GibletError as error:
            yield _problem(error, run.bold or run.stimulus or study.root)
            continue
        except OSError as error:
            yield Problem(str(run.bold), f"cannot be read ({error.strerror})", "check the file and its permissions")
            continue
        for note in placed.notes:
            yield Problem(_place(run, study), note.rstrip("."), "see that this is as it should be", "warning")


def _of_annotations(study: Study, settings: DatasetSettings) -> Iterator[Problem]:
    from giblet.annotations import read_annotations

    for path in dict.fromkeys(path for run in study.runs for path in run.annotations):
        try:
            annotations = read_annotations(path, tier=settings.tier, sheet=settings.sheet)
        except GibletError as error:
            yield _problem(error, path)
            continue
        for note in annotations.notes:
            yield Problem(str(path), note.rstrip("."), "see that this is as it should be", "warning")


def _problem(error: GibletError, path: Path) -> Problem:
    return Problem(error.path or str(path), error.problem, error.remedy)


def _place(run: RunFiles, study: Study) -> str:
    return str(run.bold or run.stimulus or study.root)
