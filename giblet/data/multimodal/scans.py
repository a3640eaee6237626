"""The BOLD of a scan, on the TRs in which the stimulus was shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import reconcile
from giblet.data.multimodal.settings import DatasetSettings
from giblet.data.study import RunFiles
from giblet.errors import AlignmentError
from giblet.media.probe import probe
from giblet.timeline import TRGrid

if TYPE_CHECKING:
    from giblet.bold import TimeCourses

USUAL_TR = Fraction(3, 2)
"""Seconds; where neither scans nor settings say."""
_OF_IMAGES = (".nii", ".nii.gz")


@dataclass(frozen=True)
class PlacedScan:
    """A scan that was read, and the TRs of it that count.

    Attributes
    ----------
    files : RunFiles
        Where it came from.
    courses : TimeCourses or None
        Its BOLD in those TRs; None where there is none.
    grid : TRGrid
        The TRs on the stimulus' clock.
    first_volume : int
        Which stored volume they begin with.
    notes : tuple of str
        What was found and decided, a sentence each.
    """

    files: RunFiles
    courses: TimeCourses | None
    grid: TRGrid
    first_volume: int
    notes: tuple[str, ...]


def place_scan(files: RunFiles, settings: DatasetSettings, mask: Any = None) -> PlacedScan:
    """Read a scan and bring it together with its stimulus in time.

    Parameters
    ----------
    files : RunFiles
        The scan.
    settings : DatasetSettings
        TR, trimming and the most TRs.
    mask : nibabel image, optional
        Voxels that all subjects share, where the study names none.

    Returns
    -------
    PlacedScan
        What is left of it.

    Raises
    ------
    BoldError, MediaError
        If a file cannot be read.
    AlignmentError
        If stimulus and scan have no TR in common, or nothing says how long the run is.
    """
    duration = None if files.stimulus is None else _duration(files.stimulus)
    if files.bold is None:
        return _unscanned(files, settings, duration)
    from giblet.bold import read_bold

    arguments = dict(files.bold_arguments)
    if mask is not None and needs_mask(files):
        arguments["mask"] = mask
    if settings.tr is not None:
        arguments.setdefault("tr", settings.tr)
    courses = read_bold(files.bold, **arguments)
    tr = courses.tr
    if tr is None:
        raise AlignmentError("says nothing of its TR", "give it: tr in the study, or tr=1.5 (--tr 1.5)", files.bold)
    if settings.tr is not None and settings.tr != tr:
        raise AlignmentError(
            f"has a TR of {float(tr):g} s, and {float(settings.tr):g} s was asked for", "ask for none", files.bold
        )
    n_volumes = len(courses.values)
    whole = TRGrid(tr, n_volumes, files.start(tr), courses.sample_offset)
    # Of words alone nobody knows how long they go on.
    end = max(Fraction(0), whole.start + n_volumes * tr) if duration is None else duration
    grid, lines = reconcile(whole, end, n_volumes, settings.trim)
    grid = _shortened(grid, settings)
    first = int((grid.start - whole.start) / tr)
    kept = slice(first, first + grid.n_trs)
    courses = replace(courses, values=courses.values[kept], censored=courses.censored[kept])
    return PlacedScan(files, courses, grid, first, (*courses.notes, *lines))


def needs_mask(files: RunFiles) -> bool:
    """Tell whether a scan is an image of voxels of which nothing says which count."""
    return (
        files.bold is not None
        and files.bold.name.lower().endswith(_OF_IMAGES)
        and not files.bold.name.lower().endswith((".dtseries.nii", ".ptseries.nii"))
        and files.mask is None
        and files.atlas is None
        and "mask" not in files.options
    )


def _unscanned(files: RunFiles, settings: DatasetSettings, duration: Fraction | None) -> PlacedScan:
    tr = files.tr or settings.tr or USUAL_TR
    if duration is None:
        raise AlignmentError("has neither BOLD nor a film, so nothing says how long it is", "give one", files.name)
    grid = TRGrid.covering(duration, tr, max(Fraction(0), files.start(tr)))
    grid, lines = reconcile(grid, duration, grid.n_trs, settings.trim)
    return PlacedScan(files, None, _shortened(grid, settings), 0, tuple(lines))


def _shortened(grid: TRGrid, settings: DatasetSettings) -> TRGrid:
    return grid if settings.max_trs is None else replace(grid, n_trs=min(grid.n_trs, settings.max_trs))


def _duration(stimulus: Path) -> Fraction | None:
    stated = probe(stimulus).duration
    return None if stated is None else Fraction(stated).limit_denominator(10**6)


def write_scan(placed: PlacedScan, number: int, folder: Path, normalize: bool) -> Mapping[str, str | None]:
    """Write the arrays of a scan into a dataset's folder.

    Parameters
    ----------
    placed : PlacedScan
        The scan.
    number : int
        Its number, for the names of files.
    folder : pathlib.Path
        The dataset's.
    normalize : bool
        Whether targets are z-scored.

    Returns
    -------
    mapping of str to str or None
        Names of the files: bold, used, targets, space, tsnr, as `giblet.data.multimodal.prepared.Scan` has them.
    """
    courses = placed.courses
    if courses is None:
        return dict.fromkeys(("bold", "used", "targets", "space", "tsnr"))
    from giblet.bold import save_time_courses, tsnr

    names = {name: f"bold/{number:04d}{ending}" for name, ending in _ENDINGS.items()}
    (folder / "bold").mkdir(exist_ok=True)
    save_time_courses(courses, folder / names["bold"], standardize=normalize)
    # Of a scan without any signal, no volume can be used.
    np.save(folder / names["used"], ~courses.censored & courses.valid.any())
    np.save(
        folder / names["tsnr"], tsnr(courses.values[~courses.censored] if courses.censored.any() else courses.values)
    )
    described = {"names": list(courses.targets), "valid": np.flatnonzero(courses.valid).tolist()}
    (folder / names["targets"]).write_text(json.dumps(described), encoding="utf-8")
    if courses.space is None:
        return {**names, "space": None}
    names["space"] = courses.space.map_name(f"bold/{number:04d}.space")
    courses.space.save_template(folder / names["space"])
    return names


_ENDINGS = {"bold": ".npy", "used": ".used.npy", "targets": ".targets.json", "tsnr": ".tsnr.npy"}
