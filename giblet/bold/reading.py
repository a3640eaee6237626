"""`read_bold`: a file of any kind → time courses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from giblet.bold.cleaning import blocks, clean, judge
from giblet.bold.confounds import Confounds, read_confounds
from giblet.bold.courses import TimeCourses
from giblet.bold.damage import check_file
from giblet.bold.offset import settle_offset
from giblet.bold.repetition import settle_tr
from giblet.bold.sidecar import read_sidecar
from giblet.bold.sources import Reading, Wishes, open_source
from giblet.errors import ParameterError
from giblet.timeline import Seconds, whole


def read_bold(
    path: str | os.PathLike[str],
    *,
    mask: Any = None,
    atlas: Any = None,
    labels: Any = None,
    smoothing: float | None = None,
    surface: str | None = None,
    columns: Sequence[str | int] | None = None,
    variable: str | None = None,
    transposed: bool = False,
    confounds: str | os.PathLike[str] | None = None,
    confound_columns: Sequence[str | int] | None = None,
    strategy: str | Sequence[str] | None = None,
    strategy_options: Mapping[str, Any] | None = None,
    dropped: int = 0,
    detrend: bool = False,
    high_pass: Seconds | None = None,
    tr: Seconds | None = None,
    slice_time_ref: float | None = None,
    sidecar: Mapping[str, Any] | None = None,
) -> TimeCourses:
    """Read the BOLD signal of one run.

    Parameters
    ----------
    path : str or os.PathLike
        NIfTI (``.nii``, ``.nii.gz``), CIFTI (``.dtseries.nii``, ``.ptseries.nii``), GIFTI (``.func.gii``), or a table
        with a row per volume (``.tsv``, ``.csv``, ``.txt``, ``.npy``, ``.mat``).
    mask : str, os.PathLike or nibabel image, optional
        NIfTI only. Which voxels: an image on the grid of the run; or ``"epi"`` or ``"background"``: computed from the
        mean volume, as nilearn does it. Default without an atlas: ``"background"`` where most of the mean is 0, else
        ``"epi"``. With an atlas, regions are cut to it.
    atlas : str, os.PathLike or nibabel image, optional
        NIfTI only. Whole numbers; the mean over the voxels of each number is one target.
    labels : mapping of int to str, str or os.PathLike, optional
        Names of the atlas' numbers, or a table with the columns index and name; default the ``.tsv`` beside it.
    smoothing : float, optional
        NIfTI only. Width at half maximum of a Gaussian, mm.
    surface : {"one", "both"}, optional
        GIFTI only. Whether to read the other hemisphere, beside the file, too.
    columns : sequence of str or int, optional
        Tables only. Which columns, by name or number; or the names of all, if the table has none.
    variable : str, optional
        ``.mat`` only. Which matrix.
    transposed : bool
        Tables only. Rows are regions and columns volumes.
    confounds : str or os.PathLike, optional
        Table of what to regress out; for fMRIPrep's, nilearn's ``load_confounds`` decides, unless columns are chosen.
    confound_columns : sequence of str or int, optional
        Which of its columns.
    strategy : str or sequence of str, optional
        For fMRIPrep's tables; default ``("motion", "wm_csf")``. With ``"scrub"`` volumes of much motion are censored.
    strategy_options : mapping, optional
        Further arguments of ``load_confounds``.
    dropped : int
        Volumes that were cut off before the first stored one; a table of confounds may still have rows for them.
    detrend : bool
        Take out a straight line and the mean.
    high_pass : number or str, optional
        Hz; drifts below it are taken out by cosines. ``"1/128"`` is usual.
    tr : number or str, optional
        Repetition time, seconds; needed where header and sidecar leave a doubt.
    slice_time_ref : float, optional
        Moment that volumes stand for, as a share of the TR: 0 where slice timing was corrected to the first slice, 0.5
        to the middle one.
    sidecar : mapping, optional
        Fields of the sidecar, instead of those in the ``.json`` beside the file.

    Returns
    -------
    TimeCourses
        float32; targets that cannot be used are marked and not left out.

    Raises
    ------
    BoldError
        If a file is damaged, of the wrong kind, contradicts another, or leaves a doubt about the TR.
    ParameterError
        If an argument makes no sense, or not for this file.
    """
    if whole(dropped, "dropped") < 0:
        raise ParameterError(f"dropped is {dropped}", "give a number of volumes, 0 or more")
    if high_pass is not None and strategy is not None and "high_pass" in strategy:
        raise ParameterError("drifts would be taken out twice", 'leave out high_pass, or "high_pass" in the strategy')
    check_file(path)
    beside = read_sidecar(path, sidecar)
    source = open_source(path, Wishes(mask, atlas, labels, smoothing, surface, columns, variable, transposed))
    settled, notes = settle_tr(path, tr, beside, source.header)
    offset, more = settle_offset(path, settled, beside, slice_time_ref, dropped)
    notes += more
    if beside.units:
        notes.append(f"{beside.name} gives the unit of the values as {beside.units!r}.")
    n_volumes = source.n_volumes
    regressors = Confounds(np.zeros((n_volumes, 0)), np.zeros(n_volumes, bool))
    if confounds is not None:
        regressors = read_confounds(
            confounds, n_volumes,
            columns=confound_columns, strategy=strategy, options=strategy_options, dropped=dropped,
        )  # fmt: skip
        if regressors.censored.any():
            notes.append(f"{regressors.censored.sum()} of {n_volumes} volumes are censored by the confounds.")
    elif confound_columns is not None or strategy is not None or strategy_options:
        raise ParameterError("there are no confounds to choose from", "name their table (confounds=)")
    taken = [f"{regressors.values.shape[1]} confounds"] if regressors.values.shape[1] else []
    taken += ["a straight line"] if detrend else []
    taken += [f"drifts below {high_pass} Hz"] if high_pass is not None else []
    if taken:
        notes.append(f"Regressed out of the whole run: {', '.join(taken)}.")
    reading = source.read()
    values, valid, judged = _mend(reading)
    return TimeCourses(
        values=clean(values, regressors, detrend=detrend, high_pass=high_pass, tr=settled),
        tr=settled,
        sample_offset=offset,
        targets=reading.names or tuple(f"v{i}" for i in range(values.shape[1])),
        space=None if reading.space is None else replace(reading.space, tr=settled),
        valid=valid,
        censored=regressors.censored,
        notes=(*notes, *reading.notes, *judged),
    )


def _mend(reading: Reading) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Put 0 where values are no numbers, and say what is the matter with targets."""
    values = reading.values
    constant, broken = judge(values)
    if broken.any():
        values = values if values.flags.writeable else values.copy()
        for which in blocks(values):
            values[:, which][:, broken[which]] = 0
    if reading.broken is not None:
        broken = broken | reading.broken
        values[:, reading.broken] = 0
    constant &= ~broken
    n_targets, notes = len(broken), []
    if constant.all():
        zero = not values.any()
        what = "Every value is 0" if zero else "No target ever changes"
        notes.append(f"{what}: there is no signal in this run, leave it out.")
    elif constant.any():
        notes.append(f"{constant.sum()} of {n_targets} targets never change and are marked as not valid.")
    if broken.any():
        notes.append(
            f"{broken.sum()} of {n_targets} targets hold values that are no numbers; they are set to 0 and marked as"
            " not valid."
        )
    return values, ~(constant | broken), notes
