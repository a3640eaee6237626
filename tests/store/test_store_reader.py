"""A store is believed only as far as its manifest goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import giblet.store
from giblet.errors import StoreError
from giblet.store import FORMAT_VERSION, is_store, open_dataset, open_group, read_manifest, stored_key, verify

PROJECT = Path(giblet.store.__file__).parents[2]


@pytest.fixture
def store(tmp_path, write):
    return write(tmp_path / "s", film="a.mp4")


def test_arrays_open_lazily_and_silently(store, codes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = open_dataset(store)
        group = open_group(store)
        np.testing.assert_array_equal(group["codes"][:, 60:70], codes[:, 60:70])
    (store / "codes" / "c" / "0" / "2").unlink()
    np.testing.assert_array_equal(dataset["codes"][:, :100], codes[:, :100])
    with pytest.raises(ValueError, match="read-only"):
        group.create_array("x", shape=(1,), dtype="int8")


def test_keys_and_existence_are_told(store, tmp_path):
    assert is_store(store)
    assert stored_key(store) == "k"
    assert not is_store(tmp_path)
    assert stored_key(tmp_path / "absent") is None


def test_asking_is_quick(store):
    code = (
        "import sys; from giblet.store import StoreWriter, stored_key, verify\n"
        f"assert stored_key({str(store)!r}) == 'k' and not verify({str(store)!r})\n"
        f"try: StoreWriter({str(store)!r}).__enter__()\n"
        "except Exception as error: assert '--force' in str(error)\n"
        "assert not {'zarr', 'xarray', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("absent", "there is no store"),
        ("file", "a file"),
        ("empty", "not a giblet store"),
        ("half", "damaged"),
        ("\0", "cannot be read"),
    ],
)
def test_what_is_no_store_is_explained(tmp_path, place, words):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "zarr.json").write_text("{}")
    for read in (read_manifest, open_group, open_dataset, verify):
        with pytest.raises(StoreError, match=words):
            read(tmp_path / place)


def test_a_newer_format_asks_for_an_update(store):
    edit(store, format_version=FORMAT_VERSION + 1, arrays="of a later kind")
    with pytest.raises(StoreError, match="update giblet"):
        read_manifest(store)


def test_verify_finds_what_changed(store):
    assert verify(store) == []
    damage(store / "codes" / "c" / "0" / "1")
    (store / "codebook" / "c" / "0").unlink()
    (store / "codes" / "extra").write_text("x")
    assert verify(store) == ["codebook/c/0", "codes/c/0/1", "codes/extra"]


DROPPINGS = [".DS_Store", "Thumbs.db", "desktop.ini", "._zarr.json", "@eaDir/x", "codes/.DS_Store", "codes/c/0/._0"]


def test_what_file_browsers_drop_into_a_store_is_of_no_account(store, codes, write):
    for name in DROPPINGS:
        (store / name).parent.mkdir(exist_ok=True)
        (store / name).write_bytes(b"dropped")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(open_dataset(store)["codes"], codes)
        assert sorted(open_group(store)) == ["codebook", "codes"]
    assert verify(store) == []
    damage(store / "codes" / "c" / "0" / "1")
    (store / "codebook" / "c" / "0").unlink()
    assert verify(store) == ["codebook/c/0", "codes/c/0/1"]
    write(store, codes + 1, force=True)
    assert not (store / ".DS_Store").exists()


def test_other_files_in_a_store_are_noticed_but_do_not_disturb(store, codes):
    (store / "notes.txt").write_text("mine")
    (store / "notes").mkdir()
    (store / "notes" / "more.txt").write_text("mine")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(open_dataset(store)["codes"], codes)
    assert verify(store) == ["notes.txt", "notes/more.txt"]


def test_a_damaged_chunk_is_not_read_as_data(store):
    damage(store / "codes" / "c" / "0" / "1")
    codes = open_dataset(store)["codes"]
    codes[:, :50].load()
    with pytest.raises(ValueError, match="checksum"):
        codes[:, 50:60].load()


@pytest.mark.parametrize("name", ["codes/c/0/1", "codes/zarr.json", "zarr.json"])
@pytest.mark.parametrize("change", [Path.unlink, lambda file: file.write_bytes(b"{}")])
def test_a_store_with_missing_chunks_or_other_metadata_does_not_open(store, name, change):
    change(store / name)
    for read in (open_group, open_dataset):
        if name != "codes/c/0/1" or not (store / name).exists():
            with pytest.raises(StoreError, match="damaged"):
                read(store)


@pytest.mark.filterwarnings("ignore:Object at")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"zarr_format": 3, "node_type": "array"}',
        '{"zarr_format": 3, "node_type": "group"}',
        "[" * 9999,
    ],
    ids=lambda text: text[:20],
)
def test_nonsense_with_the_right_checksum_does_not_open(store, text):
    (store / "codes" / "zarr.json").write_text(text)
    digest = giblet.store.file_digest(store / "codes" / "zarr.json")
    edit(store, checksums={**read_manifest(store)["checksums"], "codes/zarr.json": digest})
    with pytest.raises(StoreError, match="damaged"):
        open_dataset(store)


HOSTILE = [
    {"format": None},
    {"format": ["giblet-store"]},
    {"format_version": True},
    {"format_version": "1"},
    {"format_version": 0},
    {"format_version": 1.0},
    {"key": 3},
    {"key": ["k"]},
    {"provenance": None},
    {"provenance": []},
    {"provenance": {"x": float("nan")}},
    {"checksums": None},
    {"checksums": []},
    {"checksums": {}},
    {"checksums": {"zarr.json": None}},
    {"checksums": {"zarr.json": "ab"}},
    {"checksums": {"zarr.json": "A" * 64}},
    {"arrays": None},
    {"arrays": ["codes"]},
    {"arrays": {"absent": {"dims": [], "shape": [], "dtype": "int16"}}},
    *({"arrays": {"codes": array}} for array in (None, [], {}, {"dims": [], "shape": [], "dtype": 1})),
    *(
        {"arrays": {"codes": {"dims": dims, "shape": shape, "dtype": "int16"}}}
        for dims, shape in ((["a"], []), ("a", "4"), ([1], [4]), (["a"], [-1]), (["a"], [True]), (["a"], [1.5]), (1, 1))
    ),
]


@pytest.mark.parametrize("fields", HOSTILE, ids=lambda fields: json.dumps(fields)[:60])
def test_fields_of_another_type_are_no_manifest(store, fields):
    edit(store, **fields)
    refused(store)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "codes/../../x", "a//b", "./x", "", "a\\..\\x", "c:x", "a\nb", ".x"]
)
def test_names_do_not_leave_the_store(store, name):
    manifest = read_manifest(store)
    edit(store, checksums={**manifest["checksums"], name: "0" * 64})
    refused(store)
    edit(store, checksums=manifest["checksums"], arrays={name: manifest["arrays"]["codes"]})
    refused(store)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b'{"format": "giblet-store"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format": "giblet-store", "format_version": ' + b"9" * 10_000 + b"}",
        b'{"format": "giblet-store", "format_version": 1, "key": NaN}',
    ],
    ids=lambda text: text[:30].decode("latin1") + f" ({len(text)})",
)
def test_text_that_is_no_manifest(store, text):
    (store / "manifest.json").write_bytes(text)
    refused(store)


def test_a_manifest_of_sixteen_megabytes_is_not_read(store):
    with (store / "manifest.json").open("ab") as file:
        file.write(b" " * 16 * 2**20)
    refused(store)


def test_what_is_no_file_is_no_manifest(store):
    (store / "manifest.json").unlink()
    os.mkfifo(store / "manifest.json")
    refused(store)
    (store / "manifest.json").unlink()
    (store / "manifest.json").mkdir()
    refused(store)


def test_a_pipe_in_place_of_a_chunk_does_not_hang(store):
    (store / "codes" / "c" / "0" / "1").unlink()
    os.mkfifo(store / "codes" / "c" / "0" / "1")
    assert verify(store) == ["codes/c/0/1"]
    with pytest.raises(StoreError, match="damaged"):
        open_dataset(store)


def refused(store: Path) -> None:
    for read in (read_manifest, verify, open_group, open_dataset):
        with pytest.raises(StoreError):
            read(store)
    assert not is_store(store)
    assert stored_key(store) is None


def edit(store: Path, **fields: object) -> None:
    file = store / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
