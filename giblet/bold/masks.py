"""Which voxels: masks given, computed or shared by voting, and atlases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from giblet.bold.damage import quiet, readable
from giblet.bold.grids import Regions, Voxels, same_place
from giblet.bold.spaces import check_alike
from giblet.bold.volumes import VolumeFile
from giblet.errors import BoldError, ParameterError

COMPUTED = ("epi", "background")
"""Ways to find the brain, as nilearn names them: ``epi`` for raw scans, ``background`` where the rest is cut away."""


def find_mask(run: VolumeFile, mask: Any) -> tuple[Voxels, list[str]]:
    """Return the voxels of a run to look at.

    Parameters
    ----------
    run : VolumeFile
        The run.
    mask : str, os.PathLike or nibabel image, optional
        An image with 0 outside; or ``"epi"`` or ``"background"``: computed from the run's mean. Default
        ``"background"`` where most of the mean is 0 or no number, else ``"epi"``.

    Returns
    -------
    voxels : Voxels
        On the grid of the run.
    notes : list of str
        How a mask was computed.

    Raises
    ------
    BoldError
        If the mask lies on another grid, holds no voxel or several values, or no brain is found.
    """
    if mask is None or (isinstance(mask, str) and mask in COMPUTED):
        return _compute(run, mask)
    name, values, affine = _volume(mask, "mask")
    _check_grid(run, name, values, affine)
    inside = np.nan_to_num(values) != 0
    if len(np.unique(values[inside])) > 1:
        raise BoldError(
            "holds several values and is no mask", "cut it at a threshold first, or use it as an atlas", name
        )
    if not inside.any():
        raise BoldError("holds no voxel", "give a mask with values above 0", name)
    return Voxels(None, inside, run.affine), []


def shared_mask(paths: Sequence[str | os.PathLike[str]], threshold: float = 0.5) -> Any:
    """Return the voxels that enough subjects have, each file having one vote.

    Parameters
    ----------
    paths : sequence of str or os.PathLike
        Masks (3-D), or runs (4-D) from each of which a mask is computed.
    threshold : float
        Voxels of more than this share of the masks are kept: 0 for any, 1 for all of them.

    Returns
    -------
    nibabel.Nifti1Image
        uint8, 1 inside.

    Raises
    ------
    BoldError
        If the files have not all the same shape and affine, or no voxel is left.
    ParameterError
        If there is no file, or the threshold is no share.
    """
    from nilearn.masking import intersect_masks

    if not paths:
        raise ParameterError("there is no file to vote", "give at least one run or mask")
    if not 0 <= threshold <= 1:
        raise ParameterError(f"the threshold is {threshold}", "give a share of the subjects, from 0 to 1")
    votes = {os.fspath(path): _vote(path) for path in paths}
    # Only grids must agree; which voxels is what the vote is about.
    check_alike({name: Voxels(None, np.ones_like(vote.labels), vote.affine) for name, vote in votes.items()})
    grid = next(iter(votes.values()))
    with quiet():
        # Aligned to less than a micrometre already, which nilearn would not take for the same.
        masks = [Voxels(None, vote.labels, grid.affine).template() for vote in votes.values()]
        image = intersect_masks(masks, threshold=float(threshold), connected=False)
    kept = np.asarray(image.dataobj) > 0
    if not kept.any():
        raise BoldError("no voxel is in enough masks", f"lower the threshold of {threshold}", next(iter(votes)))
    return Voxels(None, kept, grid.affine).template()


def find_regions(
    run: VolumeFile, atlas: Any, labels: Any, mask: Any | None
) -> tuple[Regions, tuple[str, ...], list[str]]:
    """Return the regions of a run to look at.

    Parameters
    ----------
    run : VolumeFile
        The run.
    atlas : str, os.PathLike or nibabel image
        Whole numbers, 0 outside; on another grid, it is brought to the run's by nearest neighbours.
    labels : mapping of int to str, str or os.PathLike, optional
        Names of the numbers, or a table with the columns index and name; default the table beside the atlas, as BIDS
        has it, if there is one.
    mask : as in `find_mask`, optional
        Regions are cut to it.

    Returns
    -------
    regions : Regions
        On the grid of the run.
    names : tuple of str
        Of the regions, in their order; ``"region 7"`` where number 7 has none.
    notes : list of str
        What was done to the atlas.

    Raises
    ------
    BoldError
        If the atlas holds no whole numbers, or no region is left.
    """
    from nilearn.image import resample_img

    name, values, affine = _volume(atlas, "atlas")
    if not np.array_equal(values, np.round(np.nan_to_num(values))) or np.abs(np.nan_to_num(values)).max() >= 2**31:
        raise BoldError("holds values that are no whole numbers", "give an atlas with one number per region", name)
    notes = []
    whole = Regions(None, values.astype(np.int32), affine)
    if values.shape != run.shape or not same_place(affine, run.affine):
        with quiet():
            image = resample_img(
                whole.template(), target_affine=run.affine, target_shape=run.shape, interpolation="nearest"
            )
        notes.append("The atlas lies on another grid and was brought to that of the scan by nearest neighbours.")
        whole = Regions(None, np.asarray(image.dataobj).astype(np.int32), run.affine)
    inside = whole.labels
    if mask is not None:
        voxels, notes_of_mask = find_mask(run, mask)
        inside = np.where(voxels.labels, whole.labels, 0)
        notes += notes_of_mask
    regions = Regions(None, inside, run.affine)
    if not regions.n_targets:
        raise BoldError("has no region within the scan", "bring atlas, mask and scan into one space", name)
    lost = sorted({*np.unique(values[values != 0]).astype(int).tolist()} - {*regions.numbers})
    if lost:
        shown = ", ".join(map(str, lost[:10])) + (", …" if len(lost) > 10 else "")
        notes.append(f"{len(lost)} regions of the atlas have no voxel in the scan and are left out: {shown}.")
    names = _names(labels, name)
    return regions, tuple(names.get(number, f"region {number}") for number in regions.numbers), notes


def _volume(image: Any, what: str) -> tuple[str, np.ndarray, np.ndarray]:
    import nibabel
    from nibabel.spatialimages import SpatialImage

    named = isinstance(image, (str, os.PathLike))
    name = os.fspath(image) if named else f"the {what}"
    if named:
        with readable(name):
            image = nibabel.load(name)
            values, affine = np.asarray(image.dataobj), np.asarray(image.affine)
    elif isinstance(image, SpatialImage):
        values, affine = np.asarray(image.dataobj), np.asarray(image.affine)
    else:
        raise ParameterError(f"the {what} is {type(image).__name__}", "give the name of a NIfTI file, or an image")
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3 or not values.size or values.dtype.kind not in "iufb":
        raise BoldError(f"has the shape {values.shape} and is no {what}", "give one 3-D volume", name)
    return name, values, affine


def _vote(path: str | os.PathLike[str]) -> Voxels:
    import nibabel

    with readable(path):
        series = len(nibabel.load(path).shape) > 3
    if series:
        return find_mask(VolumeFile(path), None)[0]
    _, values, affine = _volume(path, "mask")
    return Voxels(None, np.nan_to_num(values) != 0, affine)


def _compute(run: VolumeFile, how: str | None) -> tuple[Voxels, list[str]]:
    import nibabel
    from nilearn import masking

    mean = np.nan_to_num(run.mean())
    if not mean.any():
        raise BoldError("is 0 throughout: there is no brain in it", "leave this run out, or export it again", run.path)
    if how is None:
        how = "background" if np.count_nonzero(mean) < mean.size / 2 else "epi"
    compute = masking.compute_epi_mask if how == "epi" else masking.compute_background_mask
    try:
        with quiet():
            inside = np.asarray(compute(nibabel.Nifti1Image(mean, run.affine)).dataobj) > 0
    except (ValueError, IndexError) as error:
        raise BoldError(f"no brain can be found in it ({error})", "give a mask", run.path) from error
    if not inside.any():
        raise BoldError("no brain can be found in it", "give a mask", run.path)
    return Voxels(None, inside, run.affine), [f"A mask of {inside.sum()} voxels was computed (nilearn's {how})."]


def _check_grid(run: VolumeFile, name: str, values: np.ndarray, affine: np.ndarray) -> None:
    difference = Voxels(None, np.ones(run.shape, bool), run.affine).difference(
        Voxels(None, np.ones(values.shape, bool), affine)
    )
    if difference:
        raise BoldError(f"differs from {run.path} in its {difference}", "bring both onto one grid first", name)


def _names(labels: Any, atlas: str) -> Mapping[int, str]:
    if isinstance(labels, Mapping):
        return {int(number): str(name) for number, name in labels.items()}
    from giblet.bold.names import stem

    beside = Path(atlas).with_name(f"{stem(atlas)[1]}.tsv")
    if labels is None and not beside.is_file():
        return {}
    import pandas as pd

    path = beside if labels is None else labels
    with readable(path):
        table = pd.read_csv(path, sep="\t")
        if not {"index", "name"} <= set(table):
            raise BoldError("has no columns index and name", "name the numbers of the atlas in these columns", path)
        return {int(number): str(name) for number, name in zip(table["index"], table["name"], strict=True)}
