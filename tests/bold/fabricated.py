"""Small brain data of every kind, made up."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np

AFFINE = np.array([[3.0, 0, 0, -12], [0, 3, 0, -15], [0, 0, 4, -8], [0, 0, 0, 1]])
SHAPE = (8, 9, 7)


def brain(n_volumes=24, shape=SHAPE, seed=0, dtype=np.float32):
    """A bright ball that flickers, in a dim surrounding; shape (x, y, z, n_volumes)."""
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    inside = (place**2).sum(axis=0) < 0.8
    volumes = rng.normal(10, 1, (*shape, n_volumes))
    volumes[inside] = rng.normal(1000, 20, (inside.sum(), n_volumes))
    return volumes.astype(dtype), inside


def write_nifti(path, volumes, tr=2.0, unit="sec", affine=AFFINE, kind=nibabel.Nifti1Image):
    """Write an image as scanners do."""
    image = kind(volumes, affine)
    if volumes.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    image.header.set_xyzt_units("mm", unit)
    nibabel.save(image, path)
    return path


def write_mask(path, inside, affine=AFFINE, dtype=np.uint8):
    """Write a mask or an atlas."""
    nibabel.save(nibabel.Nifti1Image(np.asarray(inside, dtype), affine), path)
    return path


def write_sidecar(path, **fields):
    """Write the JSON file beside an image of any kind."""
    path = Path(path)
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    path.with_name(f"{name}.json").write_text(json.dumps(fields))
    return path


def grayordinates():
    """Ten vertices of each hemisphere's 32, and a few voxels."""
    cifti = nibabel.cifti2
    left = cifti.BrainModelAxis.from_surface(np.arange(0, 20, 2), 32, "CortexLeft")
    right = cifti.BrainModelAxis.from_surface(np.arange(5, 15), 32, "CortexRight")
    voxels = np.zeros((4, 5, 6), bool)
    voxels[1:3, 2, 3:5] = True
    return left + right + cifti.BrainModelAxis.from_mask(voxels, affine=AFFINE, name="thalamus_left")


def parcels():
    """Two parcels of the left hemisphere."""
    axis = grayordinates()[:10]
    one, two = axis[:5], axis[5:10]
    return nibabel.cifti2.ParcelsAxis.from_brain_models([("Auditory A1", one), ("Visual V1", two)])


def write_cifti(path, values, axis, tr=0.72, unit="SECOND"):
    """Write a series, values of shape (n_volumes, n_targets)."""
    rows = nibabel.cifti2.SeriesAxis(0, tr, len(values), unit)
    image = nibabel.Cifti2Image(values.astype(np.float32), nibabel.cifti2.Cifti2Header.from_axes((rows, axis)))
    image.to_filename(path)
    return path


def write_gifti(path, values, step=None, structure=None):
    """Write a series, values of shape (n_volumes, n_vertices)."""
    gifti = nibabel.gifti
    arrays = [gifti.GiftiDataArray(row.astype(np.float32), intent="NIFTI_INTENT_TIME_SERIES") for row in values]
    if step is not None:
        arrays[0].meta["TimeStep"] = step
    meta = gifti.GiftiMetaData({"AnatomicalStructurePrimary": structure} if structure else {})
    gifti.GiftiImage(darrays=arrays, meta=meta).to_filename(path)
    return path


def write_fmriprep_confounds(path, n_volumes=60, seed=1, jump=30):
    """Write a table as fMRIPrep does: derivatives without a first value, one dummy volume, one jump of the head."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    table = {}
    for name in ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "csf", "white_matter"):
        walk = np.cumsum(rng.normal(0, 0.01, n_volumes))
        slope = np.concatenate([[np.nan], np.diff(walk)])
        table |= {
            name: walk, f"{name}_derivative1": slope, f"{name}_power2": walk**2, f"{name}_derivative1_power2": slope**2,
        }  # fmt: skip
    fd = np.full(n_volumes, 0.1)
    fd[jump] = 3.0
    fd[0] = np.nan
    table |= {"framewise_displacement": fd, "std_dvars": np.where(np.arange(n_volumes) == 0, np.nan, 1.0)}
    table["non_steady_state_outlier00"] = (np.arange(n_volumes) == 0).astype(float)
    table["cosine00"] = np.cos(np.pi * (np.arange(n_volumes) + 0.5) / n_volumes)
    pd.DataFrame(table).to_csv(path, sep="\t", na_rep="n/a", index=False)
    Path(path).with_suffix(".json").write_text("{}")
    return path
