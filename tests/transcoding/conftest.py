"""Small untrained codecs on the grids of real ones, in folders, and one on the hub that is no hub."""

from __future__ import annotations

import pytest
import soundfile
from fabricate import STEREO_CONFIG, babble, random_encodec, untrained_language_model

from giblet.codecs import load_codec

SPEECH_CONFIG = {
    "sampling_rate": 16_000,
    "target_bandwidths": [1.0, 2.0, 4.0],
    "num_filters": 4,
    "hidden_size": 16,
}


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folder with codecs named as Meta's two, and one of 16 kHz with a language model."""
    folder = tmp_path_factory.mktemp("models")
    random_encodec(num_filters=4, hidden_size=16).save_pretrained(folder / "encodec_24khz")
    random_encodec(**STEREO_CONFIG).save_pretrained(folder / "encodec_48khz")
    random_encodec(**SPEECH_CONFIG).save_pretrained(folder / "speech")
    untrained_language_model(folder / "speech", n_codebooks=8)
    return folder


@pytest.fixture
def hub(monkeypatch, models):
    """The hub, as far as facebook's models are on it."""
    monkeypatch.setattr("giblet.codecs.catalog._hub_folder", lambda name: models / name.removeprefix("facebook/"))


@pytest.fixture(scope="session")
def codecs(models):
    """The same codecs, loaded."""
    return {folder.name: load_codec(folder, "cpu") for folder in models.iterdir()}


@pytest.fixture
def sound(tmp_path):
    """Write a sound file and return its path."""

    def write(seconds=1.0, rate=24_000, channels=1, gain=1.0, name="sound.wav"):
        path = tmp_path / name
        soundfile.write(path, gain * babble(round(seconds * rate), channels).T, rate, subtype="FLOAT")
        return path

    return write
