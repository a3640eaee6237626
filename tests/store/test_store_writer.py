"""What is written comes back, and nothing that is there is lost."""

from __future__ import annotations

import errno
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import StoreError
from giblet.store import StoreTakenError, StoreWriter, is_store, open_dataset, read_manifest, verify
from giblet.store.arrays import StoreFolder

DIMS = ("codebook", "frame")


def growing(store: StoreWriter, name: str = "codes", **options):
    return store.create(name, DIMS, (4, 0), options.pop("dtype", "int16"), append_dim="frame", **options)


def test_xarray_opens_a_store_without_giblet(tmp_path, write, codes):
    path = write(tmp_path / "film.store")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Object at manifest.json")
        dataset = xr.open_zarr(path, consolidated=False, chunks=None)
    assert dataset["codes"].dims == DIMS
    assert dataset["codes"].dtype == np.int16
    assert dataset["codes"].attrs["rate"] == 75
    assert dataset.attrs["title"] == "a film"
    np.testing.assert_array_equal(dataset["codes"], codes)
    np.testing.assert_array_equal(dataset.indexes["codebook"], range(4))


def test_it_is_one_v3_group_of_whole_chunks(tmp_path, write, names):
    path = write(tmp_path / "film.store")
    group = json.loads((path / "zarr.json").read_text())
    array = json.loads((path / "codes" / "zarr.json").read_text())
    assert (group["zarr_format"], group["node_type"]) == (3, "group")
    assert not group.get("consolidated_metadata")
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [4, 50]
    assert array["dimension_names"] == list(DIMS)
    assert sorted(names(path / "codes" / "c" / "0")) == ["0", "1", "2"]


def test_the_manifest_tells_what_is_stored(tmp_path, write):
    manifest = read_manifest(write(tmp_path / "film.store", film="a.mp4"))
    assert manifest["key"] == "k"
    assert manifest["provenance"] == {"film": "a.mp4"}
    assert manifest["arrays"]["codes"] == {"dims": list(DIMS), "shape": [4, 130], "dtype": "int16"}
    assert "codes/c/0/2" in manifest["checksums"]


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), max_size=8),
    chunk=st.integers(1, 30),
    axis=st.sampled_from([0, 1]),
    dtype=st.sampled_from(["int16", "float32", "bool"]),
)
def test_any_split_into_blocks_gives_the_same_array(tmp_path_factory, lengths, chunk, axis, dtype):
    whole = np.random.default_rng(1).integers(0, 2, (sum(lengths), 3)).astype(dtype)
    whole = whole if axis == 0 else whole.T
    dims, shape = ("time", "band"), [3, 3]
    shape[axis] = 0
    path = tmp_path_factory.mktemp("split") / "s"
    with StoreWriter(path) as store:
        array = store.create("x", dims if axis == 0 else dims[::-1], shape, dtype, append_dim="time", chunk=chunk)
        start = 0
        for length in lengths:
            array.append(whole.take(range(start, start + length), axis=axis))
            start += length
            assert array.shape[axis] == start
        store.commit({})
    stored = open_dataset(path)["x"]
    assert stored.dtype == whole.dtype
    np.testing.assert_array_equal(stored, whole)


def test_a_chunk_is_written_once_and_no_more_than_one_row_waits(tmp_path, monkeypatch):
    written: list[str] = []
    original = StoreFolder.set

    async def noted(self, key, value):
        written.append(key)
        await original(self, key, value)

    monkeypatch.setattr(StoreFolder, "set", noted)
    with StoreWriter(tmp_path / "s") as store:
        array = growing(store, chunk=50)
        for step in range(1, 40):
            array.append(np.ones((4, 13), int))
            chunks = sum("/c/" in key for key in written)
            assert 0 <= step * 13 - chunks * 50 <= 50
        store.commit({})
    chunks = [key for key in written if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == -(-39 * 13 // 50)


def test_chunks_are_moderate_by_default(tmp_path):
    with StoreWriter(tmp_path / "s") as store:
        growing(store)
        store.create("wide", ("frame", "band"), (0, 2048), "float32", append_dim="frame")
        store.commit({})
    arrays = zarr.open_group(StoreFolder(tmp_path / "s"), mode="r")
    assert arrays["codes"].chunks == (4, 45_000)
    assert arrays["wide"].chunks == (512, 2048)


def test_codes_take_ten_bits_each(tmp_path):
    codes = np.random.default_rng(0).integers(0, 1024, (4, 45_000))
    with StoreWriter(tmp_path / "s") as store:
        growing(store).append(codes)
        store.commit({})
    assert (tmp_path / "s" / "codes" / "c" / "0" / "0").stat().st_size < codes.size * 10 / 8 * 1.01


def test_arrays_without_a_frame_or_a_dimension(tmp_path):
    with StoreWriter(tmp_path / "s") as store:
        growing(store)
        store.put("scale", (), np.float32(0.5))
        store.put("none", ("nothing",), np.zeros(0, "float32"))
        store.commit({})
    dataset = open_dataset(tmp_path / "s")
    assert dataset["codes"].shape == (4, 0)
    assert dataset["scale"].item() == 0.5
    assert dataset["none"].shape == (0,)
    assert verify(tmp_path / "s") == []


def test_chunks_of_zeros_are_written_too(tmp_path, names):
    with StoreWriter(tmp_path / "s") as store:
        growing(store, chunk=5).append(np.zeros((4, 10)).astype(int))
        store.commit({})
    assert len(names(tmp_path / "s" / "codes" / "c" / "0")) == 2


@pytest.mark.parametrize("name", ["a film", "Größe 電影", "line\nbreak", "-x", "a'b\"c", "[a-z]*?", "a#b::c", "x.zip"])
def test_any_name_of_a_store_will_do(tmp_path, write, codes, name, names):
    path = write(write(tmp_path / name), force=True)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes)
    assert names(tmp_path) == [name]


def test_a_relative_name_and_an_empty_folder_will_do(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    Path("s").mkdir()
    write(Path("s"))
    write(Path("./t/"))
    assert is_store(tmp_path / "s")
    assert is_store(tmp_path / "t")


def test_a_link_stays_a_link(tmp_path, write):
    (tmp_path / "disk").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "disk" / "real")
    write(tmp_path / "s")
    write(tmp_path / "s", force=True)
    assert (tmp_path / "s").is_symlink()
    assert is_store(tmp_path / "disk" / "real")


def test_a_store_that_is_there_is_refused_without_force(tmp_path, write, codes):
    path = write(tmp_path / "s")
    with pytest.raises(StoreError, match="--force"):
        write(path, codes + 1)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes)


def test_force_replaces_a_store(tmp_path, write, codes, names):
    path = write(tmp_path / "s")
    write(path, codes[:, :20] // 2, force=True)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes[:, :20] // 2)
    assert verify(path) == []
    assert names(tmp_path) == ["s"]


def test_nothing_is_written_inside_a_store(tmp_path, write):
    path = write(tmp_path / "s")
    (tmp_path / "link").symlink_to(path)
    for place in (path / "t", path / "codes" / "t", tmp_path / "link" / "t"):
        with pytest.raises(StoreError, match="lies inside the store") as caught:
            write(place, force=True)
        assert caught.value.path == str(place)
    assert verify(path) == []


def test_a_store_that_appears_meanwhile_is_told_from_other_errors(tmp_path, write, codes):
    with StoreWriter(tmp_path / "s") as store:
        write(tmp_path / "s")
        with pytest.raises(StoreTakenError):
            store.commit({})
    np.testing.assert_array_equal(open_dataset(tmp_path / "s")["codes"], codes)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_the_user_is_never_replaced(tmp_path, write, force):
    theirs = tmp_path / "thesis"
    theirs.mkdir()
    for name, text in [("thesis.tex", "x"), ("manifest.json", '{"format": "other"}'), ("zarr.json", "{}")]:
        (theirs / name).write_text(text)
        with pytest.raises(StoreError, match="never overwritten"):
            write(theirs, force=force)
    assert (theirs / "thesis.tex").read_text() == "x"
    with pytest.raises(StoreError, match="never overwritten"):
        write(theirs / "thesis.tex", force=force)
    assert (theirs / "thesis.tex").read_text() == "x"


def test_a_store_with_files_of_the_user_is_not_replaced(tmp_path, write):
    path = write(tmp_path / "s")
    (path / ".DS_Store").write_text("left by a file browser")
    write(path, force=True)
    (path / "codes" / "notes.txt").write_text("x")
    with pytest.raises(StoreError, match=r"codes/notes\.txt"):
        write(path, force=True)
    assert (path / "codes" / "notes.txt").read_text() == "x"


def test_what_appears_during_writing_is_not_replaced(tmp_path, write, codes, names):
    with StoreWriter(tmp_path / "s") as slow:
        growing(slow).append(codes + 1)
        write(tmp_path / "s")
        with pytest.raises(StoreError, match="already exists"):
            slow.commit({})
    np.testing.assert_array_equal(open_dataset(tmp_path / "s")["codes"], codes)
    assert names(tmp_path) == ["s"]


def test_places_where_nothing_can_be_written_are_explained(tmp_path, write, names):
    (tmp_path / "film.mp4").write_text("x")
    for place, words in [
        ("absent/s", "does not exist"),
        ("film.mp4/s", "is a file"),
        ("x" * 300, "name"),
        ("a\0b", "no usable name"),
    ]:
        with pytest.raises(StoreError, match=words):
            write(tmp_path / place)
    assert names(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "may not be written"), (errno.EIO, "cannot be written")],
)
def test_a_failing_disk_leaves_nothing(tmp_path, monkeypatch, write, number, words, names):
    original = StoreFolder.set

    async def failing(self, key, value):
        if key == "codes/c/0/3":
            raise OSError(number, os.strerror(number))
        await original(self, key, value)

    monkeypatch.setattr(StoreFolder, "set", failing)
    with pytest.raises(StoreError, match=words) as caught:
        write(tmp_path / "s", np.ones((4, 190), int))
    assert caught.value.path == str(tmp_path / "s")
    assert names(tmp_path) == []


def test_blocks_that_do_not_fit_are_refused(tmp_path):
    with StoreWriter(tmp_path / "s") as store:
        codes = growing(store)
        codes.append(np.full((4, 1), 32_767, "int64"))
        for values, error in [
            (np.full((4, 1), 32_768), ValueError),
            (np.full((4, 1), -32_769), ValueError),
            (np.full((4, 1), 1.0j), TypeError),
            (np.full((4, 1), "a"), TypeError),
            (np.zeros((3, 1), int), ValueError),
            (np.zeros(4, int), ValueError),
            (np.zeros((4, 1, 1), int), ValueError),
        ]:
            with pytest.raises(error):
                codes.append(values)
        growing(store, "latents", dtype="float32").append(np.full((4, 1), 0.1))
        store.commit({})
    dataset = open_dataset(tmp_path / "s")
    assert (dataset["codes"].values == 32_767).all()
    assert (dataset["latents"].values == np.float32(0.1)).all()


def test_arrays_that_cannot_be_described_are_refused(tmp_path):
    with StoreWriter(tmp_path / "s") as store:
        for name in ("", "..", "a/b", ".hidden", "zarr.json", "manifest.json", "a\n"):
            with pytest.raises(ValueError, match="name"):
                store.put(name, ("x",), [1])
        store.put("x", ("x",), [1])
        with pytest.raises(ValueError, match="taken"):
            store.put("x", ("x",), [1])
        with pytest.raises(ValueError, match="twice"):
            store.put("y", ("x", "x"), [[1]])
        with pytest.raises(ValueError, match="dims"):
            store.put("y", ("x",), [[1]])
        with pytest.raises(TypeError, match="text"):
            store.put("y", ("x",), ["name"])
        with pytest.raises(TypeError, match="object"):
            store.put("y", ("x",), np.array([object()]))
        with pytest.raises(ValueError, match="JSON"):
            store.put("y", ("x",), [1], {"a": float("nan")})
        for dims, shape in [(("a", "frame"), (4, 3)), (("a", "b"), (4, 0)), (("frame",), (4, 0))]:
            with pytest.raises(ValueError, match="frame"):
                store.create("y", dims, shape, "int16", append_dim="frame")
        with pytest.raises(ValueError, match="chunk"):
            growing(store, "y", chunk=0)
        store.commit({})
    assert list(read_manifest(tmp_path / "s")["arrays"]) == ["x"]


def test_a_store_that_could_not_be_opened_is_not_published(tmp_path, names):
    for provenance, error in [({"x": object()}, TypeError), ({"x": float("nan")}, ValueError), ({}, ValueError)]:
        with StoreWriter(tmp_path / "s") as store:
            store.put("x", ("frame",), [1, 2])
            store.put("y", ("frame",), [1, 2] if provenance else [1, 2, 3])
            with pytest.raises(error):
                store.commit(provenance)
    assert names(tmp_path) == []


def test_nothing_is_written_outside_the_with_block(tmp_path):
    store = StoreWriter(tmp_path / "s")
    with pytest.raises(RuntimeError):
        growing(store)
    with store:
        codes = growing(store)
        store.commit({})
        for late in (
            lambda: store.commit({}),
            lambda: growing(store, "x"),
            lambda: codes.append(np.zeros((4, 1), int)),
        ):
            with pytest.raises(RuntimeError):
                late()
    with pytest.raises(RuntimeError):
        growing(store)
    assert verify(tmp_path / "s") == []


@pytest.mark.slow
def test_memory_stays_flat_while_appending(tmp_path):
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("the system does not tell anonymous memory")

    def anonymous() -> int:
        return int(status.read_text().split("RssAnon:")[1].split()[0]) // 1024

    block = np.random.default_rng(0).standard_normal((128, 1000)).astype("float32")
    with StoreWriter(tmp_path / "s") as store:
        array = store.create("latents", ("band", "frame"), (128, 0), "float32", append_dim="frame")
        seen = []
        for _ in range(800):
            array.append(block)
            seen.append(anonymous())
    assert max(seen) - seen[50] < 30, f"MB while 410 MB were appended: {seen[50]} to {max(seen)}"
