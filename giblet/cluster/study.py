"""Features of many films: a store for each, and a table of what became of them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.cluster.client import check_cluster, crew
from giblet.cluster.films import Film, find_films, place_in
from giblet.data.checks import check_settings
from giblet.data.extraction import extract
from giblet.data.request import TRRequest
from giblet.errors import GibletError, ParameterError, printable
from giblet.jobs import Ended, Job, Runner, in_turn, sendable
from giblet.media.probe import probe
from giblet.progress import SILENT, Progress, stage
from giblet.store import as_place, is_store, join
from giblet.store.partial import sweep_folder

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

DONE, HIT, FAILED = "done", "hit", "failed"
# Bytes per second of a film that does not say how long it is: sound at 128 kbit/s.
_BYTES = 16_000


@dataclass(frozen=True)
class FilmOutcome:
    """What became of a film.

    Attributes
    ----------
    film : str
        The file, as it was named.
    store : str
        Its store.
    state : {"done", "hit", "failed"}
        Extracted now; there already; not there.
    reason : str
        Why it failed and what to do about it, else empty.
    seconds : float
        How long it took.
    """

    film: str
    store: str
    state: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class StudyResult:
    """What became of the films of a study.

    Attributes
    ----------
    outcomes : tuple of FilmOutcome
        One for each film, in the order in which they were named.
    """

    outcomes: tuple[FilmOutcome, ...]

    @property
    def failed(self) -> tuple[FilmOutcome, ...]:
        """The films that failed."""
        return tuple(one for one in self.outcomes if one.state == FAILED)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each film, columns as `FilmOutcome` has them."""
        import pandas as pd

        columns = list(FilmOutcome.__dataclass_fields__)
        return pd.DataFrame([asdict(one) for one in self.outcomes], columns=columns)


def extract_many(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    client: Client | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    queue: str | os.PathLike[str] | None = None,
    run: AbstractContextManager[Runner] | None = None,
    progress: Progress = SILENT,
    each: Callable[[FilmOutcome], None] | None = None,
    **settings: Any,
) -> StudyResult:
    """Extract features of many films, each into a store of its own.

    Films that are there already, made from the same file with the same settings, are taken as they are; so the same
    call after an interruption does what is missing. One film that cannot be used does not stop the others.

    Parameters
    ----------
    paths : str, os.PathLike or iterable of them
        Films, folders and patterns (see `giblet.cluster.find_films`, also for the names of the stores).
    output : str or os.PathLike
        Folder for the stores, also a URL such as ``s3://bucket/study``.
    client : distributed.Client, optional
        Connected to a Dask cluster of your own, whose workers see the same files under the same names. A script that
        starts processes protects its own work by ``if __name__ == "__main__"``, for they read it again.
    workers : int, optional
        So many processes of this machine, which share its cores.
    scheduler : str, optional
        Address of a Dask scheduler.
    queue : str or os.PathLike, optional
        YAML file that describes jobs of a cluster's queue (see `giblet.cluster.jobqueue`).
    run : context manager of giblet.jobs.Runner, optional
        Other workers, as `giblet.cluster.crew` returns them. Without any of these, this process does the films one
        after another.
    progress : Progress
        Told of the films, and of each one under way.
    each : callable, optional
        Called with what became of a film as soon as that is known.
    **settings
        As `giblet.extract` takes them: ``tr``, ``codec``, ``features``, ``force``, …

    Returns
    -------
    StudyResult
        What became of each film.

    Raises
    ------
    ParameterError, CodecError, AlignmentError, AnnotationError, MissingExtraError
        If a setting cannot be used with any film.
    MediaError
        If a name or pattern stands for nothing.
    ClusterError
        If workers cannot be had, or the scheduler is gone; what was extracted stays.
    """
    check_cluster(workers, scheduler, queue)
    inspect.signature(extract).bind_partial(**settings)
    output = as_place(output)
    output = output.absolute() if isinstance(output, Path) else output
    check_folder(output)
    inside = output if isinstance(output, Path) else None
    films = find_films([paths] if isinstance(paths, (str, os.PathLike)) else paths, inside)
    settings = _checked(settings)
    elsewhere = client is not None or workers is not None or scheduler is not None or queue is not None
    here: Runner = in_turn
    context = crew(workers, scheduler, queue, client) if elsewhere else run or nullcontext(here)
    outcomes: dict[int, FilmOutcome] = {}
    try:
        with context as runner:
            # In this process films go in the order in which they were named, and count alike.
            lengths = [1.0] * len(films) if runner is in_turn else _lengths(films, progress)
            jobs = [_job(film, output, length, settings) for film, length in zip(films, lengths, strict=True)]
            with (
                stage(progress, f"{len(films)} film{'' if len(films) == 1 else 's'}", sum(lengths)),
                closing(runner(jobs, progress.beside())) as ends,
            ):
                for ended in ends:
                    film = films[ended.number]
                    outcomes[ended.number] = one = _outcome(film, join(output, film.name.as_posix()), ended)
                    progress.advance(lengths[ended.number])
                    if each is not None:
                        each(one)
    finally:
        # What workers left that were killed.
        if inside is not None:
            for folder in {(inside / film.name).parent for film in films}:
                sweep_folder(folder)
    return StudyResult(tuple(outcomes[number] for number in range(len(films))))


def check_folder(output: Path | str) -> None:
    """Raise unless stores can lie in a folder.

    Parameters
    ----------
    output : pathlib.Path or str
        The folder, there or not, or a URL.

    Raises
    ------
    ParameterError
        If it is a file or a store.
    """
    if is_store(output):
        raise ParameterError("is a store, and a study needs a folder for its stores", "choose another output", output)
    if isinstance(output, Path) and output.exists() and not output.is_dir():
        raise ParameterError("is a file, and a study needs a folder for its stores", "choose another output", output)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings that mean the same in any process, or raise what would be raised for every film."""
    asked = {
        name: settings.get(name, parameter.default) for name, parameter in inspect.signature(extract).parameters.items()
    }
    request = TRRequest.asked(**{name: asked[name] for name in ("tr", "start", "max_trs", "incomplete", "partial")})
    bandwidth, spec = check_settings(asked["features"], request, asked["codec"], asked["bandwidth"], asked["device"])
    settings = settings | {"bandwidth": bandwidth}
    if isinstance(asked["codec"], (str, os.PathLike)) and spec is not None:
        settings["codec"] = spec.source
    if not isinstance(asked["features"], str):
        settings["features"] = tuple(asked["features"])
    written = asked["annotations"]
    files: Sequence[Any] = [written] if isinstance(written, (str, os.PathLike)) else list(written)
    return settings | {"annotations": tuple(str(Path(file).absolute()) for file in files)}


def _lengths(films: Sequence[Film], progress: Progress) -> list[float]:
    """Return how many seconds each film says that it lasts, or a guess."""
    lengths = []
    with stage(progress, "looking at the films", len(films)):
        for film in films:
            try:
                stated = probe(film.path).duration
                lengths.append(film.path.stat().st_size / _BYTES if stated is None else max(stated, 0.0))
            except (GibletError, OSError):
                # What is wrong with it is said when its turn comes, the last.
                lengths.append(0.0)
            progress.advance(1)
    return lengths


def _job(film: Film, output: Path | str, length: float, settings: dict[str, Any]) -> Job:
    arguments = (str(film.path.absolute()), str(output), film.name, settings)
    return Job(str(film.name), extract_film, arguments, length)


def extract_film(film: str, output: str, name: Path, settings: dict[str, Any], progress: Progress) -> bool:
    """Extract one film of a study; return whether it was there already."""
    return extract(film, place_in(as_place(output), name), progress=progress, **settings).hit


def _outcome(film: Film, store: Path | str, ended: Ended) -> FilmOutcome:
    error = sendable(ended.error, str(film.name))
    if error is None:
        return FilmOutcome(str(film.path), str(store), HIT if ended.value else DONE, "", ended.seconds)
    about = error.path not in (None, str(film.path.absolute()), str(film.name))
    reason = f"{printable(str(error.path))}: " if about else ""
    return FilmOutcome(str(film.path), str(store), FAILED, f"{reason}{error.problem}; {error.remedy}", ended.seconds)
