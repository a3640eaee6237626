"""From a store, a benchmark, a dataset or a fit to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import giblet
from giblet.progress import SILENT, Progress
from giblet.report.checks import check_report


def write_report(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] = "report.html",
    *,
    film: str | os.PathLike[str] | None = None,
    at: float | None = None,
    listen: float | None = None,
    bandwidths: Sequence[float] | None = None,
    codec: Any = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> Path:
    """Write one page that shows what a store, a benchmark, a dataset or a fit holds.

    The page loads nothing from elsewhere: pictures and sounds lie within it.

    Parameters
    ----------
    path : str or os.PathLike
        What ``giblet extract``, ``giblet benchmark``, ``giblet dataset build`` or ``giblet fit`` wrote, or the URL of
        a store.
    output : str or os.PathLike
        The page, which ends in .html.
    film : str or os.PathLike, optional
        The film that a store was made from; default the one of that name and content beside the store.
    at : float, optional
        Where the sounds of a store begin, seconds on the film's clock; default one minute in, or 0 for films that are
        not so long.
    listen : float, optional
        Seconds of each sound, 0 for none; default as many, 5 to 30, as leave the page small.
    bandwidths : sequence of float, optional
        Kilobits per second at which a store is heard; default all that it holds.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        Where the codec is found that made the store; default where it was found then.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``.
    force : bool
        Replace a file that is there.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StoreError, FormatError, MediaError, CodecError, ParameterError
        If something is missing, damaged or does not fit. Nothing is left behind then.
    """
    kind = check_report(
        path, output, film=film, at=at, listen=listen, bandwidths=bandwidths, codec=codec, force=force
    )  # fmt: skip
    if kind == "store":
        from giblet.report.store import Asked, store_page

        values = store_page(path, Asked(film, at, listen, bandwidths, codec, device), progress)
    elif kind == "benchmark":
        from giblet.report.benchmark import benchmark_page

        values = benchmark_page(path, listen)
    elif kind == "fit":
        from giblet.report.fit import fit_page

        values = fit_page(path)
    else:
        from giblet.report.dataset import dataset_page

        values = dataset_page(path)
    from giblet.media.publishing import Publication
    from giblet.report.page import render

    text = render(kind, {"kind": kind, "version": giblet.__version__, **values})
    with Publication(output, force) as publication:
        publication.temporary.write_text(text, encoding="utf-8")
    return Path(output)
