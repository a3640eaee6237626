"""What the tests of media share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media.synthetic_films import Track, write_film


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a film of given tracks and returns its path."""

    def make(*tracks: Track, **options: float | None) -> Path:
        return write_film(tmp_path / "film.mkv", *tracks, **options)

    return make
