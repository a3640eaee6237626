"""Word rate predicts BOLD of people who hear Alice in Wonderland: python benchmarks/alice_encoding.py [STUDY].

STUDY is examples/alice.yaml by default, whose data GIBLET_TEST_DATA names. The rate of words, convolved with SPM's
haemodynamic response, predicts six regions: 5 contiguous blocks, 20 s left out around what is held out, drifts slower
than 128 s taken out. r is the mean over folds; each level stands beside its own null and its own ceiling.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from giblet.encoding import EncodingProblem, Scores, fit, problems_of
from giblet.encoding.study_ceilings import ceilings_of

STUDY = Path(__file__).resolve().parent.parent / "examples" / "alice.yaml"
HOW = {"hrf": "spm", "n_blocks": 5, "gap": 20, "model": "ridge", "null": "blocks", "permutations": 1000}


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, default=STUDY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        people = problems_of(asked.study, hrf="spm", cache_dir=cache)
        (group,) = problems_of(asked.study, group=True, hrf="spm", cache_dir=cache)
        show(people, group)


def show(people: list[EncodingProblem], group: EncodingProblem) -> None:
    """Print a row for each region."""
    each, together = [fit(problem, **HOW) for problem in people], fit(group, **HOW)
    ceilings = ceilings_of(people)
    ceiling = np.mean([ceilings[problem.name].r for problem in people], axis=0)
    r = mean_r(each)
    found = np.mean([scores.p < 0.05 for scores in each], axis=0)
    print(f"{len(people)} subjects, {people[0].n_samples} TRs of {float(people[0].tr):g} s; r of held-out BOLD")
    print("         one subject (mean)                 mean of the group")
    print("region       r   ceiling  p < .05            r        p        q   ceiling  of ceiling")
    top, maps = ceilings["group"], together.maps()
    share = top.share(maps["r"])
    for i, target in enumerate(group.targets):
        print(
            f"{target:8} {r[i]:5.3f}   {ceiling[i]:7.3f}  {found[i]:7.0%}        {maps['r'][i]:5.3f}   "
            f"{maps['p'][i]:.4f}   {maps['q'][i]:.4f}   {top.r[i]:7.3f}  {share[i]:10.0%}"
        )
    print(f"p cannot fall below {together.smallest_p:.4f} (group) and {each[0].smallest_p:.4f} (subjects)")
    print(ceilings[people[0].name].sentence)
    print(top.sentence)
    for note in dict.fromkeys([*group.notes, *together.notes]):
        print(note)


def mean_r(scores: list[Scores]) -> np.ndarray:
    """Return r of each target, mean over folds and subjects."""
    return np.mean([one.r.mean(axis=0) for one in scores], axis=0)


if __name__ == "__main__":
    main()
