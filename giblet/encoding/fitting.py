"""`fit`: encoding models of a dataset in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from giblet.encoding.crossvalidation import cross_validate
from giblet.encoding.plan import Plan
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.scores import Scores
from giblet.encoding.studies import each_problem
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
        Of the problem; or of each subject, or the group.

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
        return cross_validate(dataset, plan, progress)
    hrf = plan.hrf if isinstance(plan.hrf, str) else None
    problems = each_problem(dataset, features, subjects, group, hrf=hrf, progress=progress, **others)
    return [cross_validate(problem, plan, progress) for problem in problems]
