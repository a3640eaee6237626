"""Fetch real recordings from Debian packages: what the built-in codec is trained on.

``python data/fetch_recordings.py OUT`` downloads packages from their mirrors, checks them against the mirrors' indices,
and lays their sound files in ``OUT/speech/<package>/`` and ``OUT/music/<package>/``, each package's copyright file with
them. ``OUT/SOURCES.csv`` says what each package is, under which licence, what it gave, and what it sounds like. Nothing
is installed and nothing run; 1.5 GB are downloaded, 1.1 GB kept. What OUT has already is not fetched again.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import hashlib
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from recordings.measure import Quality, quality
from recordings.packages import download, package_index, wanted_files
from recordings.sources import SOURCES, Source


@dataclass(frozen=True)
class Row:
    """One line of SOURCES.csv; shares, bandwidth and range are medians over files (see `Quality`)."""

    package: str
    version: str
    suite: str
    kind: str
    language: str
    licence: str
    files: int
    minutes: float
    sample_rates: str
    share_above_4khz: float
    share_above_7khz: float
    bandwidth_hz: float
    range_db: float
    clipped_share: float
    deb_sha256: str


def main() -> None:
    """Fetch what is missing, and write SOURCES.csv."""
    parser = argparse.ArgumentParser(description="Fetch recordings from Debian packages.")
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="only packages of such a name; repeatable")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    rows = read_rows(out / "SOURCES.csv")
    there = [path for row in rows.values() for path in (out / row.kind / row.package).rglob("*") if path.is_file()]
    seen = {digest_of(path) for path in there}
    indices: dict[str, dict[str, dict[str, str]]] = {}
    for source in SOURCES:
        asked = any(fnmatch.fnmatch(source.package, pattern) for pattern in arguments.only or ["*"])
        if not asked or (source.package in rows and (out / source.kind / source.package).is_dir()):
            continue
        if source.suite not in indices:
            indices[source.suite] = package_index(source.suite)
        index = indices[source.suite]
        if source.package not in index:
            print(f"{source.package}: {source.suite} has no such package, left out")
            continue
        row = fetch(source, index[source.package], out, seen)
        rows[row.package] = row
        write_rows(out / "SOURCES.csv", rows)
        print(f"{row.package} {row.version}: {row.minutes:.1f} min of {row.kind} in {row.files} files", flush=True)
    for kind in ("speech", "music"):
        print(f"{kind}: {sum(row.minutes for row in rows.values() if row.kind == kind) / 60:.2f} h")


def fetch(source: Source, stanza: dict[str, str], out: Path, seen: set[str]) -> Row:
    """Download a package and lay out its sounds, all or nothing; contents in `seen` are left out."""
    target = out / source.kind / source.package
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = out / ".partial"
    shutil.rmtree(scratch, ignore_errors=True)
    laid = scratch / "sounds"
    laid.mkdir(parents=True)
    try:
        package = scratch / "package.deb"
        download(stanza, package)
        found: list[Quality] = []
        for name, content in wanted_files(package, source):
            path = laid / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if path.name == "copyright":
                continue
            digest = digest_of(path)
            measured = None if digest in seen else quality(path)
            if measured is None:
                path.unlink()
                continue
            seen.add(digest)
            found.append(measured)
        shutil.rmtree(target, ignore_errors=True)
        laid.rename(target)
    finally:
        shutil.rmtree(scratch)
    return row_of(source, stanza, found)


def row_of(source: Source, stanza: dict[str, str], found: list[Quality]) -> Row:
    """Sum up the files of a package."""

    def median(name: str) -> float:
        return float(np.median([getattr(file, name) for file in found])) if found else 0.0

    return Row(
        package=source.package,
        version=stanza["Version"],
        suite=source.suite,
        kind=source.kind,
        language=source.language,
        licence=source.licence,
        files=len(found),
        minutes=round(sum(file.seconds for file in found) / 60, 2),
        sample_rates=" ".join(str(rate) for rate in sorted({file.sample_rate for file in found})),
        share_above_4khz=round(median("above_4k"), 4),
        share_above_7khz=round(median("above_7k"), 4),
        bandwidth_hz=median("bandwidth"),
        range_db=round(median("range_db"), 1),
        clipped_share=round(float(np.mean([file.clipped for file in found])) if found else 0.0, 5),
        deb_sha256=stanza["SHA256"],
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_rows(path: Path) -> dict[str, Row]:
    """Return what an earlier run wrote, by package."""
    if not path.exists():
        return {}
    numbers = {"int": int, "float": float}
    kinds = {field.name: numbers.get(str(field.type), str) for field in fields(Row)}
    with path.open(newline="") as file:
        rows = [Row(**{key: kinds[key](value) for key, value in line.items()}) for line in csv.DictReader(file)]
    return {row.package: row for row in rows}


def write_rows(path: Path, rows: dict[str, Row]) -> None:
    """Write SOURCES.csv."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows.values())


if __name__ == "__main__":
    main()
