"""The page of a fit: what was asked and done, scores beside chance and ceiling, and nothing that a name smuggles in."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from encoding.made import problem
from report.pages import Page

from giblet.bold.grids import Voxels
from giblet.encoding import ceilings_of, fit
from giblet.encoding.saving import read_results, save_scores
from giblet.errors import EncodingError, ParameterError, StoreError
from giblet.report import write_report
from giblet.report.fit_figures import write_figures

EVIL = '<img src=x onerror="document.title=1">'
TARGETS = ("heard", EVIL, "silent", "noise")


@pytest.fixture(scope="module")
def scores():
    """Two people whose first target follows sound, whose third is silent, and the ceilings of both."""
    rng = np.random.default_rng(0)
    features = {"sound": rng.standard_normal((200, 2)), f"words{EVIL}": rng.standard_normal((200, 1))}
    people = []
    for name in ("sub-1", f"sub-{EVIL}"):
        bold = rng.standard_normal((200, 4))
        bold[:, :2] += features["sound"]
        bold[:, 1] += features[f"words{EVIL}"][:, 0]
        bold[:, 2] = 1
        people.append(replace(problem(features, bold, lengths=(100, 100), name=name), targets=TARGETS))
    ceilings = ceilings_of(people)
    fits = [fit(one, delays=[], n_iter=2, alphas=[1, 100], permutations=40, unique=True) for one in people]
    return [replace(one, ceiling=ceilings[one.name]) for one in fits]


@pytest.fixture(scope="module")
def folder(scores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits") / "fit"
    save_scores(scores, folder, {"dataset": EVIL, "features": None, "gap": 4}, finish=write_figures)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    page = Page(write_report(folder, folder.parent / "page.html"))
    page.check()
    return page


def tables(page, heading):
    return [table for table in page.tables if table[0][0] == heading]


def test_what_was_asked_and_done(page):
    assert "Features as they are, without delays and without a response." in page.text
    assert "2 folds of 100 TRs, each a run." in page.text
    assert "Null: 40 permutations of blocks of" in page.text
    assert "gap 4" in page.text
    assert "1 of 4 targets have no signal, and no scores: silent." in page.text
    assert "1 target without a signal silent" in page.text
    assert "Ceiling: For the r of one subject: its correlation with the one other" in page.text


def test_scores_are_those_of_the_table_on_disk(page, folder, scores):
    (summary,) = tables(page, "Of")
    assert [row[0] for row in summary[1:]] == ["sub-1", f"sub-{EVIL}"]
    for number, one in enumerate(scores):
        there = np.isfinite(one.maps()["r"])
        r, ceiling = (one.maps()[name][there].mean() for name in ("r", "ceiling"))
        row = summary[1 + number]
        assert row[1:5] == ["3 of 4", f"{r:.3f}", f"{ceiling:.3f}", f"{100 * r / ceiling:.0f} %"]
        assert [float(cell.replace("−", "-")) for cell in row[6:8]] == pytest.approx(
            one.split.mean(axis=1)[:, there].mean(axis=1), abs=6e-4
        )
        assert row[-1] == "0.024"
        on_disk = pd.read_csv(folder / one.name / "scores.tsv", sep="\t")
        shown = tables(page, "Target")[number]
        assert shown[0][1:5] == ["r", "Ceiling", "r / ceiling", "R²"]
        assert [row[0] for row in shown[1:]] == list(on_disk["target"])
        for i in (0, 1, 3):
            cells = [float(cell.replace("−", "-")) for cell in shown[1 + i][1:] if "—" not in cell]
            assert cells[0] == pytest.approx(on_disk["r"][i], abs=6e-4)
            assert cells[-2:] == pytest.approx([on_disk["p"][i], on_disk["q"][i]], abs=6e-5)
        assert shown[3][1].startswith("— (no signal")


def test_bars_are_as_long_as_r_and_ceiling_and_chance_stand_beside(page, scores):
    figures = [figure for figure in page.all("div", role="img") if figure["aria-label"].startswith("r of 3 targets")]
    assert len(figures) == 2
    maps = scores[0].maps()
    bars = [float(rect["width"]) for rect in page.all("rect") if rect["class"] == "good"][:3]
    known = maps["r"][[0, 1, 3]]
    np.testing.assert_allclose(np.array(bars) / bars[0], np.abs(known) / known[0], atol=0.01)
    assert f"ceiling {maps['ceiling'][0]:.3f}" in page.text
    assert f"chance {maps['chance'][0]:.3f}" in page.text
    # A target is above chance in the figure where its p says so.
    assert ((maps["r"] > maps["chance"]) == (scores[0].p <= 0.05)).all()
    assert "R² by feature space" in page.text


def test_figures_stand_alone(folder):
    for name in ("r", "r2"):
        root = ET.parse(folder / "sub-1" / "figures" / f"{name}.svg").getroot()
        text = " ".join("".join(root.itertext()).split())
        # Of a long name, the beginning.
        assert EVIL[:30] in text
        assert not [element for element in root.iter() if element.tag.endswith(("script", "image", "img"))]


def test_many_targets_are_a_histogram_with_a_brain(tmp_path):
    pytest.importorskip("matplotlib")
    inside = np.ones((4, 5, 4), bool)
    space = Voxels(None, inside, np.diag([8.0, 8, 8, 1]))
    rng = np.random.default_rng(1)
    x = rng.standard_normal((160, 1))
    bold = x * np.linspace(0, 1, 80) + rng.standard_normal((160, 80))
    one = fit(
        problem({"x": x}, bold, lengths=(160,), space=space, name="group"),
        delays=[],
        n_blocks=2,
        alphas=[1],
        permutations=40,
    )
    save_scores([one], tmp_path / "fit")
    page = Page(write_report(tmp_path / "fit", tmp_path / "page.html"))
    page.check()
    alts = [figure["aria-label"] for figure in page.all("div", role="img")]
    middle = np.median(one.maps()["r"])
    assert any(alt.startswith("r of 80 targets:") and f"median {middle:.2f}" in alt for alt in alts)
    assert any("There is no ceiling." in alt for alt in alts)
    assert [image["alt"] for image in page.all("img")] == [
        f"Glass brain of r of group, seen from the left, behind, the right and above; median {middle:.2f}."
    ]
    assert "No ceiling: there is 1 subject" in page.text
    assert not tables(page, "Target")


def test_what_is_wrong_is_said(folder, tmp_path):
    with pytest.raises(ParameterError, match="--listen is for sounds, and this is a fit"):
        write_report(folder, tmp_path / "page.html", listen=3)
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    shutil.rmtree(broken / "sub-1" / "scores.zarr" / "r")
    with pytest.raises(EncodingError, match="broken: its scores are missing or damaged; fit again"):
        write_report(broken, tmp_path / "page.html")
    summary = json.loads((broken / "summary.json").read_text())
    summary["scores"][0]["name"] = "../fit/sub-1"
    (broken / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(EncodingError, match="missing or damaged"):
        read_results(broken)
    (broken / "summary.json").write_text("{}")
    with pytest.raises(StoreError, match="holds neither a store, nor a benchmark, a dataset, or a fit"):
        write_report(broken, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
