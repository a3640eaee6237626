"""giblet report: what it writes, says and refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import soundfile
from conftest import PROJECT
from fabricate import babble


@pytest.fixture(scope="module")
def store(tiny, tmp_path_factory):
    from giblet.data import extract

    folder = tmp_path_factory.mktemp("report")
    soundfile.write(folder / "clip.wav", babble(24_000 * 4)[0], 24_000)
    return extract(folder / "clip.wav", folder / "clip.giblet", codec=tiny).path


def test_a_page_and_a_line(giblet, store, tmp_path):
    status, out, err = giblet("report", store, "-o", tmp_path / "page.html", "--listen", 1, "--at", 2, "-b", "1.5,3")
    assert (status, err) == (0, "")
    assert out == f"{store} → {tmp_path / 'page.html'}, {(tmp_path / 'page.html').stat().st_size / 1e6:.1f} MB\n"
    page = (tmp_path / "page.html").read_text()
    assert "1.0 s from 0:02.0 on" in page
    status, out, _ = giblet("report", store, "-o", tmp_path / "page.html", "--listen", 0, "--force", "--json")
    assert status == 0
    assert json.loads(out) == {
        "output": str(tmp_path / "page.html"),
        "bytes": (tmp_path / "page.html").stat().st_size,
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-b", "5"], "holds no 5 kbps of tiny; choose among 1.5, 3."),
        (["-b", "much"], "the bandwidth is 'much'"),
        (["--at", "9"], "--at is 9 s, and the sound lasts 4.00 s"),
        (["--codec", "gone/nowhere/x"], "gone/nowhere/x"),
        (["--device", "abacus"], "abacus"),
        (["--film", "gone.mp4"], "gone.mp4: there is no such film"),
        (["-o", "page.txt"], "let its name end in .html"),
    ],
)
def test_what_is_wrong_is_one_sentence(giblet, store, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, out, err = giblet("report", store, *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_page_that_is_there_is_kept(giblet, store, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    status, _, err = giblet("report", store, "-o", tmp_path / "page.html")
    assert status == 2
    assert "exists already; choose another name, or replace it with --force." in err
    assert (tmp_path / "page.html").read_text() == "mine"


def test_errors_load_nothing_heavy(tmp_path):
    code = "import sys; from giblet.cli.main import run\ntry: run()\nfinally: print(*sys.modules)"
    words = [sys.executable, "-c", code, "report", tmp_path / "gone"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no such folder; name what giblet extract" in done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "transformers", "av", "librosa", "pandas", "zarr", "jinja2", "PIL", "matplotlib"}


def test_the_docs_list_the_options():
    from typer.main import get_command

    from giblet.cli.app import app

    text = (PROJECT / "docs" / "report.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(--[a-z]+)`", "\n".join(line for line in text.splitlines() if line.startswith("| `-"))))
    common = {"--json", "--verbose", "--help", "--force"}
    options = {name for p in get_command(app).commands["report"].params for name in p.opts if name.startswith("--")}
    assert listed | common == options | common
