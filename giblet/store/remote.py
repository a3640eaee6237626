"""What stores need of a file system of fsspec, and what is said when it cannot give it.

Names are taken literally: what fsspec does to several files at once would expand ``*``, ``?`` and ``[`` in them. Nor is
any listing remembered, for others write there too.
"""

from __future__ import annotations

import datetime as dt
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from giblet.errors import GibletError, MissingExtraError, StoreError, printable
from giblet.store.manifest import LARGEST

logger = logging.getLogger(__name__)

T = TypeVar("T")

WHOLE = 2**40
"""Bytes that no file has. With a limit, s3fs does not ask for a file's length before it asks for the file."""
AT_ONCE = 16
"""Requests under way at the same time."""
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_UNREACHED = ("Connect", "Timeout", "gaierror")
_OURS = ("s3", "s3a")
_REACH = "check the network and the address of the service, and try again"


@dataclass(frozen=True)
class Found:
    """A file below a URL: bytes, and when it was last written, seconds since 1970."""

    size: int
    changed: float


class Remote:
    """The place that a URL names; names of files are relative to it.

    Parameters
    ----------
    url : str
        As `giblet.store.place.as_place` returns it.

    Raises
    ------
    MissingExtraError, StoreError
        If the protocol is unknown, or the package that speaks it is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.protocol = url.partition("://")[0].partition("::")[0]
        self._fs, root = self._connected(asynchronous=False)
        self.root = root.rstrip("/")

    def _connected(self, asynchronous: bool) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            with explained(self.url):
                fs, root = url_to_fs(self.url, use_listings_cache=False, asynchronous=asynchronous)
        except ImportError as error:
            if self.protocol in _OURS:
                raise MissingExtraError(f"{self.protocol}://", "cloud") from error
            problem = f"{self.protocol}:// needs a package that is not installed"
            raise StoreError(problem, f"{error}".rstrip("."), self.url) from error
        return fs, root

    @cached_property
    def for_zarr(self) -> Any:
        """The same file system as zarr wants it: asynchronous."""
        fs, _ = self._connected(asynchronous=True)
        if not fs.async_impl:
            from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

            return AsyncFileSystemWrapper(fs, asynchronous=True)
        return fs

    def path(self, name: str = "") -> str:
        """Return the name of a file as the file system has it."""
        return f"{self.root}/{name}" if name else self.root

    def read(self, name: str, limit: int = LARGEST) -> bytes | None:
        """Return the first ``limit`` bytes of a file, or None where there is none."""
        with explained(self.url):
            try:
                data: bytes = self._fs.cat_file(self.path(name), start=0, end=limit)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
                if _bucket_gone(error):
                    raise
                return None
            except OSError as error:
                # No part of an empty object can be had (InvalidRange).
                if _code(error) in ("InvalidRange", "416"):
                    return b""
                raise
            return data

    def read_whole(self, name: str) -> bytes | None:
        """Return a file, or None where there is none."""
        return self.read(name, WHOLE)

    def write(self, name: str, data: bytes, new: bool = False) -> None:
        """Write a file whole; with ``new``, raise FileExistsError if there is one, where the file system can tell."""
        with explained(self.url, passing=FileExistsError):
            if new:
                try:
                    self._fs.pipe_file(self.path(name), data, mode="create")
                    return
                except OSError as error:
                    if error.errno != errno.ENOSYS:
                        raise
                if self._fs.exists(self.path(name)):
                    raise FileExistsError(name)
            self._fs.pipe_file(self.path(name), data)

    def children(self, name: str = "") -> dict[str, bool]:
        """Return what lies directly below, and whether it is a folder; nothing where there is none."""
        with explained(self.url):
            try:
                found = self._fs.ls(self.path(name), detail=True)
            except (FileNotFoundError, NotADirectoryError) as error:
                if _bucket_gone(error):
                    raise
                return {}
        names = {self._relative(info["name"], name): info["type"] == "directory" for info in found}
        return {child: folder for child, folder in names.items() if child}

    def files(self, name: str = "") -> dict[str, Found]:
        """Return all files below a folder."""
        with explained(self.url):
            try:
                found = self._fs.find(self.path(name), detail=True)
            except (FileNotFoundError, NotADirectoryError) as error:
                if _bucket_gone(error):
                    raise
                return {}
        # What consoles make to show an empty folder is no file.
        kept = {self._relative(path, name): info for path, info in found.items() if not path.endswith("/")}
        return {file: Found(int(info.get("size") or 0), _changed(info)) for file, info in kept.items() if file}

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; some may be gone already."""

        def remove(name: str) -> None:
            with explained(self.url), suppress(FileNotFoundError):
                self._fs.rm_file(self.path(name))

        each(remove, names)

    def _relative(self, path: str, folder: str = "") -> str:
        # Some file systems put a slash in front of the root, others leave it out.
        head = self.path(folder).strip("/")
        path = path.lstrip("/")
        return path.removeprefix(head).lstrip("/").rstrip("/") if path.strip("/") != head else ""


def each(work: Callable[[str], T], names: Iterable[str]) -> dict[str, T]:
    """Do something with each of several names, some at a time; the first error is raised once all have ended."""
    names = list(names)
    if not names:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(names)), thread_name_prefix="giblet-remote") as pool:
        return dict(zip(names, pool.map(work, names), strict=True))


@contextmanager
def explained(url: str, passing: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever a file system raises into a StoreError about ``url``.

    Which exceptions a service's library raises is nowhere promised. What they say is not repeated but for answers of
    the service itself, for it might show what is secret.
    """
    try:
        yield
    except (GibletError, ImportError, MemoryError):
        raise
    except Exception as error:
        if passing and isinstance(error, passing):
            raise
        logger.debug("%s: %s", url, type(error).__name__)
        raise StoreError(*_in_words(error), url) from error


def _in_words(error: Exception) -> tuple[str, str]:
    name = type(error).__name__
    if "Protocol not known" in str(error):
        return "no such protocol is known", "use s3://, or another one that fsspec knows"
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket or folder", "check its name; giblet makes no buckets"
    if "Credential" in name or "Token" in name:
        return "no credentials are found for it", "set them in the environment, such as AWS_PROFILE for s3://"
    if isinstance(error, PermissionError):
        return "may not be used with these credentials", "check them in the environment, and what they may do there"
    if isinstance(error, (ConnectionError, TimeoutError)) or any(word in name for word in _UNREACHED):
        return f"the service cannot be reached ({name})", _REACH
    if isinstance(error, OSError):
        said = printable(" ".join((error.strerror or str(error) or name).split()))[:200].rstrip(".")
        return f"the service refuses ({said})", "check the name, and what the service allows"
    return f"the service cannot be used ({name})", _REACH


def _code(error: BaseException) -> str:
    """Return the code of an answer of S3, which tells a missing bucket from a missing file."""
    response = getattr(error.__cause__, "response", None) or getattr(error, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, Mapping) and "Error" in response else ""


def _bucket_gone(error: BaseException) -> bool:
    return _code(error) == "NoSuchBucket"


def _changed(info: Mapping[str, Any]) -> float:
    """Return when a file was last written; now, where the file system does not tell."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, str):
            try:
                value = dt.datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, dt.datetime):
            return value.timestamp()
        if isinstance(value, (int, float)):
            return float(value)
    return time.time()
