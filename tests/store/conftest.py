"""A small store, and ways to look at what lies about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from giblet.store import StoreWriter


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1024, (4, 130))


@pytest.fixture
def write(codes: np.ndarray) -> Callable[..., Path]:
    """Write a store of three chunks and a coordinate."""

    def write(path: Path, values: np.ndarray = codes, force: bool = False, **provenance: Any) -> Path:
        with StoreWriter(path, force=force) as store:
            store.attrs["title"] = "a film"
            store.put("codebook", ("codebook",), range(4), {"long_name": "codebook"})
            array = store.create(
                "codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=50, attrs={"rate": 75}
            )
            array.append(values)
            store.commit(provenance, key="k")
        return path

    return write


@pytest.fixture
def names() -> Callable[[Path], list[str]]:
    """List what lies in a folder, hidden or not."""
    return lambda folder: sorted(path.name for path in folder.iterdir())
