"""How often p ≤ .05 comes up where there is nothing to find: python benchmarks/null_calibration.py [--draws 200].

`giblet.encoding.fit` with default settings (delays of 2, 4, 6 and 8 s, banded ridge, 1000 permutations of blocks of
30 s of held-out predictions) on random features and, independent of them, random BOLD: white, or with a memory
(first-order autoregressive, .8 from one TR of 2 s to the next). The targets of a draw share their feature, so the
intervals (95 %, bootstrap over draws) count draws. The last column is p without the widening of the permuted r by √2.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

import numpy as np
from scipy.signal import lfilter

from giblet.encoding import EncodingProblem, crossvalidation, fit
from giblet.encoding.nulls import block_null

DESIGNS = {"1 run of 362 TRs": (362,), "2 runs of 180 TRs": (180, 180), "6 runs of 120 TRs": (120,) * 6}
MEMORY = {"white": 0.0, "AR .8": 0.8}
TARGETS = 20


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 16], help="of the feature space")
    asked = parser.parse_args()
    print("| runs | columns | feature | BOLD | p ≤ .05 | p ≤ .01 | p ≤ .05 unwidened |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for design, lengths in DESIGNS.items():
        for columns in asked.columns:
            for feature, ours in MEMORY.items():
                for noise, theirs in MEMORY.items():
                    drawn = [p_of(seed, lengths, columns, ours, theirs) for seed in range(asked.draws)]
                    p, raw = (np.stack(part) for part in zip(*drawn, strict=True))
                    found = (p <= 0.05).mean(axis=1)
                    low, high = interval(found)
                    print(
                        f"| {design} | {columns} | {feature} | {noise} | {found.mean():.3f} ({low:.3f}–{high:.3f})"
                        f" | {(p <= 0.01).mean():.3f} | {(raw <= 0.05).mean():.3f} |",
                        flush=True,
                    )


def p_of(
    seed: int, lengths: tuple[int, ...], columns: int, ours: float, theirs: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return p of each target of one draw, as it is, and without widening."""
    rng = np.random.default_rng(seed)
    problem = EncodingProblem(
        features={"x": np.concatenate([remembering(rng, n, columns, ours) for n in lengths])},
        bold=np.concatenate([remembering(rng, n, TARGETS, theirs) for n in lengths]),
        runs=np.repeat(np.arange(len(lengths)), lengths),
        tr=2,
        used=np.ones(sum(lengths), bool),
        targets=tuple(f"t{i}" for i in range(TARGETS)),
    )
    raw = []

    def both(*given):
        raw.append(block_null(*given, widening=1)[0])
        return block_null(*given)

    with patch.object(crossvalidation, "block_null", both):
        return fit(problem, random_state=seed, backend="numpy").p, raw[0]


def remembering(rng: np.random.Generator, n: int, columns: int, memory: float) -> np.ndarray:
    """Return noise (n, columns) that keeps so much of itself from row to row."""
    return lfilter([1], [1, -memory], rng.standard_normal((n + 60, columns)), axis=0)[60:]


def interval(rates: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean over draws."""
    picked = np.random.default_rng(0).integers(0, len(rates), (2000, len(rates)))
    low, high = np.quantile(rates[picked].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
