"""AudioProcessor without a codec: mel spectrogram and Griffin-Lim."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import soundfile

from giblet.data.audio import AudioProcessor
from giblet.errors import ParameterError
from giblet.media import AudioReader
from giblet.metrics import stoi


@pytest.fixture(scope="module")
def source(sample_film):
    with AudioReader(sample_film, sample_rate=22_050) as reader:
        return reader.read().data[0]


@pytest.fixture(scope="module")
def mel(sample_film):
    return AudioProcessor(use_encodec=False).audio_to_features(sample_film, max_trs=6)


def test_shape_type_and_table(mel):
    features, metadata = mel
    assert features.shape == (6, 2048, 64)
    assert features.dtype == np.float32
    assert (metadata["encoding_mode"] == "mel_spectrogram").all()
    assert (metadata["n_codebooks"] == 0).all()
    assert features.max() <= 0
    assert features.min() >= -80


def test_values_are_those_of_librosa_on_the_whole_sound(mel, source):
    power = librosa.feature.melspectrogram(y=source, sr=22_050, n_mels=2048, n_fft=4096, hop_length=512)
    whole = librosa.power_to_db(power, ref=np.max)
    features, metadata = mel
    expected = np.stack([whole[:, start : start + 64] for start in metadata["start_frame"]])
    np.testing.assert_allclose(features, expected, atol=0.01)


def test_the_sound_comes_back_intelligible_in_step_and_at_its_level(mel, source, tmp_path):
    features, metadata = mel
    AudioProcessor(use_encodec=False).features_to_audio(features, tmp_path / "mel.wav", metadata)
    sound, rate = soundfile.read(tmp_path / "mel.wav", dtype="float32")
    assert (rate, len(sound)) == (22_050, 6 * 33_075)
    part = source[: len(sound)]
    assert stoi(part, sound, rate) > 0.8
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(np.sqrt(np.mean(part**2)), rel=0.2)


def test_without_its_table_the_sound_has_a_usual_level(mel, tmp_path):
    AudioProcessor(use_encodec=False).features_to_audio(mel[0][:3], tmp_path / "bare.wav")
    sound = soundfile.read(tmp_path / "bare.wav", dtype="float32")[0]
    assert 0.01 < np.sqrt(np.mean(sound**2)) < 0.2


def test_other_settings(sample_film, tmp_path):
    p = AudioProcessor(use_encodec=False, sample_rate=16_000, n_mels=80, n_fft=1024, hop_length=256, tr=2.0)
    features, metadata = p.audio_to_features(sample_film, max_trs=3)
    assert features.shape == (3, 80, 125)
    p.features_to_audio(features, tmp_path / "x.flac", metadata)
    assert soundfile.info(tmp_path / "x.flac").frames == 3 * 32_000
    with pytest.raises(ParameterError, match="set n_mels"):
        AudioProcessor(use_encodec=False).features_to_audio(features, tmp_path / "y.wav", metadata)
