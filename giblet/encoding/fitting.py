"""`fit`: encoding models of a dataset in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from giblet.encoding.ceiling import Ceiling
from giblet.encoding.crossvalidation import cross_validate
from giblet.encoding.plan import Plan
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.scores import Scores
from giblet.encoding.studies import each_person, each_problem
from giblet.encoding.study_ceilings import known_ceilings
from giblet.progress import SILENT, Progress

if TYPE_CHECKING:
    from giblet.data.dataset import MultimodalDataset


@overload
def fit(dataset: EncodingProblem, *, progress: Progress = ..., **options: Any) -> Scores: ...
@overload
def fit(
    dataset: MultimodalDataset | str | os.PathLike[str],
    *,
    features: str | Iterable[str] | None = ...,
    subjects: str | int | Sequence[str | int] = ...,
    group: bool = ...,
    progress: Progress = ...,
    **options: Any,
) -> list[Scores]: ...
def fit(
    dataset: EncodingProblem | MultimodalDataset | str | os.PathLike[str],
    *,
    features: str | Iterable[str] | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    group: bool = False,
    progress: Progress = SILENT,
    **options: Any,
) -> Scores | list[Scores]:
    """Fit encoding models, each to all folds but one, and judge them on that one.

    Parameters
    ----------
    dataset : EncodingProblem, MultimodalDataset, str or os.PathLike
        One problem; or a dataset or its place, as in `giblet.encoding.problems_of`.
    features, subjects, group
        As in `giblet.encoding.problems_of`; for datasets.
    progress : Progress
        Who watches.
    **options
        delays, hrf, model, n_blocks, gap, unique, null, permutations, random_state, targets_at_once, …: as in
        `giblet.encoding.plan.Plan`. All others go to `giblet.encoding.problems_of`. The features of a study are
        convolved with a named response at their own rate, those of a problem or a built dataset TR by TR.

    Returns
    -------
    Scores or list of Scores
        Of the problem; or of each subject, or the group, beside their ceilings (see `giblet.encoding.ceilings_of`).

    Raises
    ------
    EncodingError
        If the data cannot be fitted or judged as asked.
    ParameterError
        If an option cannot be used.
    MissingExtraError
        If himalaya is not installed.
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, StoreError
        As in `giblet.encoding.problems_of`.

    Examples
    --------
    >>> scores = fit("study.yaml", features=["text.word_rate", "audio.latents"], delays=[2, 4, 6, 8])
    >>> scores[0].to_table()
    """
    plan, others = Plan.asked(options)
    if isinstance(dataset, EncodingProblem):
        return _judged(dataset, plan, known_ceilings([dataset]), progress)
    return list(each_fit(dataset, plan, features, subjects, group, progress, **others))


def each_fit(
    dataset: MultimodalDataset | str | os.PathLike[str],
    plan: Plan,
    features: str | Iterable[str] | None = None,
    subjects: str | int | Sequence[str | int] = "all",
    group: bool = False,
    progress: Progress = SILENT,
    **options: Any,
) -> Iterator[Scores]:
    """Yield what `fit` returns for a dataset, one after the other."""
    asked: dict[str, Any] = {"hrf": plan.hrf if isinstance(plan.hrf, str) else None, "progress": progress, **options}
    if features is not None and not isinstance(features, str):
        features = list(features)
    problems = list(each_problem(dataset, features, subjects, group, **asked))
    people = problems
    if problems[0].name == "group":
        people = list(each_person(dataset, features, subjects, **asked))
    ceilings = known_ceilings(people)
    for problem in problems:
        yield _judged(problem, plan, ceilings, progress)


def _judged(problem: EncodingProblem, plan: Plan, ceilings: Mapping[str, Ceiling | str], progress: Progress) -> Scores:
    return replace(cross_validate(problem, plan, progress), ceiling=ceilings[problem.name])
