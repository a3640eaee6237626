"""Datasets share what was extracted once, wherever they are kept."""

from __future__ import annotations

import pytest

import giblet.data.extraction as extraction
import giblet.data.multimodal.building as building
from giblet.data import MultimodalDataset, find_study
from giblet.store import Cache, default_folder, verify


@pytest.fixture
def films(monkeypatch):
    """Films that were really read."""
    names = []
    original = extraction.Filler.fill

    def fill(self, *args, **options):
        names.append(self._film.name)
        return original(self, *args, **options)

    monkeypatch.setattr(extraction.Filler, "fill", fill)
    return names


@pytest.fixture
def film_alone(study_file):
    """A study of the film, without BOLD."""
    nothing = {"runs": None, "bold": None, "annotations": None}
    return lambda tr=1.5: study_file("alone", subjects=["a1"], tr=tr, features=["audio.power"], **nothing)


def test_two_datasets_decode_a_film_once(film_alone, tmp_path, films):
    for number in range(2):
        assert len(MultimodalDataset(film_alone(), cache_dir=tmp_path / str(number), filter="mean")) == 20
    assert films == ["film.mp4"]
    assert len(Cache.asked(True).entries()) == 1
    stores = list(tmp_path.glob("?/stores/*"))
    assert len(stores) == 2
    assert [verify(path) for path in stores] == [[], []]


def test_other_trs_are_other_stores(film_alone, tmp_path):
    assert len(MultimodalDataset(film_alone(), cache_dir=tmp_path, filter="mean")) == 20
    assert len(MultimodalDataset(film_alone(3), cache_dir=tmp_path, filter="mean")) == 10


def test_a_study_says_where_its_datasets_are_kept(study_file, study_folder, tmp_path):
    for place, folder in [("kept here", study_folder / "kept here"), (str(tmp_path), tmp_path)]:
        path = study_file("placed", cache=place)
        prepared = building.find_prepared(path, {"features": "text.word_rate"})
        assert prepared.folder.parent == folder
        assert building.cache_of(find_study(path), tmp_path / "asked") == tmp_path / "asked"


def test_where_a_study_may_only_be_read_datasets_are_kept_in_the_cache(study_file, monkeypatch):
    def refuse(place):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(building, "check_place", refuse)
    assert building.cache_of(find_study(study_file())) == default_folder() / "datasets"
