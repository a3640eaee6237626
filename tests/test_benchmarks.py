"""The scripts in benchmarks/ say how they are used."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest
from conftest import PROJECT

from giblet.formats import nac


def test_the_table_of_odd_files_says_what_it_wants(tmp_path):
    script = PROJECT / "benchmarks" / "odd_files.py"
    for words in ([], [str(tmp_path / "nowhere")], ["a", "b"]):
        done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage: ")


def test_comparing_with_meta_says_what_it_wants():
    script = PROJECT / "benchmarks" / "meta_ecdc.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--python" in done.stderr


@pytest.mark.slow
def test_fuzzing_counts_its_cases():
    script = PROJECT / "benchmarks" / "fuzz_formats.py"
    done = subprocess.run([sys.executable, script, "--minutes", "0.02"], capture_output=True, text=True, check=False)
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["ecdc", "lm", "nac", "text"]
    for _, cases, _, refused, kinds, _, _, wrong in rows:
        assert int(cases.replace(",", "")) >= int(refused.replace(",", "")) > 0
        assert int(kinds) > 1
        assert int(wrong) == 0
    assert (done.returncode, done.stderr) == (0, "")


def test_fuzzing_finds_what_a_parser_does_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    fuzz_formats = importlib.import_module("fuzz_formats")
    read = nac.read_header

    def careless(source):
        header = read(source)
        return header if header.n_frames % 2 else header.n_frames["none"]

    monkeypatch.setattr(nac, "read_header", careless)
    monkeypatch.setattr(fuzz_formats, "good_files", lambda *_: [b"NAC\0\0\0\0\4\1null" + bytes(3)])
    monkeypatch.setattr(sys, "argv", ["", "--minutes", "0.02", "--parser", "nac", "--keep", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        fuzz_formats.main()
    assert end.value.code == 1
    assert "TypeError" in capsys.readouterr().err
    assert [path.suffix for path in tmp_path.iterdir()] == [".nac"]


@pytest.mark.slow
def test_encoding_models_are_timed_against_himalaya():
    script = PROJECT / "benchmarks" / "encoding.py"
    small = {"trs": 150, "targets": 50, "columns": 4, "folds": 3, "mixtures": 2, "rounds": 1}
    options = [word for name, value in small.items() for word in (f"--{name}", str(value))]
    done = subprocess.run([sys.executable, script, "overhead", *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "150 TRs, 50 targets, spaces of [4] columns at 5 delays, 3 folds, 2 mixtures: giblet" in done.stdout
    difference = float(done.stdout.rpartition(" ")[2])
    assert difference < 1e-4


def scale(*words):
    script = PROJECT / "benchmarks" / "scale.py"
    done = subprocess.run([sys.executable, script, *map(str, words)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_cost_of_many_films_is_measured(sample_film):
    out = scale("many", "--films", 20)
    assert "20 films found in the cache: " in out
    before, after = re.search(r"memory ([\d.]+) MB after 1 .* ([\d.]+) MB after 20 films", out).groups()
    assert abs(float(after) - float(before)) < 20
    seconds = [float(number) for number in re.findall(r"listed in ([\d.]+) s, opened in ([\d.]+) s", out)[0]]
    assert max(seconds) < 1
    row = scale("storage", sample_film, "--features", "audio.power").splitlines()[-1].split()
    # One float32 at each of so many moments a second, and the moments.
    assert row[0] == "audio.power"
    assert 0 < float(row[2]) < 10


@pytest.mark.slow
def test_the_overhead_of_a_film_and_the_efficiency_of_workers_are_measured():
    rows = scale("overhead", "--films", 10).splitlines()[1:]
    assert len(rows) == 9
    assert all(float(row.split()[-1]) < 1000 for row in rows)
    out = scale("efficiency", "--films", 2, "--seconds", 2, "--rounds", 1)
    assert 0 < float(re.search(r"efficiency by the clock ([\d.]+)", out)[1]) < 3
