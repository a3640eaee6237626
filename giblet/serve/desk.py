"""Uploads taken in, worked on in threads, and handed back; no file of any of it remains."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from giblet.errors import GibletError
from giblet.serve.limits import UPLOADS_PER_JOB, BusyError, Limits, TooMuchError, TooSlowError, Watch
from giblet.workfolder import WorkFolder

# Seconds between two looks whether somebody still waits.
_GLANCE = 0.5
_Made = TypeVar("_Made")


class Desk:
    """Where requests come in; one for each service, used as a context manager.

    Parameters
    ----------
    limits : Limits
        Of the service.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # What a killed service left is recognised by the folder's name, and removed.
        self._root = WorkFolder(Path(tempfile.gettempdir(), "giblet-serve"), ".uploads")
        self._working = asyncio.Semaphore(limits.at_once)
        self._inside = 0

    def __enter__(self) -> Desk:
        self._root.__enter__()
        self._root.path.chmod(0o700)
        return self

    def __exit__(self, *_: object) -> None:
        self._root.__exit__(None, None, None)

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[Path]:
        """Let one request in, unless there are too many; give it a folder, which is removed.

        Yields
        ------
        pathlib.Path
            The folder.

        Raises
        ------
        BusyError
            If there are too many.
        """
        if self._inside >= self.limits.at_once * (1 + UPLOADS_PER_JOB):
            raise BusyError("the service is busy", "try again in a few seconds")
        self._inside += 1
        try:
            with tempfile.TemporaryDirectory(dir=self._root.path, ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        finally:
            self._inside -= 1

    async def receive(self, body: AsyncIterator[bytes], announced: str | None, path: Path) -> int:
        """Write an upload to a file.

        Parameters
        ----------
        body : async iterator of bytes
            What comes.
        announced : str or None
            The header Content-Length.
        path : pathlib.Path
            The file.

        Returns
        -------
        int
            Its bytes.

        Raises
        ------
        TooMuchError
            If it is larger than allowed, which is said before it is there as a whole.
        TooSlowError
            If it takes too long.
        GibletError
            If there is nothing.
        """
        most, size = self.limits.n_bytes, 0
        large = TooMuchError(f"has more than {most / 1e6:g} MB", "send a smaller one, or use giblet codec")
        if announced is not None and announced.isdecimal() and int(announced[:20]) > most:
            raise large
        try:
            async with asyncio.timeout(self.limits.upload_seconds):
                with path.open("wb") as file:
                    async for piece in body:
                        size += len(piece)
                        if size > most:
                            raise large
                        file.write(piece)
        except TimeoutError:
            raise TooSlowError("takes too long to arrive", "send it over a faster connection") from None
        if not size:
            raise GibletError("nothing was sent", "send a file as the body of the request")
        return size

    async def work(self, job: Callable[[Watch], _Made], gone: Callable[[], Awaitable[bool]]) -> _Made:
        """Do something in a thread, when it is its turn.

        Parameters
        ----------
        job : callable
            Takes what it has to report its progress to.
        gone : callable
            Tells whether nobody waits for the result any more.

        Returns
        -------
        object
            What it returned.
        """
        watch = Watch(self.limits)
        async with self._working:
            task = asyncio.ensure_future(asyncio.to_thread(job, watch))
            # The thread uses the files of the request until it ends, which it does at its next report.
            while not (await asyncio.wait([task], timeout=_GLANCE))[0]:
                watch.abandoned = watch.abandoned or await gone()
            return task.result()
