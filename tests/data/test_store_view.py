"""open_store: views at any TR, fewer codebooks, latents, all without a model."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.data import AudioProcessor, extract, open_store, reconstruct
from giblet.errors import AlignmentError, CodecError, ParameterError, StoreError
from giblet.store import StoreWriter


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("view") / "clip.wav"
    soundfile.write(path, babble(24_000 * 10)[0], 24_000)
    return path


@pytest.fixture(scope="module")
def store(clip, tiny):
    path = clip.parent / "store"
    extract(clip, path, codec=tiny, bandwidth=6.0, features="audio.codes,audio.mel")
    return open_store(path)


@pytest.mark.parametrize("policy", ["floor", "ceil"])
@pytest.mark.parametrize("tr", [0.72, 1.5, 2.0, "4/3"])
@pytest.mark.parametrize("bandwidth", [1.5, 6.0])
def test_a_view_equals_a_fresh_extraction(store, clip, tiny, tr, bandwidth, policy):
    view = store.tr_view(tr=tr, bandwidth=bandwidth, frame_policy=policy)
    processor = AudioProcessor(codec=tiny, encodec_bandwidth=bandwidth, tr=tr, frame_policy=policy)
    features, metadata = processor.audio_to_features(clip)
    assert view.dims == ("tr", "codebook", "column")
    assert np.array_equal(view, features)
    assert view["start_time"].to_numpy().tolist() == metadata["start_time"].tolist()
    assert view["n_frames"].to_numpy().tolist() == metadata["n_frames"].tolist()


def test_its_metadata_decodes(store, tiny, tmp_path):
    processor = AudioProcessor(codec=tiny, encodec_bandwidth=6.0, tr=2.0)
    processor.features_to_audio(store.tr_view(tr=2.0).values, tmp_path / "x.wav", store.metadata(tr=2.0))
    assert soundfile.info(tmp_path / "x.wav").frames == 240_000


def test_latents_and_their_mean(store, tiny):
    codes = store.codes().data
    books = tiny.codebooks(8)
    whole = sum(books[q][codes[q]] for q in range(8))
    np.testing.assert_allclose(store.latents(), whole, rtol=1e-5)
    view = store.tr_view("audio.latents")
    assert (view.dims, view.shape, view.dtype) == (("tr", "latent", "column"), (6, 64, 112), np.float32)
    np.testing.assert_allclose(view[1], whole[113:225].T, rtol=1e-5)
    pooled = store.tr_view("audio.latents", pool="mean")
    assert pooled.dims == ("tr", "latent")
    np.testing.assert_allclose(pooled[0], whole[:113].mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pooled[1], whole[113:225].mean(axis=0), rtol=1e-4, atol=1e-5)


def test_mel_view(store, clip):
    view = store.tr_view("audio.mel")
    features, _ = AudioProcessor(use_encodec=False).audio_to_features(clip)
    np.testing.assert_array_equal(view, features)
    assert store.tr_view("audio.mel", pool="mean").shape == (6, 2048)


def test_what_a_view_refuses(store):
    with pytest.raises(ParameterError, match="mean of labels means nothing"):
        store.tr_view("audio.codes", pool="mean")
    with pytest.raises(CodecError, match=r"no 12 kbps of tiny; choose one of 1\.5, 3, 6"):
        store.tr_view(bandwidth=12.0)
    with pytest.raises(ParameterError, match="no feature"):
        store.tr_view("audio.smell")
    with pytest.raises(AlignmentError, match="less than one TR"):
        store.tr_view(tr=11)
    with pytest.raises(ParameterError, match="pool is"):
        store.tr_view("audio.latents", pool="median")


def test_shorter_and_later_views(store):
    assert store.tr_view(max_trs=2).shape[0] == 2
    late = store.tr_view(start=3.0)
    assert late["start_time"].values[0] == 3.0
    assert np.array_equal(late[0], store.tr_view()[2])


def test_a_store_without_the_feature_says_how_to_get_it(clip, tiny, tmp_path):
    extract(clip, tmp_path / "codes", codec=tiny, max_trs=3)
    opened = open_store(tmp_path / "codes")
    with pytest.raises(StoreError, match=r"--features audio\.mel"):
        opened.tr_view("audio.mel")
    # No more than was asked for, though a codec's last frame reaches a little further.
    assert opened.tr_view().shape[0] == 3
    assert opened.tr_view(tr=1.0).shape[0] == 4


def test_silence_that_fills_a_tr_belongs_to_its_grid(clip, tiny, tmp_path):
    extract(clip, tmp_path / "pad", codec=tiny, tr=3, incomplete="pad")
    opened = open_store(tmp_path / "pad")
    assert opened.tr_view().shape[0] == 4
    assert opened.metadata()["padded"].tolist() == [False, False, False, True]
    assert opened.tr_view(tr=2.0).shape[0] == 5


def test_what_is_no_store_of_features(tmp_path):
    with pytest.raises(StoreError):
        open_store(tmp_path)
    with StoreWriter(tmp_path / "other") as writer:
        writer.put("x", ("x",), np.arange(3))
        writer.commit({"made by": "someone else"})
    with pytest.raises(StoreError, match="not of features"):
        open_store(tmp_path / "other")


def test_all_features_of_a_film_have_the_same_trs(tiny, tmp_path):
    # 11 × 1.49 s is no whole number of samples at 22,050 Hz.
    soundfile.write(tmp_path / "exact.wav", babble(11 * 35_760)[0], 24_000)
    both = "audio.codes,audio.mel"
    assert extract(tmp_path / "exact.wav", tmp_path / "s", codec=tiny, tr=1.49, features=both).provenance["n_trs"] == 11
    opened = open_store(tmp_path / "s")
    assert opened.tr_view().shape[0] == opened.tr_view("audio.mel").shape[0] == 11


def test_a_limited_store_holds_what_was_asked_for(clip, tiny, stereo, tmp_path):
    for name, options in {
        "codes": {"codec": tiny},
        "stereo": {"codec": stereo, "bandwidth": 6.0},
        "mel": {"features": "audio.mel"},
    }.items():
        done = extract(clip, tmp_path / name, tr=1.49, max_trs=3, **options)
        assert done.provenance["sound"]["duration"] == 4.47
        opened = open_store(tmp_path / name)
        assert opened.tr_view("audio.mel" if name == "mel" else "audio.codes").shape[0] == 3
        made = reconstruct(tmp_path / name, tmp_path / f"{name}.wav", codec=options.get("codec"))
        assert made.seconds == pytest.approx(4.47, abs=1e-4)


def test_the_table_of_a_lower_bandwidth(store):
    assert (store.metadata(bandwidth=1.5)["n_codebooks"] == 2).all()
    assert (store.tr_view("audio.latents", bandwidth=1.5)["n_codebooks"] == 2).all()
    with pytest.raises(ParameterError, match="no feature"):
        store.metadata("audio.smell")
