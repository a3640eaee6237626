"""Many films at once: on the cores of a laptop, on any Dask scheduler, in the queue of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.cluster.client import check_cluster, crew
    from giblet.cluster.films import Film, find_films, is_several
    from giblet.cluster.study import FilmOutcome, StudyResult, extract_many

__all__ = [
    "Film", "FilmOutcome", "StudyResult", "check_cluster", "crew", "extract_many", "find_films", "is_several",
]  # fmt: skip

_HOMES = {
    "client": ("check_cluster", "crew"),
    "films": ("Film", "find_films", "is_several"),
    "study": ("FilmOutcome", "StudyResult", "extract_many"),
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: a worker imports this package before it knows what it has to do.
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"giblet.cluster.{module}"), name)
    raise AttributeError(f"module 'giblet.cluster' has no attribute {name!r}")
