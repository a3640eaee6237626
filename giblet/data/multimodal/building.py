"""A study → a dataset on disk, made once and found again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from giblet.alignment import support
from giblet.data.layouts import find_study
from giblet.data.multimodal.prepared import VERSION, Prepared, Scan, Stimulus, is_prepared, read_prepared
from giblet.data.multimodal.scans import PlacedScan, needs_mask, place_scan, write_scan
from giblet.data.multimodal.settings import PLACE, SERVING, DatasetSettings, asked_settings, checked_settings
from giblet.data.multimodal.stimuli import StimulusFiles, usual_features, write_stimulus
from giblet.data.study import RunFiles, Study
from giblet.errors import ParameterError, StoreError, StudyError
from giblet.jobs import Job, Runner, in_turn, values
from giblet.progress import SILENT, Progress, stage
from giblet.store import default_folder
from giblet.timeline import TRGrid
from giblet.workfolder import WorkFolder, check_place, reason

log = logging.getLogger(__name__)


def find_prepared(
    source: str | os.PathLike[str],
    asked: Mapping[str, Any],
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> Prepared:
    """Return a dataset, built before or now.

    Parameters
    ----------
    source : str or os.PathLike
        A study, or the folder of a dataset.
    asked : mapping
        Arguments of `DatasetSettings.asked` that were given.
    cache_dir : str or os.PathLike, optional
        Where built datasets are kept; by default as the study states, or ``cache`` in its folder.
    progress : Progress
        Who watches.

    Returns
    -------
    Prepared
        The dataset.

    Raises
    ------
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, ParameterError, StoreError
        If files are missing or do not fit together, or a value cannot be used.
    """
    if is_prepared(source):
        prepared = read_prepared(source)
        _check_same(prepared, asked)
        return prepared
    study = find_study(source)
    study.raise_errors()
    settings = asked_settings(study, asked)
    cache = cache_of(study, cache_dir)
    name = re.sub(r"[^\w.-]+", "_", study.name)
    folder = cache / f"{name}-{dataset_key(study, settings)[:16]}"
    if is_prepared(folder):
        return read_prepared(folder)
    return build(study, settings, folder, cache / "stores", progress)


def dataset_key(study: Study, settings: DatasetSettings) -> str:
    """Return a digest of all that decides a dataset's arrays: settings, names, and the state of every file.

    Files are told apart by size and time of change, for reading gigabytes of scans at each start would take minutes.
    """
    runs = [
        {name: _stated(value) for name, value in asdict(replace(run, options=dict(run.options))).items()}
        for run in study.runs
    ]
    return hashlib.sha256(
        json.dumps([VERSION, settings.to_dict(), runs], sort_keys=True, default=str).encode()
    ).hexdigest()


def _stated(value: Any) -> Any:
    if isinstance(value, Path):
        state = value.stat()
        return [str(value.resolve()), state.st_size, state.st_mtime_ns]
    return [_stated(item) for item in value] if isinstance(value, (tuple, list)) else value


def build(
    study: Study,
    settings: DatasetSettings,
    folder: Path,
    stores: Path,
    progress: Progress = SILENT,
    *,
    force: bool = False,
    run: Runner = in_turn,
) -> Prepared:
    """Build a dataset, complete or not at all.

    Parameters
    ----------
    study : Study
        Whose files.
    settings : DatasetSettings
        What to make of them.
    folder : pathlib.Path
        Where it shall lie.
    stores : pathlib.Path
        Where features at native rate are kept.
    progress : Progress
        Who watches.
    force : bool
        Whether to replace a dataset that lies there.
    run : giblet.jobs.Runner
        Who reads the scans and makes the features of the stimuli, and sees the same files under the same names.

    Returns
    -------
    Prepared
        The dataset.

    Raises
    ------
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, StoreError
        If files are missing or do not fit together, or the place cannot be written to.
    """
    study.raise_errors()
    if not study.runs:
        raise StudyError("has no runs", "name subjects and their files", study.root)
    names = settings.features or usual_features(study.runs[0], settings)
    if not names:
        raise StudyError("has neither films nor annotations", "name a stimulus or annotations", study.root)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with WorkFolder(folder) as work:
            made = work.path / "dataset"
            _fill(study, settings, names, made, stores, progress, run)
            if force and is_prepared(folder):
                folder.rename(work.path / "replaced")
            try:
                made.rename(folder)
            except OSError:
                # Another process may have been faster; theirs is the same.
                if not is_prepared(folder):
                    raise
    except OSError as error:
        raise StoreError(f"cannot be written ({reason(error)})", "choose another place", folder) from error
    return read_prepared(folder)


def _fill(
    study: Study, settings: DatasetSettings, names: tuple[str, ...], folder: Path, stores: Path, progress: Progress,
    run: Runner,
) -> None:  # fmt: skip
    folder.mkdir()
    scans, notes = [], list(study.notes)
    grids: dict[StimulusFiles, TRGrid] = {}
    notes += [str(problem) for problem in study.problems]
    with stage(progress, f"scans of {study.name}", None):
        for placed, files in _written_scans(study, settings, folder.absolute(), progress, run):
            shown = StimulusFiles.of(placed.files, placed.grid)
            if shown not in grids or grids[shown].n_trs < placed.grid.n_trs:
                grids[shown] = placed.grid
            stimulus = list(grids).index(shown)
            who = placed.files
            scans.append(
                Scan(
                    who.subject, who.run, stimulus, placed.grid.n_trs, placed.first_volume, **files, notes=placed.notes
                )
            )
    (folder / "stimuli").mkdir()
    stimuli = []
    jobs = [
        Job(
            shown.name,
            write_stimulus,
            (shown, grid, names, settings, folder.absolute(), f"stimuli/{number:04d}", stores.absolute()),
            float(grid.n_trs * grid.tr),
        )
        for number, (shown, grid) in enumerate(grids.items())
    ]
    for (shown, grid), made in zip(grids.items(), values(run, jobs, progress), strict=True):
        features, valid, found = made
        notes += [note for note in found if note not in notes]
        stimuli.append(Stimulus(shown.name, grid, features, valid))
    defaults = {name: study.settings[name] for name in SERVING if name in study.settings}
    if "gap" in defaults:
        defaults["gap"] = str(defaults["gap"])
    Prepared(
        folder,
        study.name,
        settings,
        tuple(stimuli),
        tuple(scans),
        defaults,
        _reach(settings, stimuli[0].grid),
        tuple(notes),
    ).write_manifest()


def _reach(settings: DatasetSettings, grid: TRGrid) -> tuple[float, float]:
    """Return the seconds of past and future that filter, response and delays put into samples."""
    method = None if settings.hrf else settings.filter
    reaches = [support(grid, method=method, hrf=settings.hrf, delays=settings.delays)]
    if settings.codes_delay is not None:
        reaches.append(support(grid, delays=[settings.codes_delay + max(settings.delays, default=0)]))
    return max(past for past, _ in reaches), max(future for _, future in reaches)


def _written_scans(
    study: Study, settings: DatasetSettings, folder: Path, progress: Progress, run: Runner
) -> Iterator[tuple[PlacedScan, Mapping[str, str | None]]]:
    """Yield all scans without their values, which are written, and the names of their files."""
    mask = shared_voxels(study)
    jobs = [
        Job(scan.name, _write_scan, (scan, settings, mask, number, folder)) for number, scan in enumerate(study.runs)
    ]
    first: PlacedScan | None = None
    for placed, files in values(run, jobs, progress):
        if first is None:
            first = placed
        check_targets(first, placed)
        yield placed, files


def _write_scan(
    scan: RunFiles, settings: DatasetSettings, mask: Any, number: int, folder: Path, progress: Progress
) -> tuple[PlacedScan, Mapping[str, str | None]]:
    placed = place_scan(scan, settings, mask)
    files = write_scan(placed, number, folder, settings.normalize_fmri)
    courses = placed.courses
    if courses is not None:
        courses = replace(courses, values=courses.values[:0], censored=courses.censored[:0])
    return replace(placed, courses=courses), files


def placed_scans(study: Study, settings: DatasetSettings) -> Iterator[PlacedScan]:
    """Read all scans, one by one, and make sure that their targets are the same.

    Raises
    ------
    BoldError, AlignmentError, MediaError
        If one cannot be read, or does not fit those before.
    """
    mask = shared_voxels(study)
    first: PlacedScan | None = None
    for run in study.runs:
        placed = place_scan(run, settings, mask)
        if first is None:
            first = placed
        check_targets(first, placed)
        yield placed


def shared_voxels(study: Study) -> Any:
    """Return a mask of the voxels that most scans have, where several leave it open which count; else None.

    Raises
    ------
    BoldError
        If the scans lie on different grids, or share nothing.
    """
    paths = [run.bold for run in study.runs if run.bold is not None and needs_mask(run)]
    if len(paths) < 2:
        return None
    from giblet.bold import shared_mask

    return shared_mask(paths)


def check_targets(first: PlacedScan, placed: PlacedScan) -> None:
    """Raise `BoldError` or `StudyError` unless the targets of two scans are the same."""
    if first.courses is None or placed.courses is None:
        if (first.courses is None) != (placed.courses is None):
            raise StudyError(
                f"{placed.files.name} and {first.files.name}: only one of them has BOLD", "give it for all or none"
            )
        return
    from giblet.bold import check_alike
    from giblet.errors import BoldError

    spaces = {str(one.files.bold): one.courses.space for one in (first, placed) if one.courses is not None}
    there = {name: space for name, space in spaces.items() if space is not None}
    if len(there) == 2:
        check_alike(there)
    if first.courses.targets != placed.courses.targets:
        raise BoldError(
            f"has {len(placed.courses.targets)} targets, and {first.files.bold} has {len(first.courses.targets)}"
            if len(placed.courses.targets) != len(first.courses.targets)
            else f"names its targets otherwise than {first.files.bold}",
            "give files of the same regions",
            placed.files.bold,
        )


def _check_same(prepared: Prepared, asked: Mapping[str, Any]) -> None:
    """Refuse to serve a dataset that was built otherwise than asked for."""
    was = prepared.settings.to_dict() | {
        "apply_hrf": prepared.settings.hrf is not None,
        # What was left open then is settled by now.
        "features": [feature.name for feature in prepared.stimuli[0].features],
        "tr": str(prepared.stimuli[0].grid.tr),
    }
    wanted = checked_settings(asked).to_dict() | {"apply_hrf": asked.get("apply_hrf")}
    if asked.get("apply_hrf") is False:
        wanted["hrf"] = was["hrf"]
    for name in asked:
        if wanted[name] != was[name]:
            raise ParameterError(
                f"it was built with {name} {was[name]!r}, and {wanted[name]!r} is asked for",
                "build it again from its study, or leave this out",
                prepared.folder,
            )


def cache_of(study: Study, asked: str | os.PathLike[str] | None = None) -> Path:
    """Return where datasets and stores are kept: as asked, as the study states, ``cache`` in its folder, or the user's
    cache.
    """
    if asked is not None:
        return Path(asked)
    if PLACE in study.settings:
        return study.root / Path(study.settings[PLACE]).expanduser()
    beside = study.root / "cache"
    try:
        check_place(beside / "dataset")
    except OSError as error:
        home = default_folder() / "datasets"
        log.debug("%s cannot be written (%s): the dataset is kept in %s", beside, reason(error), home)
        return home
    return beside
