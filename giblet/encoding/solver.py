"""Banded ridge regression by himalaya: Dupré la Tour et al. (2022), NeuroImage 264."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.encoding.folds import Fold
from giblet.errors import MissingExtraError, ParameterError

MODELS = ("banded", "ridge")
BACKENDS = ("auto", "numpy", "torch", "torch_cuda")
ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 8, 19))
"""Strengths of regularisation that are tried by default."""
N_ITER = 100
"""Mixtures of feature spaces that are tried by default."""

# Within what is solved at once, himalaya holds predictions for so many targets and strengths.
_TARGETS, _ALPHAS = 1000, 10


@dataclass(frozen=True)
class Solver:
    """How ridge regression is solved.

    Attributes
    ----------
    model : {"banded", "ridge"}
        A strength of regularisation for each feature space and target, or for each target only.
    alphas : tuple of float
        Strengths that are tried.
    n_iter : int
        Mixtures of feature spaces that are tried at random, the first of them equal parts.
    random_state : int
        Seed of the mixtures.
    backend : {"auto", "numpy", "torch", "torch_cuda"}
        Where himalaya computes; "auto" is CUDA where there is one, else numpy.
    dtype : {"float32", "float64"}
        Precision.
    """

    model: str = "banded"
    alphas: tuple[float, ...] = ALPHAS
    n_iter: int = N_ITER
    random_state: int = 0
    backend: str = "auto"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for value, choices, what in (
            (self.model, MODELS, "model"),
            (self.backend, BACKENDS, "backend"),
            (self.dtype, ("float32", "float64"), "dtype"),
        ):
            if value not in choices:
                raise ParameterError(f"there is no {what} {value!r}", f"choose from {', '.join(choices)}")
        if not self.alphas or not np.isfinite(self.alphas).all() or min(self.alphas) <= 0:
            raise ParameterError(f"the alphas are {list(self.alphas)}", "give numbers above 0")
        if self.n_iter < 1:
            raise ParameterError(f"n_iter is {self.n_iter}", "give 1 or more")


@dataclass(frozen=True, eq=False)
class Solution:
    """Weights of features.

    Attributes
    ----------
    weights : ndarray, shape (n_features, n_targets)
        Of the features of all spaces, one space after the other.
    intercept : ndarray, shape (n_targets,)
        Of the targets.
    deltas : ndarray, shape (n_bands, n_targets)
        Logarithm of mixture / alpha for each band, as himalaya has it.
    """

    weights: np.ndarray
    intercept: np.ndarray
    deltas: np.ndarray


def solve(solver: Solver, spaces: Sequence[np.ndarray], bold: np.ndarray, inner: Sequence[Fold]) -> Solution:
    """Fit ridge regression, its regularisation chosen by inner folds.

    With more rows than features himalaya's group ridge is solved, else multiple-kernel ridge; both give the same.

    Parameters
    ----------
    solver : Solver
        How.
    spaces : sequence of ndarray, each of shape (n_rows, dim)
        Features, standardised over these rows.
    bold : ndarray, shape (n_rows, n_targets)
        The signal.
    inner : sequence of Fold
        Positions among the rows.

    Returns
    -------
    Solution
        In ``solver.dtype``.

    Raises
    ------
    MissingExtraError
        If himalaya is not installed.
    """
    bands = list(spaces) if solver.model == "banded" else [np.concatenate(spaces, axis=1)]
    n_features = sum(band.shape[1] for band in bands)
    with _himalaya(solver.backend) as backend:
        arguments: dict[str, Any] = {
            "alphas": backend.asarray(solver.alphas, dtype=solver.dtype),
            "n_iter": backend.asarray(_mixtures(solver, len(bands)), dtype=solver.dtype),
            "cv": [(fold.train, fold.test) for fold in inner],
            "fit_intercept": True,
            "n_targets_batch": _TARGETS,
            "n_targets_batch_refit": _TARGETS,
            "n_alphas_batch": _ALPHAS,
            "progress_bar": False,
        }
        Xs = [backend.asarray(band, dtype=solver.dtype) for band in bands]
        Y = backend.asarray(bold, dtype=solver.dtype)
        if n_features < len(bold):
            return _group(backend, Xs, Y, arguments)
        return _kernels(backend, Xs, Y, arguments)


def _mixtures(solver: Solver, n_bands: int) -> np.ndarray:
    """Return the mixtures that are tried, as himalaya draws them: (n, n_bands), each of sum 1."""
    from himalaya.backend import get_backend
    from himalaya.kernel_ridge import generate_dirichlet_samples

    if n_bands == 1:
        return np.ones((1, 1))
    drawn = generate_dirichlet_samples(solver.n_iter, n_bands, [0.1, 1.0], solver.random_state)
    mixtures = np.array(get_backend().to_numpy(drawn), np.float64)
    mixtures[0] = 1 / n_bands
    # himalaya divides by their roots; in float32 the smallest would be 0.
    return np.maximum(mixtures, 1e-15)


def _group(backend: Any, Xs: list[Any], Y: Any, arguments: dict[str, Any]) -> Solution:
    from himalaya.ridge import solve_group_ridge_random_search

    deltas, weights, _, intercept = solve_group_ridge_random_search(Xs, Y, return_weights=True, warn=False, **arguments)
    return Solution(*(backend.to_numpy(part) for part in (weights, intercept, deltas)))


def _kernels(backend: Any, Xs: list[Any], Y: Any, arguments: dict[str, Any]) -> Solution:
    from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search

    Ks = backend.stack([X @ X.T for X in Xs])
    deltas, dual, _, intercept = solve_multiple_kernel_ridge_random_search(Ks, Y, return_weights="dual", **arguments)
    mixture = np.exp(backend.to_numpy(deltas))
    dual = backend.to_numpy(dual)
    weights = [backend.to_numpy(X).T @ dual * part for X, part in zip(Xs, mixture, strict=True)]
    return Solution(np.concatenate(weights), backend.to_numpy(intercept), backend.to_numpy(deltas))


@contextmanager
def _himalaya(name: str) -> Iterator[Any]:
    """Use a backend, and leave himalaya's own choice, which is a global one, as it was."""
    try:
        from himalaya.backend import get_backend, set_backend
    except ImportError:
        raise MissingExtraError("an encoding model", "encoding") from None
    before, backend = get_backend(), set_backend(_chosen(name))
    try:
        with warnings.catch_warnings():
            # himalaya hints at faster solvers for other shapes; which one is used is decided here.
            warnings.simplefilter("ignore", UserWarning)
            yield backend
    finally:
        set_backend(before)


def _chosen(name: str) -> str:
    if name not in ("auto", "torch_cuda"):
        return name
    import torch

    if torch.cuda.is_available():
        return "torch_cuda"
    if name == "auto":
        return "numpy"
    raise ParameterError("there is no CUDA device that torch can use", "take --device cpu (backend numpy)")
