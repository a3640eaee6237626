"""One folder with a film, its annotations, and a folder of scans: one for each subject, all of the same film."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from giblet.data.layouts.files import ANNOTATION_ENDINGS, IMAGE_ENDINGS, annotations_beside, check_runs, visible_files
from giblet.data.layouts.findings import Findings
from giblet.data.layouts.headers import read_header
from giblet.data.layouts.sidecar import read_timing
from giblet.data.study import RunFiles, Study, natural
from giblet.errors import StudyError
from giblet.media.folders import ENDINGS

ONLY_RUN = "1"
"""Name of the run where there is one."""
_SUBJECT = re.compile(r"(?:s|sub|subj|subject)-?([0-9]+[a-z]?)", re.IGNORECASE)


def is_sherlock(folder: Path) -> bool:
    """Return whether a folder has a film, or scans, where this layout has them."""
    return bool(_films(folder) or _scan_folders(folder))


def read_sherlock(folder: Path) -> Study:
    """Look up a film and who was scanned watching it.

    The film's name begins with ``stimul`` or ends with ``_stimulus``. Annotations begin or end with ``annotations``, or
    carry the film's name. Scans lie in ``sherlock_nii``, or in the only folder whose name ends with ``nii``; a JSON
    file of the same name may state their times as in BIDS.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.

    Returns
    -------
    Study
        One run for each subject.

    Raises
    ------
    StudyError
        If there is more than one film or folder of scans, or neither.
    """
    films, folders = _films(folder), _scan_folders(folder)
    if len(films) > 1:
        names = ", ".join(film.name for film in films)
        raise StudyError(f"holds several films ({names})", "leave one, or say in a YAML file who saw which", folder)
    if len(folders) > 1:
        names = ", ".join(scans.name for scans in folders)
        raise StudyError(f"holds several folders of scans ({names})", "name one of them sherlock_nii", folder)
    findings = Findings()
    film = films[0] if films else None
    if film is None:
        findings.warn(folder, "holds no film", "put it there as stimuli_NAME.mp4, or go on with brain data only")
    scans = _scans(folders[0]) if folders else []
    if not scans:
        raise StudyError("holds no scans", "put one NIfTI file for each subject into its folder sherlock_nii", folder)
    annotations = tuple(
        path
        for path in visible_files(folder)
        if path.suffix.lower() in ANNOTATION_ENDINGS
        and (path.stem.lower().startswith("annotation") or path.stem.lower().endswith("annotations"))
    )
    beside = () if film is None else annotations_beside(film)
    if not annotations and not beside:
        findings.note(f"{folder}: there are no annotations.")
    runs = []
    for subject, scan in scans:
        stated = _stated(scan, findings)
        runs.append(
            RunFiles(
                subject,
                ONLY_RUN,
                bold=scan,
                stimulus=film,
                annotations=tuple(dict.fromkeys((*annotations, *beside))),
                tr=stated.get("RepetitionTime"),
                sample_offset=stated.get("StartTime"),
                sidecar=stated or None,
            )
        )
    check_runs(runs, findings, folder)
    name = folder.resolve().name
    return Study(name, folder, tuple(runs), notes=tuple(findings.notes), problems=tuple(findings.problems))


def _films(folder: Path) -> list[Path]:
    named = [path for path in visible_files(folder) if path.suffix.lower() in ENDINGS]
    return [film for film in named if film.stem.lower().startswith("stimul") or film.stem.lower().endswith("_stimulus")]


def _scan_folders(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.name.lower().endswith("nii") and path.is_dir())
    return [path for path in found if path.name == "sherlock_nii"] or found


def _scans(folder: Path) -> list[tuple[str, Path]]:
    """Return the images of a folder with their subjects: s12 of ``sherlock_movie_s12.nii.gz``, else the whole name."""
    images = [path for path in visible_files(folder) if path.name.lower().endswith(IMAGE_ENDINGS)]
    stems = [_stem(path) for path in images]
    short = [next((part for part in stem.split("_") if _SUBJECT.fullmatch(part)), stem) for stem in stems]
    # Two scans of a subject are told apart by their whole names, never mixed up.
    names = short if len(set(short)) == len(images) else stems
    return sorted(zip(names, images, strict=True), key=lambda pair: natural(pair[0]))


def _stem(scan: Path) -> str:
    return scan.name[: scan.name.lower().rindex(".nii")]


def _stated(scan: Path, findings: Findings) -> dict[str, Any]:
    path = scan.with_name(f"{_stem(scan)}.json")
    if not path.is_file():
        return {}
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        findings.error(path, f"is no JSON ({error})", "mend or remove the file")
        return {}
    if not isinstance(metadata, dict):
        findings.error(path, "holds no JSON object", "mend or remove the file")
        return {}
    return read_timing(metadata, scan, read_header(scan, findings), findings)
