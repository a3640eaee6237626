"""A study that a small YAML file describes: which files, for whom, and when."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from giblet.data.layouts.bids import read_bids
from giblet.data.layouts.bids_scans import Choice
from giblet.data.layouts.files import check_runs, is_inside
from giblet.data.layouts.findings import Findings
from giblet.data.layouts.patterns import PLACEHOLDERS, fill, find, unknown_placeholders
from giblet.data.layouts.sherlock import ONLY_RUN
from giblet.data.layouts.yaml_file import read_yaml
from giblet.data.layouts.yaml_keys import (
    BIDS,
    COMPUTED_MASKS,
    FILES,
    OPTIONS,
    PER_RUN,
    SETTINGS,
    TIMES,
    TOP,
    Key,
    names_of,
    shown,
)
from giblet.data.study import RunFiles, Study
from giblet.errors import StudyError

Tables = dict[str, dict[Any, Any]]


def read_yaml_study(path: Path, root: str | os.PathLike[str] | None = None) -> Study:
    """Look up the runs that a YAML file describes; docs/studies.md lists its keys.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    root : str or os.PathLike, optional
        Folder that its paths count from, instead of its own ``root``.

    Returns
    -------
    Study
        Its runs; unknown keys, values without meaning and missing files are among its problems.

    Raises
    ------
    StudyError
        If it is no YAML, or does not say where the files are or who was scanned.
    """
    findings = Findings()
    raw = read_yaml(path)
    values = _read(raw, TOP, path, findings, "")
    folder = _root(path, values.get("root"), root)
    subjects = _tables(values, "subjects", path, findings)
    runs = _tables(values, "runs", path, findings)
    bases = _of_bids(values, folder, subjects, runs, path, findings) if "bids" in values else None
    if bases is None:
        bases = _of_names(values, folder, subjects, runs, path, findings)
    common = {name: value for name, value in values.items() if name in PER_RUN}
    own = {name: _read(table, PER_RUN, path, findings, f"runs: {name}: ") for name, table in (runs or {}).items()}
    described = []
    for base in bases:
        table = dict((subjects or {}).get(base.subject, {}))
        of_subject = _tables(table, "runs", path, findings) or {}
        table.pop("runs", None)
        where = f"subjects: {base.subject}: "
        special = {
            **common,
            **own.get(base.run, {}),
            **_read(table, PER_RUN, path, findings, where),
            **_read(of_subject.get(base.run, {}), PER_RUN, path, findings, f"{where}runs: {base.run}: "),
        }
        described.append(_run(base, special, folder, path, findings))
    check_runs(described, findings, path)
    settings = {name: value for name, value in values.items() if name in SETTINGS}
    name = values.get("name", path.stem)
    return Study(name, folder, tuple(described), settings, tuple(findings.notes), tuple(findings.problems))


def _read(
    table: Mapping[Any, Any], keys: Mapping[str, Key], path: Path, findings: Findings, where: str
) -> dict[str, Any]:
    """Return the values that make sense, by their keys, and report the others."""
    values = {}
    for name, value in table.items():
        if name not in keys:
            near = difflib.get_close_matches(str(name), keys, n=1)
            remedy = f"did you mean {near[0]}" if near else f"choose among {', '.join(keys)}"
            findings.error(path, f"there is no key {where}{shown(name)}", remedy)
            continue
        if value is None:
            continue
        try:
            values[name] = keys[name].read(value)
        except ValueError as error:
            findings.error(path, f"{where}{name} is {shown(value)}", f"write {error}")
    return values


def _tables(values: Mapping[Any, Any], what: str, path: Path, findings: Findings) -> Tables | None:
    """Return subjects or runs with what differs for each; None if the file does not name them."""
    if values.get(what) is None:
        return None
    try:
        return names_of(values[what], what)
    except ValueError as error:
        findings.error(path, f"{what} is {shown(values[what])}", f"write {error}")
        return None


def _root(path: Path, stated: str | None, given: str | os.PathLike[str] | None) -> Path:
    if given is not None:
        folder = Path(given)
    else:
        folder = path.parent / Path(_with_variables(stated or ".", path)).expanduser()
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "there is no such folder, which is its root"
        raise StudyError(f"{folder}: {problem}", "correct root, or give another one by root=", path)
    return folder


def _with_variables(text: str, path: Path) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not os.environ.get(name):
            raise StudyError(
                f"its root needs the environment variable {name}, which is not set",
                f"set it (export {name}=…), or give the folder by root=",
                path,
            )
        return os.environ[name]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, text)


def _of_bids(
    values: Mapping[str, Any], root: Path, subjects: Tables | None, runs: Tables | None, path: Path, findings: Findings
) -> list[RunFiles]:
    """Return the runs of a BIDS dataset that are asked for."""
    labels = {field.name: values.get(field.name) for field in fields(Choice)}
    study = read_bids(root / values["bids"], Choice(**labels))
    findings.notes.extend(study.notes)
    findings.problems.extend(study.problems)
    for what, asked, there in (
        ("subject", subjects, {run.subject for run in study.runs}),
        ("run", runs, {run.run for run in study.runs}),
    ):
        for name in asked or ():
            if name not in there:
                findings.error(
                    path, f"its BIDS dataset has no {what} {name}", f"choose among {', '.join(sorted(there))}"
                )
    return [
        run for run in study.runs if (subjects is None or run.subject in subjects) and (runs is None or run.run in runs)
    ]


def _of_names(
    values: Mapping[str, Any], root: Path, subjects: Tables | None, runs: Tables | None, path: Path, findings: Findings
) -> list[RunFiles]:
    """Return runs without files, for all names that the file has or that its pattern of BOLD finds."""
    for name in BIDS:
        if name in values:
            findings.error(path, f"{name} is for BIDS datasets", "name one by bids, or take it out")
    bold = values.get("bold", "")
    if subjects is None:
        if "{subject}" not in bold:
            raise StudyError("does not say who was scanned", "name subjects, or write {subject} in bold", path)
        names = list(dict.fromkeys(subject for subject, _ in _found(bold, root, path)))
        if not names:
            raise StudyError(f"no file in {root} fits bold ({bold})", "correct bold or root", path)
        findings.note(f"{path.name}: {len(names)} subjects were found by their files.")
    else:
        names = list(subjects)
    pairs = []
    for subject in names:
        table = (subjects or {}).get(subject, {})
        asked = _tables(table, "runs", path, Findings()) or runs
        found = (
            [run for _, run in _found(bold, root, path, subject) if run] if asked is None and "{run}" in bold else []
        )
        if asked is None and "{run}" in bold and not found:
            findings.error(
                path, f"no file in {root} fits bold ({bold}) for subject {subject}", "correct bold or subjects"
            )
        pairs += [(subject, run) for run in asked or found or ([] if "{run}" in bold else [ONLY_RUN])]
    return [RunFiles(subject, run) for subject, run in pairs]


def _found(bold: str, root: Path, path: Path, subject: str | None = None) -> list[tuple[str, str | None]]:
    unknown = unknown_placeholders(bold)
    if unknown:
        raise StudyError(f"bold has {{{unknown[0]}}}", f"write {{{'} or {'.join(PLACEHOLDERS)}}}", path)
    return find(bold, root, subject)


def _run(base: RunFiles, values: Mapping[str, Any], root: Path, path: Path, findings: Findings) -> RunFiles:
    """Return a run with what the file says of it."""

    def located(pattern: str) -> Path:
        for name in unknown_placeholders(pattern):
            findings.error(path, f"{pattern} has {{{name}}}", f"write {{{'} or {'.join(PLACEHOLDERS)}}}")
        name = fill(pattern, base.subject, base.run)
        file = Path(os.path.normpath(root / name))
        if not is_inside(file, root):
            remedy = f"put it into {root} if the study is to be passed on"
            findings.warn(path, f"{name} lies outside of the study's folder", remedy)
        return file

    options = {**base.options, **{name: values[name] for name in OPTIONS if name in values}}
    if "labels" in options:
        options["labels"] = located(options["labels"])
    changes: dict[str, Any] = {name: values[name] for name in TIMES if name in values}
    for name in FILES:
        if name == "mask" and values.get(name) in COMPUTED_MASKS:
            options[name] = values[name]
        elif name == "annotations" and name in values:
            changes[name] = tuple(map(located, values[name]))
        elif name in values:
            changes[name] = located(values[name])
    tr = changes.get("tr")
    if tr is not None and base.tr is not None and tr != base.tr:
        findings.warn(
            path,
            f"the TR of {base.name} is {float(tr):g} s and its sidecar says {float(base.tr):g} s",
            "take tr out, or correct the sidecar; the file's is used",
        )
    return replace(base, **changes, options=options)
