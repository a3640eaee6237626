"""What the page says of a fit: how well BOLD was predicted, beside chance and the most that can be, and by what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.encoding.saving import read_results
from giblet.report.brains import VOLUMES_ONLY, Brain, glass_brains
from giblet.report.figures import Lanes, Plot
from giblet.report.findings import Finding
from giblet.report.fit_figures import MOST_LISTED, score_figure, split_figure, split_of

if TYPE_CHECKING:
    import xarray as xr

# Subjects whose brains are drawn.
MOST_BRAINS = 4
# What is said of a fit and makes its figures worth less.
_SERIOUS = ("is shorter than", "no p below", "runs show the same", "No ceiling")


@dataclass(frozen=True)
class FitView:
    """The fit of a subject or a group, as the page shows it.

    Attributes
    ----------
    summary : mapping
        Its entry in ``summary.json``.
    figures : tuple of (Lanes or Plot)
        Scores beside chance and ceiling, and shares of feature spaces.
    folds : tuple of (int, float)
        Judged rows of each fold, and r, the mean over targets.
    columns : tuple of str
        Of the table of targets.
    rows : tuple of (str, tuple of float)
        Targets and their values, where they are few.
    silent : tuple of str
        Targets without a signal.
    brain : Brain or None
        Where targets have places in a volume.
    """

    summary: Mapping[str, Any]
    figures: tuple[Lanes | Plot, ...]
    folds: tuple[tuple[int, float], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    silent: tuple[str, ...]
    brain: Brain | None


def fit_page(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Gather what the page of a fit says.

    Parameters
    ----------
    path : str or os.PathLike
        Its folder.

    Returns
    -------
    dict
        Values for the template.

    Raises
    ------
    EncodingError
        If the results are damaged.
    """
    summary, scores = read_results(path)
    brains, remarks = _brains(Path(path), scores)
    fits = [_view(one, data, brains.get(one["name"])) for one, data in zip(summary["scores"], scores, strict=True)]
    spaces = list(dict.fromkeys(str(space) for data in scores for space in data.space.values))
    asked = {name: value for name, value in summary.items() if name not in ("kind", "version", "scores")}
    return {
        "title": Path(str(summary.get("dataset") or path)).name,
        "sections": (
            ("asked", "What was asked"), ("scores", "Scores"),
            *((_id(i), one.summary["name"]) for i, one in enumerate(fits)),
        ),
        "findings": list(_findings(summary["scores"])),
        "fits": fits,
        "ids": [_id(i) for i in range(len(fits))],
        "spaces": spaces,
        "asked": asked,
        "ceilings": list(dict.fromkeys(one["ceiling"] for one in summary["scores"])),
        "remarks": remarks,
    }  # fmt: skip


def _id(number: int) -> str:
    return f"fit-{number + 1}"


def _findings(fits: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what was done and found, once where it is the same for all."""
    said: dict[str, list[str]] = {}
    for one in fits:
        for note in [*one["notes"], *([one["ceiling"]] if one["level"] is None else [])]:
            said.setdefault(note, []).append(one["name"])
    for note, names in said.items():
        whose = "" if len(names) == len(fits) else f"{', '.join(names)}: "
        yield Finding(whose + note, serious=any(words in note for words in _SERIOUS))


def _view(summary: Mapping[str, Any], data: xr.Dataset, brain: Brain | None) -> FitView:
    targets = [str(target) for target in data.target.values]
    r = data.r.values
    there = np.isfinite(r).all(axis=0)
    columns = {"r": r.mean(axis=0), "Ceiling": data.ceiling.values, "r / ceiling": data.of_ceiling.values}
    columns["R²"] = data.r2.values.mean(axis=0)
    split = split_of(data)
    columns |= {f"R² of {space}": values for space, values in split.items() if len(split) > 1}
    if "r2_unique" in data:
        unique = data.r2_unique.values.mean(axis=1)
        columns |= {f"unique to {space}": values for space, values in zip(split, unique, strict=True)}
    if "p" in data:
        columns |= {"r by chance": data.chance.values, "p": data.p.values, "q": data.q.values}
    table = np.stack(list(columns.values()), axis=1).tolist() if len(targets) <= MOST_LISTED else []
    return FitView(
        summary,
        tuple(figure for figure in (score_figure(data), split_figure(data)) if figure is not None),
        tuple(
            (int(n), float(fold[there].mean()) if there.any() else float("nan"))
            for n, fold in zip(data.n_test.values, r, strict=True)
        ),
        tuple(columns),
        tuple((target, tuple(values)) for target, values in zip(targets, table, strict=bool(table))),
        tuple(target for target, known in zip(targets, there, strict=True) if not known),
        brain,
    )


def _brains(folder: Path, scores: Sequence[xr.Dataset]) -> tuple[dict[str, Brain], tuple[str, ...]]:
    """Return the brain of each of the first fits, by name, and why there are no more."""
    names = [str(data.attrs["name"]) for data in scores]
    maps = [name for name in names if (folder / name / "maps").is_dir()]
    volumes = [name for name in maps if (folder / name / "maps" / "r.nii.gz").is_file()]
    if not volumes:
        return {}, ((VOLUMES_ONLY,) if maps else ())
    import nibabel

    by_name = dict(zip(names, scores, strict=True))
    brains, why = glass_brains(
        (f"r of {name}", nibabel.load(folder / name / "maps" / "r.nii.gz"), by_name[name].r.values.mean(axis=0))
        for name in volumes[:MOST_BRAINS]
    )
    more = (f"Brains are drawn of the first {MOST_BRAINS}; all maps lie in the fit's folder.",)
    return dict(zip(volumes, brains, strict=False)), (*why, *(more if brains and len(volumes) > MOST_BRAINS else ()))
