"""Stores of a film, made once, and a browser."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from browsing import chromium
from fabricate import babble

RATE = 24_000


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def film(place):
    """Six seconds of sound."""
    path = place / "talk.wav"
    soundfile.write(path, babble(6 * RATE)[0], RATE)
    return path


@pytest.fixture(scope="session")
def words(place):
    path = place / "words.csv"
    path.write_text("onset,duration,text\n" + "".join(f"{0.5 * i},0.3,word{i}\n" for i in range(10)))
    return path


@pytest.fixture(scope="session")
def store(place, film, words, tiny):
    """Codes at 3 kbps, power, bands and words of the film, which lies beside."""
    from giblet.data import extract

    features = "audio.codes,audio.power,audio.envelope@bands=8,text.word_rate"
    extract(film, place / "talk.giblet", codec=tiny, features=features, annotations=words)
    return place / "talk.giblet"


@pytest.fixture
def sound(tmp_path):
    """Write a sound file."""

    def write(samples, name="sound.wav"):
        soundfile.write(tmp_path / name, np.asarray(samples, np.float32), RATE)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads")) as browser:
        yield browser
