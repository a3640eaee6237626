"""Stores of a film, made once, and a browser."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import soundfile
from fabricate import babble

RATE = 24_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")


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
def browser():
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are absent (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        chrome.set_script_timeout(60)
        yield chrome
