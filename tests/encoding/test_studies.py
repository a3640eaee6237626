"""From a study's files to problems, and to scores."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from conftest import PROJECT
from encoding.made import RUNS, onsets, problem, rate
from features.models.tiny_models import save_model

from giblet.alignment import convolve
from giblet.data import MultimodalDataset
from giblet.encoding import ceilings_of, fit, make_folds, problems_of
from giblet.encoding.columns import without_useless
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid


def changed(study, tmp_path, **values):
    described = yaml.safe_load(study.read_text()) | {"root": str(study.parent)} | values
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(described))
    return path


def test_features_come_as_they_were_shown(study, tmp_path):
    first, second = problems_of(study, cache_dir=tmp_path)
    assert (first.name, second.name) == ("sub-s1", "sub-s2")
    assert (first.tr, first.targets, first.response) == (2, ("heard", "deaf", "drifts"), "")
    np.testing.assert_allclose(first.features["text.word_rate"], np.concatenate([rate(run) for run in RUNS]))
    np.testing.assert_array_equal(first.runs, np.repeat([0, 1], 120))
    assert first.used.all()
    table = np.loadtxt(study.parent / "s2_b.tsv", skiprows=1)
    np.testing.assert_allclose(second.bold[120:], (table - table.mean(0)) / table.std(0), atol=1e-4)
    # Three cosines for a run of 240 s, each in its own run.
    assert first.nuisance.shape == (240, 6)
    assert "sub-s3: no signal, or no row that can be used; left out." in first.notes
    assert any("slower than 128 s (cosines) were regressed out" in note for note in first.notes)


def test_the_mean_of_all_and_no_drifts(study, tmp_path):
    (group,) = problems_of(study, group=True, high_pass=None, cache_dir=tmp_path)
    parts = problems_of(study, cache_dir=tmp_path)
    assert (group.name, group.nuisance) == ("group", None)
    assert "sub-s3: no signal, or no row that can be used; left out." in group.notes
    np.testing.assert_allclose(group.bold, (parts[0].bold + parts[1].bold) / 2, atol=1e-6)
    (one,) = problems_of(study, subjects="s2", cache_dir=tmp_path)
    np.testing.assert_array_equal(one.bold, parts[1].bold)


def test_a_response_is_convolved_at_the_features_own_rate(study, tmp_path):
    problem = problems_of(study, hrf="spm", subjects=["s1"], cache_dir=tmp_path)[0]
    assert problem.response == "convolved with spm"
    assert problem.reach == (32.0, 0.0)
    ends = onsets("a") + 0.2
    events = FeatureSeries(np.ones((len(ends), 1)), ends, ("w",), "event", np.zeros(len(ends)))
    expected = convolve(events, TRGrid(2, 120), "spm")
    np.testing.assert_allclose(problem.features["text.word_rate"][:120], expected, atol=1e-5)


def test_what_was_planted_is_found_by_delays_and_by_a_response(study, tmp_path):
    for options in ({}, {"hrf": "spm"}, {"hrf": "spm", "group": True}):
        scores = fit(study, permutations=100, cache_dir=tmp_path, **options)
        assert [one.name for one in scores] == (["group"] if "group" in options else ["sub-s1", "sub-s2"])
        for one in scores:
            heard, deaf, drifts = one.maps()["r"]
            assert heard > 0.5
            assert drifts > 0.5
            assert abs(deaf) < 0.25
            assert len(one.n_test) == 2
    # One whose drift stays has little else.
    assert fit(study, high_pass=None, null="none", cache_dir=tmp_path)[0].maps()["r"][2] < 0.3


def test_each_level_has_its_own_ceiling(study, tmp_path):
    options = {"n_iter": 4, "null": "none", "cache_dir": tmp_path}
    expected = ceilings_of(problems_of(study, cache_dir=tmp_path))
    first, second = fit(study, **options)
    (group,) = fit(study, group=True, **options)
    (opened,) = fit(MultimodalDataset(study, cache_dir=tmp_path, mode="cross_subject"), n_iter=4, null="none")
    for scores, level in ((first, "subject"), (second, "subject"), (group, "group"), (opened, "group")):
        ceiling = expected[scores.name]
        np.testing.assert_array_equal(scores.maps()["ceiling"], ceiling.r)
        np.testing.assert_array_equal(scores.maps()["of_ceiling"], ceiling.share(scores.maps()["r"]))
        assert scores.ceiling.level == level
        assert scores.about_ceiling == f"Ceiling: {ceiling.sentence}"
    # Half of each subject's variance is shared: r is .5 between two, and .82 of their mean with what they share.
    assert first.ceiling.r[0] == pytest.approx(0.5, abs=0.1)
    assert group.ceiling.r[0] == pytest.approx(0.816, abs=0.06)
    (alone,) = fit(study, subjects="s1", **options)
    assert np.isnan(alone.to_table()["ceiling"]).all()
    assert alone.about_ceiling == (
        "No ceiling: there is 1 subject; take two or more, for a ceiling is what subjects share."
    )


def test_runs_that_repeat_have_a_ceiling_of_their_own():
    rng = np.random.default_rng(0)
    shown, other = rng.standard_normal((2, 150, 1))
    x = np.concatenate([shown, shown, other])
    bold = x + rng.standard_normal((450, 6))
    some = fit(problem({"x": x}, bold, lengths=(150, 150, 150)), delays=(), null="none")
    every = fit(problem({"x": x[:300]}, bold[:300], lengths=(150, 150)), delays=(), null="none")
    for scores in (some, every):
        assert scores.ceiling.level == "run"
        assert any(note.startswith("2 runs show the same: what is judged by") for note in scores.notes)
        np.testing.assert_allclose(scores.ceiling.r.mean(), np.sqrt(0.5), atol=0.05)
    none = fit(problem({"x": x[150:]}, bold[150:], lengths=(150, 150)), delays=(), null="none")
    assert none.about_ceiling.startswith("No ceiling: there is 1 subject")


def test_the_gap_covers_the_windows_of_features(tmp_path):
    folder = save_model("wav2vec2", tmp_path / "model")
    name = f"audio.hf:{folder}:1@window=3@stride=0.5"
    (problem,) = problems_of(PROJECT / "data", [name, "text.word_rate"], subjects="01", cache_dir=tmp_path)
    assert problem.reach == (3.0, 0.0)
    (words,) = problems_of(PROJECT / "data", "text.word_rate", subjects="01", cache_dir=tmp_path)
    assert words.reach == (0.0, 0.0)
    # 3 s of the window and 3 s of the delay are 4 TRs of 1.5 s.
    first = make_folds(problem, 3, delays=[3])[0]
    assert first.train[0] == first.test[-1] + 5
    built = MultimodalDataset(PROJECT / "data", features=[name, "text.word_rate"], filter="mean", cache_dir=tmp_path)
    assert built.gap == 2


def test_datasets_that_are_open_or_built_are_taken_as_they_are(study, tmp_path):
    opened = MultimodalDataset(study, cache_dir=tmp_path, apply_hrf=True)
    theirs = problems_of(opened)[0]
    assert theirs.response == "convolved with spm"
    ours = problems_of(study, hrf="spm", cache_dir=tmp_path)[0]
    np.testing.assert_array_equal(theirs.features["text.word_rate"], ours.features["text.word_rate"])
    part = problems_of(MultimodalDataset(study, split="train", cache_dir=tmp_path, apply_hrf=True, subjects="s2"))
    assert [one.name for one in part] == ["sub-s2"]
    assert 0 < part[0].used.sum() < 240
    assert part[0].used[:90].all()
    folder = opened._prepared.folder
    assert problems_of(folder, "text.word_rate", group=True)[0].name == "group"
    together = problems_of(MultimodalDataset(study, cache_dir=tmp_path, mode="cross_subject", delays=[2, "4.5"]))
    assert [(one.name, one.response) for one in together] == [("group", "at delays of 2, 4.5 s")]
    assert together[0].used.sum() == 240 - 2 * 3


def test_what_cannot_be_learnt_from_is_refused_by_name(study, tmp_path):
    film = PROJECT / "data"
    with pytest.raises(EncodingError, match=r"audio.codes cannot be learnt from as numbers; take audio.latents"):
        problems_of(film, "audio.codes", cache_dir=tmp_path)
    built = MultimodalDataset(film, cache_dir=tmp_path, features=["audio.codes", "audio.latents", "text.word_rate"])
    (first, *_) = problems_of(built)
    assert list(first.features) == ["audio.latents", "text.word_rate"]
    # Frames of a TR, which such a dataset keeps, are averaged.
    frames = built.get_subject_data("01")["audio.latents"]
    assert frames.ndim == 3
    np.testing.assert_allclose(first.features["audio.latents"], frames.mean(axis=2), rtol=1e-5, atol=1e-6)
    assert "audio.codes cannot be learnt from as numbers and were left out." in first.notes
    with pytest.raises(
        EncodingError, match=r"the dataset has no audio.power; choose from audio.codes, audio.latents, text.word_rate"
    ):
        problems_of(built, "audio.power")


def test_a_study_without_signal_is_told(study, tmp_path):
    for group in (False, True):
        with pytest.raises(EncodingError, match="no signal, or no row that can be used; see giblet dataset info"):
            problems_of(study, subjects="s3", group=group, cache_dir=tmp_path)


def test_useless_columns_of_a_space_are_left_out_and_said(study, tmp_path):
    rng = np.random.default_rng(0)
    problem = problems_of(study, subjects="s1", cache_dir=tmp_path)[0]
    values = rng.standard_normal((240, 4))
    values[:, 1], values[:, 3] = 2, values[:, 0]
    kept, names, notes = without_useless("sub-s1", {"x": values}, problem.used, {"x": ("a", "b", "c", "d")})
    np.testing.assert_array_equal(kept["x"], values[:, [0, 2]])
    assert names == {"x": ("a", "c")}
    assert notes == ["x: 2 columns never change or are there twice and are left out: x[b], x[d]."]


def test_runs_of_different_tr_are_told(study, tmp_path):
    path = changed(study, tmp_path, subjects=["s1"], runs={"a": None, "b": {"tr": 2.5}})
    with pytest.raises(EncodingError, match=r"sub-s1: the runs differ in the TR \(a: 2 s, b: 2.5 s\)"):
        problems_of(path, cache_dir=tmp_path)


def test_a_feature_that_never_changes_is_told(study, tmp_path):
    (tmp_path / "words.csv").write_text("onset,duration,word\n" + "".join(f"{2 * i},1,w\n" for i in range(120)))
    path = changed(study, tmp_path, subjects=["s1"], annotations=str(tmp_path / "words.csv"))
    with pytest.raises(EncodingError, match=r"sub-s1: text.word_rate never changes; leave it out"):
        problems_of(path, cache_dir=tmp_path)


def test_what_reading_the_scans_took_out_is_stated(study, tmp_path):
    confounds = np.random.default_rng(0).standard_normal((120, 6))
    np.savetxt(tmp_path / "motion.tsv", confounds, delimiter="\t")
    path = changed(study, tmp_path, subjects=["s1"], confounds=str(tmp_path / "motion.tsv"), detrend=True)
    (problem,) = problems_of(path, cache_dir=tmp_path)
    assert "Regressed out of the whole run: 6 confounds, a straight line." in problem.notes


def test_the_sample_film_is_small_but_runs(tmp_path):
    scores = fit(PROJECT / "data", delays=[3], n_blocks=3, null="none", cache_dir=tmp_path)
    assert [one.name for one in scores] == ["sub-01", "sub-02", "sub-03"]
    assert scores[0].spaces == ("audio.power", "text.word_rate")
    image = scores[0].space.to_image(scores[0].maps()["r"])
    assert image.shape == (8, 10, 8)
    assert image.header.get_zooms()[:3] == (8, 8, 8)
