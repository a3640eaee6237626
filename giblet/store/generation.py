"""Stores where nothing can be renamed: arrays under a name of their own, which the manifest tells once all are there.

Below the URL lie ``manifest.json`` and ``data-<machine>-<pid>-<start>-<random>``, which holds the zarr group. Who
replaces a store writes into another such folder, and then one request that replaces the manifest makes the new store
visible. So whoever reads sees the old store or the new one, and never a mixture.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import StoreError, printable
from giblet.store.manifest import MANIFEST, compose_manifest, damaged, parse_manifest, within
from giblet.store.partial import StoreTakenError
from giblet.store.reader import read_manifest
from giblet.store.remote import Remote, each
from giblet.workfolder import OLD_AGE, has_ended, this_process

if TYPE_CHECKING:
    import zarr

logger = logging.getLogger(__name__)

_GENERATION = re.compile(r"data-([0-9a-f]{8}-[1-9][0-9]*-[0-9]+)-[0-9a-f]{8}")


class Generation:
    """A store on its way to a URL.

    Parameters
    ----------
    url : str
        Where the store will be.
    force : bool
        Replace a store that is there by then.

    Attributes
    ----------
    group : str
        Folder of the zarr group within the store.
    """

    def __init__(self, url: str, force: bool) -> None:
        self.group = f"data-{this_process()}-{secrets.token_hex(4)}"
        self._url, self._force = url, force
        self._remote = Remote(url)
        self._checksums: dict[str, str] = {}
        self._published = False

    def prepare(self) -> None:
        """Remove what killed writers left there; raise StoreError unless a store may be written."""
        # Each thread that asks fsspec for a file system gets another one, with connections of its own.
        _ = self._remote.for_zarr
        refuse_inside_store(self._url)
        sweep(self._remote)
        _refuse_unless_free(self._remote, self._force)

    def new_group(self) -> zarr.Group:
        """Return an empty group."""
        import zarr

        from giblet.store.objects import Upload

        upload = Upload(self._remote, self.group)
        self._checksums = upload.checksums
        return zarr.create_group(upload, zarr_format=3)

    def put(self, name: str, data: bytes) -> None:
        """Write a file of the group."""
        self._remote.write(within(self.group, name), data)
        self._checksums[name] = hashlib.sha256(data).hexdigest()

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each file, by its name within the store."""
        return {within(self.group, name): digest for name, digest in sorted(self._checksums.items())}

    def publish(self, text: bytes) -> None:
        """Make the store visible by its manifest, and remove the one that it replaces."""
        old = _refuse_unless_free(self._remote, self._force)
        # Had someone cleaned up behind our back, some chunks would be gone.
        if not self._checksums.keys() <= self._remote.files(self.group).keys():
            raise StoreError("part of it was removed while it was written", "write it again", self._url)
        try:
            self._remote.write(MANIFEST, text, new=old is None)
        except FileExistsError as error:
            # An answer of the service may be lost, and the request sent again, which then finds what it wrote.
            if self._named() != self.group:
                raise _taken(self._url) from error
        self._published = True
        logger.debug("published %s as %s", self._url, self.group)
        if old is not None:
            # The new store is there; what cannot be removed now, the next writer removes.
            with suppress(StoreError):
                self._remote.remove(old["checksums"].keys() - self.checksums().keys())

    def discard(self) -> None:
        """Remove what was written, unless it is visible or nobody can tell."""
        if self._published:
            return
        with suppress(StoreError):
            if self._named() != self.group:
                self._remote.remove(within(self.group, name) for name in self._remote.files(self.group))

    def _named(self) -> str | None:
        """Return the folder that the manifest names now, or None without a manifest."""
        text = self._remote.read(MANIFEST)
        return None if text is None else str(parse_manifest(text, self._url)["group"])


def publish(
    store: str | os.PathLike[str],
    url: str,
    *,
    force: bool = False,
    retold: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
    after_each: Callable[[], object] = lambda: None,
) -> None:
    """Copy a store on a disk to a URL, checked byte by byte, where it is there complete or not at all.

    Parameters
    ----------
    store : str or os.PathLike
        Directory of the store.
    url : str
        Where it goes.
    force : bool
        Replace a store that is there.
    retold : callable
        From the provenance of the store to that of its copy.
    after_each : callable
        Called after each file.

    Raises
    ------
    StoreError, MissingExtraError
        If the store is damaged, or the URL is taken (`StoreTakenError`) or cannot be written.
    """
    manifest = read_manifest(store)
    told = retold(manifest["provenance"])
    head = within(manifest["group"], "")
    generation = Generation(url, force)
    generation.prepare()

    def send(name: str) -> None:
        try:
            data = Path(store, name).read_bytes()
        except OSError as error:
            raise damaged(store) from error
        if hashlib.sha256(data).hexdigest() != manifest["checksums"][name]:
            raise damaged(store)
        generation.put(name.removeprefix(head), data)
        after_each()

    try:
        each(send, manifest["checksums"])
        checksums = generation.checksums()
        generation.publish(compose_manifest(manifest["key"], manifest["arrays"], checksums, told, generation.group))
    finally:
        generation.discard()


def check_url(url: str, force: bool) -> None:
    """Raise at once what writing a store to a URL would raise because of its place.

    Parameters
    ----------
    url : str
        The place.
    force : bool
        Whether a store there is to be replaced.

    Raises
    ------
    StoreError, MissingExtraError
        If nothing can be written there, it lies inside a store, or something else is there.
    """
    refuse_inside_store(url)
    remote = Remote(url)
    _refuse_unless_free(remote, force)
    # Only a service that takes a file tells rights, quotas and missing buckets.
    probe = within(f"data-{this_process()}-{secrets.token_hex(4)}", "probe")
    remote.write(probe, b"")
    remote.remove([probe])


def refuse_inside_store(url: str) -> None:
    """Raise StoreError if a URL lies inside a store, which holds nothing but its arrays."""
    head, _, rest = url.partition("://")
    parts = rest.split("/")
    for number in range(len(parts) - 1, 0, -1):
        folder = f"{head}://{'/'.join(parts[:number])}"
        if parts[number - 1] and _is_manifest(Remote(folder).read(MANIFEST), folder):
            raise StoreError(f"lies inside the store {printable(folder)}", "choose a place outside of it", url)


def _is_manifest(text: bytes | None, url: str) -> bool:
    try:
        return text is not None and bool(parse_manifest(text, url))
    except StoreError:
        return False


def wrong_files(url: str, manifest: Mapping[str, Any]) -> set[str]:
    """Return the names of files that changed, are missing, or do not belong; what other writers write is not looked at.

    Parameters
    ----------
    url : str
        Of the store, all of which is read.
    manifest : mapping
        Its manifest.

    Returns
    -------
    set of str
        Names within the store.
    """
    remote, checksums = Remote(url), manifest["checksums"]

    def changed(name: str) -> bool:
        data = remote.read_whole(name)
        return data is None or hashlib.sha256(data).hexdigest() != checksums[name]

    wrong = {name for name, is_so in each(changed, checksums).items() if is_so}
    for top, is_folder in remote.children().items():
        if top == MANIFEST or (top != manifest["group"] and is_generation(top)):
            continue
        found = {within(top, file) for file in remote.files(top)} if is_folder else {top}
        wrong |= found - checksums.keys()
    return wrong


def is_generation(name: str) -> bool:
    """Return whether a folder within a store has the name of what one writer writes."""
    return _GENERATION.fullmatch(name) is not None


def sweep(remote: Remote) -> None:
    """Remove what writers left that have ended, or of which nothing changed for a day and nobody can tell."""
    left = []
    for name in remote.children():
        owner = _GENERATION.fullmatch(name)
        if owner is not None and _abandoned(remote, name, owner[1]):
            left.append(name)
    if not left:
        return
    # Asked after the writers had ended, for the last thing that they did may have been to publish.
    text = remote.read(MANIFEST)
    named = "" if text is None else parse_manifest(text, remote.url)["group"]
    for name in left:
        if name != named:
            logger.debug("%s/%s was left by a process that is gone", remote.url, name)
            remote.remove(within(name, file) for file in remote.files(name))


def _abandoned(remote: Remote, name: str, process: str) -> bool:
    if process.partition("-")[0] == this_process().partition("-")[0]:
        return has_ended(process)
    newest = max((file.changed for file in remote.files(name).values()), default=0.0)
    return time.time() - newest > OLD_AGE


def _refuse_unless_free(remote: Remote, force: bool) -> dict[str, Any] | None:
    """Raise unless nothing is lost by putting a store there; return the manifest of the one that it replaces."""
    text = remote.read(MANIFEST)
    children = {name for name in remote.children() if not is_generation(name)}
    if text is None:
        if children:
            raise _in_the_way(remote.url)
        return None
    try:
        manifest = parse_manifest(text, remote.url)
    except StoreError as error:
        raise _in_the_way(remote.url) from error
    if not force:
        raise _taken(remote.url)
    checksums = manifest["checksums"]
    ours = {name.partition("/")[0] for name in checksums}
    foreign = children - ours - {MANIFEST}
    for folder in ours - checksums.keys():
        foreign |= {within(folder, file) for file in remote.files(folder)} - checksums.keys()
    if foreign:
        problem = f"the store also holds {printable(min(foreign))}, which giblet did not write, so it is not replaced"
        raise StoreError(problem, "choose another place, or move that file away", remote.url)
    return manifest


def _taken(url: str) -> StoreTakenError:
    return StoreTakenError("already exists", "choose another place, or replace it with --force (force=True)", url)


def _in_the_way(url: str) -> StoreError:
    problem = "something is there that is not a complete giblet store, so it is never overwritten"
    return StoreError(problem, "choose another place, or remove it yourself", url)
