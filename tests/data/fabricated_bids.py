"""A BIDS dataset with every field that giblet reads: raw, and as fMRIPrep would derive it; and a nibble of mischief.

Two subjects see a film in two runs. TR 1.5 s, 20 volumes of 3 × 4 × 5 voxels of noise. In run 1 the film begins 4.5 s
after the first stored volume, in run 2 it began 3 s before.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

SUBJECTS, RUNS = ("01", "02"), ("1", "2")
TR, START_TIME, N_VOLUMES, SHAPE = Fraction(3, 2), Fraction(3, 4), 20, (3, 4, 5)
ONSETS = {"1": Fraction(9, 2), "2": Fraction(-3)}
SLICES = [0.0, 0.6, 0.3, 0.9, 1.2]
SPACE = "space-MNI152NLin2009cAsym"

BOLD_FIELDS = {
    "TaskName": "movie",
    "RepetitionTime": float(TR),
    "SliceTiming": SLICES,
    "SliceEncodingDirection": "k-",
    "NumberOfVolumesDiscardedByScanner": 4,
    "NumberOfVolumesDiscardedByUser": 2,
}
DERIVED_FIELDS = {
    "TaskName": "movie",
    "RepetitionTime": float(TR),
    "SkullStripped": False,
    "SliceTimingCorrected": True,
    "StartTime": float(START_TIME),
}
WORDS = "onset,duration,text\n0.5,0.3,hello\n1.0,0.4,there\n"


def write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


def change_json(path: Path, **fields: object) -> None:
    """Change fields of a sidecar; None takes one out."""
    values = {**json.loads(path.read_text(encoding="utf-8")), **fields}
    write_json(path, {name: value for name, value in values.items() if value is not None})


def write_image(
    path: Path, shape: tuple[int, ...] = (*SHAPE, N_VOLUMES), tr: float = float(TR), unit: str = "sec"
) -> None:
    """Noise around 100 for four dimensions, for three a mask of all voxels but those of the first corner's edge."""
    import nibabel

    values = np.random.default_rng(len(path.name)).standard_normal(shape).astype(np.float32) + 100
    if len(shape) == 3:
        values = np.ones(shape, np.uint8)
        values[0, 0] = 0
    image = nibabel.Nifti1Image(values, np.diag([3.0, 3.0, 3.0, 1.0]))
    image.header.set_xyzt_units("mm", unit if len(shape) == 4 else None)
    if len(shape) == 4:
        image.header.set_zooms((3.0, 3.0, 3.0, tr))
    nibabel.save(image, path)


def write_series(path: Path, tr: float = float(TR)) -> None:
    """A CIFTI series of six points on the left cortex."""
    import nibabel
    from nibabel.cifti2 import BrainModelAxis, SeriesAxis

    axes = (
        SeriesAxis(0, tr, N_VOLUMES, "second"),
        BrainModelAxis.from_surface(np.arange(6), 10, "CIFTI_STRUCTURE_CORTEX_LEFT"),
    )
    image = nibabel.Cifti2Image(np.random.default_rng(1).random((N_VOLUMES, 6), np.float32), header=axes)
    image.nifti_header.set_intent("ConnDenseSeries")
    nibabel.save(image, path)


def write_hemisphere(path: Path) -> None:
    from nibabel import gifti

    arrays = [gifti.GiftiDataArray(np.full(6, i, np.float32), "NIFTI_INTENT_TIME_SERIES") for i in range(N_VOLUMES)]
    gifti.GiftiImage(darrays=arrays).to_filename(path)


def write_events(path: Path, film: str, onset: Fraction) -> None:
    rows = [
        ("onset", "duration", "trial_type", "stim_file"),
        (float(onset), 20, "film", film),
        (21, 0, "button", "n/a"),
    ]
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def write_raw(root: Path) -> Path:
    """Write the raw dataset and return its root."""
    import soundfile

    (root / "stimuli").mkdir(parents=True)
    write_json(root / "dataset_description.json", {"Name": "Film", "BIDSVersion": "1.10.0", "DatasetType": "raw"})
    (root / "README").write_text("Fabricated: the images are noise.\n", encoding="utf-8")
    # Inherited by all runs.
    write_json(root / "task-movie_bold.json", BOLD_FIELDS)
    for run in RUNS:
        soundfile.write(root / "stimuli" / f"film_{run}.wav", np.zeros(8000), 400, format="WAV")
        (root / "stimuli" / f"film_{run}_words.csv").write_text(WORDS, encoding="utf-8")
    for subject in SUBJECTS:
        folder = root / f"sub-{subject}" / "func"
        folder.mkdir(parents=True)
        for run in RUNS:
            stem = folder / f"sub-{subject}_task-movie_run-{run}"
            write_image(Path(f"{stem}_bold.nii.gz"))
            write_events(Path(f"{stem}_events.tsv"), f"film_{run}.wav", ONSETS[run])
    return root


def write_derivative(raw: Path, folder: Path | None = None) -> Path:
    """Write what fMRIPrep would make of it, into the raw dataset unless a folder is given, and return its root."""
    root = folder or raw / "derivatives" / "fmriprep"
    root.mkdir(parents=True)
    description = {"Name": "fMRIPrep", "BIDSVersion": "1.4.0", "DatasetType": "derivative"}
    write_json(
        root / "dataset_description.json", {**description, "GeneratedBy": [{"Name": "fMRIPrep", "Version": "25.0"}]}
    )
    for subject in SUBJECTS:
        func = root / f"sub-{subject}" / "func"
        func.mkdir(parents=True)
        for run in RUNS:
            stem = f"sub-{subject}_task-movie_run-{run}"
            for space, shape in ((SPACE, (4, 4, 4)), ("space-T1w", (3, 3, 3))):
                write_image(func / f"{stem}_{space}_desc-preproc_bold.nii.gz", (*shape, N_VOLUMES))
                write_json(func / f"{stem}_{space}_desc-preproc_bold.json", DERIVED_FIELDS)
                write_image(func / f"{stem}_{space}_desc-brain_mask.nii.gz", shape)
            write_series(func / f"{stem}_space-fsLR_den-91k_bold.dtseries.nii")
            write_json(func / f"{stem}_space-fsLR_den-91k_bold.json", DERIVED_FIELDS)
            for side in "LR":
                write_hemisphere(func / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii")
                write_json(func / f"{stem}_hemi-{side}_space-fsaverage5_bold.json", DERIVED_FIELDS)
            confounds = "trans_x\tnon_steady_state_outlier00\n" + "0.1\t1\n" + "0.2\t0\n" * (N_VOLUMES - 1)
            (func / f"{stem}_desc-confounds_timeseries.tsv").write_text(confounds, encoding="utf-8")
            write_json(func / f"{stem}_desc-confounds_timeseries.json", {})
    return root
