"""Studies laid out after the Brain Imaging Data Structure: raw, or as fMRIPrep derives it."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.data.layouts.bids_events import find_stimulus
from giblet.data.layouts.files import IMAGE_ENDINGS, absolute, annotations_beside, check_runs
from giblet.data.layouts.findings import Findings
from giblet.data.layouts.headers import Header, read_header
from giblet.data.layouts.sidecar import ROUNDING, read_timing
from giblet.data.study import RunFiles, Study, natural
from giblet.errors import StudyError

DESCRIPTION = "dataset_description.json"
SURFACE_ENDINGS = (".dtseries.nii", ".func.gii")
DEFAULT_SPACE = "MNI152NLin2009cAsym"
"""The space that fMRIPrep writes unless told otherwise."""
# In the order of file names; what tells the scans of one subject apart.
_RUN_ENTITIES = ("ses", "task", "acq", "ce", "rec", "dir", "run")
_CONFOUNDS = ("desc-confounds_timeseries.tsv", "desc-confounds_regressors.tsv")


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


def read_bids(folder: Path, choice: Choice | None = None) -> Study:
    """Look up the runs of a BIDS dataset.

    A raw dataset gives its scans as they are. A derivative gives its preprocessed scans with mask and confounds; events
    and films come from the raw dataset that it lies in (or names in DatasetLinks or SourceDatasets).

    Parameters
    ----------
    folder : pathlib.Path
        Root of the dataset or derivative.
    choice : Choice, optional
        Which scans.

    Returns
    -------
    Study
        One run for each scan; what is wrong is among its problems.

    Raises
    ------
    StudyError
        If pybids is not installed, the dataset cannot be read, holds no such scans, or several kinds to choose from.
    """
    choice = choice or Choice()
    if importlib.util.find_spec("bids") is None:
        raise StudyError("reading BIDS needs the package pybids", "install giblet[bids]", folder)
    findings = Findings()
    description = _described(folder)
    layout = _index(folder)
    derived = layout.is_derivative
    raw = _raw_of(folder, description, findings) if derived else folder
    sources = layout if not derived else None if raw is None else _index(raw)
    runs = [_run(bold, layout, sources, raw, findings) for bold in _scans(layout, folder, choice, derived, findings)]
    derivatives = sorted(path.parent.name for path in folder.glob(f"derivatives/*/{DESCRIPTION}"))
    if not derived and derivatives:
        findings.note(f"The raw scans are taken; name the folder to use what is derived: {', '.join(derivatives)}.")
    check_runs(runs, findings, folder)
    name = description.get("Name")
    return Study(
        name if isinstance(name, str) and name.strip() else folder.resolve().name,
        folder,
        tuple(runs),
        notes=tuple(findings.notes),
        problems=tuple(findings.problems),
    )


def _described(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"is no JSON ({error})", "mend or remove the file", path) from error
    if not isinstance(description, dict):
        raise StudyError("holds no JSON object", "mend or remove the file", path)
    return description


def _index(folder: Path) -> Any:
    """Return pybids' layout of a dataset, with the sidecars of its scans."""
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    logging.getLogger("bids").setLevel(logging.ERROR)
    indexer = BIDSLayoutIndexer(validate=False, suffix="bold")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return BIDSLayout(str(absolute(folder)), validate=False, indexer=indexer)
    # pybids meets odd datasets with whatever went wrong inside.
    except Exception as error:
        for path, problem in _broken_sidecars(folder):
            raise StudyError(problem, "mend or remove the file", path) from error
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StudyError(
            f"is no BIDS dataset that pybids can read ({reason})", "check it by bids-validator", folder
        ) from error


def _broken_sidecars(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*_bold.json")):
        try:
            if not isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
                yield path, "holds no JSON object"
        except (OSError, ValueError, RecursionError) as error:
            yield path, f"is no JSON ({error})"


def _raw_of(folder: Path, description: Mapping[str, Any], findings: Findings) -> Path | None:
    """Return the raw dataset that a derivative was made of."""
    for parent in absolute(folder).parents:
        if (parent / DESCRIPTION).is_file() and _described(parent).get("DatasetType", "raw") == "raw":
            return parent
    links = description.get("DatasetLinks")
    named = list(links.values()) if isinstance(links, dict) else []
    sources = description.get("SourceDatasets")
    named += [source.get("URL") for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    for link in named:
        if isinstance(link, str) and "://" not in link.removeprefix("file://"):
            # Only the first letters tell a local folder from a web address.
            candidate = folder / link.removeprefix("file://")
            if (candidate / DESCRIPTION).is_file():
                findings.note(f"Events and films are those of {candidate}, which {DESCRIPTION} names.")
                return candidate
    findings.warn(
        folder,
        "its raw dataset, which has the events and films, is not above it",
        "put it into the folder derivatives of the raw dataset, or name that under DatasetLinks in its description",
    )
    return None


def _scans(layout: Any, folder: Path, choice: Choice, derived: bool, findings: Findings) -> list[Path]:
    """Return one image for each run, sorted."""
    files = layout.get(suffix="bold", extension=[*IMAGE_ENDINGS, *SURFACE_ENDINGS])
    scans = {Path(file.path): file.entities for file in files}
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
        findings.note(f"Of several versions the one of {entity} {default} is taken (also there: {others}).")
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


def _subject(path: Path) -> str:
    return path.name.partition("_")[0].removeprefix("sub-")


def _left(path: Path) -> Path:
    return path.with_name(path.name.replace("_hemi-R_", "_hemi-L_"))


def _key(path: Path) -> tuple[str, str]:
    return _subject(path), run_name(path)


def _run(bold: Path, layout: Any, sources: Any, raw: Path | None, findings: Findings) -> RunFiles:
    header = read_header(bold, findings) if bold.exists() and bold.suffix != ".gii" else None
    metadata = layout.get_metadata(str(bold))
    original = _original(bold, layout, sources)
    if original is not None and original != bold:
        metadata = _inherited(metadata, sources.get_metadata(str(original)), bold, header, original, findings)
    stated = read_timing(metadata, bold, header, findings)
    events = None if original is None else _events(original, sources)
    tr = stated.get("RepetitionTime")
    length = None if tr is None or header is None else header.n_volumes * tr
    name = f"subject {_subject(bold)}, run {run_name(bold)}"
    stimulus, onset = (None, Fraction(0)) if raw is None else find_stimulus(events, raw, length, name, findings)
    return RunFiles(
        _subject(bold),
        run_name(bold),
        bold=bold,
        mask=_beside(bold, [bold.name.rpartition("_desc-")[0] + "_desc-brain_mask.nii.gz"])
        if layout.is_derivative
        else None,
        confounds=_beside(bold, [f"sub-{_subject(bold)}_{run_name(bold)}_{ending}" for ending in _CONFOUNDS]),
        stimulus=stimulus,
        annotations=annotations_beside(stimulus) if stimulus is not None and stimulus.parent.is_dir() else (),
        events=events,
        tr=tr,
        onset=onset,
        sample_offset=stated.get("StartTime"),
        sidecar=stated,
        options={"surface": "both"} if bold.with_name(bold.name.replace("_hemi-L_", "_hemi-R_")) != bold else {},
    )


def _events(original: Path, sources: Any) -> Path | None:
    """Return the nearest events of a raw scan: its own, or those that several inherit."""
    nearest = sources.get_nearest(
        str(original),
        suffix="events",
        extension=".tsv",
        ignore_strict_entities=["extension", "suffix", "echo", "part"],
        # Else only the nearest folder with any events is looked at.
        all_=True,
    )
    return Path(nearest[0]) if nearest else None


def _beside(bold: Path, names: list[str]) -> Path | None:
    return next((bold.with_name(name) for name in names if os.path.lexists(bold.with_name(name))), None)


def _original(bold: Path, layout: Any, sources: Any) -> Path | None:
    """Return the raw scan that a scan was derived from; a raw one is its own."""
    if sources is layout:
        return bold
    if sources is None:
        return None
    same = sources.get(suffix="bold", subject=_subject(bold), extension=list(IMAGE_ENDINGS))
    return next((Path(file.path) for file in same if run_name(Path(file.path)) == run_name(bold)), None)


def _inherited(
    metadata: Mapping[str, Any],
    original: Mapping[str, Any],
    bold: Path,
    header: Header | None,
    raw: Path,
    findings: Findings,
) -> dict[str, Any]:
    """Return a derived scan's metadata with what only the raw scan states, and report where they differ."""
    before, after = original.get("RepetitionTime"), metadata.get("RepetitionTime")
    if isinstance(before, int | float) and isinstance(after, int | float) and abs(before - after) > ROUNDING:
        findings.warn(
            bold,
            f"its RepetitionTime is {after:g} s and that of the raw scan {before:g} s",
            "check whether it was resampled in time; its own is used",
        )
    raw_header = read_header(raw, Findings()) if raw.exists() else None
    if header is not None and raw_header is not None and header.n_volumes != raw_header.n_volumes:
        findings.warn(
            bold,
            f"it has {header.n_volumes} volumes and the raw scan {raw_header.n_volumes}",
            "if the first ones were cut off, name the study in a YAML file that says how many (dropped)",
        )
    # Times of slices mean nothing for an image on another grid of voxels.
    return {field: value for field, value in {**original, **metadata}.items() if field != "SliceTiming"}
