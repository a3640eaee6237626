"""Scores on disk: labelled arrays, tables and maps in one folder, complete or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.encoding.tally import LEVEL
from giblet.errors import EncodingError
from giblet.workfolder import WorkFolder, check_place, reason

if TYPE_CHECKING:
    import xarray as xr

    from giblet.encoding.scores import Scores

SUMMARY = "summary.json"
KIND = "giblet-encoding"
VERSION = 1


def check_output(folder: str | os.PathLike[str], force: bool = False) -> None:
    """Raise unless results can be written to a folder.

    Parameters
    ----------
    folder : str or os.PathLike
        Where they shall lie.
    force : bool
        Whether to replace other results.

    Raises
    ------
    EncodingError
        If there is anything that must not be replaced, or nothing can be written.
    """
    target = Path(folder)
    if os.path.lexists(target):
        if not is_results(target):
            raise EncodingError("is there already and holds no results of giblet fit", "choose another output", folder)
        if not force:
            raise EncodingError("is there already", "choose another output, or replace it with --force", folder)
    try:
        check_place(target)
    except OSError as error:
        raise EncodingError(f"cannot be written ({reason(error)})", "choose another place", folder) from error


def is_results(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a folder holds what `save_scores` wrote."""
    try:
        values = json.loads(Path(folder, SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("kind") == KIND


def save_scores(
    scores: Iterable[Scores],
    folder: str | os.PathLike[str],
    about: Mapping[str, Any] | None = None,
    *,
    force: bool = False,
    finish: Callable[[Path], None] | None = None,
) -> dict[str, Any]:
    """Write scores as they come, and the folder under its name once all are there.

    ``NAME/scores.zarr`` holds everything, ``NAME/scores.tsv`` a row for each target, ``NAME/maps`` an image of each
    column where the targets have places, and ``summary.json`` what `summary_of` says of each.

    Parameters
    ----------
    scores : iterable of Scores
        One after the other.
    folder : str or os.PathLike
        Where they shall lie.
    about : mapping, optional
        What else the summary shall say.
    force : bool
        Whether to replace other results.
    finish : callable, optional
        Is given the folder when all is in it, before it gets its name, and may add to it.

    Returns
    -------
    dict
        The summary.

    Raises
    ------
    EncodingError
        If anything is in the way, or nothing can be written.
    """
    check_output(folder, force)
    target = Path(folder).absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with WorkFolder(target) as work:
            made = work.path / "results"
            made.mkdir()
            found = []
            for one in scores:
                _write(one, made / one.name)
                found.append(summary_of(one))
            summary = {"kind": KIND, "version": VERSION, **(about or {}), "scores": found}
            (made / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
            if finish is not None:
                finish(made)
            check_output(folder, force)
            if target.exists():
                target.rename(work.path / "replaced")
            made.rename(target)
    except OSError as error:
        raise EncodingError(f"cannot be written ({reason(error)})", "choose another place", folder) from error
    return summary


def read_results(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], list[xr.Dataset]]:
    """Read what `save_scores` wrote.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder.

    Returns
    -------
    summary : dict
        What ``summary.json`` holds.
    scores : list of xarray.Dataset
        What `Scores.to_xarray` made of each subject or group, in the summary's order.

    Raises
    ------
    EncodingError
        If it holds no results, those of another version, or damaged ones.
    """
    import xarray as xr

    place = Path(folder)
    if not is_results(place):
        raise EncodingError("holds no results of giblet fit", "name the folder that -o named", folder)
    summary = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
    if summary.get("version") != VERSION:
        raise EncodingError("was written by another version of giblet", "fit again", folder)
    found = []
    try:
        for one in summary["scores"]:
            # A name is a folder's, here, and leads nowhere else.
            if Path(one["name"]).name != one["name"]:
                raise ValueError
            found.append(xr.open_zarr(place / one["name"] / "scores.zarr", consolidated=False).load())
            if not {"r", "r2", "r2_split", "ceiling", "n_test"} <= set(found[-1]):
                raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncodingError("its scores are missing or damaged", "fit again", folder) from error
    return summary, found


def summary_of(scores: Scores) -> dict[str, Any]:
    """Return a few figures of scores, in JSON types.

    Parameters
    ----------
    scores : Scores
        Of one subject or group.

    Returns
    -------
    dict
        name, n_targets, n_without_signal, mean_r, mean_r2, best_target, best_r, level (whose ceiling it is), ceiling
        (what it is, or why there is none), mean_ceiling, of_ceiling (mean r / mean ceiling, of the targets that have
        both), r2_of_spaces, null, smallest_p, n_discoveries (q ≤ .05), notes; None for what is not known.
    """
    maps = scores.maps()
    ceiling, _ = scores.reached()
    both = np.isfinite(ceiling) & np.isfinite(maps["r"])
    mean_ceiling = float(ceiling[both].mean()) if both.any() else None
    there = np.isfinite(maps["r"])
    best = int(np.nanargmax(maps["r"]))
    return {
        "name": scores.name,
        "n_targets": len(scores.targets),
        "n_without_signal": int((~there).sum()),
        "mean_r": float(maps["r"][there].mean()),
        "mean_r2": float(maps["r2"][there].mean()),
        "best_target": scores.targets[best],
        "best_r": float(maps["r"][best]),
        "level": None if isinstance(scores.ceiling, str) else scores.ceiling.level,
        "ceiling": scores.about_ceiling,
        "mean_ceiling": mean_ceiling,
        "of_ceiling": float(maps["r"][both].mean()) / mean_ceiling if mean_ceiling else None,
        "r2_of_spaces": {
            space: float(scores.split[i].mean(axis=0)[there].mean()) for i, space in enumerate(scores.spaces)
        },
        "null": scores.null,
        "smallest_p": scores.smallest_p,
        "n_discoveries": None if scores.q is None else int((scores.q[there] <= LEVEL).sum()),
        "notes": list(scores.notes),
    }


def _write(scores: Scores, folder: Path) -> None:
    folder.mkdir()
    scores.to_xarray().to_zarr(folder / "scores.zarr", zarr_format=3, consolidated=False)
    scores.to_table().to_csv(folder / "scores.tsv", sep="\t", index=False, na_rep="n/a", float_format="%.6g")
    if scores.space is None:
        return
    (folder / "maps").mkdir()
    for name, values in scores.maps().items():
        # Images have no way to say that nothing is known: r = 0 and p = 1 claim nothing.
        known = np.where(np.isfinite(values), values, 1.0 if name in ("p", "q") else 0.0)
        scores.space.save(known, folder / "maps" / scores.space.map_name(_file_name(name)))


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
