"""How studies lie on disk: one folder for all, BIDS, or whatever a YAML file says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from giblet.data.study import Study
from giblet.errors import ParameterError, StudyError

__all__ = ["find_study"]

_YAML_ENDINGS = (".yaml", ".yml")
_IN_A_FOLDER = "study.yaml"


def find_study(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    task: str | None = None,
    session: str | None = None,
    space: str | None = None,
    resolution: str | None = None,
    desc: str | None = None,
) -> Study:
    """Look up who was scanned, in which files, and what they saw.

    Nothing but names, headers and sidecars is read. docs/studies.md describes the layouts.

    Parameters
    ----------
    path : str or os.PathLike
        A YAML file; or a folder with ``study.yaml``, a BIDS dataset or derivative, or a film with its scans.
    root : str or os.PathLike, optional
        For a YAML file: the folder that its paths count from, instead of its own ``root``.
    task, session, space, resolution, desc : str, optional
        For BIDS: labels of the scans that are meant, such as ``space="MNI152NLin2009cAsym"``.

    Returns
    -------
    Study
        The runs, and everything that is wrong with them: `Study.raise_errors` raises the first error.

    Raises
    ------
    StudyError
        If nothing is there, or it is no study at all.
    ParameterError
        If an argument does not belong to the layout.
    """
    path = Path(path)
    labels = {"task": task, "session": session, "space": space, "resolution": resolution, "desc": desc}
    given = {name: label for name, label in labels.items() if label is not None}
    try:
        file, folder = path.is_file(), path.is_dir()
        described = folder and (path / _IN_A_FOLDER).is_file()
    except (OSError, ValueError) as error:
        raise StudyError(f"cannot be read ({error})", "check the name and its permissions", path) from error
    if not file and not folder:
        raise StudyError("there is no such file or folder", "check the name", path)
    if file and path.suffix.lower() not in _YAML_ENDINGS:
        raise StudyError("is no study", "name a folder, or a YAML file that says which files belong together", path)
    if file or described:
        from giblet.data.layouts.yaml_study import read_yaml_study

        _refuse(given, "is for BIDS folders; write it into the YAML file")
        return read_yaml_study(path if file else path / _IN_A_FOLDER, root)
    _refuse({} if root is None else {"root": root}, "is for YAML files")
    try:
        return _in_folder(path, given)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyError(
            f"cannot be read ({reason})", "give yourself the right to read it", error.filename or path
        ) from error


def _in_folder(path: Path, labels: dict[str, str]) -> Study:
    from giblet.data.layouts.bids import DESCRIPTION, read_bids
    from giblet.data.layouts.bids_scans import Choice
    from giblet.data.layouts.sherlock import is_sherlock, read_sherlock

    if (path / DESCRIPTION).exists() or any(path.glob("sub-*/func")) or any(path.glob("sub-*/ses-*/func")):
        return read_bids(path, Choice(**labels))
    _refuse(labels, "is for BIDS folders")
    if is_sherlock(path):
        return read_sherlock(path)
    raise StudyError(
        f"is no study: it has neither {_IN_A_FOLDER} nor {DESCRIPTION}, nor a film stimuli_… beside sherlock_nii",
        "name another folder, or a YAML file that says which files belong together",
        path,
    )


def _refuse(given: Mapping[str, object], reason: str) -> None:
    for name, value in given.items():
        raise ParameterError(f"{name} is {value!r}, but {name} {reason}", "leave it out")
