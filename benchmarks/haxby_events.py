"""Which pictures were seen predicts BOLD of a run that was held out: python benchmarks/haxby_events.py FOLDER.

FOLDER is haxby2001_lowres: one person, 12 runs, 8 kinds of pictures in blocks of 22.5 s, voxels of 25 mm. Two
questions, each by leave-one-run-out ridge regression on boxes convolved with SPM's response; drifts and motion are
taken out. Does BOLD follow that anything is seen? (Blocks follow each other every 35 s, so permuted ones still fit in
part and this p is too high.) And, with just that taken out of BOLD and design, does it follow which kind is seen? The
order of kinds differs from run to run, so that can only be answered from what a kind does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from giblet.alignment import convolve
from giblet.annotations import read_annotations
from giblet.bold import read_bold
from giblet.encoding import EncodingProblem, Scores, fit
from giblet.encoding.nuisance import HIGH_PASS, drifts, without_nuisance
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

TR = Fraction(5, 2)
KINDS = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
HOW = {"model": "ridge", "null": "blocks", "permutations": 1000}


@dataclass(frozen=True)
class Answers:
    """Scores of both questions.

    Attributes
    ----------
    seen, kinds : Scores
        Of anything that is seen, and of which kind, voxel by voxel.
    ventral : int
        The voxel in the mask of ventral temporal cortex.
    """

    seen: Scores
    kinds: Scores
    ventral: int


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    found = answer(parser.parse_args().folder)
    print("question          voxels  q < .05  median r  best r   ventral temporal: r     p        q")
    for title, scores in (("is it seen", found.seen), ("which kind", found.kinds)):
        maps, i = scores.maps(), found.ventral
        print(
            f"{title:16} {len(maps['r']):7}  {int((maps['q'] < 0.05).sum()):7}  {np.nanmedian(maps['r']):8.3f}  "
            f"{np.nanmax(maps['r']):6.3f}   {maps['r'][i]:19.3f}  {maps['p'][i]:.4f}   {maps['q'][i]:.4f}"
        )
    print(f"p cannot fall below {found.kinds.smallest_p:.4f}")
    for note in found.kinds.notes:
        print(note)


def answer(folder: Path, runs: Sequence[int] = range(1, 13), **how: object) -> Answers:
    """Answer both questions.

    Parameters
    ----------
    folder : pathlib.Path
        haxby2001_lowres.
    runs : sequence of int
        Which runs.
    **how
        Options of `giblet.encoding.fit` in place of those above.

    Returns
    -------
    Answers
        Held-out scores.
    """
    subject = folder / "sub001"
    brain = subject / "masks" / "25mm" / "brain.nii.gz"
    bold, kinds, motion, names = [], [], [], ()
    for run in runs:
        place = subject / "BOLD" / f"task001_run{run:03d}"
        courses = read_bold(place / "bold_25mm.nii.gz", mask=brain, tr=TR)
        bold.append(courses.values)
        names = courses.targets
        kinds.append(design(place / "bold_events.tsv", len(courses.values)))
        motion.append(np.loadtxt(place / "bold_moest.txt"))
    lengths = [len(part) for part in bold]
    which, runs_of = np.concatenate(kinds), np.repeat(np.arange(len(lengths)), lengths)
    seen = which.sum(axis=1, keepdims=True)
    nuisance = np.hstack([drifts(lengths, TR, HIGH_PASS), apart(np.concatenate(motion), runs_of)])
    problem = EncodingProblem(
        features={"seen": seen},
        bold=np.concatenate(bold),
        runs=runs_of,
        tr=TR,
        used=np.ones(len(runs_of), bool),
        targets=names,
        nuisance=nuisance,
        name="sub001",
        response="convolved with spm",
    )
    # What all kinds have in common is no business of the second question, in no run.
    finer = replace(problem, nuisance=np.hstack([nuisance, apart(seen, runs_of)]))
    different = without_nuisance(replace(finer, bold=which, targets=KINDS))
    finer = replace(finer, features={"kinds": different}, columns={"kinds": KINDS})
    options = {**HOW, **how}
    return Answers(fit(problem, **options), fit(finer, **options), ventral_voxel(subject / "masks" / "25mm"))


def design(events: Path, n_volumes: int) -> np.ndarray:
    """Return the regressor of each kind, (n_volumes, n_kinds)."""
    table = read_annotations(events).table
    values = np.array([[kind == name for name in KINDS] for kind in table["text"]], float)
    series = FeatureSeries(values, table["onset"], KINDS, "event", table["duration"])
    return convolve(series, TRGrid(TR, n_volumes), "spm")


def apart(values: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Return the columns for each run on its own, 0 in the others."""
    return np.hstack([np.where(runs[:, None] == run, values, 0) for run in np.unique(runs)])


def ventral_voxel(masks: Path) -> int:
    """Return which voxel of the brain lies in ventral temporal cortex; at 25 mm it is one."""
    import nibabel

    brain, ventral = (nibabel.load(masks / f"{name}.nii.gz").get_fdata() > 0 for name in ("brain", "vt"))
    return int(np.flatnonzero(ventral[brain])[0])


if __name__ == "__main__":
    main()
