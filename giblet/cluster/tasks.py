"""What a worker does with a job: it loads models once, tells how far it is, and stops when nobody waits any more."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from distributed import get_worker
from distributed.core import Status

from giblet.jobs import Ended, Job, do, sendable
from giblet.kept import keep

TOPIC = "giblet"
"""Under which workers tell how far they are."""
# Seconds between two messages of one job.
_RARELY = 0.5
_MOMENT = 0.3
_AT_WORK = {Status.running, Status.paused, Status.closing_gracefully}


class UnwantedError(BaseException):
    """Nobody waits for the job any more; no error, so that nothing on its way takes it for one."""


def run(number: int, job: Job, study: str) -> Ended:
    """Do a job in a worker.

    Parameters
    ----------
    number : int
        Which of the jobs.
    job : Job
        The job.
    study : str
        Whom to tell of its progress.

    Returns
    -------
    Ended
        How it ended, with an error that can be sent.
    """
    _be_known()
    keep()
    try:
        ended = do(number, job, Telling(number, study))
    except UnwantedError:
        return Ended(number)
    return Ended(number, ended.value, sendable(ended.error, job.name), ended.seconds)


@cache
def _be_known() -> None:
    """Give a new process the moment in which its nanny hears of it; one that died before would not be replaced."""
    time.sleep(_MOMENT)


class Telling:
    """A `giblet.progress.Progress` in a worker: tells the one who waits, and stops the job where nobody does.

    Parameters
    ----------
    number : int
        Which of the jobs.
    study : str
        Whom to tell.
    aloud : bool
        Whether to tell; one that does not only stops the job.
    """

    def __init__(self, number: int, study: str, aloud: bool = True) -> None:
        self._about = {"study": study, "job": number}
        self._aloud = aloud
        self._worker: Any = get_worker()
        self._key = self._worker.get_current_task()
        self._told = 0.0
        self._done = 0.0

    def begin(self, stage: str, total: float | None) -> None:
        """Start a stage."""
        self._heed()
        self._done = 0.0
        self._tell(stage=stage, total=None if total is None else float(total))

    def advance(self, seconds: float) -> None:
        """Report that ``seconds`` more of the film are done."""
        self._heed()
        self._done += float(seconds)
        if time.monotonic() - self._told > _RARELY:
            self._tell(done=self._done)

    def end(self) -> None:
        """Close the stage."""

    def beside(self) -> Telling:
        """Return one that tells nothing, for a line has room for one stage."""
        beside = Telling.__new__(Telling)
        beside.__dict__ |= self.__dict__ | {"_aloud": False}
        return beside

    def _heed(self) -> None:
        task = self._worker.state.tasks.get(self._key)
        if self._worker.status not in _AT_WORK or task is None or task.state == "cancelled":
            raise UnwantedError

    def _tell(self, **what: Any) -> None:
        if self._aloud:
            self._told = time.monotonic()
            self._worker.log_event(TOPIC, {**self._about, **what})
