"""giblet evaluate: what it prints, writes and refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.cli.main import run

RATE = 24_000


@pytest.fixture
def evaluate(monkeypatch, capsys):
    """Run the command in this process; return its status and what it said."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["giblet", "evaluate", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "recordings"
    place.mkdir()
    soundfile.write(place / "a.wav", babble(RATE * 2)[0], RATE)
    soundfile.write(place / "b.wav", babble(RATE * 3)[0], RATE)
    return place


def test_a_table_for_people(evaluate, folder):
    (folder / "corrupt.mp3").write_bytes(b"no sound")
    status, out, err = evaluate("tiny", "--data", folder, "--bandwidths", "1.5,3", "--jobs", 1)
    assert status == 0
    assert "tiny on 2 recordings, 5.0 s of sound in 2 segments" in out
    for heading in ("STOI", "ESTOI", "PESQ wb", "PESQ nb", "SI-SDR", "SNR", "LSD", "mel", "kbit/s", "encode", "decode"):
        assert heading in out
    rows = [line.split() for line in out.splitlines() if line.strip().startswith(("1.5 ", "3 "))]
    assert [row[0] for row in rows] == ["1.5", "3", "3"]
    assert [len(row) for row in rows] == [12, 12, 3]
    assert "perplexity" in out
    assert "made for speech" in out
    assert err.count("\n") == 1
    assert "corrupt.mp3" in err
    assert "skipped" in err


def test_json_and_files(evaluate, folder, tmp_path):
    words = ("tiny", "--data", folder / "a.wav", folder / "b.wav", "-b", "3")
    status, out, _ = evaluate(*words, "--jobs", 2, "--json", "-o", tmp_path / "x.json")
    assert status == 0
    printed = json.loads(out)
    assert printed == json.loads((tmp_path / "x.json").read_text())
    assert printed["kind"] == "evaluation"
    assert printed["bandwidths"][0]["n_files"] == 2
    assert evaluate(*words, "--jobs", 1, "-o", tmp_path / "x.csv")[0] == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [str(folder / "a.wav"), str(folder / "b.wav")]
    assert float(rows[0]["stoi"]) == pytest.approx(printed["segments"][0]["stoi"], abs=1e-6)
    status, _, err = evaluate(*words, "-o", tmp_path / "x.csv")
    assert (status, "--force" in err) == (2, True)
    assert evaluate(*words, "--jobs", 1, "-o", tmp_path / "x.csv", "-f")[0] == 0


def test_only_a_clip_too_short_to_measure(evaluate, tmp_path):
    soundfile.write(tmp_path / "blip.wav", babble(RATE // 5)[0], RATE)
    status, _, err = evaluate("tiny", "--data", tmp_path, "-b", "3", "--jobs", 1)
    assert status == 2
    assert "blip.wav: lasts 0.20 s, less than 0.5 s" in err


def test_what_cannot_be_measured_shows_dashes(evaluate, tmp_path):
    sound = np.zeros(RATE)
    sound[: RATE // 5] = babble(RATE // 5)[0]
    soundfile.write(tmp_path / "blip.wav", sound, RATE)
    status, out, _ = evaluate("tiny", "--data", tmp_path, "-b", "3", "--jobs", 1)
    assert status == 0
    assert "–" in out
    assert "nan" not in out
    assert "STOI is not defined on 1 of 1" in out


def test_a_limit_and_a_loudness_are_taken(evaluate, folder):
    words = ("tiny", "--data", folder, "-b", "3", "--max-seconds", "1.5", "--loudness", "0.06", "--segment", "30")
    printed = json.loads(evaluate(*words, "--jobs", 1, "--json")[1])
    assert [row["duration"] for row in printed["segments"]] == [1.5, 1.5]
    assert printed["settings"] == {"segment": 30.0, "max_seconds": 1.5, "loudness": 0.06}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tiny", "--data", "{folder}", "-b", "24"], "choose one of 1.5, 3, 6, 12"),
        (["tiny", "--data", "{folder}", "-b", "much"], "kilobits per second"),
        (["./nowhere", "--data", "{folder}"], "no such folder"),
        (["tiny", "--data", "{folder}/nowhere"], "no such file or folder"),
        (["tiny", "--data", "{folder}/empty"], "holds no sound files"),
        (["tiny", "--data", "{folder}/silent.wav"], "silent throughout"),
        (["tiny", "--data", "{folder}", "-o", "x.txt"], "name a .json or .csv file"),
        (["tiny", "--data", "{folder}", "-o", "{folder}/no/x.csv"], "folder does not exist"),
        (["tiny", "--data", "{folder}", "--segment", "60"], "1 to 30 s"),
        (["tiny", "--data", "{folder}", "--device", "warp"], "no device"),
        (["tiny"], "--data"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(evaluate, folder, words, message):
    (folder / "empty").mkdir()
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    status, out, err = evaluate(*(word.format(folder=folder) for word in words))
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_errors_never_load_the_heavy_libraries(tmp_path):
    code = (
        f"import sys; sys.argv = ['giblet', 'evaluate', './no', '--data', {str(tmp_path)!r}]\n"
        "from giblet.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print({'torch', 'transformers', 'librosa', 'scipy', 'pandas', 'joblib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, "holds no sound files" in done.stderr) == ("set()\n", True)
