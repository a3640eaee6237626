"""``giblet cache``: what is kept of earlier extractions."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import CacheFolder, Json, Verbose
from giblet.errors import StoreError, printable

if TYPE_CHECKING:
    from giblet.store import Cache, Entry

app = typer.Typer(help="See and tidy up what is kept of earlier extractions.", no_args_is_help=True)


@app.command()
def path(cache: CacheFolder = None, as_json: Json = False) -> None:
    """Print where it lies."""
    kept = _cache(cache)
    typer.echo(json.dumps({"folder": str(kept.folder), "limit": kept.limit}) if as_json else str(kept.folder))


@app.command("ls")
def list_entries(cache: CacheFolder = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """List what is kept, the most recently used last."""
    kept = _cache(cache)
    entries = kept.entries()
    if as_json:
        typer.echo(json.dumps([_about(entry) for entry in entries]))
        return
    for entry in entries:
        about = _about(entry)
        what = f"{printable(about['film'])}: {', '.join(about['features'])}" if about["film"] else "damaged"
        typer.echo(f"{entry.key[:12]}  {about['used'][:16].replace('T', ' ')}  {size(entry.size):>9}  {what}")
    typer.echo(f"{_counted(entries)} in {printable(str(kept.folder))}{_limit(kept)}")


@app.command()
def verify(cache: CacheFolder = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Read everything and compare checksums; damaged entries are set aside. Exit status 1 if there were any."""
    kept = _cache(cache)
    entries = kept.entries()
    damaged, films = kept.verify()
    if as_json:
        typer.echo(json.dumps({"entries": len(entries), "damaged": [entry.key for entry in damaged], "films": films}))
    else:
        typer.echo(f"{_counted(entries)} read, {len(damaged)} of them damaged and set aside")
        for film in films:
            typer.echo(f"{printable(film)} changed without a trace in its times; its digest is forgotten")
    if damaged or films:
        raise typer.Exit(1)


@app.command()
def gc(
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Keep so much, such as 5GB: the most recently used; without it GIBLET_CACHE_LIMIT, or 20GB.",
            show_default=False,
        ),
    ] = None,
    cache: CacheFolder = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Remove what does not fit the limit, and what killed processes left behind."""
    from giblet.store import as_bytes

    kept = _cache(cache)
    removed = kept.collect(None if limit is None else as_bytes(limit, "--limit"))
    left = kept.entries()
    if as_json:
        typer.echo(json.dumps({"removed": [_about(entry, False) for entry in removed], "entries": len(left)}))
    else:
        typer.echo(f"{_counted(removed)} removed, {_counted(left)} left")


def size(number: int) -> str:
    """Return bytes as people read them.

    Parameters
    ----------
    number : int
        Bytes.

    Returns
    -------
    str
        With a unit of thousands, to three digits.
    """
    amount, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"


def _cache(folder: Any) -> Cache:
    from giblet.store import Cache

    kept = Cache.asked(True if folder is None else folder)
    assert kept is not None
    return kept


def _about(entry: Entry, provenance: bool = True) -> dict[str, Any]:
    used = dt.datetime.fromtimestamp(entry.used).astimezone().isoformat(timespec="seconds")
    about: dict[str, Any] = {"key": entry.key, "path": str(entry.path), "bytes": entry.size, "used": used}
    return about | _origin(entry) if provenance else about


def _origin(entry: Entry) -> dict[str, Any]:
    from giblet.store import read_manifest

    try:
        provenance = read_manifest(entry.path)["provenance"]
        return {"film": str(provenance["film"]["name"]), "features": list(provenance["features"])}
    except (StoreError, KeyError, TypeError):
        return {"film": "", "features": []}


def _counted(entries: list[Entry]) -> str:
    total = size(sum(entry.size for entry in entries))
    return f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'} ({total})"


def _limit(kept: Cache) -> str:
    return "" if kept.limit is None else f", of {size(kept.limit)} at most"
