from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def sample_sound(sample_film):
    """The sample film's sound at 24 kHz, float32 (1, n)."""
    from giblet.media import AudioReader

    with AudioReader(sample_film, sample_rate=24_000) as reader:
        return reader.read().data


@pytest.fixture(scope="session")
def sample_codes(tiny, sample_sound):
    """Codes of the whole sample sound at 3 kbps."""
    from giblet.codecs import encode

    return encode(tiny, sample_sound, 3.0)
