"""Studies laid out after the Brain Imaging Data Structure: raw, or as fMRIPrep derives it."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.data.layouts.bids_events import find_stimulus
from giblet.data.layouts.bids_scans import Choice, run_name, select_scans, subject_of
from giblet.data.layouts.files import IMAGE_ENDINGS, absolute, annotations_beside, check_runs
from giblet.data.layouts.findings import Findings
from giblet.data.layouts.headers import Header, read_header
from giblet.data.layouts.sidecar import ROUNDING, read_timing
from giblet.data.study import RunFiles, Study
from giblet.errors import StudyError

DESCRIPTION = "dataset_description.json"
_CONFOUNDS = ("desc-confounds_timeseries.tsv", "desc-confounds_regressors.tsv")


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
    derived = _is_derived(description)
    layout = _index(folder, derived)
    raw = _raw_of(folder, description, findings) if derived else folder
    sources = layout if not derived else None if raw is None else _index(raw, False)
    runs = [
        _run(bold, layout, sources, raw, findings) for bold in select_scans(layout, folder, choice, derived, findings)
    ]
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


def _is_derived(description: Mapping[str, Any]) -> bool:
    # Before BIDS 1.4, PipelineDescription marked derivatives.
    return description.get("DatasetType", "derivative" if "PipelineDescription" in description else "raw") != "raw"


def _index(folder: Path, derived: bool) -> Any:
    """Return pybids' layout of a dataset, with the sidecars of its scans."""
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    logging.getLogger("bids").setLevel(logging.ERROR)
    indexer = BIDSLayoutIndexer(validate=False, suffix="bold")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return BIDSLayout(str(absolute(folder)), validate=False, is_derivative=derived, indexer=indexer)
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
        if (parent / DESCRIPTION).is_file() and not _is_derived(_described(parent)):
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
    name = f"subject {subject_of(bold)}, run {run_name(bold)}"
    stimulus, onset = (None, Fraction(0)) if raw is None else find_stimulus(events, raw, length, name, findings)
    return RunFiles(
        subject_of(bold),
        run_name(bold),
        bold=bold,
        mask=_beside(bold, [bold.name.rpartition("_desc-")[0] + "_desc-brain_mask.nii.gz"])
        if layout.is_derivative
        else None,
        confounds=_beside(bold, [f"sub-{subject_of(bold)}_{run_name(bold)}_{ending}" for ending in _CONFOUNDS]),
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
    same = sources.get(suffix="bold", subject=subject_of(bold), extension=list(IMAGE_ENDINGS))
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
