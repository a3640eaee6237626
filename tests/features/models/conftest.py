from __future__ import annotations

from functools import cache

import pytest
from features.models.tiny_models import save_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Folder of a small untrained model of a kind, made when it is first asked for."""
    made = tmp_path_factory.mktemp("models")
    return cache(lambda kind: save_model(kind, made / kind))
