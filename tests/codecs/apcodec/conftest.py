"""A small untrained APCodec, as networks and as a codec."""

from __future__ import annotations

import pytest
from fabricate import random_apcodec

from giblet.codecs import load_codec


@pytest.fixture(scope="session")
def networks():
    return random_apcodec()


@pytest.fixture(scope="session")
def codec(networks):
    return load_codec(networks, "cpu")
