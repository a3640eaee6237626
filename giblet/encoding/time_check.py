"""A study, or a dataset that was built of one → whether its BOLD follows its stimuli when it should."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from giblet.alignment import HRF
from giblet.data.layouts import find_study
from giblet.data.multimodal.building import cache_of, find_prepared
from giblet.data.multimodal.prepared import Prepared, is_prepared, read_prepared
from giblet.data.multimodal.stimuli import StimulusFiles, native_series
from giblet.data.store import open_store
from giblet.data.study import Study
from giblet.encoding.columns import listed
from giblet.encoding.curve import LagCurve
from giblet.encoding.lag import choose_targets, lag_curve
from giblet.encoding.lag_sweep import MAX_LAG, STEP, LagSweep, sweep
from giblet.encoding.nuisance import HIGH_PASS
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.studies import NUMBERS, problems_of
from giblet.encoding.study_ceilings import shared_rows
from giblet.encoding.verdict import REFERENCE
from giblet.errors import EncodingError, StudyError
from giblet.features import FeatureSeries, ask_features
from giblet.media.probe import probe
from giblet.progress import SILENT, Progress, stage
from giblet.timeline import Seconds, TRGrid


@dataclass(frozen=True, eq=False)
class TimeCheck:
    """Curves of a group and its subjects.

    Attributes
    ----------
    study : str
        Name.
    feature : str
        What was moved against BOLD.
    group : LagCurve or None
        Of the mean of all subjects; None for one subject.
    subjects : tuple of LagCurve
        Of each.
    notes : tuple of str
        What was found, a sentence each.
    """

    study: str
    feature: str
    group: LagCurve | None
    subjects: tuple[LagCurve, ...]
    notes: tuple[str, ...]

    @property
    def curves(self) -> tuple[LagCurve, ...]:
        """All of them, the group's first."""
        return (*([] if self.group is None else [self.group]), *self.subjects)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON types, with the sign and the zero of lags as ``reference``."""
        return {
            "study": self.study,
            "feature": self.feature,
            "reference": REFERENCE,
            "group": None if self.group is None else self.group.to_dict(),
            "subjects": [curve.to_dict() for curve in self.subjects],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TimeCheck:
        """Return what `to_dict` described."""
        return cls(
            values["study"],
            values["feature"],
            None if values["group"] is None else LagCurve.from_dict(values["group"]),
            tuple(LagCurve.from_dict(curve) for curve in values["subjects"]),
            tuple(values["notes"]),
        )


def check_alignment(
    source: str | os.PathLike[str],
    feature: str | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    *,
    targets: Sequence[str] | None = None,
    max_lag: Seconds = MAX_LAG,
    step: Seconds = STEP,
    hrf: HRF = "spm",
    high_pass: Seconds | None = HIGH_PASS,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    **options: Any,
) -> TimeCheck:
    """Sweep the lag between stimulus and BOLD, for the mean of all subjects and for each.

    Parameters
    ----------
    source : str or os.PathLike
        A study; or a dataset that was built of one, for features of films.
    feature : str, optional
        One of a single column; by default the rate of words where there are annotations, else the envelope of sound.
    subjects
        As in `giblet.encoding.problems_of`.
    targets
        As in `giblet.encoding.lag.lag_curve`; what is chosen for the group counts for its subjects, too.
    max_lag, step, hrf
        As in `giblet.encoding.lag_sweep.sweep`.
    high_pass : number, str or None
        Hz; slower drifts are taken out of BOLD and feature.
    cache_dir : str or os.PathLike, optional
        Where a study's dataset is kept.
    progress : Progress
        Who watches.
    **options
        block, n_bootstrap, n_permutations, random_state, as in `giblet.encoding.lag.lag_curve`.

    Returns
    -------
    TimeCheck
        The curves.

    Raises
    ------
    EncodingError
        If the feature or the BOLD says nothing of time (see `sweep` and `lag_curve`).
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, ParameterError, StoreError
        If files are missing or do not fit together.
    """
    if is_prepared(source):
        prepared, study = read_prepared(source), None
        name = feature or _first_of(prepared)
    else:
        study = find_study(source)
        study.raise_errors()
        name = feature or _usual(study)
        # As for encoding models, so that one dataset serves both.
        asked = {"filter": "mean", "apply_hrf": False, "delays": (), "features": name}
        prepared = find_prepared(source, asked, cache_dir, progress)
    requests = ask_features(name)
    if len(requests) > 1:
        raise EncodingError(f"{name} is more than one feature", "check one at a time")
    name = requests[0].name
    problems = problems_of(prepared.folder, [name], subjects, high_pass=high_pass)
    shown = _Shown(prepared, study, name, cache_dir, progress)
    sweeps: dict[tuple[tuple[int, int], ...], LagSweep] = {}

    def swept(key: tuple[tuple[int, int], ...]) -> LagSweep:
        if key not in sweeps:
            sweeps[key] = sweep([shown(*run) for run in key], max_lag=max_lag, step=step, hrf=hrf)
        return sweeps[key]

    together, key, notes = _together(problems, prepared)
    group, chosen = None, targets
    seconds = [float(problem.n_samples * problem.tr) for problem in problems]
    with stage(progress, f"lags of {prepared.name}", sum(seconds)):
        if len(together) > 1:
            if targets is None and together[0].n_targets:
                which, _ = choose_targets(together, shared_rows(together))
                everything = len(which) == together[0].n_targets
                chosen = None if everything else [together[0].targets[i] for i in which]
            group = lag_curve(together, swept(key), targets=targets, **options)
        curves = []
        for problem, length in zip(problems, seconds, strict=True):
            curves.append(lag_curve(problem, swept(_key(problem, prepared)), targets=chosen, **options))
            progress.advance(length)
    return TimeCheck(prepared.name, name, group, tuple(curves), (*prepared.notes, *notes))


class _Shown:
    """The feature of each stimulus at its own rate, made when it is needed.

    Parameters
    ----------
    prepared : Prepared
        The dataset.
    study : Study or None
        What it was built of, where that is known.
    feature : str
        Name.
    cache_dir, progress
        As in `check_alignment`.
    """

    def __init__(
        self,
        prepared: Prepared,
        study: Study | None,
        feature: str,
        cache_dir: str | os.PathLike[str] | None,
        progress: Progress,
    ) -> None:
        self._prepared, self._study, self._feature = prepared, study, feature
        self._cache_dir, self._progress = cache_dir, progress
        self._made: dict[int, FeatureSeries] = {}

    def __call__(self, stimulus: int, n_trs: int) -> tuple[FeatureSeries, TRGrid]:
        """Return the feature of a stimulus, and the first volumes of those who saw it."""
        if stimulus not in self._made:
            self._made[stimulus] = self._series(stimulus)
        return self._made[stimulus], replace(self._prepared.stimuli[stimulus].grid, n_trs=n_trs)

    def _series(self, number: int) -> FeatureSeries:
        prepared, settings = self._prepared, self._prepared.settings
        stimulus = prepared.stimuli[number]
        if self._study is not None:
            first = next(i for i, scan in enumerate(prepared.scans) if scan.stimulus == number)
            files = StimulusFiles.of(self._study.runs[first], stimulus.grid)
            stores = cache_of(self._study, self._cache_dir) / "stores"
            return native_series(files, stimulus.grid, self._feature, settings, stores, self._progress)
        kept = next(array for array in stimulus.features if array.name == self._feature)
        if kept.store is None or not Path(kept.store).is_dir():
            raise EncodingError(
                f"{self._feature} is kept TR by TR only, which cannot be moved by less", "name the study itself",
                prepared.folder,
            )  # fmt: skip
        return open_store(kept.store).series(self._feature, settings.bandwidth)


def _usual(study: Study) -> str:
    if not study.runs:
        raise StudyError("has no runs", "name subjects and their files", study.root)
    first = study.runs[0]
    if first.annotations:
        return "text.word_rate"
    if first.stimulus is not None and probe(first.stimulus).audio:
        return "audio.envelope"
    raise StudyError("has neither annotations nor sound", "say which feature (--feature)", study.root)


def _first_of(prepared: Prepared) -> str:
    # Rows of a TR lie in a third dimension, where there is one.
    kept = [
        array.name
        for array in prepared.stimuli[0].features
        if array.store and array.kind in NUMBERS and prepared.array(array.file).shape[1] == 1
    ]
    if not kept:
        raise EncodingError(
            "no feature of a single column is kept at its own rate", "name the study itself", prepared.folder
        )
    return kept[0]


def _key(problem: EncodingProblem, prepared: Prepared) -> tuple[tuple[int, int], ...]:
    """Return which stimuli a subject saw, and for how many TRs, run by run."""
    scans = [scan for scan in prepared.scans if f"sub-{scan.subject}" == problem.name]
    return tuple((scan.stimulus, scan.n_trs) for scan in scans)


def _together(
    problems: Sequence[EncodingProblem], prepared: Prepared
) -> tuple[list[EncodingProblem], tuple[tuple[int, int], ...], list[str]]:
    """Return those subjects who saw the same at the same times, cut to the TRs that all have."""
    keys = {problem.name: _key(problem, prepared) for problem in problems}
    stimuli = {name: tuple(stimulus for stimulus, _ in key) for name, key in keys.items()}
    usual = Counter(stimuli.values()).most_common(1)[0][0]
    same = [problem for problem in problems if stimuli[problem.name] == usual]
    others = [problem.name for problem in problems if stimuli[problem.name] != usual]
    notes = [f"{listed(others)} saw other runs, or at other times, and are not in the group."] if others else []
    lengths = np.array([[n for _, n in keys[problem.name]] for problem in same]).min(axis=0)
    key = tuple((stimulus, int(n)) for stimulus, n in zip(usual, lengths, strict=True))
    return [_cut(problem, lengths) for problem in same], key, notes


def _cut(problem: EncodingProblem, lengths: np.ndarray) -> EncodingProblem:
    """Return a problem with the first rows of each run."""
    runs = list(problem.each_run())
    if all(rows.stop - rows.start == n for rows, n in zip(runs, lengths, strict=True)):
        return problem
    kept = np.concatenate([np.arange(rows.start, rows.start + n) for rows, n in zip(runs, lengths, strict=True)])
    return replace(
        problem,
        features={name: values[kept] for name, values in problem.features.items()},
        bold=problem.bold[kept],
        runs=problem.runs[kept],
        used=problem.used[kept],
        nuisance=None if problem.nuisance is None else problem.nuisance[kept],
    )
