"""Debian packages: where a mirror has them, and the sound files inside."""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from recordings.sources import MIRRORS, Source

SOUNDS = frozenset({".ogg", ".oga", ".opus", ".wav", ".flac", ".mp3", ".g722", ".au", ".aiff"})
ARCHIVES = frozenset({".zip", ".pk3", ".wz"})

_TIMEOUT = 60


def package_index(suite: str) -> dict[str, dict[str, str]]:
    """Return what a release says about each of its packages, by name; the mirror's address is added."""
    packages: dict[str, dict[str, str]] = {}
    mirror, section, indices = MIRRORS[suite]
    for index in indices:
        for stanza in _index_text(f"{mirror}/dists/{suite}/{section}/{index}/Packages").split("\n\n"):
            found = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
            if "Package" in found:
                packages[found["Package"]] = found | {"Mirror": mirror}
    return packages


def _index_text(address: str) -> str:
    try:
        with urllib.request.urlopen(f"{address}.xz", timeout=_TIMEOUT) as answer:
            return lzma.decompress(answer.read()).decode()
    except urllib.error.HTTPError:
        with urllib.request.urlopen(f"{address}.gz", timeout=_TIMEOUT) as answer:
            return zlib.decompress(answer.read(), wbits=31).decode()


def download(stanza: dict[str, str], path: Path) -> None:
    """Download the package that an index names, and check it against the index."""
    address = f"{stanza['Mirror']}/{stanza['Filename']}"
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer, path.open("wb") as file:
        shutil.copyfileobj(answer, file)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != stanza["SHA256"]:
            raise SystemExit(f"{address}: is not what the mirror's index names; try again later")


def wanted_files(package: Path, source: Source) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield path and content of the sounds that are wanted, and of the copyright file."""
    for name, content in _unpacked(package):
        if name.endswith(f"usr/share/doc/{source.package}/copyright"):
            yield PurePosixPath("copyright"), content
        elif PurePosixPath(name).suffix.lower() in SOUNDS and source.wants(name):
            common = ("/", ".", "..", "usr", "share", "games")
            yield PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in common)), content


def _unpacked(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the sounds in a .deb and in the archives within, and of copyright files."""
    with package.open("rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise SystemExit(f"{package}: is no Debian package; try again later")
        while header := file.read(60):
            name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            begin = file.tell()
            if name.startswith("data.tar"):
                with tarfile.open(fileobj=file, mode="r|*") as tar:
                    yield from _members(tar)
            file.seek(begin + size + size % 2)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        suffix = PurePosixPath(member.name).suffix.lower()
        if member.isfile() and suffix in ARCHIVES:
            with zipfile.ZipFile(io.BytesIO(_content(tar, member))) as archive:
                for name in archive.namelist():
                    if PurePosixPath(name).suffix.lower() in SOUNDS:
                        yield name, archive.read(name)
        elif member.isfile() and (suffix in SOUNDS or member.name.endswith("/copyright")):
            yield member.name, _content(tar, member)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
