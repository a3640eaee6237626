"""Ratings to figures: medians, quartiles, means and their intervals."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import giblet
from giblet.errors import ListeningError
from giblet.listening.anchors import ANCHORS, REFERENCE
from giblet.listening.publishing import FolderKind
from giblet.listening.results import Answers, Rating, read_answers
from giblet.listening.screening import Exclusion, screen
from giblet.metrics import json_value

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
SCORES_FOLDER = FolderKind("result of a listening test", "scores.json", "giblet-mushra-scores")


@dataclass(frozen=True)
class Summary:
    """What listeners said of a condition.

    Attributes
    ----------
    trial : str or None
        In this trial; None for all together.
    condition : str
        Name.
    n_listeners, n_ratings : int
        How many listeners, and ratings.
    median, lower_quartile, upper_quartile : float
        Of the ratings, 0 to 100; between two of them linearly (Hyndman and Fan's type 7, numpy's usual).
    mean, ci_low, ci_high : float
        Mean over listeners, of each one's mean over trials, and its 95 % confidence interval after Student's t, which
        reaches beyond 0 or 100 where it does; the interval of a single listener is nan.
    """

    trial: str | None
    condition: str
    n_listeners: int
    n_ratings: int
    median: float
    lower_quartile: float
    upper_quartile: float
    mean: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Scores:
    """The result of a listening test.

    Attributes
    ----------
    test : str
        The test's id.
    listeners : tuple of str
        Whose ratings count.
    excluded : tuple of Exclusion
        Whose do not, or with ``kept_all`` would not, and why.
    kept_all : bool
        Whether the ratings of these count all the same.
    conditions : tuple of Summary
        All trials together: the reference, the anchors, and the others from low to high medians.
    trials : tuple of Summary
        The same in each trial.
    ratings : tuple of Rating
        What counts.
    notes : tuple of str
        What to know, a sentence each.
    """

    test: str
    listeners: tuple[str, ...]
    excluded: tuple[Exclusion, ...]
    kept_all: bool
    conditions: tuple[Summary, ...]
    trials: tuple[Summary, ...]
    ratings: tuple[Rating, ...]
    notes: tuple[str, ...]

    def table(self, *, trials: bool = False) -> pd.DataFrame:
        """Return the figures, per condition or per trial and condition.

        Parameters
        ----------
        trials : bool
            Whether per trial.

        Returns
        -------
        pandas.DataFrame
            One row per summary, one column per attribute of `Summary`; ``trial`` only per trial.
        """
        import pandas as pd

        names = [field.name for field in dataclasses.fields(Summary)]
        rows = self.trials if trials else self.conditions
        table = pd.DataFrame([dataclasses.astuple(row) for row in rows], columns=names)
        return table if trials else table.drop(columns="trial")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it; a value that is not there is None."""
        return {
            "kind": SCORES_FOLDER.kind,
            "giblet": giblet.__version__,
            "test": self.test,
            "listeners": list(self.listeners),
            "excluded": [dataclasses.asdict(exclusion) for exclusion in self.excluded],
            "kept_all": self.kept_all,
            "confidence": CONFIDENCE,
            "conditions": [json_value(dataclasses.asdict(summary)) for summary in self.conditions],
            "trials": [json_value(dataclasses.asdict(summary)) for summary in self.trials],
            "ratings": [dataclasses.asdict(rating) for rating in self.ratings],
            "notes": list(self.notes),
        }


def score(files: Iterable[str | os.PathLike[str]], *, keep_all: bool = False) -> Scores:
    """Score the answers to a listening test.

    Listeners are post-screened after ITU-R BS.1534-3 (see `giblet.listening.screening.screen`).

    Parameters
    ----------
    files : iterable of str or os.PathLike
        CSV files as the test's page gives them.
    keep_all : bool
        Let the ratings of all listeners count; who would be excluded is told still.

    Returns
    -------
    Scores
        Figures per condition and per trial.

    Raises
    ------
    ListeningError
        If a file is damaged, files belong to different tests, a listener answered twice, or nobody is left.
    """
    everyone, notes = read_answers(files)
    excluded = screen(everyone)
    out = set() if keep_all else {exclusion.listener for exclusion in excluded}
    counted = [answers for answers in everyone if answers.listener not in out]
    if not counted:
        first = excluded[0]
        raise ListeningError(
            f"all {len(everyone)} listeners are excluded, {first.listener} for one who {' and '.join(first.reasons)}"
            if len(everyone) > 1
            else f"the only listener, {first.listener}, is excluded, who {' and '.join(first.reasons)}",
            "let more people listen, or score with --keep-all",
        )
    ratings = tuple(rating for answers in counted for rating in answers.ratings)
    order = _order(ratings)
    names = sorted({rating.trial for rating in ratings})
    if len(counted) == 1:
        notes.append("One listener alone gives no confidence intervals.")
    return Scores(
        test=ratings[0].test,
        listeners=tuple(answers.listener for answers in counted),
        excluded=tuple(excluded),
        kept_all=keep_all,
        conditions=tuple(_summary(counted, None, condition) for condition in order),
        trials=tuple(
            _summary(counted, trial, condition)
            for trial in names
            for condition in order
            if any(rating.trial == trial and rating.condition == condition for rating in ratings)
        ),
        ratings=ratings,
        notes=tuple(notes),
    )


def write_scores(scores: Scores, output: str | os.PathLike[str], *, force: bool = False) -> bool:
    """Write a result as files.

    Parameters
    ----------
    scores : Scores
        The result.
    output : str or os.PathLike
        Folder to make: ``conditions.csv``, ``trials.csv``, ``scores.json``, and where matplotlib is installed
        ``ratings.png`` and ``ratings.svg``.
    force : bool
        Replace a result that is there.

    Returns
    -------
    bool
        Whether matplotlib was there to draw the plots.

    Raises
    ------
    MediaError
        If the name is taken or cannot be written.
    """
    draws = importlib.util.find_spec("matplotlib") is not None
    with SCORES_FOLDER.published(output, force) as folder:
        scores.table().to_csv(folder / "conditions.csv", index=False)
        scores.table(trials=True).to_csv(folder / "trials.csv", index=False)
        text = json.dumps(scores.to_dict(), indent=1, ensure_ascii=False) + "\n"
        (folder / SCORES_FOLDER.file).write_text(text, encoding="utf-8", errors="surrogateescape")
        if draws:
            from giblet.listening.plot import write_plots

            write_plots(scores, folder)
    return draws


def _order(ratings: Sequence[Rating]) -> list[str]:
    values: dict[str, list[float]] = {}
    for rating in ratings:
        values.setdefault(rating.condition, []).append(rating.rating)
    fixed = [name for name in (REFERENCE, *ANCHORS) if name in values]
    others = sorted(values.keys() - set(fixed), key=lambda name: (float(np.median(values[name])), name))
    return [*fixed, *others]


def _summary(everyone: Sequence[Answers], trial: str | None, condition: str) -> Summary:
    each = [
        [r.rating for r in answers.ratings if r.condition == condition and trial in (None, r.trial)]
        for answers in everyone
    ]
    lower, median, upper = np.percentile(np.concatenate(each), [25, 50, 75])
    mean, low, high = mean_interval([float(np.mean(ratings)) for ratings in each])
    return Summary(
        trial, condition, len(each), sum(map(len, each)), float(median), float(lower), float(upper), mean, low, high
    )


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Return a mean and its confidence interval after Student's t.

    Parameters
    ----------
    values : sequence of float
        One for each listener.
    confidence : float
        Probability that the interval holds the mean of all people.

    Returns
    -------
    mean, low, high : float
        The interval of a single value is nan.
    """
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return mean, math.nan, math.nan
    half = float(t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half
