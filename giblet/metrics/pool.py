"""Measuring on several cores."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self

from giblet.metrics.engine import Pair, available_measures, score
from giblet.metrics.scores import SegmentScore

logger = logging.getLogger(__name__)

# Libraries of linear algebra start a thread per core each, which only hinders processes that fill the cores.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ScorePool:
    """Processes that measure segments, to be used in a ``with`` statement.

    Parameters
    ----------
    jobs : int
        Processes; 1 measures in this one. A script that asks for more protects its own work by
        ``if __name__ == "__main__"``, for the processes read it again.
    measures : collection of str, optional
        As in `giblet.metrics.score`.

    Examples
    --------
    >>> with ScorePool(jobs=4) as pool:  # doctest: +SKIP
    ...     scores = list(pool.scores(cut(pair)))
    """

    def __init__(self, jobs: int = 1, measures: Collection[str] | None = None) -> None:
        self._jobs = jobs
        self._measures = tuple(available_measures() if measures is None else measures)
        self._processes: ProcessPoolExecutor | None = None
        self._environment: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        if self._jobs > 1:
            # Processes start with the first segments, and take over the environment of that moment.
            self._environment = {name: os.environ.get(name) for name in _ONE_THREAD}
            os.environ.update(_ONE_THREAD)
            # Not by fork, after which the threads of torch may wait for ever.
            context = multiprocessing.get_context("spawn")
            self._processes = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)
        for name, value in self._environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    def scores(self, pairs: Sequence[Pair]) -> Iterator[SegmentScore]:
        """Measure segments.

        Parameters
        ----------
        pairs : sequence of Pair
            Segments of at most 30 s.

        Yields
        ------
        SegmentScore
            The scores, in the order of the segments.
        """
        logger.debug("%d segments, %d processes, %s", len(pairs), self._jobs, ", ".join(self._measures))
        run = map if self._processes is None else self._processes.map
        yield from run(partial(score, measures=self._measures), pairs)


def _begin() -> None:
    """Leave Ctrl-C to the process that began this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
