"""What every test may use."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from fabricate import STEREO_CONFIG, random_encodec

# As the command line does: threads that wait by spinning are slow on a busy machine. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# How long an example takes says more about what else the machine does than about the code.
hypothesis.settings.register_profile("giblet", deadline=None)
hypothesis.settings.load_profile("giblet")

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C work, which shells switch off for what they run in the background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_user(tmp_path_factory) -> Iterator[Path]:
    """Keep what fixtures of modules and sessions extract out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("caches")
        patch.setenv("GIBLET_CACHE", str(folder / "shared"))
        yield folder


@pytest.fixture(autouse=True)
def _cache_of_its_own(_no_cache_of_the_user, monkeypatch) -> None:
    """Let no test find what another one extracted."""
    monkeypatch.setenv("GIBLET_CACHE", str(_no_cache_of_the_user / secrets.token_hex(8)))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real recordings, or a skip where there is none."""
    folder = Path(os.environ.get("GIBLET_TEST_DATA", PROJECT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("the folder of real recordings is absent (GIBLET_TEST_DATA names it)")
    return folder


@pytest.fixture(scope="session")
def tiny():
    """The codec that comes with giblet."""
    from giblet.codecs import load_codec

    return load_codec("tiny", "cpu")


@pytest.fixture(scope="session")
def stereo_model():
    """A small model of the 48 kHz kind, untrained."""
    return random_encodec(**STEREO_CONFIG)


@pytest.fixture(scope="session")
def stereo(stereo_model):
    """The same as a codec."""
    from giblet.codecs import load_codec

    return load_codec(stereo_model, "cpu")


@pytest.fixture(scope="session")
def sample_film() -> Path:
    """The film in data/."""
    return PROJECT / "data" / "sample_stimulus.mp4"
