"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real recordings, or a skip where there is none."""
    folder = Path(os.environ.get("GIBLET_TEST_DATA", PROJECT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("the folder of real recordings is absent (GIBLET_TEST_DATA names it)")
    return folder
