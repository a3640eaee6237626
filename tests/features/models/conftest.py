from __future__ import annotations

from functools import cache

import pytest
from features.models.tiny_models import save_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Folder of a small untrained model of a kind, made when it is first asked for."""
    made = tmp_path_factory.mktemp("models")
    return cache(lambda kind: save_model(kind, made / kind))


@pytest.fixture
def built_once(monkeypatch):
    """Build and load each model once, for tests that ask for the same one many times."""
    from giblet.features.models import hidden

    for name in ("outline", "load_model"):
        made, build = {}, getattr(hidden, name)

        def once(spec, *rest, made=made, build=build):
            if spec.folder not in made:
                made[spec.folder] = build(spec, *rest)
            return made[spec.folder]

        monkeypatch.setattr(hidden, name, once)
