"""A study opens as one lazy object, whatever else lies in its folder."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
import xarray as xr
from cloud import s3_server
from fabricate import babble

import giblet
from giblet.data import extract, open_store
from giblet.errors import CodecError, MissingExtraError, ParameterError, StoreError, StudyError
from giblet.store import find_stores, is_store, publish, stored_key, verify

FEATURES = "audio.codes,audio.latents,audio.mel,audio.power"


@pytest.fixture(scope="module")
def films(tmp_path_factory, tiny):
    """Two stores of different lengths, one of them deeper."""
    folder = tmp_path_factory.mktemp("films")
    for name, seconds in (("a", 5), ("more/b c", 8)):
        clip = folder / f"{seconds}.wav"
        soundfile.write(clip, babble(24_000 * seconds)[0], 24_000)
        extract(clip, folder / "study" / name, codec=tiny, bandwidth=6.0, features=FEATURES)
    return folder / "study"


@pytest.fixture
def folder(films, tmp_path):
    return Path(shutil.copytree(films, tmp_path / "study"))


@pytest.fixture(scope="module")
def bucket(films):
    with s3_server("study") as url:
        for name in ("a", "more/b c"):
            publish(films / name, f"{url}/pilot/{name}")
        yield url


def empty(store: Path) -> None:
    """Leave nothing of a store but its manifest and its empty folders."""
    for file in store.rglob("*"):
        if file.is_file() and file.name != "manifest.json":
            file.unlink()


@pytest.mark.parametrize("feature", FEATURES.split(","))
@pytest.mark.parametrize("options", [{}, {"tr": 2, "frame_policy": "ceil"}, {"start": "1/3", "max_trs": 2, "tr": 1}])
def test_a_view_of_all_films_is_that_of_each(films, feature, options):
    study = giblet.open_study(films)
    view = study.tr_view(feature, **options)
    assert view.chunks[0] == tuple(view.sel(film=film).sizes["tr_index"] for film in study)
    for film in study:
        alone, mine = study[film].tr_view(feature, **options), view.sel(film=film)
        assert (mine.dims[1:], mine.dtype, mine.attrs) == (alone.dims[1:], alone.dtype, alone.attrs)
        np.testing.assert_array_equal(mine, alone)
        for name in ("tr_index", "start_time", "end_time"):
            np.testing.assert_array_equal(mine[name], alone[name])


@pytest.mark.parametrize("feature", ["audio.latents", "audio.mel", "audio.power"])
def test_pooled_views_too(films, feature):
    study = giblet.open_study(films)
    view = study.tr_view(feature, pool="mean")
    np.testing.assert_array_equal(view, np.concatenate([study[film].tr_view(feature, pool="mean") for film in study]))
    assert view.dims == study["a"].tr_view(feature, pool="mean").dims


def test_pictures_and_a_smaller_bandwidth(sample_film, films, tmp_path, tiny):
    for name, trs in (("x", 2), ("y", 3)):
        extract(sample_film, tmp_path / name, features="video.frames,video.luminance", max_trs=trs)
    pictures = giblet.open_study(tmp_path)
    for feature in pictures.features:
        view = pictures.tr_view(feature)
        for film in pictures:
            np.testing.assert_array_equal(view.sel(film=film), pictures[film].tr_view(feature))
    with pytest.raises(ParameterError, match="means nothing"):
        pictures.tr_view("video.frames", pool="mean")
    study = giblet.open_study(films)
    assert study.tr_view(bandwidth=3).shape[1] == 4
    with pytest.raises(CodecError, match="kbps"):
        study.tr_view(bandwidth=24)


def test_nothing_is_read_before_it_is_asked_for(folder, films):
    alone = open_store(films / "a").tr_view()
    for store in find_stores(folder).values():
        empty(store.place)
    study = giblet.open_study(folder)
    data, tree, table = study.dataset(), study.tree, study.table()
    assert list(study) == list(table.index) == ["a", "more/b c"]
    assert table["n_trs"].tolist() == [3, 5]
    assert data.sizes["tr"] == 8
    assert data["audio.codes"].dims == ("tr", "audio.codes.codebook", "audio.codes.column")
    assert tree["more/b c"]["codes"].shape == (8, 600)
    with pytest.raises(StoreError, match="damaged"):
        data["audio.codes"].compute()
    # Only the film that is asked for is read.
    shutil.rmtree(folder / "a")
    shutil.copytree(films / "a", folder / "a")
    np.testing.assert_array_equal(data["audio.codes"].sel(film="a"), alone)
    np.testing.assert_array_equal(tree["a"]["codes"], open_store(films / "a").dataset["codes"])


def test_opening_lists_and_reads_no_manifest(folder, monkeypatch):
    monkeypatch.setattr("giblet.store.reader.manifest_text", None)
    study = giblet.open_study(folder)
    assert repr(study) == "FeatureStudy(2 stores)"
    assert study["a"].features == tuple(FEATURES.split(","))
    with pytest.raises(KeyError):
        study["c"]


def test_rubbish_is_passed_over_and_damage_is_named(folder, films):
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.txt").write_text("mine")
    (folder / "theirs").mkdir()
    (folder / "theirs" / "manifest.json").write_text('{"name": "an app"}')
    shutil.copytree(films / "a", folder / "half")
    (folder / "half" / "manifest.json").unlink()
    shutil.copytree(films / "a", folder / "bad")
    (folder / "bad" / "manifest.json").write_text("{")
    chunk = next((folder / "a" / "codes" / "c").rglob("0"))
    chunk = chunk if chunk.is_file() else next(file for file in chunk.rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[::-1])
    study = giblet.open_study(folder)
    with pytest.warns(UserWarning, match="1 damaged stores are left out: bad"):
        assert list(study) == ["a", "more/b c"]
    assert list(study.damaged) == ["bad"]
    assert study.verify() == {"bad": ["manifest.json"], "a": [chunk.relative_to(folder / "a").as_posix()]}


def test_stores_are_named_one_by_one(films, folder):
    assert list(giblet.open_study([films / "a", films / "more" / "b c"])) == ["a", "b c"]
    assert list(giblet.open_study([folder / "a", films / "a"])) == [
        f"{folder.parent.name}/study/a", f"{films.parent.name}/study/a",
    ]  # fmt: skip
    assert list(giblet.open_study(films / "a")) == ["a"]
    with pytest.warns(UserWarning, match="none"):
        assert list(giblet.open_study([films / "a", films / "none"])) == ["a"]
    with pytest.raises(StudyError, match="no store"):
        giblet.open_study([])
    with pytest.raises(StoreError, match="cannot be read"):
        giblet.open_study(films / "nowhere")


def test_films_that_do_not_fit_are_named(folder, films, tiny):
    clip = films.parent / "5.wav"
    extract(clip, folder / "z", codec=tiny, bandwidth=6.0, features="audio.codes", tr=2)
    study = giblet.open_study(folder)
    assert study.features == ("audio.codes",)
    with pytest.raises(StudyError, match=r"a and z have TRs of 1\.5 and 2 s"):
        study.tr_view()
    assert study.tr_view(tr=1.5).sizes["tr"] == 11
    with pytest.raises(StoreError, match=r"z: holds no audio\.mel"):
        study.tr_view("audio.mel", tr=1.5)
    extract(clip, folder / "z", codec=tiny, bandwidth=3.0, features="audio.codes", force=True)
    study = giblet.open_study(folder)
    with pytest.raises(StudyError, match="shapes"):
        study.tr_view()
    assert study.tr_view(bandwidth=3).sizes["tr"] == 11


def test_a_store_that_is_replaced_meanwhile_is_no_mixture(folder, films, tiny):
    data = giblet.open_study(folder).dataset(["audio.codes"])
    shutil.rmtree(folder / "a")
    shutil.copytree(films / "more" / "b c", folder / "a")
    with pytest.raises(StoreError, match="replaced after the study was opened"):
        data.compute()


def test_a_study_behind_a_url_is_the_same(films, bucket):
    far, near = giblet.open_study(f"{bucket}/pilot"), giblet.open_study(films)
    assert list(far) == list(near)
    xr.testing.assert_identical(far.dataset(max_trs=2).compute(), near.dataset(max_trs=2).compute())
    np.testing.assert_array_equal(far.tree["more/b c"]["codes"], near["more/b c"].dataset["codes"])
    assert far.verify() == {}


def test_what_is_kept_on_the_disk_is_sent(films, tmp_path, tiny, monkeypatch):
    settings = {"codec": tiny, "bandwidth": 3.0, "features": "audio.codes", "cache": tmp_path / "cache"}
    clip, urls = films.parent / "5.wav", [f"memory://{tmp_path.name}/{name}" for name in "ab"]
    with monkeypatch.context() as patch:
        patch.setattr("giblet.store.generation.Remote.write", Mock(side_effect=StoreError("no network", "wait")))
        patch.setattr("giblet.data.extraction.check_output", lambda *_: None)
        with pytest.raises(StoreError, match="no network"):
            extract(clip, urls[0], **settings)
    assert not is_store(urls[0])
    # The work is not lost: the second call only sends it.
    monkeypatch.setattr("giblet.data.extraction.Filler", None)
    assert [extract(clip, url, **settings).hit for url in urls] == [True, True]
    assert all(verify(url) == [] and stored_key(url) == stored_key(urls[0]) for url in urls)
    assert not list((tmp_path / "cache").glob(".sent*"))


def test_dask_is_named_where_it_is_missing(films, monkeypatch):
    study = giblet.open_study(films)
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(MissingExtraError, match=r"giblet\[cloud\]"):
        study.tr_view()
    assert study["a"].tr_view().sizes["tr"] == 3


def test_ten_thousand_stores_are_listed_within_a_second(tmp_path):
    for number in range(10_000):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "manifest.json").touch()
    begin = time.process_time()
    assert len(find_stores(tmp_path)) == 10_000
    # By the processor's clock, for other programs want the machine too.
    assert time.process_time() - begin < 1
