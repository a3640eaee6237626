"""A Dask cluster that belongs to this process: begun without losing Ctrl-C, ended within seconds, nothing left over."""

from __future__ import annotations

import asyncio
import logging
import math
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from giblet.cluster.running import PATIENCE, Crew
from giblet.errors import ClusterError

if TYPE_CHECKING:
    from distributed import SpecCluster

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds that workers have to end what they do, and then the whole cluster to end."""
# Seconds between two looks whether something has come about, so that Ctrl-C is heard.
_LOOK = 0.1
_START = 120.0
_SETTINGS = {
    # Jobs whose worker vanished are begun again by the crew, which knows how often.
    "distributed.scheduler.allowed-failures": 0,
    # On a busy machine it takes a worker long to come back.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # What Dask remembers of the past; of thousands of films it would be most of the memory.
    "distributed.admin.low-level-log-length": 1000,
    # Looking at what workers do, a hundred times a second, takes a tenth of a core from those who work.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}


@contextmanager
def hosted(
    make: Callable[[], SpecCluster], what: str, config: dict[str, Any] | None = None, alone: float = math.inf
) -> Iterator[Crew]:
    """Begin a cluster, and end it with the ``with`` block, however that is left.

    Parameters
    ----------
    make : callable
        Returns a cluster made with ``asynchronous=True``, not begun; called in the thread where it will live.
    what : str
        What could not be had, for the message.
    config : dict, optional
        Of Dask, as long as it lasts.
    alone : float, optional
        Seconds without any worker that are borne; default any number of them.

    Yields
    ------
    Crew
        Its workers.

    Raises
    ------
    ClusterError
        If it cannot be had.
    """
    import dask
    from distributed import Client

    # Starting processes, Dask sets variables for them in this one.
    environment = dict(os.environ)
    others = _workers()
    thread = _Thread()
    clusters: list[SpecCluster] = []

    async def begin() -> None:
        clusters.append(make())
        await clusters[0]
        # What could not even be put into a queue says so here only.
        await asyncio.gather(*clusters[0].workers.values())

    client = None
    settings = ExitStack()
    try:
        settings.enter_context(quiet_dask())
        settings.enter_context(dask.config.set(_SETTINGS | (config or {})))
        try:
            thread.wait(thread.submit(begin()), _START)
            client = Client(clusters[0].scheduler_address, timeout=PATIENCE, set_as_default=False)
        except Exception as error:  # Ports, processes and commands of a queue fail in many ways.
            log.debug("no cluster", exc_info=True)
            said = " ".join(str(error.__cause__ or error).split())[:300].rstrip(".;")
            raise ClusterError(
                f"{what} cannot be had ({type(error).__name__}: {said})", "see docs/cluster.md for what it takes"
            ) from error
        yield Crew(client, alone)
    finally:
        _end(thread, client, clusters, others)
        settings.close()
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@contextmanager
def quiet_dask() -> Iterator[None]:
    """Keep what Dask logs of its own life from the users of a library; what it means for them, errors say."""
    loggers = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name == "distributed" or name.startswith("distributed.")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Thread:
    """A thread with an event loop, in which Ctrl-C is blocked, and so it is in all processes that begin there.

    A terminal sends Ctrl-C to all of them, and only this process knows how to end.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="giblet-cluster", daemon=True)
        if not hasattr(signal, "pthread_sigmask"):
            self._thread.start()
            return
        # Python's own helper of processes would unblock it, were it not there before.
        multiprocessing.resource_tracker.ensure_running()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def submit(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, future: Any, timeout: float) -> Any:
        """Wait in steps, for a thread that waits for long hears no Ctrl-C on every system."""
        while timeout > 0:
            with suppress(TimeoutError):
                return future.result(_LOOK)
            if future.done():
                return future.result()
            timeout -= _LOOK
        future.cancel()
        raise TimeoutError(f"nothing came within {_START:g} s")

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(GRACE)


def _end(thread: _Thread, client: Any, clusters: list[SpecCluster], others: set[Any]) -> None:
    """End a cluster; who does not end in time is killed."""
    try:
        if client is not None:
            with suppress(Exception):
                client.close(timeout=GRACE / 2)
            # Of a cluster that is not complete there is nothing to be ended in peace.
            with suppress(Exception):
                thread.wait(thread.submit(_close(clusters[0])), GRACE * 1.5)
    finally:
        for cluster in clusters:
            # Else Dask tries again when Python ends, and waits for what is gone.
            cluster.shutdown_on_close = False
        with suppress(Exception):
            thread.stop()
        left = _workers() - others
        for process in left:
            process.kill()
        for process in left:
            process.join(GRACE / 2)


def _workers() -> set[Any]:
    return {child for child in multiprocessing.active_children() if child.name.startswith("Dask Worker")}


async def _close(cluster: SpecCluster) -> None:
    from distributed import Nanny

    ends: list[Awaitable[Any]] = [
        worker.close(timeout=GRACE) for worker in cluster.workers.values() if isinstance(worker, Nanny)
    ]
    await asyncio.gather(*ends, return_exceptions=True)
    await cluster.close()
