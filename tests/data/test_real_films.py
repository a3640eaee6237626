"""Real films, from file to store and back."""

from __future__ import annotations

import numpy as np
import pytest
from fabricate import lag

from giblet.data import extract, open_store, reconstruct
from giblet.media import AudioReader
from giblet.metrics import stoi

pytestmark = pytest.mark.realdata


def sound_of(path) -> np.ndarray:
    with AudioReader(path, sample_rate=24_000) as reader:
        return reader.read().data[0]


@pytest.fixture(scope="module")
def film(realdata):
    return realdata / "video" / "cc_wanna_work_together.mp4"


@pytest.fixture(scope="module")
def store(film, tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("cc") / "store"
    extract(film, path, codec=tiny, bandwidth=6.0)
    return path


@pytest.fixture(scope="module")
def decoded(store):
    path = store.with_name("cc.wav")
    reconstruct(store, path)
    return sound_of(path)


@pytest.mark.slow
def test_three_minutes_come_back_in_step(film, decoded):
    source = sound_of(film)
    assert len(source) == len(decoded)
    for second in (0, 45, 90, 135, 165):
        part = slice(second * 24_000, (second + 15) * 24_000)
        assert abs(lag(source[part], decoded[part], 2400)) <= 24
    assert stoi(source[: 30 * 24_000], decoded[: 30 * 24_000], 24_000) > 0.7


@pytest.mark.slow
def test_the_film_with_its_new_sound_is_in_step(film, store, decoded, tmp_path):
    reconstruct(store, tmp_path / "cc.mp4", film=film)
    heard = sound_of(tmp_path / "cc.mp4")
    for second in (0, 90, 160):
        part = slice(second * 24_000, (second + 15) * 24_000)
        assert abs(lag(decoded[part], heard[part], 2400)) <= 2
    import moviepy

    with moviepy.VideoFileClip(str(tmp_path / "cc.mp4")) as clip:
        assert clip.duration == pytest.approx(180.3, abs=0.3)
        assert clip.audio is not None


def test_containers_of_one_clip_give_one_sound(realdata, tiny, tmp_path):
    offsets = {}
    for name in ("small_mp4.mp4", "small_mov.mov", "small_webm.webm"):
        done = extract(realdata / "video" / name, tmp_path / name, codec=tiny)
        offsets[name] = done.provenance["sound"]["offset"]
        assert open_store(tmp_path / name).tr_view().shape == (3, 4, 112)
    assert offsets["small_mp4.mp4"] == pytest.approx(0.02133, abs=1e-4)
    assert offsets["small_mov.mov"] == 0
