"""The file that makes a directory a store: what it says, and whether it may be believed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from giblet.errors import StoreError

MANIFEST = "manifest.json"
FORMAT = "giblet-store"
FORMAT_VERSION = 2
"""Version 1 has no ``group``; it is what is written where the group is the store itself."""
LARGEST = 16 * 2**20
"""Bytes beyond which a manifest is not read: room for a hundred thousand files."""

# One rule for array names and parts of file names: safe on every file system and object store, never '..' or hidden.
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FILE = rf"{_NAME}(?:/{_NAME})*"
_SHA256 = r"[0-9a-f]{64}"
# The last line of a manifest: the digest of the others.
_SEAL = ',\n "sha256": "{}"\n}}'
# What file browsers and disks leave behind in folders that they show: files, files by their beginning, and folders.
_DEBRIS = {".DS_Store", ".directory", "Thumbs.db", "ehthumbs.db", "desktop.ini"}
_DEBRIS_BEGINS = ("._", ".nfs", ".fuse_hidden")
_DEBRIS_FOLDERS = {"@eaDir", ".AppleDouble", ".Spotlight-V100", ".fseventsd", ".Trashes"}


class ForeignError(StoreError):
    """A file of a manifest's name is something else's."""


def compose_manifest(
    key: str | None,
    arrays: Mapping[str, Mapping[str, Any]],
    checksums: Mapping[str, str],
    provenance: Mapping[str, Any],
    group: str = "",
) -> bytes:
    """Return the text of a manifest.

    Parameters
    ----------
    key : str or None
        The content key of what is stored.
    arrays : mapping
        Per array its ``dims``, ``shape`` and ``dtype``.
    checksums : mapping
        SHA-256 of every other file, by its name within the store.
    provenance : mapping
        Whatever the caller wants to remember; JSON types only.
    group : str
        Folder of the zarr group within the store; default the store itself.

    Returns
    -------
    bytes
        JSON that `parse_manifest` accepts.

    Raises
    ------
    TypeError, ValueError
        If something is no JSON, a number is not finite, or the whole is larger than `LARGEST` bytes.
    """
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION if group else 1,
        **({"group": group} if group else {}),
        "key": key,
        "arrays": arrays,
        "provenance": provenance,
        "checksums": checksums,
    }
    text = json.dumps(manifest, indent=1, allow_nan=False).encode("ascii")
    text = text.removesuffix(b"\n}") + _SEAL.format(hashlib.sha256(text).hexdigest()).encode("ascii")
    if len(text) > LARGEST:
        raise ValueError(f"a manifest of {len(text)} bytes is too large; put long lists into arrays")
    return text


def parse_manifest(text: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a manifest whose fields have the types they should have.

    Parameters
    ----------
    text : bytes
        Content of the file; nothing about it is trusted.
    path : str or os.PathLike
        The store, for messages.

    Returns
    -------
    dict
        ``format``, ``format_version``, ``group``, ``key``, ``arrays``, ``provenance``, ``checksums``. Every file name
        in it stays within the store.

    Raises
    ------
    StoreError
        If this is no manifest, a damaged one, or one of a later version of the format.
    """
    try:
        manifest = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise damaged(path) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ForeignError("not a giblet store", "give a folder that giblet wrote", path)
    version = manifest.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise StoreError(f"written by a newer giblet (store format {version})", "update giblet", path)
    if type(version) is not int or version < 1:
        raise damaged(path)
    manifest["group"] = manifest.get("group") if version > 1 else ""
    if not _well_formed(manifest) or not _intact(text):
        raise damaged(path)
    manifest.pop("sha256", None)
    return manifest


def damaged(path: str | os.PathLike[str]) -> StoreError:
    """Return the error for a store that was left incomplete or changed afterwards."""
    return StoreError("an interrupted or damaged store", "delete the folder and write the store again", path)


def is_array_name(name: object) -> bool:
    """Return whether an array may have this name."""
    return isinstance(name, str) and re.fullmatch(_NAME, name) is not None and name not in (MANIFEST, "zarr.json")


def within(group: str, name: str) -> str:
    """Return the name of a file within the store, by its name within the group."""
    return f"{group}/{name}" if group else name


def files_in(folder: str | os.PathLike[str]) -> set[str]:
    """Return the names of all files of a store but its manifest, relative to it, with slashes.

    What file browsers and network disks drop into any folder does not count.
    """
    names = set()
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _DEBRIS_FOLDERS]
        inside = os.path.relpath(root, folder).replace(os.sep, "/")
        names |= {file if inside == "." else f"{inside}/{file}" for file in files if not _is_debris(file)}
    return names - {MANIFEST}


def _is_debris(file: str) -> bool:
    return file in _DEBRIS or file.startswith(_DEBRIS_BEGINS)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _intact(text: bytes) -> bool:
    """Return whether the text is what its last line says; earlier versions wrote none."""
    body, _, seal = text.rpartition(b",\n")
    sealed = re.fullmatch(rf' "sha256": "({_SHA256})"\n\}}'.encode(), seal)
    return sealed is None or hashlib.sha256(body + b"\n}").hexdigest().encode() == sealed[1]


def _well_formed(manifest: dict[str, Any]) -> bool:
    key, arrays, checksums = manifest.get("key"), manifest.get("arrays"), manifest.get("checksums")
    group = manifest["group"]
    if group != "" and not is_array_name(group):
        return False
    return (
        (key is None or isinstance(key, str))
        and isinstance(manifest.get("provenance"), dict)
        and isinstance(checksums, dict)
        and all(re.fullmatch(_FILE, name) and _is_digest(digest) for name, digest in checksums.items())
        and within(group, "zarr.json") in checksums
        and isinstance(arrays, dict)
        and all(is_array_name(name) and within(group, f"{name}/zarr.json") in checksums for name in arrays)
        and all(_is_array(array) for array in arrays.values())
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_SHA256, value) is not None


def _is_array(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("dtype"), str):
        return False
    dims, shape = value.get("dims"), value.get("shape")
    return (
        isinstance(dims, list)
        and isinstance(shape, list)
        and len(dims) == len(shape)
        and all(isinstance(dim, str) for dim in dims)
        and all(type(length) is int and length >= 0 for length in shape)
    )
