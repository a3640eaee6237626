"""What cross-validated encoding models cost: python benchmarks/encoding.py overhead, or … memory.

``overhead`` times `giblet.encoding.fit` without a null against himalaya called by hand on the same folds, spaces and
mixtures, by the processor's clock, for other programs slow either down. Where weights shrink to almost nothing,
himalaya's r in float32 is rounding, so the median difference counts. ``memory`` fits simulated BOLD of many targets,
mapped from a file, on features at five delays, and says how long it took and how much anonymous memory (RssAnon),
start and libraries included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DELAYS = (2, 4, 6, 8, 10)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "memory", "child"))
    parser.add_argument("--trs", type=int, default=600)
    parser.add_argument("--tr", default="1.5", help="seconds")
    parser.add_argument("--targets", type=int, default=4000)
    parser.add_argument("--columns", type=int, nargs="+", default=[32, 1], help="of each feature space")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--mixtures", type=int, default=10)
    parser.add_argument("--targets-at-once", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison, whose shortest count")
    parser.add_argument("--bold", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    {"overhead": overhead, "memory": memory, "child": child}[asked.what](asked)


def overhead(asked: argparse.Namespace) -> None:
    """Print both times and their ratio, and how far results differ."""
    from giblet.encoding import fit

    bold = np.random.default_rng(1).standard_normal((asked.trs, asked.targets)).astype(np.float32)
    problem = simulated(asked, bold)
    ours, theirs = [], []
    for _ in range(asked.rounds):
        began = time.process_time()
        scores = fit(problem, delays=DELAYS, n_blocks=asked.folds, n_iter=asked.mixtures, null="none")
        ours.append(time.process_time() - began)
        began = time.process_time()
        r = by_hand(problem, asked)
        theirs.append(time.process_time() - began)
    print(
        f"{asked.trs} TRs, {asked.targets} targets, spaces of {asked.columns} columns at {len(DELAYS)} delays, "
        f"{asked.folds} folds, {asked.mixtures} mixtures: giblet {min(ours):.2f} s of processor time, himalaya "
        f"{min(theirs):.2f} s, overhead {min(ours) / min(theirs) - 1:+.1%}; median difference of r "
        f"{np.median(np.abs(scores.r - r)):.1g}"
    )


def by_hand(problem, asked: argparse.Namespace) -> np.ndarray:
    """Return r (n_folds, n_targets) as one gets it with himalaya, numpy and these folds alone."""
    from himalaya.backend import set_backend
    from himalaya.ridge import GroupRidgeCV
    from himalaya.scoring import correlation_score

    from giblet.alignment import delayed
    from giblet.encoding import inner_folds, make_folds
    from giblet.encoding.plan import Plan

    set_backend("numpy")
    parts, known = [], problem.used.copy()
    for values in problem.features.values():
        late, inside = delayed(values, DELAYS, problem.tr)
        parts.append(late)
        known &= inside
    design, groups = np.hstack(parts), np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
    found = []
    for fold in make_folds(problem, asked.folds, delays=DELAYS, used=known):
        inner = inner_folds(problem, fold, delays=DELAYS)
        cv = [(np.searchsorted(fold.train, i.train), np.searchsorted(fold.train, i.test)) for i in inner]
        mean, scale = design[fold.train].mean(0), design[fold.train].std(0)
        model = GroupRidgeCV(
            groups=groups, fit_intercept=True, cv=cv, random_state=0,
            solver_params={
                "n_iter": asked.mixtures, "alphas": np.array(Plan().alphas, np.float32), "progress_bar": False,
                "n_targets_batch": 1000, "n_targets_batch_refit": 1000, "n_alphas_batch": 10, "warn": False,
            },
        )  # fmt: skip
        model.fit((design[fold.train] - mean) / scale, problem.bold[fold.train])
        predicted = model.predict((design[fold.test] - mean) / scale)
        found.append(correlation_score(problem.bold[fold.test], predicted))
    return np.stack(found)


def memory(asked: argparse.Namespace) -> None:
    """Fit in a process of its own and watch it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bold.npy")
        bold = np.lib.format.open_memmap(path, "w+", np.float32, (asked.trs, asked.targets))
        rng = np.random.default_rng(1)
        for row in bold:
            row[:] = rng.standard_normal(asked.targets, np.float32)
        bold.flush()
        del bold
        words = [sys.executable, __file__, "child", *sys.argv[2:], "--bold", str(path)]
        began, peak = time.perf_counter(), 0
        with subprocess.Popen(words) as process:
            while process.poll() is None:
                peak = max(peak, anonymous(process.pid))
                time.sleep(0.05)
        if process.returncode:
            sys.exit(process.returncode)
    print(
        f"{asked.trs} TRs, {asked.targets} targets, spaces of {asked.columns} columns at {len(DELAYS)} delays, "
        f"{asked.folds} folds: {time.perf_counter() - began:.0f} s, at most {peak / 1e9:.2f} GB"
    )


def child(asked: argparse.Namespace) -> None:
    """Fit what was simulated."""
    from giblet.encoding import fit

    fit(
        simulated(asked, np.load(asked.bold, mmap_mode="r")),
        delays=DELAYS, n_blocks=asked.folds, n_iter=asked.mixtures, targets_at_once=asked.targets_at_once,
        permutations=200,
    )  # fmt: skip


def simulated(asked: argparse.Namespace, bold: np.ndarray):
    """Return a problem of random features."""
    from giblet.encoding import EncodingProblem

    rng = np.random.default_rng(0)
    features = {f"space{i}": rng.standard_normal((asked.trs, n), np.float32) for i, n in enumerate(asked.columns)}
    return EncodingProblem(
        features, bold, np.zeros(asked.trs, int), asked.tr, np.ones(asked.trs, bool),
        tuple(f"v{i}" for i in range(bold.shape[1])),
    )  # fmt: skip


def anonymous(pid: int) -> int:
    """Return the anonymous memory of a process, bytes; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


if __name__ == "__main__":
    main()
