"""What a `StoreWriter` writes into, and how that takes the store's place: a folder on a disk here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from giblet.errors import StoreError
from giblet.store.keys import file_digest
from giblet.store.manifest import MANIFEST, files_in
from giblet.store.partial import Partial, explained, real, refuse_inside_store, refuse_unless_free, sweep, sync

if TYPE_CHECKING:
    import zarr


class Draft(Protocol):
    """A store on its way to its place; `group` is the folder of its zarr group within it."""

    group: str

    def prepare(self) -> None:
        """Remove what killed writers left there; raise StoreError unless a store may be written."""

    def new_group(self) -> zarr.Group:
        """Return an empty group."""

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each file of the complete group, by its name within the store."""

    def publish(self, text: bytes) -> None:
        """Put the store with this manifest in place."""

    def discard(self) -> None:
        """Remove what was not published."""


class FolderDraft:
    """A store on its way to a folder (see `Draft`).

    Parameters
    ----------
    path : Path
        Where the store will be.
    force : bool
        Replace a store that is there by then.
    """

    group = ""

    def __init__(self, path: Path, force: bool) -> None:
        self._path, self._force = path, force
        self._target: Path
        self._partial: Partial | None = None

    def prepare(self) -> None:
        """Remove what killed writers left there; raise StoreError unless a store may be written."""
        with explained(self._path):
            # A link to a folder stays a link, and the hidden folder lies on the file system it points to.
            self._target = real(self._path)
            refuse_inside_store(self._path)
            sweep(self._target)
            refuse_unless_free(self._target, self._force, self._path)

    def new_group(self) -> zarr.Group:
        """Return an empty group in a hidden folder."""
        self._partial = partial = Partial.named_afresh(self._target)
        with explained(self._path):
            partial.create()
            from giblet.store.arrays import new_group

            return new_group(partial.store)

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each file, all of them safely on disk."""
        folder = self._begun.store
        with explained(self._path):
            checksums = {name: file_digest(folder / name) for name in sorted(files_in(folder))}
            sync(*(folder / name for name in checksums))
        return checksums

    def publish(self, text: bytes) -> None:
        """Write the manifest and move the folder into place."""
        partial = self._begun
        with explained(self._path):
            (partial.store / MANIFEST).write_bytes(text)
            refuse_unless_free(self._target, self._force, self._path)
            # Had someone cleaned up behind our back, some chunks would be gone and read as zeros.
            if not partial.owned():
                raise StoreError("its temporary folder was removed while it was written", "write it again", self._path)
            partial.publish(replace=self._force)

    def discard(self) -> None:
        """Remove the hidden folder."""
        if self._partial is not None:
            self._partial.discard()

    @property
    def _begun(self) -> Partial:
        assert self._partial is not None
        return self._partial
