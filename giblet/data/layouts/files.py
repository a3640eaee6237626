"""What can be said about the files of runs without reading them, whatever the layout."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from giblet.data.layouts.findings import Findings
from giblet.data.study import RunFiles

ANNOTATION_ENDINGS = frozenset({".csv", ".srt", ".textgrid", ".tsv", ".vtt", ".xlsx"})
"""Endings, in lower case, of files that may hold words or scenes."""
IMAGE_ENDINGS = (".nii", ".nii.gz")
"""Endings of volumes."""


def visible_files(folder: Path) -> list[Path]:
    """Return the files in a folder, sorted, without hidden ones; links count, whether their target is there or not."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir()]
    return [folder / name for name in sorted(names)]


def absolute(path: Path) -> Path:
    """Return a whole path without ``..``; links, which data managers use, stay links."""
    return Path(os.path.normpath(path.absolute()))


def is_inside(path: Path, root: Path) -> bool:
    """Return whether a path lies below a folder by its name."""
    return absolute(path).is_relative_to(absolute(root))


def annotations_beside(film: Path) -> tuple[Path, ...]:
    """Return annotations that are named after a film and lie beside it.

    Parameters
    ----------
    film : pathlib.Path
        For ``film.mp4``: ``film.TextGrid``, ``film_words.csv`` and the like.

    Returns
    -------
    tuple of pathlib.Path
        Sorted.
    """
    return tuple(
        path
        for path in visible_files(film.parent)
        if path.suffix.lower() in ANNOTATION_ENDINGS
        and (path.stem == film.stem or path.stem.startswith(f"{film.stem}_"))
    )


def check_runs(runs: Iterable[RunFiles], findings: Findings, source: Path) -> None:
    """Add what is wrong with a study's list of runs.

    Parameters
    ----------
    runs : iterable of RunFiles
        All runs.
    findings : Findings
        Gets a problem for each name that is used twice or no name, each file that is missing, empty or a folder, and
        each scan that two runs claim.
    source : pathlib.Path
        File or folder that says what runs there are.
    """
    named: set[tuple[str, str]] = set()
    claimed: dict[str, RunFiles] = {}
    seen: set[Path] = set()
    for run in runs:
        if (run.subject, run.run) in named:
            findings.error(source, f"{run.name} is there twice", "give each run of a subject a name of its own")
        named.add((run.subject, run.run))
        for name in (run.subject, run.run):
            # Results are filed under these names.
            if not name.isprintable() or not name.strip(". ") or set(name) & set('/\\:*?"<>|'):
                findings.error(source, f"{name!r} is no name for a subject or run", "use letters, digits, - and _")
        _check_scan(run, findings, claimed, source)
        files = (run.bold, run.mask, run.atlas, run.confounds, run.stimulus, run.events, *run.annotations)
        for path in files:
            if path is not None and path not in seen:
                seen.add(path)
                _check_file(path, findings, f"named for {run.name}")


def _check_scan(run: RunFiles, findings: Findings, claimed: dict[str, RunFiles], source: Path) -> None:
    if run.bold is not None:
        other = claimed.setdefault(os.path.realpath(run.bold), run)
        if other is not run:
            findings.error(run.bold, f"is the scan of {other.name}, and of {run.name}", "give each run its own file")
    if run.bold is None and run.stimulus is None and not run.annotations:
        findings.error(source, f"{run.name} has no files", "name its BOLD, film or annotations")
    if run.tr is not None and not 0 < run.tr <= 3600:
        findings.error(source, f"the TR of {run.name} is {float(run.tr):g} s", "give it in seconds, such as 1.5")
    elif run.tr is not None and run.sample_offset is not None and not 0 <= run.sample_offset < run.tr:
        findings.error(
            source,
            f"volumes of {run.name} would be sampled {float(run.sample_offset):g} s into a TR of {float(run.tr):g} s",
            "give a time from 0 s to below the TR",
        )
    if run.dropped < 0:
        findings.error(source, f"{run.dropped} volumes of {run.name} are dropped", "give 0 or more")


def _check_file(path: Path, findings: Findings, role: str) -> None:
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        if path.is_symlink():
            findings.error(path, f"is a link to nothing, {role}", "fetch its content (datalad get)")
        elif isinstance(error, FileNotFoundError | NotADirectoryError):
            findings.error(path, f"there is no such file, {role}", "correct the name, or put the file there")
        else:
            reason = getattr(error, "strerror", None) or error
            findings.error(path, f"cannot be read ({reason}), {role}", "check the name and its permissions")
        return
    if not path.is_file():
        findings.error(path, f"is a folder or a device, {role}", "name a file")
    elif size == 0:
        findings.error(path, f"is empty (0 bytes), {role}", "copy or download it again")
    elif not os.access(path, os.R_OK):
        findings.error(path, f"may not be read, {role}", "give yourself the right to read it")
