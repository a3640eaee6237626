"""No byte of a manifest can change unseen."""

from __future__ import annotations

import json

import pytest

from giblet.errors import StoreError
from giblet.store import is_store, read_manifest


def test_every_flipped_bit_is_found_or_changes_nothing(tmp_path, write):
    path = write(tmp_path / "s", film="a.mp4")
    whole, file = read_manifest(path), path / "manifest.json"
    text = file.read_bytes()
    for place in range(len(text)):
        file.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        if is_store(path):
            assert {name: read_manifest(path).get(name) for name in whole} == whole
    file.write_bytes(text)
    assert read_manifest(path) == whole


def test_manifests_of_earlier_versions_are_read(tmp_path, write):
    path = write(tmp_path / "s", film="a.mp4")
    manifest = read_manifest(path)
    (path / "manifest.json").write_text(json.dumps(manifest, indent=1))
    assert read_manifest(path) == manifest
    (path / "manifest.json").write_text(json.dumps(manifest, indent=1).replace("{", "[", 1))
    with pytest.raises(StoreError):
        read_manifest(path)
