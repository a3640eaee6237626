"""Make ``sample_bold/``: BOLD of three people who never were, as if they had watched the sample film.

``python data/make_sample_bold.py`` writes it beside itself; ``--output FOLDER`` writes it elsewhere. Each voxel is a
mixture of three time courses, convolved with SPM's haemodynamic response: the loudness of the sound, the rate of words,
and a noise that drifts and is each person's own. So the data can show that an analysis runs and finds what was put in,
and nothing about brains. One seed makes the same arrays every time.
"""

from __future__ import annotations

import argparse
import csv
import json
from fractions import Fraction
from pathlib import Path

import nibabel
import numpy as np
from nilearn.glm.first_level import spm_hrf

from giblet.media import AudioReader

TR = Fraction(3, 2)
N_VOLUMES = 20
SHAPE = (8, 10, 8)
VOXEL_MM = 8.0
SUBJECTS = ("01", "02", "03")
RATE = 20
"""Samples per second of the time courses before they are sampled at volumes."""
SIGNAL, NOISE, BASELINE = 0.02, 0.015, 1000.0
"""Standard deviations as shares of the baseline, which is in the scanner's arbitrary units."""


def main() -> None:
    """Write a mask, three scans, and what BIDS says of them."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Make simulated BOLD for the sample film.")
    parser.add_argument("--output", type=Path, default=here / "sample_bold", help="folder to write into")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    drive = np.stack(
        [respond(loudness(here / "sample_stimulus.mp4")), respond(words(here / "sample_stimulus_words.csv"))]
    )
    inside = head()
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = -VOXEL_MM * (np.array(SHAPE) - 1) / 2
    mask = nibabel.Nifti1Image(inside.astype(np.uint8), affine)
    nibabel.save(mask, folder / "mask.nii.gz")
    sidecar = {
        "RepetitionTime": float(TR),
        "TaskName": "sample film",
        "Description": "Simulated by data/make_sample_bold.py. No person was scanned.",
    }
    for number, subject in enumerate(SUBJECTS):
        volumes = scan(drive, inside, np.random.default_rng(number))
        image = nibabel.Nifti1Image(volumes, affine)
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_zooms((VOXEL_MM,) * 3 + (float(TR),))
        image.header["descrip"] = b"simulated, no person was scanned"
        nibabel.save(image, folder / f"sub-{subject}_bold.nii.gz")
        (folder / f"sub-{subject}_bold.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {len(SUBJECTS)} scans of {N_VOLUMES} volumes, {int(inside.sum())} voxels, {size / 1e6:.2f} MB")


def loudness(film: Path) -> np.ndarray:
    """Return the RMS of the sound, `RATE` values a second."""
    hop = 24_000 // RATE
    with AudioReader(film, sample_rate=24_000, channels=1) as reader:
        sound = np.concatenate([block[0] for block in reader])
    frames = sound[: len(sound) // hop * hop].reshape(-1, hop)
    return np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))


def words(table: Path) -> np.ndarray:
    """Return the words that end in each moment, `RATE` moments a second."""
    counts = np.zeros(int(N_VOLUMES * TR * RATE))
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            counts[min(len(counts) - 1, int((float(row["onset"]) + float(row["duration"])) * RATE))] += 1
    return counts


def respond(course: np.ndarray) -> np.ndarray:
    """Convolve a time course with the haemodynamic response, sample it at volumes, and standardise it."""
    kernel = spm_hrf(1 / RATE, oversampling=1)
    response = np.convolve(course, kernel)
    sampled = response[np.arange(N_VOLUMES) * int(TR * RATE)]
    return (sampled - sampled.mean()) / sampled.std()


def head() -> np.ndarray:
    """Return an ellipsoid, bool of shape `SHAPE`."""
    axes = [(np.arange(size) - (size - 1) / 2) / (size / 2) for size in SHAPE]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return x**2 + y**2 + z**2 < 0.9


def scan(drive: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one person's volumes, int16 of shape (*SHAPE, N_VOLUMES): left hears, right understands."""
    x = np.linspace(0, 1, SHAPE[0])[:, None, None]
    weights = np.stack([np.broadcast_to(1 - x, SHAPE), np.broadcast_to(x, SHAPE)])
    signal = np.tensordot(weights, drive, axes=(0, 0))
    drift = np.cumsum(rng.standard_normal((*SHAPE, N_VOLUMES)), axis=-1)
    noise = rng.standard_normal((*SHAPE, N_VOLUMES)) + 0.3 * (drift - drift.mean(axis=-1, keepdims=True))
    brain = BASELINE * (1 + SIGNAL * signal + NOISE * noise)
    background = 10 * np.abs(rng.standard_normal((*SHAPE, N_VOLUMES)))
    return np.where(inside[..., None], brain, background).round().astype(np.int16)


if __name__ == "__main__":
    main()
