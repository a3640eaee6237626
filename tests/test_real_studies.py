"""What is known of real studies comes out of encoding models, too: the scripts in benchmarks/, in a shorter form."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
from conftest import PROJECT

from giblet.encoding import fit, problems_of
from giblet.encoding.study_ceilings import ceilings_of


@pytest.fixture
def script(monkeypatch):
    """Import a script of benchmarks/."""
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    return importlib.import_module


@pytest.mark.realdata
@pytest.mark.slow
def test_word_rate_predicts_alice(script, realdata, tmp_path, monkeypatch):
    alice = script("alice_encoding")
    monkeypatch.setenv("GIBLET_TEST_DATA", str(realdata))
    how = {**alice.HOW, "permutations": 200}
    people = problems_of(alice.STUDY, hrf="spm", cache_dir=tmp_path)
    (group,) = problems_of(alice.STUDY, group=True, hrf="spm", cache_dir=tmp_path)
    r = alice.mean_r([fit(problem, **{**how, "null": "none"}) for problem in people])
    together = fit(group, **how)
    # Measured before by ordinary least squares with the same folds: LATL RATL LPTL LIPL LPreM LIFG.
    assert np.allclose(r, [0.08, 0.07, 0.17, 0.16, 0.14, 0.06], atol=0.03)
    assert np.allclose(together.maps()["r"], [0.32, 0.31, 0.37, 0.48, 0.46, 0.33], atol=0.03)
    assert (together.p < 0.1).all()
    assert (together.q < 0.05).sum() >= 2
    ceilings = ceilings_of(people)
    one = np.mean([ceilings[problem.name].r for problem in people], axis=0)
    assert np.allclose(one, [0.253, 0.202, 0.381, 0.233, 0.216, 0.180], atol=0.01)
    top = ceilings["group"].r
    assert (top.min(), top.max()) == pytest.approx((0.77, 0.92), abs=0.02)
    assert (r < one).all()
    assert (together.maps()["r"] < top).all()


@pytest.mark.realdata
@pytest.mark.slow
def test_kinds_of_pictures_predict_a_run_that_was_held_out(script, realdata):
    haxby = script("haxby_events")
    found = haxby.answer(realdata / "fmri" / "haxby2001_lowres", permutations=200, alphas=(1e2, 1e3, 1e4), n_inner=3)
    assert found.kinds.r.shape == (12, 129)
    for scores in (found.seen, found.kinds):
        maps, i = scores.maps(), found.ventral
        assert maps["r"][i] > 0.08
        assert maps["p"][i] < 0.05
    assert (found.seen.q < 0.05).sum() >= 3


@pytest.mark.realdata
def test_the_glm_is_feats(script, realdata):
    fsl = script("fsl_glm")
    folder = realdata / "fmri" / "fsl_feeds"
    found = fsl.compare(folder, fsl.RESPONSES["FEAT's"])
    for name in ("pictures", "sound"):
        assert found.regressors[name] > 0.999
        assert found.maps[name] > 0.998
        assert found.shared[name] >= 0.95
        ours, feats, apart = found.peaks[name]
        assert ours == pytest.approx(feats, rel=0.03)
        assert (ours > 10, apart) == (True, 0)
    others = fsl.compare(folder, fsl.RESPONSES["SPM's"])
    assert min(others.regressors.values()) > 0.98
    assert min(others.maps.values()) > 0.98


@pytest.mark.parametrize("name", ["haxby_events", "fsl_glm"])
def test_the_scripts_say_what_they_want(script, name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit) as end:
        script(name).main()
    assert end.value.code == 2
    assert "folder" in capsys.readouterr().err


@pytest.mark.realdata
def test_the_table_of_fsl(script, realdata, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fsl_glm", str(realdata / "fmri" / "fsl_feeds")])
    script("fsl_glm").main()
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[:3] for row in rows[:2]] == [["FEAT's", "pictures", "1.000"], ["FEAT's", "sound", "1.000"]]
    assert len(rows) == 4
