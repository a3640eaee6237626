"""What reading a damaged file ends in."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from giblet.errors import BoldError, GibletError
from giblet.workfolder import reason


@contextmanager
def readable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say in one sentence what goes wrong in the ``with`` block, which reads a file.

    Readers of others meet hostile files with exceptions of every kind; their warnings are not for the user either.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Raises
    ------
    BoldError
        Instead of whatever the block raises.
    """
    check_file(path)
    try:
        with quiet():
            yield
    except GibletError:
        raise
    except MemoryError as error:
        raise BoldError(
            "says that it is larger than the memory", "copy or convert it again if it is not", path
        ) from error
    except Exception as error:
        what = " ".join(str(error).split())[:120] or type(error).__name__
        raise BoldError(f"is damaged or cut short ({what})", "copy or convert it again", path) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep nilearn's and nibabel's warnings from the user in the ``with`` block: what matters is in the notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_file(path: str | os.PathLike[str]) -> None:
    """Raise unless a file with something in it lies at a path.

    Parameters
    ----------
    path : str or os.PathLike
        The path.

    Raises
    ------
    BoldError
        If there is nothing, a folder, an empty file, or one that may not be read.
    """
    try:
        if not Path(path).is_file():
            there = Path(path).exists()
            raise BoldError("is no file" if there else "there is no such file", "check the name", path)
        with Path(path).open("rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise BoldError(f"cannot be read ({why})", "check the name and its permissions", path) from error
    if empty:
        raise BoldError("is empty (0 bytes)", "copy or download it again", path)
