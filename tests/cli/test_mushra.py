"""giblet mushra: make, score, and what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEADER = "test,listener,trial,trial_order,stimulus_order,condition,rating,plays\n"


@pytest.fixture
def answers(tmp_path):
    """Files of three listeners, one of whom does not hear the reference."""
    for listener, reference in (("p1", 100), ("p2", 92), ("p3", 40)):
        ratings = {"reference": reference, "anchor 7 kHz": 60, "tiny [3] kbps": 55}
        rows = [f"t1,{listener},talk,1,{i},{c},{r},1\n" for i, (c, r) in enumerate(ratings.items(), 1)]
        (tmp_path / f"{listener}.csv").write_text(HEADER + "".join(rows))
    return sorted(tmp_path.glob("p*.csv"))


def test_a_test_is_made_and_told(giblet, clip, tmp_path):
    out = tmp_path / "test"
    words = ("mushra", "make", clip, "-o", out, "--codec", "tiny", "-b", "1.5,6", "--excerpt", 1, "--start", "0.5")
    status, told, err = giblet(*words, "--title", "Of codes", "--seed", 4, "--condition", f"itself={clip}")
    assert (status, err) == (0, "")
    key = json.loads((out / "key.json").read_text())
    assert told.endswith(f"test/index.html: test {key['test']}, 1 trial of 6 signals\n")
    assert [s["condition"] for s in key["trials"][0]["signals"]][3:] == ["tiny 1.5 kbps", "tiny 6 kbps", "itself"]
    assert (key["trials"][0]["start"], key["seed"], key["title"]) == (0.5, 4, "Of codes")
    status, _, err = giblet(*words)
    assert (status, err.count("\n"), "--force" in err) == (2, 1, True)
    assert giblet(*words, "-f")[0] == 0


def test_scores_name_who_is_excluded(giblet, answers, tmp_path):
    status, told, err = giblet("mushra", "score", *answers, "-o", tmp_path / "out")
    assert (status, err) == (0, "")
    assert "test t1: 2 of 3 listeners" in told
    assert f"excluded: p3 ({answers[2]}), who rated the hidden reference below 90 in 1 of 1 trial" in told
    (row,) = [line.split() for line in told.splitlines() if line.strip().startswith("reference")]
    assert row[1:6] == ["2", "2", "96", "94", "…"]
    assert "tiny [3] kbps" in told
    assert {"conditions.csv", "trials.csv", "scores.json"} <= {path.name for path in (tmp_path / "out").iterdir()}
    printed = json.loads(giblet("mushra", "score", *answers, "--keep-all", "--json")[1])
    assert printed["listeners"] == ["p1", "p2", "p3"]
    assert printed["excluded"][0]["listener"] == "p3"


def test_without_matplotlib_everything_but_the_plot_is_there(giblet, answers, tmp_path, monkeypatch):
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else find(name))
    status, _, err = giblet("mushra", "score", *answers, "-o", tmp_path / "out")
    assert (status, "pip install 'giblet[plot]'" in err) == (0, True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"conditions.csv", "trials.csv", "scores.json"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["make", "gone.wav", "-o", "out"], "gone.wav: there is no such file or folder"),
        (["make", "{clip}", "-o", "out", "--codec", "tiny", "-b", "much"], "--bandwidths is 'much'"),
        (["make", "{clip}", "-o", "out", "--codec", "tiny", "-b", "24"], "choose one of 1.5, 3, 6, 12"),
        (["make", "{clip}", "-o", "out", "--codec", "tiny", "--start", "soon"], "--start is 'soon'"),
        (["make", "{clip}", "-o", "out", "--codec", "tiny", "--start", "60"], "start earlier"),
        (["make", "{clip}", "-o", "out", "--codec", "tiny", "--excerpt", "60"], "choose 1 to 12 s"),
        (
            ["make", "{clip}", "-o", "out", "--condition", "mine"],
            "--condition is 'mine'; give NAME=FILE or NAME=FOLDER",
        ),
        (["make", "{clip}", "-o", "out", "--condition", "a=gone"], "gone: there is no such file or folder"),
        (["make", "{clip}", "-o", "{clip}", "--mel"], "is there already and is no listening test"),
        (["score", "gone.csv"], "gone.csv: there is no such file"),
        (["score", "{clip}"], "is no text in UTF-8"),
        (["score", "{answers}", "-o", "{clip}"], "is there already and is no result of a listening test"),
        (["score"], "missing argument"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(giblet, clip, answers, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    there = sorted(tmp_path.iterdir())
    status, out, err = giblet("mushra", *(word.format(clip=clip, answers=answers[0]) for word in words))
    assert (status, out) == (2, "")
    assert err.startswith("giblet: ")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == there


def test_errors_load_nothing_heavy(clip, tmp_path):
    make = ["make", str(clip), "-o", str(tmp_path / "x"), "--codec", "tiny"]
    commands = [["make", "gone.wav", "-o", "x"], [*make, "-b", "24"], [*make, "--start", "-1"], ["score", "gone.csv"]]
    code = (
        "import sys\nfrom giblet.cli.main import run\n"
        f"for words in {commands!r}:\n"
        "    sys.argv = ['giblet', 'mushra', *words]\n"
        "    try: run()\n"
        "    except SystemExit as end: assert end.code == 2, words\n"
        "print(sorted({'torch', 'transformers', 'librosa', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
