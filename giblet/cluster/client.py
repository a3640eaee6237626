"""Who does the work: processes of this machine, a scheduler by its address, or jobs in the queue of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import ClusterError, MissingExtraError, ParameterError

if TYPE_CHECKING:
    from distributed import Client

    from giblet.cluster.running import Crew


def check_cluster(workers: int | None, scheduler: str | None, queue: str | os.PathLike[str] | None) -> bool:
    """Raise if workers cannot be had as asked, as far as is known at once.

    Parameters
    ----------
    workers, scheduler, queue
        As in `crew`.

    Returns
    -------
    bool
        Whether any are asked for.

    Raises
    ------
    ParameterError
        If more than one of them is given, or one makes no sense.
    MissingExtraError
        If the extra ``cluster`` is not installed.
    ClusterError
        If the file of the queue cannot be used.
    """
    asked = [value for value in (workers, scheduler, queue) if value is not None]
    if len(asked) > 1:
        raise ParameterError("workers are asked for in more than one way", "choose --workers, --scheduler or --slurm")
    if workers is not None and workers < 1:
        raise ParameterError(f"{workers} workers are asked for", "ask for 1 or more")
    if scheduler is not None and not scheduler.startswith(("tcp://", "tls://", "ws://", "wss://")):
        raise ParameterError(f"{scheduler!r} is no address of a scheduler", "give one such as tcp://10.0.0.1:8786")
    needed = ("distributed", "dask_jobqueue") if queue is not None else ("distributed",)
    if asked and not all(map(find_spec, needed)):
        raise MissingExtraError("work on several workers", "cluster")
    if queue is not None:
        from giblet.cluster.jobqueue import read_queue

        read_queue(Path(queue))
    return bool(asked)


def crew(
    workers: int | None = None,
    scheduler: str | None = None,
    queue: str | os.PathLike[str] | None = None,
    client: Client | None = None,
) -> AbstractContextManager[Crew]:
    """Return workers that do jobs, of the one kind that is asked for.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``"tcp://10.0.0.1:8786"``.
    queue : str or os.PathLike, optional
        YAML file that says which jobs to put into the queue of a cluster (see `giblet.cluster.jobqueue`).
    client : distributed.Client, optional
        Connected to a cluster of your own; it stays open.

    Returns
    -------
    context manager of Crew
        What begins with it, ends with it.

    Raises
    ------
    ParameterError, MissingExtraError, ClusterError
        If workers cannot be had; ClusterError perhaps on entry only.
    """
    check_cluster(workers, scheduler, queue)
    if client is not None:
        from giblet.cluster.running import Crew

        return nullcontext(Crew(client))
    if scheduler is not None:
        return _connected(scheduler)
    if queue is not None:
        from giblet.cluster.jobqueue import queue_crew

        return queue_crew(Path(queue))
    from giblet.cluster.local import local_crew

    return local_crew(1 if workers is None else workers)


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    from distributed import Client

    from giblet.cluster.hosting import quiet_dask
    from giblet.cluster.running import PATIENCE, Crew

    with quiet_dask():
        try:
            client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ClusterError(
                "no scheduler answers there", "check the address, and whether dask scheduler runs there", scheduler
            ) from error
        try:
            yield Crew(client)
        finally:
            client.close(timeout=2)
