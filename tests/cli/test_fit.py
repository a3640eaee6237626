"""giblet fit: what it writes and shows, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest
from encoding.made import write_study

FAST = ("--permutations", "50", "--mixtures", "4", "--device", "cpu")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"))


def test_a_study_is_fitted_shown_and_written(giblet, study, tmp_path):
    out = tmp_path / "out"
    status, told, err = giblet("fit", study, "--hrf", "spm", "--group", "-o", out, *FAST)
    assert (status, err) == (0, "")
    assert "heard" in told
    assert "smallest p" in told
    assert "0.02" in told
    assert "sub-s3: no signal, or no row that can be used; left out." in told
    assert "Null: 50 permutations of blocks of 30 s" in told
    assert "Ceiling: For the r of the mean of these 2 subjects, and of no single one" in told
    assert told.strip().endswith(str(out))
    assert {path.name for path in (out / "group").iterdir()} == {"scores.tsv", "scores.zarr", "figures"}
    status, _, err = giblet("fit", study, "--hrf", "spm", "-o", out, *FAST)
    assert status == 2
    assert "out: is there already; choose another output, or replace it with --force" in err
    status, told, _ = giblet(
        "fit", study, "--delays", "4,6", "--subjects", "2", "--null", "none", "-f", "--json", "-o", out
    )
    summary = json.loads(told)
    assert status == 0
    assert (summary["delays"], [one["name"] for one in summary["scores"]]) == ([4.0, 6.0], ["sub-s2"])
    assert summary["scores"][0]["best_target"] in ("heard", "drifts")
    assert summary["scores"][0]["smallest_p"] is None
    assert summary["scores"][0]["ceiling"].startswith("No ceiling: there is 1 subject")
    assert summary["scores"][0]["of_ceiling"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gone.yaml"], "gone.yaml: there is no such file or folder"),
        (["STUDY", "--delays", "2,soon"], "a delay 'soon' is no number of seconds"),
        (["STUDY", "--delays", "2", "--hrf", "spm"], "which is a delay already"),
        (["STUDY", "--hrf", "gauss"], "there is no haemodynamic response 'gauss'"),
        (["STUDY", "--model", "lasso"], "there is no model 'lasso'"),
        (["STUDY", "--null", "perhaps"], "there is no null 'perhaps'"),
        (["STUDY", "--features", "audio.smell"], "there is no feature 'audio.smell'"),
        (["STUDY", "--features", "audio.codes"], "audio.codes needs a film or sound"),
        (["STUDY", "--device", "warp"], "there is no device 'warp'"),
        (["STUDY", "--folds", "many"], "--folds is 'many'; give a whole number"),
        (["STUDY", "--folds", "1"], "240 rows cannot be divided into 1 folds|232 rows cannot be"),
        (["STUDY", "--folds", "12"], "hold no two blocks of 30 s"),
        (["STUDY", "--permutations", "0"], "permutations is 0"),
        (["STUDY", "--targets-at-once", "0"], "targets_at_once is 0"),
        (["STUDY", "--high-pass", "slow"], "--high-pass 'slow' is no number"),
        (["STUDY", "--gap", "wide"], "gap 'wide' is no number"),
        (["STUDY", "--subjects", "s9"], "there is no subject 's9'"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(giblet, study, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    status, out, err = giblet("fit", *FAST, "-o", "out", *[study if word == "STUDY" else word for word in words])
    assert (status, out) == (2, "")
    assert err.startswith("giblet: ")
    assert re.search(told, err)
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
