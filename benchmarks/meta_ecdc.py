"""Files of .ecdc by Meta's program and by giblet: the same codes, the same bytes, both ways; and how fast with --lm.

    python benchmarks/meta_ecdc.py --python ENVIRONMENT/bin/python [--quick] [--skip files|speed] [--repeats 3]

The environment has Meta's package and is not giblet's: python -m venv ENVIRONMENT; ENVIRONMENT/bin/pip install torch
numpy einops; ENVIRONMENT/bin/pip install encodec --no-deps. It should have the same torch as giblet's, for language
models round as torch does. All weights are random, and codebooks hold noise. For each bandwidth, length, with a
language model and without: Meta's program encodes noise and writes a file; giblet writes one of the same codes, which
should have the same bytes; giblet reads Meta's file and Meta's program reads giblet's, which should give the codes.

Where a length is a multiple of 320, the released version 0.1.1 sometimes expects one frame more than it wrote, and so
fails to read its own files. Such lengths are counted on their own: there, it need not read giblet's either.

Times are processor time of coding alone, with one thread on both sides, medians of runs that take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet.codecs.lm import load_language_model
from giblet.formats import CodeModel, as_blocks, encodec_header, from_blocks, open_container, write_container

KBPS = {"encodec_24khz": [1.5, 3.0, 6.0, 12.0, 24.0], "encodec_48khz": [3.0, 6.0, 12.0, 24.0]}
KBPS_PER_CODEBOOK = {"encodec_24khz": 0.75, "encodec_48khz": 1.5}
SHORT = [1, 2, 319, 320, 321, 640, 960, 6_399, 6_720, 6_721, 13_440, 24_000, 30_000]
LENGTHS = {
    "encodec_24khz": [*SHORT, 67_200, 100_001],
    # Two segments and more, of which the last one or two are short: 47,520 samples apart, 480 of them in common.
    "encodec_48khz": [*SHORT, 47_520, 47_521, 47_680, 48_000, 95_041, 95_100, 95_200, 95_201, 95_520, 142_561, 142_720],
}
LM_LENGTHS = {"encodec_24khz": [1, 960, 6_720, 24_001, 96_000], "encodec_48khz": [320, 6_720, 47_600, 95_100]}
SHARPNESS = 8.0
Sound = tuple[np.ndarray, list[tuple[int, float | None]]]


@dataclass(frozen=True)
class Case:
    """A sound and how it is coded."""

    codec: str
    kbps: float
    length: int
    lm: bool
    seed: int = 0
    name: str = "case"


def main() -> None:
    """Compare, then time, and print tables; the status is 1 where something differed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--python", required=True, help="Python of an environment with Meta's package.")
    options.add_argument("--quick", action="store_true", help="One bandwidth and three lengths of each kind.")
    options.add_argument("--skip", choices=["files", "speed"])
    options.add_argument("--repeats", type=int, default=3)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Meta(asked.python, Path(scratch)) as meta:
        import torch

        print(f"torch {meta.torch} there, {torch.__version__} here; sound is noise; one thread\n")
        equal = asked.skip == "files" or compare(meta, asked.quick)
        if asked.skip != "speed":
            race(meta, asked.repeats)
    sys.exit(not equal)


class Meta:
    """Meta's program in another process.

    Parameters
    ----------
    python : str
        Python that runs it.
    folder : Path
        For files of both sides.
    """

    def __init__(self, python: str, folder: Path) -> None:
        self.folder = folder
        script = Path(__file__).with_name("meta_program.py")
        self._process = subprocess.Popen(
            [python, "-I", "-W", "ignore::FutureWarning", str(script), str(folder), "1", str(SHARPNESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.torch = self._answer()["torch"]

    def __enter__(self) -> Meta:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """Let it do something."""
        assert self._process.stdin
        print(json.dumps({"do": do, **words}), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("Meta's program ended; what it said stands above")
        return json.loads(line)

    def model(self, codec: str) -> CodeModel:
        """Return its language model, loaded by giblet."""
        (path,) = self.folder.glob(f"{codec}-*.th")
        return load_language_model(codec, path)

    def sound(self, name: str) -> Sound:
        """Return the codes that it found or read."""
        with np.load(self.folder / f"{name}.npz") as arrays:
            n = sum(key.startswith("codes") for key in arrays)
            codes = [arrays[f"codes{i}"] for i in range(n)]
            scales = [float(arrays[f"scale{i}"]) if f"scale{i}" in arrays else None for i in range(n)]
        return np.concatenate(codes, axis=1), [(c.shape[1], s) for c, s in zip(codes, scales, strict=True)]


def compare(meta: Meta, quick: bool) -> bool:
    """Print how many files are equal; return whether all are."""
    print("| codec | kbps | --lm | files | frames | same bytes | giblet reads Meta's | Meta reads giblet's |", end="")
    print(" lengths at which 0.1.1 cannot read its own |\n" + "| --- " * 9 + "|")
    sums: Counter[str] = Counter()
    for codec, lm in ((name, lm) for lm in (False, True) for name in KBPS):
        model = meta.model(codec) if lm else None
        lengths = (LM_LENGTHS if lm else LENGTHS)[codec]
        for kbps in KBPS[codec][:1] if quick else KBPS[codec]:
            found: Counter[str] = Counter()
            slips = []
            for length in lengths[:3] if quick else lengths:
                outcome = one_file(meta, Case(codec, kbps, length, lm, seed=length), model)
                found.update(outcome)
                if "slips" in outcome:
                    slips.append(length)
            n, ours, readable = found["files"], found["same"], found["files"] - found["slips"]
            print(
                f"| {codec} | {kbps:g} | {'yes' if lm else 'no'} | {n} | {found['frames']} | {ours} of {n} "
                f"| {found['reads']} of {n} | {found['read']} of {readable} | {', '.join(map(str, slips)) or '–'} |",
                flush=True,
            )
            sums.update(found)
    equal, asked = sums["same"] + sums["reads"] + sums["read"], 3 * sums["files"] - sums["slips"]
    print(f"\n{sums['files']} files of {sums['frames']} frames: of {asked} comparisons {asked - equal} differ\n")
    return equal == asked


def one_file(meta: Meta, case: Case, model: CodeModel | None) -> dict[str, int]:
    """Return what is the same."""
    found = {"files": 1, "frames": meta.ask("compress", **asdict(case))["frames"]}
    sound = meta.sound(case.name)
    theirs, ours = meta.folder / f"{case.name}.ecdc", meta.folder / "giblet.ecdc"
    write_ours(ours, case, sound, model)
    found["same"] = ours.read_bytes() == theirs.read_bytes()
    found["reads"] = same(from_blocks(open_container(theirs).blocks(model)), sound)
    if meta.ask("slips", codec=case.codec, length=case.length)["slips"]:
        return found | {"slips": 1}
    answer = meta.ask("decompress", codec=case.codec, name="giblet", to="back")
    return found | {"read": "ended" not in answer and same(meta.sound("back"), sound)}


def write_ours(path: Path, case: Case, sound: Sound, model: CodeModel | None) -> None:
    """Let giblet write codes."""
    header = encodec_header(case.codec, round(case.kbps / KBPS_PER_CODEBOOK[case.codec]), case.length)
    write_container(path, header, as_blocks(*sound), model, force=True)


def same(a: Sound, b: Sound) -> bool:
    """Tell whether codes, segments and scales are equal."""
    return np.array_equal(a[0], b[0]) and a[1] == b[1]


def race(meta: Meta, repeats: int) -> None:
    """Print frames per second with a language model."""
    print("| codec | kbps | encode: Meta, frames/s | giblet | ratio | decode: Meta, frames/s | giblet | ratio |")
    print("| --- " * 8 + "|")
    for codec, kbps in ((name, kbps) for name in KBPS for kbps in (KBPS[name][0], 6.0, 24.0)):
        case = Case(codec, kbps, 96_000, True)
        model = meta.model(codec)
        runs = [list(rates(meta, case, model)) for _ in range(repeats + 1)][1:]
        slow, fast, slow_back, fast_back = (statistics.median(column) for column in zip(*runs, strict=True))
        print(
            f"| {codec} | {kbps:g} | {slow:.0f} | {fast:.0f} | {fast / slow:.2f} "
            f"| {slow_back:.0f} | {fast_back:.0f} | {fast_back / slow_back:.2f} |",
            flush=True,
        )


def rates(meta: Meta, case: Case, model: CodeModel) -> Iterator[float]:
    """Yield frames per second of Meta's encoding and giblet's, of Meta's decoding and giblet's."""
    done = meta.ask("compress", **asdict(case))
    n_frames, sound = done["frames"], meta.sound(case.name)
    yield n_frames / done["seconds"]
    began = time.process_time()
    write_ours(meta.folder / "giblet.ecdc", case, sound, model)
    yield n_frames / (time.process_time() - began)
    yield n_frames / meta.ask("decompress", codec=case.codec, name=case.name, to="back")["seconds"]
    began = time.process_time()
    for _ in open_container(meta.folder / f"{case.name}.ecdc").blocks(model):
        pass
    yield n_frames / (time.process_time() - began)


if __name__ == "__main__":
    main()
