"""Workers as processes of this machine, which share its cores."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from giblet.cluster.hosting import hosted
from giblet.cluster.running import Crew
from giblet.errors import ParameterError
from giblet.jobs import cores
from giblet.media.containers import THREADS

if TYPE_CHECKING:
    from distributed import LocalCluster

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", THREADS)
"""Variables that say how many threads a library starts; OMP_NUM_THREADS counts for torch, too."""

ALONE = 120.0
"""Seconds without any worker, after which it is certain that none comes back."""


def local_crew(workers: int) -> AbstractContextManager[Crew]:
    """Return processes that do jobs, each one at a time, with its share of the cores.

    Variables such as OMP_NUM_THREADS that are set already count as they are.

    Parameters
    ----------
    workers : int
        Number of processes.

    Returns
    -------
    context manager of Crew
        They begin and end with it.

    Raises
    ------
    ParameterError
        If the number is below 1.
    ClusterError
        On entry, if they cannot be had.
    """
    if workers < 1:
        raise ParameterError(f"{workers} workers are asked for", "ask for 1 or more")
    import dask
    import distributed  # noqa: F401 - brings the settings that are changed here

    setting = "distributed.nanny.pre-spawn-environ"
    threads = dict.fromkeys(THREAD_VARIABLES, threads_each(cores(), workers))
    config = {setting: dask.config.get(setting) | threads}
    return hosted(lambda: _cluster(workers), "workers on this machine", config, ALONE)


def threads_each(n_cores: int, workers: int) -> int:
    """Return how many threads each of several workers may start on so many cores."""
    return max(1, n_cores // workers)


def _cluster(workers: int) -> LocalCluster:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        # Work in blocks has flat memory; a fixed share of it would stop one film that the machine has room for.
        memory_limit=0,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        asynchronous=True,
    )
