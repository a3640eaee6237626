"""Films that are made in a moment, and workers that are begun once."""

from __future__ import annotations

import logging

import pytest
import soundfile
from fabricate import babble

from giblet.cluster import crew
from giblet.cluster.local import THREAD_VARIABLES


@pytest.fixture(scope="session")
def workers():
    """Two processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in THREAD_VARIABLES:
            patch.delenv(name, raising=False)
        levels = [(handler, handler.level) for handler in logging.root.handlers]
        with crew(workers=2) as run:
            # As long as a cluster lasts, Dask silences the handlers by which pytest hears what is logged.
            for handler, level in levels:
                handler.setLevel(level)
            yield run


@pytest.fixture
def make_film():
    """Write a sound, and the folders above it."""

    def make(path, seconds=1.0):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, babble(round(8000 * seconds))[0], 8000)
        return path

    return make
