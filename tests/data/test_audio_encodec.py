"""AudioProcessor: a film's sound to codes per TR, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from fabricate import babble, lag, random_encodec

from giblet.codecs import decode, load_codec
from giblet.data.audio import AudioProcessor
from giblet.errors import AlignmentError, CodecError, MediaError, ParameterError
from giblet.metrics import stoi


def processor(codec, **options) -> AudioProcessor:
    return AudioProcessor(**{"codec": codec, "encodec_bandwidth": 3.0, "tr": 1.5} | options)


@pytest.fixture(scope="module")
def first_ten(tiny, sample_film):
    return processor(tiny).audio_to_features(sample_film, max_trs=10)


def heard(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def test_shape_type_and_table(first_ten):
    features, metadata = first_ten
    assert features.shape == (10, 4, 112)
    assert features.dtype == np.int64
    assert features.min() >= 0
    assert features.max() <= 1023
    assert {
        "tr_index", "start_time", "end_time", "n_frames", "encoding_mode", "start_frame", "n_codebooks", "padded",
    } <= set(metadata)  # fmt: skip
    assert metadata["start_time"].tolist() == [1.5 * i for i in range(10)]
    assert metadata["end_time"].tolist() == [1.5 * i + 1.5 for i in range(10)]
    assert metadata["start_frame"].tolist() == [0, 113, 225, 338, 450, 563, 675, 788, 900, 1013]
    assert metadata["dropped_frames"].tolist() == [1, 0] * 5
    assert (metadata["encoding_mode"] == "encodec").all()
    assert (metadata["n_codebooks"] == 4).all()
    assert not metadata["padded"].any()


def test_codes_are_those_of_transformers_on_the_whole_film(first_ten, tiny, sample_sound):
    from transformers import EncodecModel

    model = EncodecModel.from_pretrained(tiny._spec.folder).eval()
    with torch.no_grad():
        whole = model.encode(torch.from_numpy(sample_sound)[None], bandwidth=3.0).audio_codes[0, 0].numpy()
    features, metadata = first_ten
    expected = np.stack([whole[:, start : start + 112] for start in metadata["start_frame"]])
    # Two entries may be equally near to a frame, up to rounding.
    assert (features != expected).any(axis=1).sum() <= 1


def test_fewer_trs_are_the_first_ones(first_ten, tiny, sample_film):
    features, metadata = processor(tiny).audio_to_features(sample_film)
    assert features.shape == (20, 4, 112)
    assert np.array_equal(features[:10], first_ten[0])
    assert metadata[:10].equals(first_ten[1])


def test_a_start_shifts_the_grid_and_no_code(tiny, sample_film, sample_codes):
    features, metadata = processor(tiny).audio_to_features(sample_film, start=3.3, max_trs=2)
    assert metadata["start_frame"].tolist() == [248, 360]
    assert np.array_equal(features[0], sample_codes.data[:, 248:360])


def test_another_tr_for_one_call(tiny, sample_film):
    features, metadata = processor(tiny).audio_to_features(sample_film, max_trs=3, tr_length=2.0)
    assert features.shape == (3, 4, 150)
    assert metadata["end_time"].tolist() == [2.0, 4.0, 6.0]


def test_ceil_is_lossless(tiny, sample_film, sample_codes, tmp_path):
    p = processor(tiny, frame_policy="ceil")
    features, metadata = p.audio_to_features(sample_film)
    assert features.shape == (20, 4, 113)
    assert metadata["n_frames"].tolist() == [113, 112] * 10
    p.features_to_audio(features, tmp_path / "ceil.wav", metadata)
    sound = heard(tmp_path / "ceil.wav")
    np.testing.assert_allclose(sound, decode(tiny, sample_codes)[0, : len(sound)], atol=2**-15)
    assert len(sound) == 20 * 36_000
    # Without the table the array is taken to begin at TR 0.
    p.features_to_audio(features, tmp_path / "bare.wav")
    assert np.array_equal(heard(tmp_path / "bare.wav"), sound)


def test_floor_keeps_every_moment_at_its_time(first_ten, tiny, sample_sound, tmp_path):
    features, metadata = first_ten
    path = tmp_path / "a new folder" / "floor.wav"
    processor(tiny).features_to_audio(features, path, metadata)
    sound = heard(path)
    assert len(sound) == 10 * 36_000
    assert abs(lag(sample_sound[0], sound, 2400)) < 320
    assert stoi(sample_sound[0, : len(sound)], sound, 24_000) > 0.7


@pytest.mark.parametrize("first", [1, 7])
def test_any_slice_decodes_in_step(first_ten, tiny, sample_sound, tmp_path, first):
    features, metadata = first_ten
    processor(tiny).features_to_audio(features[first:], tmp_path / "s.wav", metadata[first:])
    sound = heard(tmp_path / "s.wav")
    assert len(sound) == (10 - first) * 36_000
    assert abs(lag(sample_sound[0, first * 36_000 :], sound, 2400)) < 320


def test_flat_arrays_of_older_work(first_ten, tiny, tmp_path):
    features, metadata = first_ten
    p = processor(tiny)
    p.features_to_audio(features, tmp_path / "a.wav")
    p.features_to_audio(features.reshape(10, -1), tmp_path / "b.wav")
    p.features_to_audio(features.reshape(10, -1), tmp_path / "c.wav", metadata, n_codebooks=4, frames_per_tr=112)
    assert np.array_equal(heard(tmp_path / "a.wav"), heard(tmp_path / "b.wav"))
    assert np.array_equal(heard(tmp_path / "a.wav"), heard(tmp_path / "c.wav"))
    with pytest.raises(ParameterError, match="flat codes of width 448"):
        p.features_to_audio(features.reshape(10, -1), tmp_path / "d.wav", n_codebooks=3)


def test_fewer_codebooks_give_the_sound_of_a_lower_bandwidth(first_ten, tiny, tmp_path):
    features, metadata = first_ten
    p = processor(tiny)
    p.features_to_audio(features, tmp_path / "two.wav", metadata, n_codebooks=2)
    p.features_to_audio(features[:, :2], tmp_path / "cut.wav", metadata)
    assert np.array_equal(heard(tmp_path / "two.wav"), heard(tmp_path / "cut.wav"))


def test_a_last_tr_is_filled_with_encoded_silence(tiny, sample_film, tmp_path):
    film = tmp_path / "short.wav"
    soundfile.write(film, babble(60_000)[0], 24_000)
    dropped, _ = processor(tiny).audio_to_features(film)
    padded, metadata = processor(tiny, incomplete="pad").audio_to_features(film)
    assert len(dropped) == 1
    assert len(padded) == 2
    assert metadata["padded"].tolist() == [False, True]
    # The last frame of 75 fits whole in front of the silence.
    assert np.array_equal(padded[0], dropped[0])
    from giblet.codecs import encode

    silence = np.zeros((1, 12_000), np.float32)
    source = soundfile.read(film, dtype="float32")[0][None]
    expected = encode(tiny, np.concatenate([source, silence], axis=1), 3.0)
    assert np.array_equal(padded[1], expected.data[:, 113:225])


def test_the_stereo_model_through_the_same_door(stereo, sample_film, tmp_path):
    p = processor(stereo, encodec_bandwidth=6.0, frame_policy="ceil")
    features, metadata = p.audio_to_features(sample_film, max_trs=4)
    assert features.shape[:2] == (4, 4)
    p.features_to_audio(features, tmp_path / "stereo.wav", metadata)
    sound, rate = soundfile.read(tmp_path / "stereo.wav", dtype="float32")
    assert (rate, sound.shape) == (48_000, (4 * 72_000, 2))
    # Segments that lie whole within the TRs decode as they do from the codes of the whole film.
    from giblet.codecs import encode
    from giblet.media import AudioReader

    with AudioReader(sample_film, channels=2, sample_rate=48_000) as reader:
        whole = reader.read().data
    expected = decode(stereo, encode(stereo, whole, 6.0))[:, : 47_520 * 5]
    np.testing.assert_allclose(sound.T[:, : 47_520 * 5], np.clip(expected, -1, 1), atol=2**-14)
    floor, table = processor(stereo, encodec_bandwidth=6.0).audio_to_features(sample_film, max_trs=4)
    assert floor.shape == (4, 4, 225)
    p.features_to_audio(floor[1:3], tmp_path / "slice.wav", table[1:3])
    assert soundfile.info(tmp_path / "slice.wav").frames == 2 * 72_000
    with pytest.raises(CodecError, match="loudness"):
        p.features_to_audio(features, tmp_path / "without.wav", metadata.drop(columns="scales"))
    assert not (tmp_path / "without.wav").exists()


@pytest.fixture(scope="module")
def stereo_film(tmp_path_factory):
    """Nine seconds, so that six TRs of 1.5 s end with the film, and its last segments are short."""
    path = tmp_path_factory.mktemp("stereo") / "film.wav"
    soundfile.write(path, babble(9 * 48_000, 2).T, 48_000, subtype="FLOAT")
    return path


def test_ceil_is_lossless_to_the_last_segment(stereo, stereo_film, tmp_path):
    from giblet.codecs import encode

    p = processor(stereo, encodec_bandwidth=6.0, frame_policy="ceil")
    features, metadata = p.audio_to_features(stereo_film)
    p.features_to_audio(features, tmp_path / "x.wav", metadata)
    source = soundfile.read(stereo_film, dtype="float32")[0].T
    whole = decode(stereo, encode(stereo, source, 6.0))
    np.testing.assert_allclose(soundfile.read(tmp_path / "x.wav")[0].T, np.clip(whole, -1, 1), atol=2**-14)


@pytest.mark.parametrize("policy", ["floor", "ceil"])
@pytest.mark.parametrize("tr", [0.8, 1.0, 1.49, 2.0, "4/3", 2.47])
def test_every_slice_of_segments_decodes(stereo, stereo_film, tmp_path, tr, policy):
    p = processor(stereo, encodec_bandwidth=3.0, tr=tr, frame_policy=policy)
    features, metadata = p.audio_to_features(stereo_film, start=0.001)
    metadata.to_csv(tmp_path / "table.csv", index=False)
    again = pd.read_csv(tmp_path / "table.csv")
    for part in (slice(0, 1), slice(1, 3), slice(2, None)):
        p.features_to_audio(features[part], tmp_path / "a.wav", metadata[part])
        p.features_to_audio(features[part], tmp_path / "b.wav", again[part])
        assert np.array_equal(heard(tmp_path / "a.wav"), heard(tmp_path / "b.wav"))
        expected = (metadata["end_time"][part].iloc[-1] - metadata["start_time"][part].iloc[0]) * 48_000
        assert abs(len(heard(tmp_path / "a.wav")) - expected) <= 1


def test_a_third_is_a_third(tiny, sample_film, tmp_path):
    p = processor(tiny, tr=4 / 3, frame_policy="ceil")
    features, metadata = p.audio_to_features(sample_film, max_trs=5)
    assert features.shape == (5, 4, 100)
    p.features_to_audio(features, tmp_path / "x.wav", metadata)
    assert len(heard(tmp_path / "x.wav")) == 5 * 32_000


@pytest.mark.realdata
def test_time_zero_may_be_the_first_sound(tiny, realdata):
    film = realdata / "video" / "small_mp4.mp4"
    p = processor(tiny)
    by_picture, by_sound = (p.audio_to_features(film, from_video=choice)[0] for choice in (True, False))
    assert not np.array_equal(by_picture, by_sound)
    assert p.get_audio_info(film)["duration"] - p.get_audio_info(film, from_video=False)["duration"] == pytest.approx(
        0.02133, abs=1e-4
    )


def test_what_belongs_to_other_features_is_refused(first_ten, tiny, stereo, sample_film, tmp_path):
    features, metadata = first_ten
    table = metadata.assign(encoding_mode="mel_spectrogram")
    with pytest.raises(AlignmentError, match="metadata is of mel_spectrogram"):
        processor(tiny).features_to_audio(features, tmp_path / "x.wav", table)
    other = processor(load_codec(random_encodec(num_filters=2, hidden_size=8), "cpu"))
    with pytest.raises(CodecError, match="another codec made these"):
        other.features_to_audio(features, tmp_path / "x.wav", metadata)


def test_there_is_no_silent_fallback(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CodecError, match="could not be downloaded"):
        AudioProcessor(codec="no-one/nothing")
    with pytest.raises(CodecError, match="no bandwidth of 24 kbps"):
        AudioProcessor(codec="tiny", encodec_bandwidth=24.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f + 1000, CodecError, "outside 0…1023"),
        (lambda f: f - 1024, CodecError, "outside 0…1023"),
        (lambda f: f[:0], AlignmentError, "no TR"),
        (lambda f: f[:, :, :100], ParameterError, "100 columns"),
        (lambda f: np.tile(f, (1, 5, 1)), CodecError, "20 codebooks"),
        (lambda f: f.astype(str), ParameterError, "not what this processor makes"),
        (lambda f: f[None], ParameterError, "codes have shape"),
        (lambda f: f.astype(float), ParameterError, "give codes as integers"),
        (lambda f: f + 0.5, ParameterError, "mel features have shape"),
    ],
)
def test_features_that_cannot_be_decoded(first_ten, tiny, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        processor(tiny).features_to_audio(change(first_ten[0]), tmp_path / "x.wav")
    assert not list(tmp_path.iterdir())


def test_a_table_that_does_not_belong(first_ten, tiny, tmp_path):
    features, metadata = first_ten
    p = processor(tiny)
    for table, message in [
        (metadata[:9], "10 TRs of features come with 9 rows"),
        (metadata[::-1], "does not follow"),
        (metadata.drop(columns="n_frames"), "no column n_frames"),
        (metadata.assign(n_frames=500), "row 0 says that it holds 500 frames"),
    ]:
        with pytest.raises(AlignmentError, match=message):
            p.features_to_audio(features, tmp_path / "x.wav", table)


@pytest.mark.parametrize(
    "options", [{"tr": 0}, {"tr": float("nan")}, {"frame_policy": "round"}, {"incomplete": "keep"}, {"tr": -1.5}]
)
def test_impossible_settings(options):
    with pytest.raises(ParameterError):
        AudioProcessor(codec="tiny", **options)


def test_impossible_requests(tiny, sample_film, tmp_path):
    p = processor(tiny)
    with pytest.raises(AlignmentError, match="earlier start"):
        p.audio_to_features(sample_film, start=40)
    with pytest.raises(ParameterError, match="before the film"):
        p.audio_to_features(sample_film, start=-1)
    with pytest.raises(ParameterError, match="1 or more"):
        p.audio_to_features(sample_film, max_trs=0)
    with pytest.raises(ParameterError, match="whole number"):
        p.audio_to_features(sample_film, max_trs=2.5)
    with pytest.raises(AlignmentError, match="less than one TR"):
        p.audio_to_features(sample_film, tr_length=31)
    with pytest.raises(MediaError, match="no such|not there|does not exist|not found"):
        p.audio_to_features(tmp_path / "nothing.mp4")


def test_audio_info(tiny, sample_film, sample_sound):
    info = processor(tiny).get_audio_info(sample_film)
    n_samples = sample_sound.shape[1]
    assert info == {"sample_rate": 24_000, "duration": n_samples / 24_000, "samples": n_samples, "n_trs": 20}


def test_nothing_is_printed(tiny, sample_film, tmp_path, capfd):
    p = processor(tiny)
    features, metadata = p.audio_to_features(sample_film, max_trs=2)
    p.features_to_audio(features, tmp_path / "x.wav", metadata)
    assert capfd.readouterr() == ("", "")
