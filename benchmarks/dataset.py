"""How fast samples come, and what opening a dataset costs, against plain ways.

    python benchmarks/dataset.py [--subjects 17] [--trs 920] [--voxels 85810]

synthesises a dataset of that size on disk (5.4 GB by default), then compares in one run: samples per second of
MultimodalDataset against a TensorDataset that holds the same tensors of one subject in memory, both through a
DataLoader without workers; opening time and memory against one pickle that holds everything, as the original project
keeps it (of two subjects, scaled up to all); and the memory that four workers add. Memory is anonymous memory.
"""

from __future__ import annotations

import argparse
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from giblet.data import MultimodalDataset
from giblet.data.multimodal.prepared import FeatureArray, Prepared, Scan, Stimulus
from giblet.data.multimodal.settings import DatasetSettings
from giblet.timeline import TRGrid

BATCH = 32


def main() -> None:
    """Synthesise, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=17)
    parser.add_argument("--trs", type=int, default=920)
    parser.add_argument("--voxels", type=int, default=85_810)
    parser.add_argument("--open", metavar="WHAT", help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.open:
        print(*OPENERS[asked.open](asked.folder))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "dataset")
        synthesise(folder, asked.subjects, asked.trs, asked.voxels)
        print(f"{asked.subjects} subjects × {asked.trs} TRs × {asked.voxels} voxels, float32; batches of {BATCH}")
        compare_speed(folder)
        compare_opening(folder, asked.subjects)


def synthesise(folder: Path, n_subjects: int, n_trs: int, n_voxels: int) -> None:
    """Write a dataset of noise: codes, word rate and BOLD."""
    rng = np.random.default_rng(0)
    for name in ("bold", "stimuli"):
        (folder / name).mkdir(parents=True)
    np.save(folder / "stimuli/codes.npy", rng.integers(0, 1024, (n_trs, 4, 112), np.int16))
    np.save(folder / "stimuli/words.npy", rng.standard_normal((n_trs, 1)).astype(np.float32))
    np.save(folder / "stimuli/valid.npy", np.ones(n_trs, bool))
    (folder / "bold/targets.json").write_text('{"names": [], "valid": []}')
    row = rng.standard_normal(n_voxels).astype(np.float32)
    scans = []
    for subject in range(n_subjects):
        file = f"bold/{subject:04d}.npy"
        out = np.lib.format.open_memmap(folder / file, "w+", np.float32, (n_trs, n_voxels))
        for tr in range(n_trs):
            out[tr] = np.roll(row, subject * n_trs + tr)
        out.flush()
        scans.append(Scan(f"{subject + 1:02d}", "1", 0, n_trs, 0, file, None, "bold/targets.json", None, ()))
    features = (
        FeatureArray("audio.codes", "categorical", (), "stimuli/codes.npy"),
        FeatureArray("text.word_rate", "event", ("text.word_rate",), "stimuli/words.npy"),
    )
    stimulus = Stimulus("noise", TRGrid(Fraction(3, 2), n_trs), features, "stimuli/valid.npy")
    Prepared(folder, "noise", DatasetSettings(), (stimulus,), tuple(scans), {}, (32.0, 0.0), ()).write_manifest()


def compare_speed(folder: Path) -> None:
    """Print samples per second, the two taking turns over the same samples in the same order."""
    ours = MultimodalDataset(folder, subjects=1)
    whole = ours.get_batch(range(len(ours)))
    plain = TensorDataset(*whole.values())
    speeds: dict[str, list[float]] = {"TensorDataset": [], "MultimodalDataset": []}
    for turn in range(6):
        for name, dataset in (("TensorDataset", plain), ("MultimodalDataset", ours)):
            speed = samples_per_second(dataset, turn)
            if turn:  # the first warms up
                speeds[name].append(speed)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, speed in medians.items():
        print(f"{name:18} {speed:8.0f} samples/s (median of 5, shuffled, no workers)")
    print(f"ratio              {medians['MultimodalDataset'] / medians['TensorDataset']:8.2f}")


def samples_per_second(dataset: Dataset, seed: int) -> float:
    """Go through a dataset once."""
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, generator=torch.Generator().manual_seed(seed))
    began = time.perf_counter()
    for _ in loader:
        pass
    return len(dataset) / (time.perf_counter() - began)  # type: ignore[arg-type]


def compare_opening(folder: Path, n_subjects: int) -> None:
    """Print time and memory of opening, each in a process of its own, and of workers."""
    some = min(2, n_subjects)
    ours = MultimodalDataset(folder, subjects=list(range(1, some + 1)))
    with (folder.parent / "everything.pickle").open("wb") as file:
        pickle.dump([ours.get_subject_data(subject) for subject in ours.subjects], file, protocol=5)
    for what in OPENERS:
        command = [sys.executable, __file__, "--open", what, str(folder)]
        seconds, megabytes = map(
            float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        )
        scale = n_subjects / some if what == "pickle" else 1
        print(f"{what:18} {seconds * scale:8.2f} s, {megabytes * scale:8.0f} MB")


def anonymous_megabytes(pid: str = "self") -> float:
    """Return the memory of a process that no file backs."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def open_dataset(folder: Path) -> tuple[float, float]:
    """Open the dataset and take a sample of every subject."""
    before, began = anonymous_megabytes(), time.perf_counter()
    dataset = MultimodalDataset(folder)
    for index in range(0, len(dataset), max(1, len(dataset) // 100)):
        dataset[index]
    return time.perf_counter() - began, anonymous_megabytes() - before


def open_pickle(folder: Path) -> tuple[float, float]:
    """Load what a pickle holds."""
    before, began = anonymous_megabytes(), time.perf_counter()
    with (folder.parent / "everything.pickle").open("rb") as file:
        kept = pickle.load(file)
    return time.perf_counter() - began, anonymous_megabytes() - before + 0 * len(kept)


def open_workers(folder: Path) -> tuple[float, float]:
    """Go through 400 samples with four workers, and return what the largest of them has beyond the parent's."""
    dataset = MultimodalDataset(folder)
    loader = DataLoader(torch.utils.data.Subset(dataset, range(400)), batch_size=10, num_workers=4)
    before, began, most = anonymous_megabytes(), time.perf_counter(), 0.0
    for _ in loader:
        children = Path(f"/proc/self/task/{Path('/proc/self').resolve().name}/children").read_text().split()
        most = max(most, *(anonymous_megabytes(child) for child in children), 0.0)
    return time.perf_counter() - began, most - before


OPENERS = {"opening": open_dataset, "pickle": open_pickle, "worker of 4": open_workers}


if __name__ == "__main__":
    main()
