"""The script that fetches recordings, on a mirror of its own: what it takes, checks, leaves out and goes on with."""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import sys
import tarfile
from pathlib import Path

import pytest
import soundfile
from fabricate import babble

DATA = Path(__file__).resolve().parent.parent / "data"


def sound(seconds):
    file = io.BytesIO()
    soundfile.write(file, babble(int(24_000 * seconds))[0], 24_000, format="WAV")
    return file.getvalue()


def package(files):
    """Return the bytes of a .deb: an ar archive with a tar of data."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./usr/share/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": inner.getvalue()}
    entries = (
        f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
        for name, content in parts.items()
    )
    return b"!<arch>\n" + b"".join(entries)


@pytest.fixture
def scripts(monkeypatch):
    """The script's modules, importable."""
    monkeypatch.syspath_prepend(str(DATA))
    import fetch_recordings
    from recordings import packages, sources

    yield fetch_recordings, packages, sources
    for name in [name for name in sys.modules if name.split(".")[0] in ("fetch_recordings", "recordings")]:
        del sys.modules[name]


@pytest.fixture
def fetch(scripts, tmp_path, monkeypatch):
    """Return what runs the script on a mirror with one package, and the package's file."""
    script, packages, sources = scripts
    mirror = tmp_path / "mirror"
    indices = mirror / "dists" / "test" / "main" / "binary-all"
    indices.mkdir(parents=True)
    deb = mirror / "voices.deb"
    long = sound(3)
    deb.write_bytes(
        package(
            {
                "voices/a.wav": long,
                "voices/same_as_a.wav": long,
                "voices/beep.wav": sound(2),
                "voices/read.me": b"words",
                "doc/voices/copyright": b"CC0",
            }
        )
    )
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    stanza = f"Package: voices\nVersion: 1.0\nFilename: voices.deb\nSHA256: {digest}\n"
    (indices / "Packages.xz").write_bytes(lzma.compress(stanza.encode()))
    monkeypatch.setattr(packages, "MIRRORS", {"test": (mirror.as_uri(), "main", ("binary-all",))})
    wanted = (
        sources.Source("voices", "speech", "en", "CC0", exclude=("*/beep*",), suite="test"),
        sources.Source("gone", "music", "", "CC0", suite="test"),
    )
    monkeypatch.setattr(script, "SOURCES", wanted)

    def run():
        monkeypatch.setattr(sys, "argv", ["fetch_recordings.py", str(tmp_path / "out")])
        script.main()
        with (tmp_path / "out" / "SOURCES.csv").open() as file:
            return tmp_path / "out", list(csv.DictReader(file))

    return run, deb


def test_wanted_sounds_are_laid_out_once_with_their_rights(fetch, capsys):
    run, _ = fetch
    out, rows = run()
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == ["SOURCES.csv", "speech/voices/copyright", "speech/voices/voices/a.wav"]
    assert [(row["package"], row["files"], row["minutes"], row["licence"]) for row in rows] == [
        ("voices", "1", "0.05", "CC0")
    ]
    assert "gone: test has no such package" in capsys.readouterr().out


def test_what_is_there_is_not_fetched_again(fetch):
    run, deb = fetch
    run()
    deb.unlink()
    _, rows = run()
    assert len(rows) == 1


def test_a_package_that_is_not_what_the_index_says_is_refused(fetch, tmp_path):
    run, deb = fetch
    deb.write_bytes(deb.read_bytes() + b"more")
    with pytest.raises(SystemExit, match="is not what the mirror's index names"):
        run()
    assert not list((tmp_path / "out").rglob("*.wav"))
