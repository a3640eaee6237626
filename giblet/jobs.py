"""Pieces of work that do not need each other: done one after another here, or side by side elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from giblet.errors import ClusterError, GibletError
from giblet.kept import keeping
from giblet.progress import Progress


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Attributes
    ----------
    name : str
        What it is about, for a person.
    work : callable
        A function of a module, called as ``work(*arguments, progress=progress)``.
    arguments : tuple
        What it takes; for work elsewhere, what pickle takes.
    weight : float
        How long it lasts in relation to the others, such as seconds of film.
    """

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    weight: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes
    ----------
    number : int
        Which of the jobs.
    value : object
        What its work returned.
    error : Exception or None
        What it raised.
    seconds : float
        How long it took.
    """

    number: int
    value: Any = None
    error: Exception | None = None
    seconds: float = 0.0


class Runner(Protocol):
    """Does jobs, such as `in_turn`."""

    def __call__(self, jobs: Sequence[Job], progress: Progress) -> Generator[Ended, None, None]:
        """Do jobs.

        Parameters
        ----------
        jobs : sequence of Job
            The jobs.
        progress : Progress
            Told of the work in each.

        Yields
        ------
        Ended
            One for each job, as soon as it has ended, in any order.
        """


def in_turn(jobs: Sequence[Job], progress: Progress) -> Generator[Ended, None, None]:
    """Do jobs in this process, one after another in their order; models are loaded once (see `Runner`)."""
    with keeping():
        for number, job in enumerate(jobs):
            yield do(number, job, progress)


def do(number: int, job: Job, progress: Progress) -> Ended:
    """Do one job, whatever comes of it.

    Parameters
    ----------
    number : int
        Which of the jobs.
    job : Job
        The job.
    progress : Progress
        Told of its work.

    Returns
    -------
    Ended
        Its value, or its error.
    """
    began = time.perf_counter()
    try:
        value = job.work(*job.arguments, progress=progress)
    except Exception as error:  # Whatever it is, the other jobs have nothing to do with it.
        return Ended(number, error=error, seconds=time.perf_counter() - began)
    return Ended(number, value, seconds=time.perf_counter() - began)


def sendable(error: Exception | None, name: str) -> GibletError | None:
    """Return an error that pickle takes whatever was raised, and that says what a person can do.

    Parameters
    ----------
    error : Exception or None
        What was raised.
    name : str
        What was worked on.

    Returns
    -------
    GibletError or None
        The same, or what stands for it.
    """
    if error is None or isinstance(error, GibletError):
        return error
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
        return ClusterError(f"the system refuses ({why})", "check names, permissions and space on the disk", name)
    said = " ".join(str(error).split())[:300].rstrip(".;")
    return ClusterError(f"ended by {type(error).__name__} ({said})", "report it, with the film if you may", name)


def values(run: Runner, jobs: Sequence[Job], progress: Progress) -> list[Any]:
    """Do jobs that are all needed.

    Parameters
    ----------
    run : Runner
        Does them.
    jobs : sequence of Job
        The jobs.
    progress : Progress
        Told of the work in each.

    Returns
    -------
    list
        What each returned, in the order of the jobs.

    Raises
    ------
    Exception
        What the first of them raised: at once where they are done one after another, else when the others have ended,
        whose work is kept wherever it is stored.
    """
    ended = {}
    for one in run(jobs, progress):
        if one.error is not None and run is in_turn:
            raise one.error
        ended[one.number] = one
    for number in sorted(ended):
        if (error := ended[number].error) is not None:
            raise error
    return [ended[number].value for number in range(len(jobs))]


def cores() -> int:
    """Return the cores that this process may use, which a scheduler may have limited, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
