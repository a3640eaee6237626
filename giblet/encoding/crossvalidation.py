"""Fitting to all folds but one and judging on that one, batch by batch of targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from giblet.encoding.columns import listed
from giblet.encoding.folds import Fold, gap_rows, make_folds, reach_of
from giblet.encoding.model import EncodingModel
from giblet.encoding.nuisance import without_nuisance
from giblet.encoding.nulls import (
    BlockPlan,
    ShiftPlan,
    block_null,
    false_discoveries,
    plan_blocks,
    plan_shifts,
    shifted,
)
from giblet.encoding.plan import Plan
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.responses import responses
from giblet.encoding.scores import Scores, judge
from giblet.encoding.tally import LEVEL, Tally
from giblet.errors import EncodingError
from giblet.progress import SILENT, Progress, stage


def cross_validate(problem: EncodingProblem, plan: Plan, progress: Progress = SILENT) -> Scores:
    """Fit a problem and judge it on what was held out.

    Memory is bounded by ``plan.targets_at_once``: besides the features, everything is held for so many targets only.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    plan : Plan
        How.
    progress : Progress
        Who watches.

    Returns
    -------
    Scores
        Of every target; NaN for those without signal.

    Raises
    ------
    EncodingError
        If the data cannot be fitted or judged as planned.
    MissingExtraError
        If himalaya is not installed.
    """
    work = _Work(problem, plan.of(problem), progress)
    plan, folds = work.plan, work.folds
    n_test = tuple(len(fold.test) for fold in folds)
    null: BlockPlan | ShiftPlan | None = None
    if plan.null == "blocks":
        null = plan_blocks(n_test, problem.tr, plan.permutations, plan.block, plan.random_state)
    elif plan.null == "shifts":
        null = plan_shifts(problem, work.reach, plan.permutations, plan.random_state)
    signal = _signal(problem, folds)
    targets = np.flatnonzero(signal)
    if not len(targets):
        raise EncodingError(f"{problem.name}: no target has a signal in every fold", "leave this subject out")
    shape = (len(problem.features), len(folds), problem.n_targets)
    r, r2, split = np.full(shape[1:], np.nan), np.full(shape[1:], np.nan), np.full(shape, np.nan)
    unique = np.full(shape, np.nan) if plan.unique and shape[0] > 1 else None
    p = None if null is None else np.full(problem.n_targets, np.nan)
    chance = None if null is None else np.full(problem.n_targets, np.nan)
    n_fits = 1 + (shape[0] if unique is not None else 0) + (len(null.shifts) if isinstance(null, ShiftPlan) else 0)
    # Every fit takes in the whole of the film, for so many of the targets at a time.
    work.seconds = problem.n_samples * float(problem.tr) / len(targets)
    total = n_fits * len(folds) * len(targets) * work.seconds
    with stage(progress, f"encoding model of {problem.name}", total):
        for first in range(0, len(targets), plan.targets_at_once):
            which = targets[first : first + plan.targets_at_once]
            bold = without_nuisance(problem, which)
            held = [bold[fold.test] for fold in folds]
            made = list(work.predictions(work.design, bold))
            r[:, which], r2[:, which], split[:, :, which] = _judged(made, held)
            if p is not None and chance is not None:
                if isinstance(null, BlockPlan):
                    p[which], margin = block_null(null, [parts.sum(axis=0) for parts in made], held)
                elif isinstance(null, ShiftPlan):
                    p[which], margin = work.shift_null(null, bold, r[:, which].mean(axis=0))
                chance[which] = r[:, which].mean(axis=0) - margin
            for i, space in enumerate(problem.features if unique is not None else ()):
                rest = {name: values for name, values in work.design.items() if name != space}
                _, without, _ = _judged(work.predictions(rest, bold), held)
                if unique is not None:
                    unique[i][:, which] = r2[:, which] - without
    return Scores(
        name=problem.name,
        targets=problem.targets,
        spaces=tuple(problem.features),
        r=r,
        r2=r2,
        split=split,
        unique=unique,
        p=p,
        q=None if p is None else false_discoveries(p),
        chance=chance,
        smallest_p=None if null is None else null.smallest_p,
        null=plan.null,
        n_test=n_test,
        notes=(*problem.notes, *_notes(work, signal, null)),
        space=problem.space,
    )


@dataclass(eq=False)
class _Work:
    """A problem, with its features at the time of BOLD and its folds."""

    problem: EncodingProblem
    plan: Plan
    progress: Progress
    seconds: float = 0.0

    def __post_init__(self) -> None:
        plan, problem = self.plan, self.problem
        self.delays = plan.delays or ()
        self.reach = reach_of(problem, self.delays, plan.hrf)
        self.design, known = self.at_bold(problem.features)
        self.used = problem.used & known
        self.folds = make_folds(
            problem, plan.n_blocks, plan.gap, delays=self.delays, hrf=plan.hrf, used=self.used
        )  # fmt: skip
        self.gap = gap_rows(problem, plan.gap, self.reach) * problem.tr

    def at_bold(self, features: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return each space at the time of BOLD, and the rows in which all are known."""
        problem, design, known = self.problem, {}, np.ones(self.problem.n_samples, bool)
        for name, values in features.items():
            floats = values.astype(self.plan.dtype)
            design[name], inside = responses(
                floats, problem.runs, problem.tr, self.delays, self.plan.hrf, problem.sample_offset
            )
            known &= inside
        return design, known

    def predictions(self, design: Mapping[str, np.ndarray], bold: np.ndarray) -> Iterator[np.ndarray]:
        """Yield what each space adds to the prediction of held-out rows: (n_spaces, n_test, n_targets) of a fold."""
        plan, problem = self.plan, self.problem
        together = np.concatenate(list(design.values()), axis=1)
        # Delays and response were applied to whole runs above; the rows of a fold know theirs.
        model = EncodingModel(
            {name: values.shape[1] for name, values in design.items()},
            tr=problem.tr, gap=self.gap, model=plan.model, alphas=plan.alphas, n_iter=plan.n_iter,
            n_inner=plan.n_inner, random_state=plan.random_state, backend=plan.backend,
            targets_at_once=plan.targets_at_once, dtype=plan.dtype,
        )  # fmt: skip
        for fold in self.folds:
            learnt = np.zeros(problem.n_samples, bool)
            learnt[fold.train] = True
            model.fit(together, bold, problem.runs, learnt)
            yield model.predict_spaces(together[fold.test])
            self.progress.advance(bold.shape[1] * self.seconds)

    def shift_null(self, shifts: ShiftPlan, bold: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return p of the mean r by fits to shifted features, and the margin, as `block_null` does."""
        tally, held = Tally(r, len(shifts.shifts)), [bold[fold.test] for fold in self.folds]
        for shift in shifts.shifts:
            design, _ = self.at_bold(shifted(self.problem, int(shift)))
            # What is unknown has moved into rows that are used.
            filled = {name: np.where(np.isfinite(values), values, 0) for name, values in design.items()}
            tally.add(_judged(self.predictions(filled, bold), held)[0].mean(axis=0))
        return tally.p(), r - tally.chance()


def _judged(
    made: Sequence[np.ndarray] | Iterator[np.ndarray], held: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return r and R² (n_folds, n_targets), and the split (n_spaces, n_folds, n_targets)."""
    r, r2, split = zip(*(judge(parts, measured) for parts, measured in zip(made, held, strict=True)), strict=True)
    return np.stack(r), np.stack(r2), np.stack(split, axis=1)


def _signal(problem: EncodingProblem, folds: Sequence[Fold]) -> np.ndarray:
    """Tell which targets change in what is learnt from and in what is judged by, in every fold."""
    found = problem.signal()
    for fold in folds:
        for rows in (fold.train, fold.test):
            found &= problem.signal(rows)
    return found


def _of_response(work: _Work) -> str:
    if work.problem.response:
        return f"The features are {work.problem.response}."
    if work.delays:
        return f"Every feature at delays of {', '.join(f'{float(delay):g}' for delay in work.delays)} s."
    if work.plan.hrf is None:
        return "Features as they are, without delays and without a response."
    return f"Features convolved with {work.plan.hrf if isinstance(work.plan.hrf, str) else 'the response given'}."


def _notes(work: _Work, signal: np.ndarray, null: BlockPlan | ShiftPlan | None) -> list[str]:
    problem, folds, used = work.problem, work.folds, work.used
    by_run = work.plan.n_blocks is None and len(np.unique(problem.runs[used])) > 1
    gap, reach = float(work.gap), sum(work.reach)
    sizes = [len(fold.test) for fold in folds]
    notes = [
        _of_response(work),
        f"{len(folds)} folds of {' to '.join(map(str, sorted({min(sizes), max(sizes)})))} TRs, "
        + (
            "each a run."
            if by_run
            else f"contiguous, with {gap:g} s left out around each; the model reaches {reach:g} s."
        ),
    ]
    if gap < reach:
        notes.append("The gap is shorter than the model's reach: what is learnt from and what is judged by overlap.")
    repeats = max(problem.alike_runs(), key=len)
    if len(repeats) > 1:
        notes.append(
            f"{len(repeats)} runs show the same: what is judged by was shown in what is learnt from, too, so that r "
            "also tells of responses learnt by heart."
        )
    if not used.all():
        notes.append(
            f"{(~used).sum()} of {len(used)} rows are not used: censored, unknown, or before what delays reach."
        )
    if not signal.all():
        without = [problem.targets[i] for i in np.flatnonzero(~signal)]
        notes.append(f"{len(without)} of {len(signal)} targets have no signal, and no scores: {listed(without)}.")
    if isinstance(null, BlockPlan):
        seconds = float(min(null.lengths) * problem.tr)
        notes.append(f"Null: {len(null.orders[0])} permutations of blocks of {seconds:g} s of held-out predictions.")
    if null is not None and null.smallest_p > LEVEL:
        notes.append(f"These data allow no p below {null.smallest_p:.2g}: nothing can be found to be more than chance.")
    if isinstance(null, ShiftPlan):
        every = float(null.spacing * problem.tr)
        notes.append(f"Null: {len(null.shifts)} fits to features shifted in time by multiples of {every:g} s.")
    return notes
