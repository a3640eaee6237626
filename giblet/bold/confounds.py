"""Confounds: what is regressed out, and which volumes are not to be used."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from giblet.bold.damage import check_file, quiet
from giblet.bold.tables import read_table
from giblet.errors import BoldError, ParameterError

STRATEGY = ("motion", "wm_csf")
"""What of an fMRIPrep table is taken by default: 24 columns of motion, white matter and cerebrospinal fluid."""
_FMRIPREP = re.compile(r"(.*_)?desc-confounds_(timeseries|regressors)\.tsv")
_OUTLIER = re.compile(r"(motion|non_steady_state)_outlier_?\d*")


@dataclass(frozen=True)
class Confounds:
    """What a table of confounds says of a run.

    Attributes
    ----------
    values : ndarray of float64, shape (n_volumes, n_confounds)
        To be regressed out; perhaps no column.
    censored : ndarray of bool, shape (n_volumes,)
        True for volumes not to use.
    """

    values: np.ndarray
    censored: np.ndarray


def read_confounds(
    path: str | os.PathLike[str],
    n_volumes: int,
    *,
    columns: Sequence[str | int] | None = None,
    strategy: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    dropped: int = 0,
) -> Confounds:
    """Read the confounds of a run.

    Parameters
    ----------
    path : str or os.PathLike
        A table. One named as fMRIPrep does (``*desc-confounds_timeseries.tsv``) goes through nilearn's
        ``load_confounds``, unless columns are chosen.
    n_volumes : int
        Volumes of the run.
    columns : sequence of str or int, optional
        Which columns; default all. Those named ``motion_outlier…`` or ``non_steady_state_outlier…`` say which volumes
        not to use.
    strategy : sequence of str, optional
        For fMRIPrep's tables, as in nilearn; with ``"scrub"``, volumes of much motion are censored.
    options : mapping, optional
        Further arguments of nilearn's ``load_confounds``, such as ``fd_threshold``.
    dropped : int
        Volumes that were cut off before the first stored one: a table that has rows for them too loses those.

    Returns
    -------
    Confounds
        For the stored volumes.

    Raises
    ------
    BoldError
        If the table is damaged, has no such columns, rows for another number of volumes, or values that are missing.
    ParameterError
        If a strategy is given for a table that is not fMRIPrep's, or nilearn knows no such strategy.
    """
    check_file(path)
    prepared = _FMRIPREP.fullmatch(Path(path).name) is not None
    if not prepared and (strategy is not None or options):
        raise ParameterError("a strategy is for the tables of fMRIPrep", "choose columns (confound_columns=) instead")
    if prepared and columns is None:
        values, censored = _fmriprep(path, STRATEGY if strategy is None else tuple(strategy), options or {})
    else:
        table = read_table(path).choose(columns, path)
        names = table.names or [""] * table.values.shape[1]
        marks = np.array([_OUTLIER.fullmatch(name) is not None for name in names])
        values = table.values[:, ~marks].astype(np.float64)
        censored = (np.nan_to_num(table.values[:, marks]) != 0).any(axis=1)
    if dropped and len(values) == n_volumes + dropped:
        values, censored = values[dropped:], censored[dropped:]
    if len(values) != n_volumes:
        and_dropped = f" and {dropped} dropped before" if dropped else ""
        raise BoldError(
            f"has {len(values)} rows, and the run {n_volumes} volumes{and_dropped}",
            "give the table of this run, or leave the confounds out",
            path,
        )
    return _complete(Confounds(values, censored), path)


def _fmriprep(
    path: str | os.PathLike[str], strategy: tuple[str, ...], options: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    from nilearn.interfaces.fmriprep import load_confounds

    rows = len(read_table(path).values)
    # nilearn looks for the table beside an image of a certain name; wherever both lie, and whatever kind the image is,
    # it finds a copy here.
    with TemporaryDirectory() as folder:
        kind = (
            "smoothAROMAnonaggr"
            if "ica_aroma" in strategy and options.get("ica_aroma", "full") == "full"
            else "preproc"
        )
        image = Path(folder, f"sub-x_task-x_desc-{kind}_bold.nii.gz")
        image.touch()
        for source in (Path(path), Path(path).with_suffix(".json")):
            if source.is_file():
                shutil.copyfile(source, Path(folder, f"sub-x_task-x_desc-confounds_timeseries{source.suffix}"))
        try:
            with quiet():
                table, kept = load_confounds(str(image), strategy=strategy, **options)
        except (ValueError, TypeError) as error:
            what = " ".join(str(error).replace(folder, "").split())
            raise BoldError(f"does not fit the strategy ({what[:200]})", "choose another strategy", path) from error
        except Exception as error:
            raise BoldError(f"is damaged ({type(error).__name__})", "export it again", path) from error
    censored = np.zeros(rows, bool)
    if kept is not None:
        censored[:] = True
        censored[kept] = False
    values = np.zeros((rows, 0)) if table is None else table.to_numpy(np.float64, copy=True)
    return values, censored


def _complete(confounds: Confounds, path: str | os.PathLike[str]) -> Confounds:
    values = confounds.values
    # Derivatives have no first value; nilearn takes the second for it, too.
    first = ~np.isfinite(values[0])
    values[0, first] = values[1, first]
    if not np.isfinite(values[~confounds.censored]).all():
        raise BoldError("lacks values in the middle", "choose columns that are complete (confound_columns=)", path)
    return Confounds(np.nan_to_num(values), confounds.censored)
