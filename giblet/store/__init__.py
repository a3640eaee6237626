"""Arrays with provenance: complete and named by what went into them, or not there at all.

A store is a directory with one zarr v3 group and ``manifest.json``, which lists the checksum of every file and is
written last. The group opens in xarray without giblet: ``xarray.open_zarr(path, consolidated=False)``. Where nothing
can be renamed, behind URLs such as ``s3://bucket/film``, the group lies in a folder that the manifest names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from giblet.store.defaults import as_bytes, default_folder
from giblet.store.keys import content_key, file_digest
from giblet.store.manifest import FORMAT_VERSION
from giblet.store.partial import StoreTakenError, check_output, refuse_inside_store
from giblet.store.place import as_place, is_url, join, place_name
from giblet.store.reader import is_store, open_dataset, open_described, open_group, read_manifest, stored_key, verify

if TYPE_CHECKING:
    from giblet.store.cache import Cache
    from giblet.store.generation import publish
    from giblet.store.listing import Listed, find_stores
    from giblet.store.shelves import Entry
    from giblet.store.writer import StoreWriter

# What writes, keeps and lists stores is loaded on first use: errors of the command line stay quick.
_LATER = {
    "Cache": "cache", "Entry": "shelves", "Listed": "listing", "StoreWriter": "writer", "find_stores": "listing",
    "publish": "generation",
}  # fmt: skip

__all__ = [
    "FORMAT_VERSION",
    "Cache",
    "Entry",
    "Listed",
    "StoreTakenError",
    "StoreWriter",
    "as_bytes",
    "as_place",
    "check_output",
    "content_key",
    "default_folder",
    "file_digest",
    "find_stores",
    "is_store",
    "is_url",
    "join",
    "open_dataset",
    "open_described",
    "open_group",
    "place_name",
    "publish",
    "read_manifest",
    "refuse_inside_store",
    "stored_key",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
