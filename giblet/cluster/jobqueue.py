"""Workers as jobs in the queue of a cluster (SLURM, SGE, PBS), described in a YAML file."""

from __future__ import annotations

import difflib
import logging
import re
import shlex
import signal
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.cluster.hosting import hosted
from giblet.cluster.local import THREAD_VARIABLES
from giblet.cluster.running import Crew
from giblet.data.layouts.yaml_file import read_yaml
from giblet.errors import ClusterError, StudyError

if TYPE_CHECKING:
    from dask_jobqueue import JobQueueCluster

_DOCS = "see docs/cluster.md for a complete file"
_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?)?B", re.IGNORECASE)
SYSTEMS = ("slurm", "sge", "pbs")


@dataclass(frozen=True)
class Queue:
    """Which jobs to put into a queue.

    Attributes
    ----------
    jobs : int
        How many jobs.
    cores : int
        Cores of each job.
    memory : str
        Memory of each job, such as ``"16GB"``.
    system : {"slurm", "sge", "pbs"}
        Whose commands to use.
    workers_per_job : int
        Films that a job does at once; they share its cores.
    walltime : str or None
        Longest time of a job, such as ``"08:00:00"``.
    queue : str or None
        Partition or queue.
    account : str or None
        Who pays; SGE calls it a project.
    parallel_environment : str or None
        SGE's, which gives a job more than one core.
    directives : tuple of str
        More lines for the queue, such as ``"--gres=gpu:1"``.
    setup : tuple of str
        Lines of shell before the worker begins, such as ``"module load ffmpeg"``.
    python : str or None
        Python on the nodes; by default this one.
    interface : str or None
        Network between the nodes, such as ``"ib0"``.
    scratch : str or None
        Folder on the nodes for what Dask writes.
    logs : str or None
        Folder for what the jobs say.
    """

    jobs: int
    cores: int
    memory: str
    system: str = "slurm"
    workers_per_job: int = 1
    walltime: str | None = None
    queue: str | None = None
    account: str | None = None
    parallel_environment: str | None = None
    directives: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str | None = None
    interface: str | None = None
    scratch: str | None = None
    logs: str | None = None


def read_queue(path: Path) -> Queue:
    """Return what a YAML file says of a queue.

    Parameters
    ----------
    path : pathlib.Path
        The file; its keys are the attributes of `Queue`.

    Returns
    -------
    Queue
        What it says.

    Raises
    ------
    ClusterError
        If it cannot be read, lacks a key, or has one that is unknown or makes no sense.
    """
    try:
        table = read_yaml(path)
    except StudyError as error:
        raise ClusterError(error.problem, _DOCS, path) from error
    known = [field.name for field in fields(Queue)]
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise ClusterError(
                f"the key {str(key)!r} is unknown",
                f"did you mean {near[0]}? There are {', '.join(known)}" if near else f"there are {', '.join(known)}",
                path,
            )
    for key in ("jobs", "cores", "memory"):
        if key not in table:
            raise ClusterError(f"the key {key!r} is missing", _DOCS, path)
    queue = Queue(**{key: _checked(key, value, path) for key, value in table.items()})
    if queue.system not in SYSTEMS:
        raise ClusterError(f"the system {queue.system!r} is unknown", f"choose from {', '.join(SYSTEMS)}", path)
    if queue.workers_per_job > queue.cores:
        raise ClusterError(
            f"{queue.workers_per_job} workers share {queue.cores} cores", "give each worker a core or more", path
        )
    if queue.system == "sge" and queue.cores > 1 and queue.parallel_environment is None:
        raise ClusterError(
            f"{queue.cores} cores need a parallel environment", "name one, such as parallel_environment: smp", path
        )
    return queue


def _checked(key: str, value: Any, path: Path) -> Any:
    if key in ("jobs", "cores", "workers_per_job"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ClusterError(f"{key} is {value!r}", "give a whole number from 1", path)
        return value
    if key in ("directives", "setup"):
        lines = [value] if isinstance(value, str) else value
        if not isinstance(lines, list) or not all(isinstance(line, str) and "\n" not in line.strip() for line in lines):
            raise ClusterError(f"{key} is {value!r}", "give a list of lines", path)
        return tuple(line.strip() for line in lines)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or "\n" in str(value) or not str(value).strip():
        raise ClusterError(f"{key} is {value!r}", "give a text of one line", path)
    if key == "memory" and not _MEMORY.fullmatch(str(value)):
        raise ClusterError(f"memory is {value!r}", "give it with its unit, such as 16GB", path)
    return str(value)


def queue_crew(path: Path) -> AbstractContextManager[Crew]:
    """Return jobs of a queue that do jobs of a study.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file.

    Returns
    -------
    context manager of Crew
        The jobs are put into the queue on entry and taken back on exit.

    Raises
    ------
    ClusterError
        If the file cannot be used, or, on entry, the queue's commands fail.
    """
    queue = read_queue(path)
    return hosted(lambda: make_cluster(queue), f"jobs of {queue.system}")


def _import_jobqueue() -> Any:
    """Return dask-jobqueue, which changes what Ctrl-C does as it is imported; that is undone."""
    before = signal.getsignal(signal.SIGINT)
    import dask_jobqueue

    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)
    return dask_jobqueue


def make_cluster(queue: Queue, **options: Any) -> JobQueueCluster:
    """Return a cluster that puts jobs into a queue, not begun.

    Parameters
    ----------
    queue : Queue
        Which jobs.
    **options
        For dask-jobqueue.

    Returns
    -------
    dask_jobqueue.JobQueueCluster
        Each of its workers does one film at a time, with its share of the job's cores.
    """
    from dask.utils import parse_bytes

    dask_jobqueue = _import_jobqueue()
    made = {"slurm": dask_jobqueue.SLURMCluster, "sge": dask_jobqueue.SGECluster, "pbs": dask_jobqueue.PBSCluster}
    threads = max(1, queue.cores // queue.workers_per_job)
    own: dict[str, Any] = {}
    directives = list(queue.directives)
    memory = -(-int(parse_bytes(queue.memory)) // 2**20)
    if queue.system == "slurm":
        own = {"account": queue.account, "job_cpu": queue.cores}
    elif queue.system == "pbs":
        own = {"account": queue.account, "resource_spec": f"select=1:ncpus={queue.cores}:mem={memory}mb"}
    else:
        own = {"project": queue.account, "resource_spec": f"h_vmem={-(-memory // queue.cores)}M"}
        if queue.parallel_environment is not None:
            directives.insert(0, f"-pe {queue.parallel_environment} {queue.cores}")
    return made[queue.system](
        # Dask's threads are films at once, not what a film may use.
        cores=queue.workers_per_job,
        processes=queue.workers_per_job,
        memory=queue.memory,
        queue=queue.queue,
        walltime=queue.walltime,
        job_name="giblet",
        job_extra_directives=directives,
        job_script_prologue=[*queue.setup, *(f"export {name}={threads}" for name in THREAD_VARIABLES)],
        python=None if queue.python is None else shlex.quote(queue.python),
        interface=queue.interface,
        local_directory=queue.scratch,
        log_directory=None if queue.logs is None else str(Path(queue.logs).absolute()),
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL,
        **own,
        **({"n_workers": queue.jobs * queue.workers_per_job, "asynchronous": True} | options),
    )
