"""The bytes of a file, read in order, none of them trusted."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from giblet.errors import FormatError
from giblet.workfolder import reason

FETCH_AGAIN = "fetch the file again, or make it anew"


class ByteSource:
    """Reads exactly what is asked for, or says where and why not.

    Parameters
    ----------
    file : binary file
        Seekable, at its beginning.
    path : str or None, optional
        Its name in messages.

    Attributes
    ----------
    path : str or None
        As given.
    size : int
        Bytes of the file.
    offset : int
        Bytes read so far.
    """

    def __init__(self, file: BinaryIO, path: str | None = None) -> None:
        self.path = path
        self.offset = 0
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._file = file

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return self.size - self.offset

    def need(self, count: int, what: str) -> None:
        """Make sure that the file goes on long enough, before anything is made ready for its content.

        Parameters
        ----------
        count : int
            Bytes to come.
        what : str
            What they are, for the message.

        Raises
        ------
        FormatError
            If there are fewer.
        """
        if count > self.left:
            raise self.error(f"ends too early: {what} takes {count} bytes and {self.left} are left")

    def read(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises
        ------
        FormatError
            If there are fewer, or the system cannot read them.
        """
        self.need(count, "what follows")
        try:
            data = self._file.read(count)
        except OSError as error:
            raise self.error(f"cannot be read ({reason(error)})") from error
        self.offset += len(data)
        if len(data) < count:
            raise self.error("became shorter while it was read")
        return data

    def seek(self, offset: int) -> None:
        """Go on reading at another byte."""
        self._file.seek(offset)
        self.offset = offset

    def need_no_more(self, count: int = 0) -> None:
        """Make sure that nothing follows behind the next ``count`` bytes.

        Raises
        ------
        FormatError
            If something does.
        """
        if self.left > count:
            raise self.error(f"{self.left - count} bytes follow behind its end", offset=self.offset + count)

    def error(self, problem: str, remedy: str = FETCH_AGAIN, offset: int | None = None) -> FormatError:
        """Return the error that names this file and the byte it is at, to be raised."""
        return FormatError(problem, remedy, self.path, self.offset if offset is None else offset)

    def read_json(self, size: int, most: int) -> Any:
        """Read a JSON text.

        Parameters
        ----------
        size : int
            Its bytes, as the file says.
        most : int
            The most that are credible.

        Returns
        -------
        object
            What it says.

        Raises
        ------
        FormatError
            If it is longer than credible or the file, or no JSON text.
        """
        if size > most:
            raise self.error(f"its description would take {size} bytes")
        start = self.offset
        text = self.read(size)
        try:
            return json.loads(text.decode("utf-8"), parse_constant=_refuse)
        # Deep nesting ends the recursion, and numbers can be too long to convert.
        except (ValueError, RecursionError) as error:
            raise self.error("its description is no JSON text", offset=start) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[ByteSource]:
    """Open a file for reading, to be used in a ``with`` block.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file.

    Yields
    ------
    ByteSource
        At its beginning.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    name = os.fspath(path)
    try:
        # Reading a pipe or a device could wait for ever, so it is not even opened.
        mode = Path(name).stat().st_mode
        if stat.S_ISDIR(mode):
            raise FormatError("is a folder", "name a file", name)
        if not stat.S_ISREG(mode):
            raise FormatError("is no regular file", "name a file", name)
        file = Path(name).open("rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise FormatError("there is no such file", "check its name", name) from error
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise FormatError(f"cannot be read ({why})", "check the file and its permissions", name) from error
    with file:
        yield ByteSource(file, name)
