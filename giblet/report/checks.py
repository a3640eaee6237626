"""What can be said of a report's names and settings before anything heavy is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from giblet.errors import MediaError, ParameterError, StoreError
from giblet.store import as_place, read_manifest, refuse_inside_store
from giblet.store.manifest import MANIFEST
from giblet.workfolder import reason

# As in giblet.benchmark.result, which imports more than it takes to say that a name is wrong.
BENCHMARK = "results.json"
ENDINGS = (".html", ".htm")


def kind_of(path: str | os.PathLike[str]) -> str:
    """Tell what a folder holds.

    Parameters
    ----------
    path : str or os.PathLike
        The folder, or the URL of a store.

    Returns
    -------
    {"store", "benchmark", "dataset", "fit"}
        By the file that each of them is complete with.

    Raises
    ------
    StoreError
        If it is none of them.
    """
    from giblet.data.multimodal.prepared import is_prepared
    from giblet.encoding.saving import is_results

    place = as_place(path)
    if isinstance(place, str):
        read_manifest(place)
        return "store"
    folder = place
    remedy = "name what giblet extract, giblet benchmark, giblet dataset build or giblet fit wrote"
    try:
        if not folder.exists():
            raise StoreError("there is no such folder", remedy, path)
        if not folder.is_dir():
            raise StoreError("is a file", remedy, path)
        if (folder / BENCHMARK).exists():
            return "benchmark"
        if is_prepared(folder):
            return "dataset"
        if is_results(folder):
            return "fit"
        if (folder / MANIFEST).exists() or (folder / "zarr.json").exists():
            return "store"
    except OSError as error:
        raise StoreError(f"cannot be read ({reason(error)})", remedy, path) from error
    except ValueError as error:
        raise StoreError("there is no such folder", remedy, path) from error
    raise StoreError("holds neither a store, nor a benchmark, a dataset, or a fit", remedy, path)


def check_report(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    film: str | os.PathLike[str] | None = None,
    at: float | None = None,
    listen: float | None = None,
    bandwidths: Sequence[float] | None = None,
    codec: Any = None,
    force: bool = False,
) -> str:
    """Raise at once what writing a report would raise because of names and settings; import nothing heavy.

    Parameters
    ----------
    path, output, film, at, listen, bandwidths, codec, force
        As in `write_report`.

    Returns
    -------
    {"store", "benchmark", "dataset", "fit"}
        What lies at ``path``.

    Raises
    ------
    GibletError
        As `write_report`.
    """
    kind = kind_of(path)
    if not os.fspath(output).lower().endswith(ENDINGS):
        raise ParameterError(f"the page is to be called {Path(output).name}", "let its name end in .html")
    refuse_inside_store(output)
    from giblet.media.publishing import Publication

    Publication(output, force)
    for option, value in (("at", at), ("listen", listen)):
        if value is not None and not 0 <= value < float("inf"):
            raise ParameterError(f"--{option} is {value:g} s", "give seconds, 0 or more")
    only_stores = {"film": film, "at": at, "bandwidths": bandwidths, "codec": codec}
    given = [name for name, value in only_stores.items() if value is not None]
    if kind != "store" and given:
        raise ParameterError(f"--{given[0]} is for stores, and this is a {kind}", "leave it out", path)
    if kind in ("dataset", "fit") and listen is not None:
        raise ParameterError(f"--listen is for sounds, and this is a {kind}", "leave it out", path)
    if film is not None and not Path(film).is_file():
        raise MediaError("there is no such film", "check the name", film)
    return kind
