"""Jobs on the workers of a Dask cluster: the longest first, no more at once than there are workers."""

from __future__ import annotations

import heapq
import logging
import math
import queue
import secrets
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from giblet.cluster.tasks import TOPIC, run
from giblet.errors import ClusterError, printable
from giblet.jobs import Ended, Job
from giblet.progress import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds in which a scheduler must answer."""
RETRIES = 2
"""How often a job is begun again whose worker vanished."""
# Seconds between two looks at the workers, and at the scheduler.
_LOOK = 2.0
_KEPT = "run the same again, and what is done is taken as it is"


class Crew:
    """A `giblet.jobs.Runner` whose jobs the workers of a cluster do.

    Parameters
    ----------
    client : distributed.Client
        Connected to the cluster's scheduler.
    alone : float, optional
        Seconds without any worker that are borne; default any number of them, for a queue may be long.
    """

    def __init__(self, client: Client, alone: float = math.inf) -> None:
        self.client = client
        self._alone = alone
        self._address = str(client.scheduler.address)

    @property
    def dashboard(self) -> str | None:
        """Address of the scheduler's dashboard, or None where bokeh is not installed there."""
        with suppress(Exception):  # A scheduler may forbid to run functions.
            if self.client.sync(self.client._run_on_scheduler, _has_bokeh, callback_timeout=PATIENCE):
                return str(self.client.dashboard_link)
        return None

    def __call__(self, jobs: Sequence[Job], progress: Progress) -> Generator[Ended, None, None]:
        """Do jobs (see `giblet.jobs.Runner`).

        Raises
        ------
        ClusterError
            If the scheduler is gone, or does not answer, or no worker comes back.
        """
        study = secrets.token_hex(8)
        events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        waiting = [(-job.weight, number) for number, job in enumerate(jobs)]
        heapq.heapify(waiting)
        futures: dict[int, Future] = {}
        shown = _Shown(jobs, progress)

        def ended(future: Future) -> None:
            events.put(("ended", future))

        def told(event: tuple[float, dict[str, Any]]) -> None:
            if event[1].get("study") == study:
                events.put(("told", event[1]))

        self.client.subscribe_topic(TOPIC, told)
        numbers: dict[str, int] = {}
        vanished: Counter[int] = Counter()
        slots = self._slots()
        looked = seen = time.monotonic()
        if not slots:
            log.warning("no worker has come to %s yet; waiting for one", self._address)
        try:
            while waiting or futures:
                while waiting and len(futures) < slots:
                    _, number = heapq.heappop(waiting)
                    key = f"giblet-{study}-{number}-{vanished[number]}"
                    future = self.client.submit(run, number, jobs[number], study, key=key, pure=False)
                    futures[number], numbers[key] = future, number
                    future.add_done_callback(ended)
                try:
                    kind, what = events.get(timeout=_LOOK)
                except queue.Empty:
                    kind, what = "none", None
                if kind == "told" and what["job"] in futures:
                    shown.tell(what)
                elif kind == "ended":
                    number = numbers.pop(what.key)
                    del futures[number]
                    shown.end(number)
                    one = self._outcome(number, what, jobs[number])
                    if one is not None:
                        yield one
                    elif vanished[number] < RETRIES:
                        vanished[number] += 1
                        heapq.heappush(waiting, (-jobs[number].weight, number))
                    else:
                        yield Ended(number, error=_given_up(jobs[number]))
                    # Who vanished takes no more jobs.
                    looked = -math.inf if one is None else looked
                if time.monotonic() - looked > _LOOK:
                    slots, looked = self._slots(), time.monotonic()
                    seen = looked if slots else seen
                    if looked - seen > self._alone:
                        raise ClusterError("all workers vanished, and none comes back", _KEPT)
        finally:
            # The scheduler takes back what nobody waits for, and the workers notice.
            for future in futures.values():
                with suppress(Exception):
                    future.release()
            with suppress(Exception):
                self.client.unsubscribe_topic(TOPIC)
            shown.close()

    def _slots(self) -> int:
        """Return how many jobs the workers take at once."""
        if self.client.status != "running":
            raise self._gone()
        try:
            threads = self.client.sync(self.client.scheduler.ncores, callback_timeout=PATIENCE)
        except Exception as error:  # Comms fail by errors of many types.
            raise self._gone() from error
        return sum(threads.values())

    def _outcome(self, number: int, future: Future, job: Job) -> Ended | None:
        """Return how a job ended, or None if its worker vanished."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        try:
            ended: Ended = future.result(timeout=PATIENCE)
        except KilledWorker:
            return None
        except Exception as error:  # What a worker cannot even begin, such as for want of giblet, has any type.
            if self.client.status != "running":
                raise self._gone() from error
            said = " ".join(str(error).split())[:300].rstrip(".;")
            return Ended(
                number,
                error=ClusterError(
                    f"a worker could not do it: {type(error).__name__} ({said})",
                    "install the same giblet for workers as here",
                    job.name,
                ),
            )
        return ended

    def _gone(self) -> ClusterError:
        return ClusterError(f"the scheduler {printable(self._address)} is gone, or does not answer", _KEPT)


def _given_up(job: Job) -> ClusterError:
    return ClusterError(
        f"{RETRIES + 1} workers vanished one after another while they were at it",
        "look for want of memory in the system's log; fewer workers leave each of them more",
        job.name,
    )


class _Shown:
    """Lines of progress, one for each job under way."""

    def __init__(self, jobs: Sequence[Job], progress: Progress) -> None:
        self._jobs, self._progress = jobs, progress
        # Lines are used again: thousands of films need no more of them than there are workers.
        self._free: list[Progress] = []
        self._lines: dict[int, Progress] = {}
        self._done: dict[int, float] = {}

    def tell(self, what: dict[str, Any]) -> None:
        number = what["job"]
        if "stage" in what:
            self.end(number)
            line = self._free.pop() if self._free else self._progress.beside()
            line.begin(f"{self._jobs[number].name}: {what['stage']}", what["total"])
            self._lines[number], self._done[number] = line, 0.0
        elif number in self._lines:
            self._lines[number].advance(what["done"] - self._done[number])
            self._done[number] = what["done"]

    def end(self, number: int) -> None:
        if (line := self._lines.pop(number, None)) is not None:
            line.end()
            self._free.append(line)

    def close(self) -> None:
        for number in list(self._lines):
            self.end(number)


def _has_bokeh() -> bool:
    from importlib.util import find_spec

    return find_spec("bokeh") is not None
