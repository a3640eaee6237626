"""A small study, once for all tests."""

from __future__ import annotations

import pytest
from encoding.made import write_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"))
