"""giblet dataset: build, info, verify, export, and what they refuse."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import PROJECT


@pytest.fixture
def study(tmp_path):
    """Words, and BOLD of two subjects, one of them without signal."""
    (tmp_path / "words.csv").write_text("onset,duration,word\n" + "".join(f"{i},0.4,w{i}\n" for i in range(30)))
    for subject, factor in (("s1", 1), ("s2", 0)):
        rows = "".join(f"{factor * (i % 5)}\t{factor * (i % 3)}\n" for i in range(20))
        (tmp_path / f"{subject}.tsv").write_text("left\tright\n" + rows)
    values = {"name": "small", "bold": "{subject}.tsv", "subjects": ["s1", "s2"], "tr": 1.5, "annotations": "words.csv"}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_what_was_built_opens_and_is_described(giblet, study, tmp_path):
    out = tmp_path / "built"
    status, told, err = giblet("dataset", "build", study, "-o", out, "--hrf", "spm")
    assert (status, err) == (0, "")
    assert told.strip().endswith("built: 2 subjects, 1 run, 40 TRs of 1.5 s; text.word_rate")
    told = json.loads(giblet("dataset", "info", out, "--json")[1])
    assert told["settings"]["hrf"] == "spm"
    assert [scan["n_trs"] for scan in told["scans"]] == [20, 20]
    shown = giblet("dataset", "info", out)[1]
    assert "subject s2, run 1: 20 TRs, 2 targets" in shown
    assert "Every value is 0" in shown
    status, _, err = giblet("dataset", "build", study, "-o", out)
    assert (status, err.count("\n")) == (2, 1)
    assert "built: is there already; choose another output, or replace it with --force" in err
    assert giblet("dataset", "build", study, "-o", out, "--delays", "3,4.5", "-f")[0] == 0
    assert json.loads(giblet("dataset", "info", out, "--json")[1])["settings"]["delays"] == ["3", "9/2"]


def test_verify_lists_everything_in_one_table(giblet, study, tmp_path):
    status, told, _ = giblet("dataset", "verify", study)
    assert status == 0
    assert "s2.tsv" in told
    assert "Every value is 0" in told
    (tmp_path / "s1.tsv").unlink()
    (tmp_path / "words.csv").write_text("nothing\n")
    status, told, _ = giblet("dataset", "verify", study, "--json")
    found = json.loads(told)
    assert status == 1
    errors = [problem for problem in found if problem["severity"] == "error"]
    assert {problem["path"].rpartition("/")[2] for problem in errors} >= {"s1.tsv", "words.csv"}
    assert all(problem["remedy"] for problem in errors)


def test_export_writes_what_nilearn_reads(giblet, study, tmp_path):
    import pandas as pd

    giblet("dataset", "build", study, "-o", tmp_path / "built", "--hrf", "spm")
    status, told, _ = giblet("dataset", "export", tmp_path / "built", "--bids", "-o", tmp_path / "out")
    assert status == 0
    assert told.strip().endswith("out")
    design = pd.read_csv(next((tmp_path / "out").rglob("sub-s1*_design.tsv")), sep="\t")
    assert len(design) == 20
    assert {"text.word_rate", "constant"} <= set(design.columns)
    sidecar = json.loads(next((tmp_path / "out").rglob("sub-s1*_stim.json")).read_text())
    assert sidecar["SamplingFrequency"] == pytest.approx(1 / 1.5)


def test_the_sample_study_is_there(giblet):
    status, told, _ = giblet("dataset", "info", PROJECT / "data")
    assert status == 0
    assert "subjects  01, 02, 03" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["build", "gone.yaml", "-o", "out"], "gone.yaml: there is no such file or folder"),
        (["build", "small.yaml", "-o", "out", "--tr", "fast"], "'fast' is no number of seconds"),
        (["build", "small.yaml", "-o", "out", "--features", "audio.smell"], "there is no feature 'audio.smell'"),
        (["build", "small.yaml", "-o", "out", "--filter", "mode"], "there is no filter 'mode'"),
        (["build", "small.yaml", "-o", "out", "--hrf", "spm", "--delays", "2"], "which is a delay already"),
        (["build", "small.yaml", "-o", "out", "--max-trs", "0"], "max_trs is 0"),
        (["build", "small.yaml", "-o", "out", "-b", "much"], "the bandwidth is 'much'"),
        (["build", "small.yaml", "-o", "words.csv"], "words.csv: is there already and is no dataset"),
        (["info", "words.csv"], "words.csv: is no study"),
        (["verify", "gone"], "gone: there is no such file or folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(giblet, study, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    there = sorted(path.name for path in tmp_path.iterdir())
    status, out, err = giblet("dataset", *words)
    assert (status, out) == (2, "")
    assert err.startswith("giblet: ")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == there
