"""Arrays with provenance on disk: complete and named by what went into them, or not there at all.

A store is a directory with one zarr v3 group and ``manifest.json``, which lists the checksum of every file and is
written last. The group opens in xarray without giblet: ``xarray.open_zarr(path, consolidated=False)``.
"""

from __future__ import annotations

from giblet.store.cache import Cache
from giblet.store.defaults import as_bytes, default_folder
from giblet.store.keys import content_key, file_digest
from giblet.store.manifest import FORMAT_VERSION
from giblet.store.partial import StoreTakenError, check_output, refuse_inside_store
from giblet.store.reader import is_store, open_dataset, open_group, read_manifest, stored_key, verify
from giblet.store.shelves import Entry
from giblet.store.writer import StoreWriter

__all__ = [
    "FORMAT_VERSION",
    "Cache",
    "Entry",
    "StoreTakenError",
    "StoreWriter",
    "as_bytes",
    "check_output",
    "content_key",
    "default_folder",
    "file_digest",
    "is_store",
    "open_dataset",
    "open_group",
    "read_manifest",
    "refuse_inside_store",
    "stored_key",
    "verify",
]
