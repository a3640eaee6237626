"""How problems are fitted and judged, as one checked value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from giblet.alignment import HRF, check_delays, check_hrf
from giblet.encoding.folds import N_BLOCKS
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.solver import ALPHAS, N_ITER, Solver
from giblet.errors import EncodingError
from giblet.timeline import Seconds, exact, whole

DELAYS = (2, 4, 6, 8)
"""Seconds; of a model that is given neither delays nor a response."""
NULLS = ("blocks", "shifts", "none")
PERMUTATIONS = 1000
BLOCK = 30
"""Seconds of a block that changes places: longer than features and BOLD remember."""
TARGETS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Plan:
    """How problems are fitted and judged.

    Attributes
    ----------
    delays : tuple of seconds or None
        Every feature is there once for each; None for 2, 4, 6 and 8 where there is no response.
    hrf : str, callable, sequence of seconds or None
        A haemodynamic response in place of delays.
    model, alphas, n_iter, n_inner, random_state, backend, targets_at_once, dtype
        As in `giblet.encoding.EncodingModel`.
    n_blocks : int or None
        Contiguous blocks that are held out one by one; None for each run, or 5 blocks of a single one.
    gap : seconds or None
        Left out around what is held out; None for what filter, response and delays reach.
    unique : bool
        Whether to fit without each feature space, too.
    null : {"blocks", "shifts", "none"}
        Held-out predictions change places, without a new fit; new fits to features that are moved in time; or nothing.
    permutations : int
        How many; of shifts at the most.
    block : seconds
        Length of what changes places, at the least.

    Raises
    ------
    EncodingError, ParameterError
        If a value cannot be used.
    """

    delays: tuple[Seconds, ...] | None = None
    hrf: HRF | None = None
    model: str = "banded"
    alphas: tuple[float, ...] = ALPHAS
    n_iter: int = N_ITER
    n_blocks: int | None = None
    n_inner: int = N_BLOCKS
    gap: Seconds | None = None
    unique: bool = False
    null: str = NULLS[0]
    permutations: int = PERMUTATIONS
    block: Seconds = BLOCK
    random_state: int = 0
    backend: str = "auto"
    targets_at_once: int = TARGETS_AT_ONCE
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.null not in NULLS:
            raise EncodingError(f"there is no null {self.null!r}", f"choose from {', '.join(NULLS)}")
        for name in ("targets_at_once", "permutations"):
            if whole(getattr(self, name), name) < 1:
                raise EncodingError(f"{name} is {getattr(self, name)}", "give 1 or more")
        if exact(self.block, "the block") <= 0:
            raise EncodingError(f"the block is {self.block} s", "give seconds above 0")
        if self.hrf is not None:
            object.__setattr__(self, "hrf", check_hrf(self.hrf))
        if self.delays is not None:
            object.__setattr__(self, "delays", check_delays(self.delays, self.hrf))
        object.__setattr__(self, "alphas", tuple(float(alpha) for alpha in self.alphas))
        Solver(self.model, self.alphas, self.n_iter, self.random_state, self.backend, self.dtype)

    @classmethod
    def asked(cls, options: dict[str, Any]) -> tuple[Plan, dict[str, Any]]:
        """Return a plan of those options that belong to one, and the others."""
        own = {field.name for field in fields(cls)}
        mine = {name: value for name, value in options.items() if name in own}
        for name in ("delays", "alphas"):
            if isinstance(mine.get(name), Iterable):
                mine[name] = tuple(mine[name])
        return cls(**mine), {name: value for name, value in options.items() if name not in own}

    def of(self, problem: EncodingProblem) -> Plan:
        """Return the plan with what this problem gets where nothing was asked for.

        Raises
        ------
        EncodingError
            If its features are at the time of BOLD already, by another response than the one asked for.
        """
        if problem.response:
            if self.delays or (self.hrf is not None and problem.response != f"convolved with {self.hrf}"):
                raise EncodingError(
                    f"{problem.name}: the features are {problem.response} already",
                    "ask for neither delays nor another response, or fit the study itself",
                )
            return replace(self, delays=(), hrf=None)
        if self.delays is None:
            return replace(self, delays=() if self.hrf is not None else DELAYS)
        return self
