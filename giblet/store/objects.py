"""zarr stores on a file system of fsspec: one that is being written, and one that is read as its manifest lists it.

Loading zarr takes a while, so this module is imported by the functions that need it, never at the top of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from zarr.storage import FsspecStore

from giblet.errors import StoreError
from giblet.store.manifest import LARGEST, MANIFEST, damaged, parse_manifest, within
from giblet.store.remote import WHOLE, Remote, each, explained

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class Upload(FsspecStore):
    """A group that one process writes; it asks nobody what is there already.

    Parameters
    ----------
    remote : Remote
        Where the store is to be.
    group : str
        Folder of the group within it.

    Attributes
    ----------
    checksums : dict
        SHA-256 of each file written, by its name within the group.
    """

    def __init__(self, remote: Remote, group: str) -> None:
        super().__init__(remote.for_zarr, path=remote.path(group))
        self.url = remote.url
        self.checksums: dict[str, str] = {}
        self._metadata: dict[str, bytes] = {}

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a file, or None."""
        if key not in self.checksums:
            return None
        if key in self._metadata and byte_range is None:
            return prototype.buffer.from_bytes(self._metadata[key])
        with explained(self.url):
            return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer, byte_range: tuple[int, int] | None = None) -> None:
        """Write a file, and remember what it holds."""
        with explained(self.url):
            await super().set(key, value, byte_range)
        data = value.to_bytes()
        self.checksums[key] = hashlib.sha256(data).hexdigest()
        if key.endswith("zarr.json"):
            self._metadata[key] = data

    async def exists(self, key: str) -> bool:
        """Return whether a file was written."""
        return key in self.checksums

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield what lies under ``prefix``."""
        for name in _children(self.checksums, prefix):
            yield name


class Snapshot(FsspecStore):
    """The group that one manifest names, read only: what is missing or has changed is an error, and never zeros.

    Parameters
    ----------
    url : str
        Of the store.
    group : str
        Folder of the group within it.
    checksums : mapping
        SHA-256 of each file, by its name within the group.
    metadata : mapping
        Files that were read already.
    """

    def __init__(self, url: str, group: str, checksums: Mapping[str, str], metadata: Mapping[str, bytes]) -> None:
        remote = Remote(url)
        super().__init__(remote.for_zarr, read_only=True, path=remote.path(group).rstrip("/"))
        self.url, self._group = url, group
        self._manifest = remote.path(MANIFEST)
        self._checksums, self._metadata = dict(checksums), dict(metadata)

    def with_read_only(self, read_only: bool = False) -> Self:
        """Return this store, which is never written to."""
        if not read_only:
            raise ValueError("a store behind a URL that was opened for reading cannot be written to")
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # A file system belongs to a process; another one connects by itself, with its own credentials.
        return type(self), (self.url, self._group, self._checksums, self._metadata)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a file as the writer left it, or None if it never wrote one."""
        digest = self._checksums.get(key)
        if digest is None:
            return None
        if key in self._metadata and byte_range is None:
            return prototype.buffer.from_bytes(self._metadata[key])
        with explained(self.url):
            value = await (
                self._whole(key, prototype) if byte_range is None else super().get(key, prototype, byte_range)
            )
        if value is None or (byte_range is None and hashlib.sha256(value.to_bytes()).hexdigest() != digest):
            raise await self._reason()
        return value

    async def _whole(self, key: str, prototype: BufferPrototype) -> Buffer | None:
        try:
            return prototype.buffer.from_bytes(await self.fs._cat_file(f"{self.path}/{key}", start=0, end=WHOLE))
        except self.allowed_exceptions:
            return None

    async def exists(self, key: str) -> bool:
        """Return whether the writer wrote a file."""
        return key in self._checksums

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield what lies under ``prefix``."""
        for name in _children(self._checksums, prefix):
            yield name

    async def _reason(self) -> StoreError:
        """Return why a file is not there any more."""
        with explained(self.url):
            try:
                text = await self.fs._cat_file(self._manifest, start=0, end=LARGEST)
            except FileNotFoundError:
                return StoreError("was removed while it was read", "write it again", self.url)
        if parse_manifest(text, self.url)["group"] != self._group:
            return replaced(self.url)
        return damaged(self.url)


def replaced(url: str) -> StoreError:
    """Return the error for a store whose arrays are those of another writer by now."""
    return StoreError("was replaced while it was read", "open it again", url)


def snapshot(url: str, manifest: Mapping[str, Any]) -> Snapshot:
    """Return the group of a store behind a URL.

    Parameters
    ----------
    url : str
        Of the store.
    manifest : mapping
        Its manifest.

    Returns
    -------
    Snapshot
        With all metadata in memory, checked.

    Raises
    ------
    StoreError
        If a file is missing, or metadata changed.
    """
    remote, group, checksums = Remote(url), manifest["group"], manifest["checksums"]
    if not checksums.keys() <= {within(group, name) for name in remote.files(group)}:
        raise damaged(url)
    texts = each(remote.read_whole, [name for name in checksums if name.rpartition("/")[2] == "zarr.json"])
    if any(text is None or hashlib.sha256(text).hexdigest() != checksums[name] for name, text in texts.items()):
        raise damaged(url)
    return Snapshot(
        url, group,
        {_inner(group, name): digest for name, digest in checksums.items()},
        {_inner(group, name): text for name, text in texts.items() if text is not None},
    )  # fmt: skip


def _inner(group: str, name: str) -> str:
    return name.removeprefix(f"{group}/") if group else name


def _children(names: Iterable[str], prefix: str) -> list[str]:
    head = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return sorted({name.removeprefix(head).partition("/")[0] for name in names if name.startswith(head)})
