"""Which images of a BIDS dataset are its scans: one for each run, all in one version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet.data.layouts.files import IMAGE_ENDINGS
from giblet.data.layouts.findings import Findings
from giblet.data.study import natural
from giblet.errors import StudyError

SURFACE_ENDINGS = (".dtseries.nii", ".func.gii")
DEFAULT_SPACE = "MNI152NLin2009cAsym"
"""The space that fMRIPrep writes unless told otherwise."""
# In the order of file names; what tells the scans of one subject apart.
_RUN_ENTITIES = ("ses", "task", "acq", "ce", "rec", "dir", "run")


@dataclass(frozen=True)
class Choice:
    """Which of the scans in a BIDS folder are meant; None leaves it open.

    Attributes
    ----------
    task, session : str or None
        Labels, as in ``task-movie`` and ``ses-01``.
    space, resolution, desc : str or None
        Labels of derivatives, as in ``space-MNI152NLin2009cAsym``, ``res-2`` and ``desc-preproc``; some spaces are
        surfaces.
    """

    task: str | None = None
    session: str | None = None
    space: str | None = None
    resolution: str | None = None
    desc: str | None = None


def select_scans(layout: Any, folder: Path, choice: Choice, derived: bool, findings: Findings) -> list[Path]:
    """Return one image for each run.

    Parameters
    ----------
    layout : bids.layout.BIDSLayout
        The dataset.
    folder : pathlib.Path
        Its root, for messages.
    choice : Choice
        Which scans.
    derived : bool
        Whether it is a derivative, which may hold each run in several versions.
    findings : Findings
        Gets a problem for each run that has several images, or lacks the version that others have.

    Returns
    -------
    list of pathlib.Path
        Subject by subject, in natural order.

    Raises
    ------
    StudyError
        If there are none, or several versions and nothing says which.
    """
    files = layout.get(suffix="bold", extension=[*IMAGE_ENDINGS, *SURFACE_ENDINGS])
    # By the names of Choice; pybids has the others.
    scans = {Path(file.path): {**file.entities, "resolution": file.entities.get("res")} for file in files}
    if not scans:
        raise StudyError(
            "holds no BOLD images", "name the root of a dataset with files named sub-…_bold.nii.gz", folder
        )
    for entity in ("task", "session"):
        scans = _narrow(scans, entity, getattr(choice, entity), folder)
    # Phase images are no BOLD.
    scans = {path: entities for path, entities in scans.items() if entities.get("part", "mag") == "mag"}
    if derived:
        everything = list(scans)
        # The space comes first: surfaces have no desc, and no resolution.
        scans = _settled(scans, "space", choice.space, DEFAULT_SPACE, folder, findings)
        scans = _settled(scans, "desc", choice.desc, "preproc", folder, findings)
        scans = _settled(scans, "resolution", choice.resolution, None, folder, findings)
        taken = {_key(path) for path in scans}
        for path in sorted(path for path in everything if _key(path) not in taken):
            findings.error(
                path, "is there, but its run lacks the version that is taken of others", "derive that as well"
            )
    return _one_each(list(scans), findings)


def _narrow(scans: Mapping[Path, Any], entity: str, label: str | None, folder: Path) -> dict[Path, Any]:
    """Return the scans with a label, or all."""
    if label is None:
        return dict(scans)
    kept = {path: entities for path, entities in scans.items() if entities.get(entity) == label}
    if not kept:
        found = _labels(scans, entity)
        raise StudyError(
            f"holds no BOLD images of {entity} {label!r}",
            f"choose among {', '.join(sorted(filter(None, found)))}" if any(found) else f"leave {entity} out",
            folder,
        )
    return kept


def _labels(scans: Mapping[Path, Any], entity: str) -> set[str | None]:
    return {None if entities.get(entity) is None else str(entities[entity]) for entities in scans.values()}


def _settled(
    scans: Mapping[Path, Any], entity: str, label: str | None, default: str | None, folder: Path, findings: Findings
) -> dict[Path, Any]:
    """Return scans that do not differ in an entity of derivatives."""
    found: Collection[str | None] = _labels(scans, entity)
    if label is None and len(found) > 1:
        if default not in found:
            names = ", ".join(sorted(name or f"no {entity}" for name in found))
            raise StudyError(
                f"holds its scans in several versions ({entity}: {names})", f"choose one by {entity}=", folder
            )
        others = ", ".join(sorted(name or f"no {entity}" for name in found if name != default))
        taken = f"with {entity} {default}" if default else f"without {entity}"
        findings.note(f"Of several versions the one {taken} is taken (also there: {others}).")
        return {path: entities for path, entities in scans.items() if entities.get(entity) == default}
    return _narrow(scans, entity, label, folder)


def _one_each(paths: list[Path], findings: Findings) -> list[Path]:
    """Return one image for each run, and report where there are several: echoes, copies."""
    groups = defaultdict(list)
    # The left hemisphere stands for both.
    paths = [path for path in paths if _left(path) == path or _left(path) not in paths]
    for path in sorted(paths, key=lambda path: natural(path.name)):
        groups[_key(path)].append(path)
    for (subject, run), (first, *others) in groups.items():
        if others:
            names = ", ".join(path.name for path in others)
            findings.error(
                first,
                f"is one of several images of subject {subject}, run {run} (others: {names})",
                "choose one by desc=, space= or resolution=, or combine echoes by preprocessing",
            )
    return [first for first, *_ in groups.values()]


def run_name(path: Path) -> str:
    """Return what tells a scan from others of its subject, such as ``ses-01_task-movie_run-2``."""
    parts = [part for part in path.name.split("_") if part.partition("-")[0] in _RUN_ENTITIES]
    return "_".join(parts) or path.name.partition("_")[2].partition(".")[0]


def subject_of(path: Path) -> str:
    """Return the label of a scan's subject."""
    return path.name.partition("_")[0].removeprefix("sub-")


def _left(path: Path) -> Path:
    return path.with_name(path.name.replace("_hemi-R_", "_hemi-L_"))


def _key(path: Path) -> tuple[str, str]:
    return subject_of(path), run_name(path)
