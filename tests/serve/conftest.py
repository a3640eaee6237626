"""A service, as an application and on a port."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import contextmanager

import pytest
import soundfile
from fabricate import babble
from starlette.testclient import TestClient

from giblet.serve.app import create_app
from giblet.serve.limits import Limits
from giblet.serve.running import listen

RATE = 24_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the service keeps its files."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def open_client(tiny, folder):
    """Open a client of a service with some limits; both are closed at the end."""

    @contextmanager
    def opened(**limits):
        with TestClient(create_app(tiny, Limits(**limits)), raise_server_exceptions=False) as client:
            yield client
            assert list(folder.rglob("*")) == [folder / root.name for root in folder.iterdir()]
        assert not any(folder.iterdir())

    return opened


@pytest.fixture
def client(open_client):
    with open_client() as client:
        yield client


@pytest.fixture
def open_service(tiny, folder):
    """Run a service with some limits on a port; its address."""
    uvicorn = pytest.importorskip("uvicorn")

    @contextmanager
    def opened(**limits):
        place = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(tiny, Limits(**limits)), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield place.getsockname()
        finally:
            server.should_exit = True
            thread.join()

    return opened


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """A sound file of two seconds."""
    path = tmp_path_factory.mktemp("sound") / "talk.wav"
    soundfile.write(path, babble(2 * RATE)[0], RATE)
    return path
