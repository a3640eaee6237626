"""`EncodingModel`: from features to BOLD, with the interface of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from giblet.alignment import HRF, support
from giblet.encoding.folds import N_BLOCKS, Fold, inner_division
from giblet.encoding.responses import responses
from giblet.encoding.solver import ALPHAS, N_ITER, Solver, solve
from giblet.errors import EncodingError
from giblet.timeline import Seconds, TRGrid, exact, whole


class EncodingModel(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression of BOLD on features at delays, or convolved with a haemodynamic response.

    Delays and response work run by run. Features are z-scored by mean and spread of the rows that are learnt from.
    Regularisation is chosen per target by inner folds: by runs, or by contiguous blocks with a gap that covers what
    delays and response reach.

    Parameters
    ----------
    spaces : mapping of str to int, optional
        Feature spaces in the order of the columns of X, and how many columns each has; by default one for all.
    delays : iterable of seconds
        Every column is there once for each.
    hrf : str, callable or sequence of seconds, optional
        In place of delays, as in `giblet.alignment.check_hrf`.
    tr : seconds, optional
        Repetition time; needed for delays, a response or a gap.
    sample_offset : seconds
        When within its TR a volume was sampled.
    model : {"banded", "ridge"}
        A strength of regularisation for each space and target, found by random search, or one for each target.
    alphas : sequence of float
        Strengths that are tried.
    n_iter : int
        Mixtures of spaces that are tried.
    n_inner : int
        Inner folds, at the most.
    gap : seconds, optional
        Between rows of inner folds; by default what delays and response reach.
    random_state : int
        Seed of the search.
    backend : {"auto", "numpy", "torch", "torch_cuda"}
        Where himalaya computes.
    targets_at_once : int
        Targets that are solved for together; fewer take less memory and, if there are many more, longer.
    dtype : {"float32", "float64"}
        Precision.

    Attributes
    ----------
    coef_ : ndarray, shape (n_columns, n_targets)
        Weights of the z-scored columns: those of the first space (all at the first delay, …), then of the second.
    intercept_ : ndarray, shape (n_targets,)
        Of the targets.
    deltas_ : ndarray, shape (n_bands, n_targets)
        Logarithm of mixture / alpha.
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> model = EncodingModel({"text.word_rate": 1, "audio.latents": 128}, delays=[2, 4, 6, 8], tr=1.5)
    >>> model.fit(X, Y, runs).predict(X_of_another_run)
    """

    def __init__(
        self,
        spaces: Mapping[str, int] | None = None,
        *,
        delays: Iterable[Seconds] = (),
        hrf: HRF | None = None,
        tr: Seconds | None = None,
        sample_offset: Seconds = 0,
        model: str = "banded",
        alphas: Sequence[float] = ALPHAS,
        n_iter: int = N_ITER,
        n_inner: int = N_BLOCKS,
        gap: Seconds | None = None,
        random_state: int = 0,
        backend: str = "auto",
        targets_at_once: int = 20_000,
        dtype: str = "float32",
    ) -> None:
        self.spaces = spaces
        self.delays = delays
        self.hrf = hrf
        self.tr = tr
        self.sample_offset = sample_offset
        self.model = model
        self.alphas = alphas
        self.n_iter = n_iter
        self.n_inner = n_inner
        self.gap = gap
        self.random_state = random_state
        self.backend = backend
        self.targets_at_once = targets_at_once
        self.dtype = dtype

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        runs: np.ndarray | None = None,
        used: np.ndarray | None = None,
    ) -> Self:
        """Learn weights.

        Parameters
        ----------
        X : ndarray, shape (n_samples, n_features)
            Features, one row per TR, at the time of the stimulus.
        y : ndarray, shape (n_samples,) or (n_samples, n_targets)
            BOLD.
        runs : ndarray of int, shape (n_samples,), optional
            Run of each row, whose rows lie together; by default all are of one.
        used : ndarray of bool, shape (n_samples,), optional
            Rows to learn from; the features of others still count at their delays.

        Returns
        -------
        EncodingModel
            Itself.

        Raises
        ------
        EncodingError
            If shapes do not fit, values that are needed are no numbers, or there are too few rows.
        ParameterError
            If a parameter cannot be used.
        """
        features = _features(X)
        labels = _labels(features, runs)
        bold = np.asarray(y)
        if bold.ndim not in (1, 2) or len(bold) != len(features):
            raise EncodingError(
                f"there are {len(features)} rows of features, and BOLD of shape {bold.shape}", "give a row for each TR"
            )
        solver = self._solver()
        at_once = whole(self.targets_at_once, "targets_at_once")
        if at_once < 1:
            raise EncodingError(f"targets_at_once is {at_once}", "give 1 or more")
        self.n_features_in_ = features.shape[1]
        design, known = self._design(features, labels)
        rows = np.flatnonzero(known if used is None else known & np.asarray(used, bool))
        self._single = bold.ndim == 1
        bold = bold[:, None] if self._single else bold
        inner = inner_division(rows, labels, self.n_inner, self._gap())
        inner = tuple(Fold(np.searchsorted(rows, part.train), np.searchsorted(rows, part.test)) for part in inner)
        self._mean, self._scale = _standard(design[rows])
        bands = self._bands(self._standardised(design[rows]))
        n_bands = len(bands) if self.model == "banded" else 1
        self.coef_ = np.empty((design.shape[1], bold.shape[1]), self.dtype)
        self.intercept_ = np.empty(bold.shape[1], self.dtype)
        self.deltas_ = np.empty((n_bands, bold.shape[1]), self.dtype)
        for first in range(0, bold.shape[1], at_once):
            which = slice(first, first + at_once)
            part = np.asarray(bold[:, which])[rows]
            if not np.isfinite(part).all():
                raise EncodingError("the BOLD holds values that are no numbers", "mend them, or leave the targets out")
            solution = solve(solver, bands, part, inner)
            self.coef_[:, which] = solution.weights
            self.intercept_[which] = solution.intercept
            self.deltas_[:, which] = solution.deltas
        return self

    def predict(self, X: np.ndarray, runs: np.ndarray | None = None) -> np.ndarray:
        """Predict BOLD.

        Parameters
        ----------
        X : ndarray, shape (n_samples, n_features)
            Features.
        runs : ndarray of int, shape (n_samples,), optional
            Run of each row.

        Returns
        -------
        ndarray, shape (n_samples, n_targets), or (n_samples,) as y was
            Of ``dtype``; NaN where features that count are not known.
        """
        check_is_fitted(self)
        features = self._same(X)
        design, _ = self._design(features, _labels(features, runs))
        found = self._standardised(design) @ self.coef_ + self.intercept_
        return found[:, 0] if self._single else found

    def predict_spaces(self, X: np.ndarray, runs: np.ndarray | None = None) -> np.ndarray:
        """Return what each space adds to the prediction.

        Parameters
        ----------
        X, runs
            As in `predict`.

        Returns
        -------
        ndarray, shape (n_spaces, n_samples, n_targets)
            Their sum and the intercept are the prediction.
        """
        check_is_fitted(self)
        features = self._same(X)
        design, _ = self._design(features, _labels(features, runs))
        parts, first = [], 0
        for band in self._bands(self._standardised(design)):
            parts.append(band @ self.coef_[first : first + band.shape[1]])
            first += band.shape[1]
        return np.stack(parts)

    def score(
        self,
        X: np.ndarray,
        y: np.ndarray,
        runs: np.ndarray | None = None,
    ) -> float:
        """Return the mean R² over targets.

        Parameters
        ----------
        X, y, runs
            As in `fit`; rows that the model never saw.

        Returns
        -------
        float
            scikit-learn's ``r2_score``.
        """
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X, runs)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Rows of which nothing is known are not learnt from.
        tags.input_tags.allow_nan = True
        return tags

    def _solver(self) -> Solver:
        return Solver(
            self.model, tuple(float(alpha) for alpha in self.alphas), whole(self.n_iter, "n_iter"), self.random_state,
            self.backend, self.dtype,
        )  # fmt: skip

    def _gap(self) -> int:
        """Return the rows between those of inner folds."""
        if self.tr is None:
            if self.gap is not None:
                raise EncodingError("the gap is in seconds, and the TR is not given", "give tr= in seconds")
            return 0
        grid = TRGrid(exact(self.tr, "the TR"), 1, sample_offset=exact(self.sample_offset))
        seconds = sum(support(grid, hrf=self.hrf, delays=self.delays)) if self.gap is None else self.gap
        return max(0, math.ceil(exact(seconds, "the gap") / grid.tr))

    def _widths(self) -> list[int]:
        """Return how many columns of X each space has."""
        if self.spaces is None:
            return [self.n_features_in_]
        widths = [whole(width, f"the width of {name}") for name, width in self.spaces.items()]
        if sum(widths) != self.n_features_in_ or min(widths, default=0) < 1:
            raise EncodingError(
                f"the spaces have {sum(widths)} columns, and the features {self.n_features_in_}",
                "say how many columns each space has",
            )
        return widths

    def _design(self, features: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features at the time of BOLD, space after space, and where they are known."""
        parts, known = [], np.ones(len(features), bool)
        for columns in _cut(self._widths()):
            part, inside = responses(
                features[:, columns], runs, self.tr, self.delays, self.hrf, self.sample_offset
            )  # fmt: skip
            parts.append(part)
            known &= inside
        return np.concatenate(parts, axis=1), known

    def _bands(self, design: np.ndarray) -> list[np.ndarray]:
        copies = design.shape[1] // self.n_features_in_
        return [design[:, columns] for columns in _cut([width * copies for width in self._widths()])]

    def _standardised(self, design: np.ndarray) -> np.ndarray:
        return ((design - self._mean) / self._scale).astype(self.dtype)

    def _same(self, X: np.ndarray) -> np.ndarray:
        features = _features(X)
        if features.shape[1] != self.n_features_in_:
            raise EncodingError(
                f"X has {features.shape[1]} features, but EncodingModel is expecting {self.n_features_in_} features as "
                "input",
                "give the features that were learnt from",
            )
        return features


def _features(X: Any) -> np.ndarray:
    features = np.asarray(X)
    if features.ndim != 2 or not features.size or features.dtype.kind not in "fiub":
        raise EncodingError(
            f"the features have the shape {features.shape} and type {features.dtype}",
            "give numbers, a row for each TR and at least one column",
        )
    return features if features.dtype in (np.float32, np.float64) else features.astype(np.float64)


def _labels(X: np.ndarray, runs: np.ndarray | None) -> np.ndarray:
    labels = np.zeros(len(X), np.int64) if runs is None else np.asarray(runs)
    if labels.shape != (len(X),):
        raise EncodingError(f"there are {len(X)} rows, and runs of shape {labels.shape}", "give a run for each row")
    return labels


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of columns; 1 for those that never change."""
    mean, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    largest = np.abs(values).max(axis=0)
    return mean, np.where(scale > 1e-9 * np.maximum(largest, 1e-300), scale, 1.0)


def _cut(widths: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *widths])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]
