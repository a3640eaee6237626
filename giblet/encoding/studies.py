"""A study, or a dataset that was built of one → what encoding models are fitted to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.data.layouts import find_study
from giblet.data.multimodal.building import find_prepared
from giblet.data.multimodal.prepared import FeatureArray, Prepared, is_prepared
from giblet.data.multimodal.rows import Source, pick_subjects, sources
from giblet.data.study import Study
from giblet.encoding.columns import listed, without_useless
from giblet.encoding.joined import JoinedBold
from giblet.encoding.nuisance import HIGH_PASS, drifts
from giblet.encoding.problem import EncodingProblem
from giblet.errors import EncodingError, StudyError
from giblet.features import ask_features
from giblet.progress import SILENT, Progress
from giblet.timeline import Seconds, exact

if TYPE_CHECKING:
    from giblet.data.dataset import MultimodalDataset

NUMBERS = ("continuous", "event")
"""Kinds of features that can be learnt from."""


def problems_of(
    dataset: MultimodalDataset | str | os.PathLike[str],
    features: str | Iterable[str] | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    group: bool = False,
    *,
    hrf: str | None = None,
    high_pass: Seconds | None = HIGH_PASS,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> list[EncodingProblem]:
    """Return features and BOLD of a dataset, subject by subject.

    Features come to TRs by the mean of their rows in each (words by their number), without a response and without
    delays. Where a dataset was built with either, its features are taken as they are.

    Parameters
    ----------
    dataset : MultimodalDataset, str or os.PathLike
        A dataset; or the place of a study or of a dataset that ``giblet dataset build`` made. Of a dataset's split only
        the rows are used.
    features : str or iterable of str, optional
        Names; by default those of the dataset that are numbers, or of a study that names none the power of its sound
        and the rate of its words.
    subjects : "all", str, int or list of those
        As in `MultimodalDataset`, whose own subjects count if one is given.
    group : bool
        Whether to return the mean of the subjects in their stead.
    hrf : str, optional
        A haemodynamic response that the features of a study are convolved with at their own rate; a dataset that was
        built keeps those that it has.
    high_pass : number, str or None
        Hz; slower drifts become nuisance regressors, run by run. None for none.
    cache_dir : str or os.PathLike, optional
        Where a study's dataset is kept.
    progress : Progress
        Who watches.
    **settings
        More of `giblet.data.multimodal.settings.DatasetSettings` for a study: codec, bandwidth, tr, trim, ….

    Returns
    -------
    list of EncodingProblem
        One for each subject, or one named "group".

    Raises
    ------
    EncodingError
        If runs differ in TR, there is no BOLD, or features cannot be learnt from.
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, ParameterError, StoreError
        As when a dataset is built.
    """
    found = each_problem(
        dataset, features, subjects, group, hrf=hrf, high_pass=high_pass, cache_dir=cache_dir, progress=progress,
        **settings,
    )  # fmt: skip
    return [replace(one, bold=np.asarray(one.bold)) for one in found]


def each_problem(
    dataset: MultimodalDataset | str | os.PathLike[str],
    features: str | Iterable[str] | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    group: bool = False,
    *,
    hrf: str | None = None,
    high_pass: Seconds | None = HIGH_PASS,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> Iterator[EncodingProblem]:
    """Yield what `problems_of` returns, one after the other; all BOLD stays in its files."""
    if isinstance(dataset, (str, os.PathLike)):
        prepared = _prepared(dataset, features, hrf, settings, cache_dir, progress)
        names = tuple(dict.fromkeys(scan.subject for scan in prepared.scans))
        chosen = pick_subjects(names, subjects)
        found = list(sources(prepared, chosen, "cross_subject" if group else "per_subject"))
        used = [source.valid for source in found]
    else:
        prepared = dataset._prepared
        chosen = dataset.subjects if subjects == "all" else pick_subjects(dataset.subjects, subjects)
        found, used = _of_dataset(dataset, chosen, group)
    asked = None if features is None else [request.name for request in ask_features(features)]
    people: dict[str | None, list[int]] = {}
    for i, source in enumerate(found):
        people.setdefault(source.subject, []).append(i)
    silent = [_called(subject) for subject, own in people.items() if not any(used[i].any() for i in own)]
    if len(silent) == len(people):
        raise EncodingError(
            f"{listed(silent)}: no signal, or no row that can be used", "see giblet dataset info", prepared.folder
        )
    if None in people:
        # A mean leaves out those without signal by itself.
        heard = {prepared.scans[scan].subject for source in found for scan in source.scans}
        silent += [_called(subject) for subject in chosen if subject not in heard]
    notes = [f"{listed(silent)}: no signal, or no row that can be used; left out."] if silent else []
    for subject, own in people.items():
        if _called(subject) not in silent:
            runs, rows = [found[i] for i in own], np.concatenate([used[i] for i in own])
            yield _problem(prepared, runs, rows, asked, high_pass, notes)


def each_person(
    dataset: MultimodalDataset | str | os.PathLike[str],
    features: str | Iterable[str] | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    **options: Any,
) -> Iterator[EncodingProblem]:
    """Yield the subjects whose mean `each_problem` makes a group of; of a dataset's split, all of their rows."""
    if isinstance(dataset, (str, os.PathLike)):
        return each_problem(dataset, features, subjects, **options)
    chosen = dataset.subjects if subjects == "all" else pick_subjects(dataset.subjects, subjects)
    # Its features are what they are; how they came to be has been said to the dataset.
    asked = {name: options[name] for name in ("high_pass", "progress") if name in options}
    return each_problem(dataset._prepared.folder, features, chosen, **asked)


def _of_dataset(
    dataset: MultimodalDataset, chosen: Sequence[str], group: bool
) -> tuple[list[Source], list[np.ndarray]]:
    """Return the runs of a dataset, and the rows of its split that can be used."""
    found = [source for source in dataset._sources if source.subject in (None, *chosen)]
    if group and dataset.mode == "per_subject":
        if dataset.split is not None:
            raise EncodingError("a split of single subjects is no group", "open the dataset with mode='cross_subject'")
        found = list(sources(dataset._prepared, chosen, "cross_subject"))
    used = [source.valid for source in found]
    if dataset.split is not None:
        for i, source in enumerate(found):
            inside = np.zeros(source.n_trs, bool)
            inside[dataset._trs(dataset._sources.index(source))] = True
            used[i] = used[i] & inside
    return found, used


def _called(subject: str | None) -> str:
    return "group" if subject is None else f"sub-{subject}"


def _prepared(
    source: str | os.PathLike[str],
    features: str | Iterable[str] | None,
    hrf: str | None,
    settings: Mapping[str, Any],
    cache_dir: str | os.PathLike[str] | None,
    progress: Progress,
) -> Prepared:
    if is_prepared(source):
        return find_prepared(source, settings, cache_dir, progress)
    study = find_study(source)
    study.raise_errors()
    wanted = features if features is not None else study.settings.get("features") or _usual(study)
    response = {"apply_hrf": True, "hrf": hrf} if hrf is not None else {"filter": "mean", "apply_hrf": False}
    asked = {**response, **settings, "features": wanted, "delays": ()}
    return find_prepared(source, asked, cache_dir, progress)


def _usual(study: Study) -> tuple[str, ...]:
    from giblet.media.probe import probe

    if not study.runs:
        raise StudyError("has no runs", "name subjects and their files", study.root)
    first = study.runs[0]
    heard = first.stimulus is not None and probe(first.stimulus).audio
    names = [*(["audio.power"] if heard else []), *(["text.word_rate"] if first.annotations else [])]
    if not names:
        raise StudyError("has neither sound nor annotations", "say which features (--features)", study.root)
    return tuple(names)


def _problem(
    prepared: Prepared,
    runs: Sequence[Source],
    used: np.ndarray,
    asked: Sequence[str] | None,
    high_pass: Seconds | None,
    notes: Sequence[str],
) -> EncodingProblem:
    name = _called(runs[0].subject)
    tr, offset = _one_grid(prepared, runs, name)
    arrays, skipped = _chosen(prepared, runs[0], asked)
    parts: dict[str, list[np.ndarray]] = {array.name: [] for array in arrays}
    for run in runs:
        stimulus = prepared.stimuli[run.stimulus]
        known = prepared.array(stimulus.valid)[: run.n_trs]
        files = {feature.name: feature.file for feature in stimulus.features}
        for feature, rows in parts.items():
            rows.append(_rows(prepared.array(files[feature])[: run.n_trs], known))
    features = {feature: np.concatenate(rows) for feature, rows in parts.items()}
    columns = {array.name: array.columns for array in arrays}
    features, columns, dropped = without_useless(name, features, used, columns)
    lengths = [run.n_trs for run in runs]
    scan = prepared.scans[runs[0].scans[0]]
    if scan.bold is None or scan.targets is None:
        raise EncodingError("there is no BOLD to predict", "name the scans in the study", prepared.folder)
    settings = prepared.settings
    response = f"convolved with {settings.hrf}" if settings.hrf else ""
    if settings.delays:
        response = f"at delays of {', '.join(f'{float(delay):g}' for delay in settings.delays)} s"
    return EncodingProblem(
        features=features,
        bold=_bold(prepared, runs),
        runs=np.repeat(np.arange(len(runs)), lengths),
        tr=tr,
        used=used,
        targets=tuple(prepared.document(scan.targets)["names"]),
        nuisance=None if high_pass is None else drifts(lengths, tr, high_pass),
        reach=prepared.reach(columns),
        name=name,
        sample_offset=offset,
        columns=columns,
        response=response,
        space=_space(prepared, scan.space),
        notes=tuple(dict.fromkeys([*notes, *skipped, *dropped, *_told(prepared, runs), _of_drifts(high_pass)])),
    )


def _one_grid(prepared: Prepared, runs: Sequence[Source], name: str) -> tuple[Fraction, Fraction]:
    grids = {run.run: prepared.stimuli[run.stimulus].grid for run in runs}
    for what, times in (
        ("TR", {run: grid.tr for run, grid in grids.items()}),
        ("moment of their volumes within a TR", {run: grid.sample_offset for run, grid in grids.items()}),
    ):
        if len(set(times.values())) > 1:
            each = ", ".join(f"{run}: {float(seconds):g} s" for run, seconds in times.items())
            raise EncodingError(
                f"{name}: the runs differ in the {what} ({each})",
                "leave runs out until they agree, or fit them one by one",
                prepared.folder,
            )
    grid = next(iter(grids.values()))
    return grid.tr, grid.sample_offset


def _chosen(prepared: Prepared, run: Source, asked: Sequence[str] | None) -> tuple[list[FeatureArray], list[str]]:
    there = {feature.name: feature for feature in prepared.stimuli[run.stimulus].features}
    if asked is None:
        skipped = [feature.name for feature in there.values() if feature.kind not in NUMBERS]
        notes = [f"{listed(skipped)} cannot be learnt from as numbers and were left out."] if skipped else []
        numbers = [feature for feature in there.values() if feature.kind in NUMBERS]
        if not numbers:
            raise EncodingError(
                f"{listed(skipped)} cannot be learnt from as numbers", "ask for others, such as audio.latents"
            )
        return numbers, notes
    chosen: dict[str, FeatureArray] = {}
    for name in asked:
        matching = [name] if name in there else [found for found in there if _is_layer_of(found, name)]
        if not matching:
            remedy = f"choose from {', '.join(there)}, or build it again"
            raise EncodingError(f"the dataset has no {name}", remedy, prepared.folder)
        chosen |= {found: there[found] for found in matching}
    for feature in chosen.values():
        if feature.kind not in NUMBERS:
            remedy = "take audio.latents, which they stand for" if feature.name == "audio.codes" else "take others"
            raise EncodingError(f"{feature.name} cannot be learnt from as numbers", remedy)
    return list(chosen.values()), []


def _is_layer_of(found: str, asked: str) -> bool:
    """Tell whether a feature came of a request for several layers of a model."""
    one, several = ask_features(found)[0], ask_features(asked)[0]
    same = (one.feature, one.parts[:1], one.options) == (several.feature, several.parts[:1], several.options)
    return same and len(one.parts) > 1


def _rows(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return one row per TR, of which frames within a TR are averaged; NaN where nothing is known."""
    rows = np.array(values if values.ndim == 2 else values.mean(axis=2, dtype=np.float64), np.float32)
    rows[~known] = np.nan
    return rows


def _told(prepared: Prepared, runs: Sequence[Source]) -> list[str]:
    """Return what reading the scans has found that bears on the fit: what was regressed out, what is censored."""
    words = ("Regressed out", "censored", "never change", "no numbers", "no signal")
    notes = [note for run in runs for scan in run.scans for note in prepared.scans[scan].notes]
    return [note for note in notes if any(word in note for word in words)]


def _of_drifts(high_pass: Seconds | None) -> str:
    if high_pass is None:
        return "The mean of each run was taken out of its BOLD, and no drifts."
    period = float(1 / exact(high_pass))
    return f"The mean and drifts slower than {period:g} s (cosines) were regressed out of the BOLD of each run."


def _bold(prepared: Prepared, runs: Sequence[Source]) -> Any:
    """Return the BOLD of runs one after the other, left in its files: a mapped one where there is but one."""
    parts = [[prepared.array(prepared.scans[scan].bold or "")[: run.n_trs] for scan in run.scans] for run in runs]
    return parts[0][0] if len(parts) == len(parts[0]) == 1 else JoinedBold(parts)


def _space(prepared: Prepared, file: str | None) -> Any:
    if file is None:
        return None
    from giblet.bold import read_space

    return read_space(prepared.folder / file)
