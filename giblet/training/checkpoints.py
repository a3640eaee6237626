"""The state of a run on disk, whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from giblet.errors import CodecError

NAME = "checkpoint.pt"
_VERSION = 2


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there, so that it is whole even after a power cut.

    Parameters
    ----------
    path : Path
        The file; what a killed process left beside it goes.
    write : callable
        Writes the file that it is given.
    """
    for left in path.parent.glob(f".{path.name}.*.part"):
        left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write values as JSON, in the order of their names, with `replace_file`."""
    text = json.dumps(values, indent=2, sort_keys=True) + "\n"
    replace_file(path, lambda place: place.write_text(text, encoding="utf-8"))


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint of a run.

    Parameters
    ----------
    folder : Path
        The run's.
    state : dict
        Tensors, numbers, strings, and dicts and lists of them.
    """
    replace_file(folder / NAME, lambda path: torch.save({"version": _VERSION} | state, path))


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint of a run.

    Parameters
    ----------
    folder : Path
        The run's.

    Returns
    -------
    dict or None
        What was saved, on the CPU; None where there is none yet.

    Raises
    ------
    CodecError
        If it is damaged, or of another version.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise CodecError("the checkpoint cannot be read", "remove it to begin anew", path) from error
    if not isinstance(state, dict) or state.get("version") != _VERSION:
        raise CodecError("the checkpoint is of another version of giblet", "remove it to begin anew", path)
    return state
