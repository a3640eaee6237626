"""Who counts, and the figures: by hand, and against numpy, scipy and pandas."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import ListeningError, MediaError
from giblet.listening import score, write_scores
from giblet.listening.anchors import LOW_ANCHOR, MID_ANCHOR, REFERENCE
from giblet.listening.scoring import mean_interval


def trials(n, reference=0, anchor=0):
    """Ratings of n trials, some of which rate the reference at 89, or the mid anchor at 91."""
    return {
        REFERENCE: [89] * reference + [90] * (n - reference),
        MID_ANCHOR: [91] * anchor + [90] * (n - anchor),
        "tiny 3 kbps": [50] * n,
    }


@pytest.mark.parametrize(
    ("n", "reference", "anchor", "reasons"),
    [
        (20, 3, 0, []),  # 15 % are not more than 15 %.
        (20, 4, 0, ["rated the hidden reference below 90 in 4 of 20 trials"]),
        (20, 0, 3, []),
        (20, 0, 4, ["rated anchor 7 kHz above 90 in 4 of 20 trials"]),
        (20, 3, 3, []),  # The two are not added up.
        (7, 1, 1, []),  # 14.3 %
        (6, 1, 0, ["rated the hidden reference below 90 in 1 of 6 trials"]),  # 16.7 %
        (
            6, 2, 1,
            ["rated the hidden reference below 90 in 2 of 6 trials", "rated anchor 7 kHz above 90 in 1 of 6 trials"],
        ),
    ],
)  # fmt: skip
def test_listeners_are_screened_as_the_recommendation_says(write_answers, n, reference, anchor, reasons):
    files = [write_answers("good", trials(n)), write_answers("doubtful", trials(n, reference, anchor))]
    scores = score(files)
    assert [list(exclusion.reasons) for exclusion in scores.excluded] == ([reasons] if reasons else [])
    assert scores.listeners == (("good",) if reasons else ("doubtful", "good"))
    kept = score(files, keep_all=True)
    assert (kept.listeners, kept.excluded) == (("doubtful", "good"), scores.excluded)


def test_nobody_left_is_an_error(write_answers):
    bad = write_answers("p1", trials(2, reference=2))
    with pytest.raises(
        ListeningError, match="the only listener, p1, is excluded, who rated the hidden reference below"
    ):
        score([bad])
    with pytest.raises(ListeningError, match="all 2 listeners are excluded"):
        score([bad, write_answers("p2", trials(2, anchor=1))])


def test_the_figures_by_hand(write_answers, careful):
    files = [write_answers(f"p{i}", careful(values)) for i, values in enumerate([(10, 30), (40, 50), (60, 80)])]
    scores = score(files)
    (summary,) = [s for s in scores.conditions if s.condition == "tiny 3 kbps"]
    # Ratings 10 30 40 50 60 80; each listener's mean 20 45 70; half width t(2) · 25 / √3.
    assert (summary.n_listeners, summary.n_ratings, summary.trial) == (3, 6, None)
    assert (summary.lower_quartile, summary.median, summary.upper_quartile) == (32.5, 45, 57.5)
    assert summary.mean == 45
    assert summary.ci_high - 45 == pytest.approx(4.302653 * 25 / math.sqrt(3), rel=1e-6)
    assert summary.ci_low + summary.ci_high == pytest.approx(90)
    (summary,) = [s for s in scores.trials if (s.trial, s.condition) == ("trial 2", "tiny 3 kbps")]
    assert (summary.n_listeners, summary.n_ratings, summary.median) == (3, 3, 50)
    assert summary.mean == pytest.approx(160 / 3)


def test_the_reference_comes_first_then_the_anchors_then_the_worst(write_answers, careful):
    order = [s.condition for s in score([write_answers("p1", careful((80, 90)))]).conditions]
    assert order == [REFERENCE, LOW_ANCHOR, MID_ANCHOR, "mel", "tiny 3 kbps"]


def test_all_figures_are_those_of_pandas(write_answers):
    rng = np.random.default_rng(0)
    names = [REFERENCE, LOW_ANCHOR, MID_ANCHOR, "a", "b"]
    files = [
        write_answers(f"p{i}", {name: rng.integers(0, 101, 5).tolist() for name in names}, name=f"{i}.csv")
        for i in range(8)
    ]
    scores = score(files, keep_all=True)
    table = pd.concat([pd.read_csv(file) for file in files])
    ours = scores.table().set_index("condition")
    groups = table.groupby("condition")["rating"]
    for column, q in (("lower_quartile", 0.25), ("median", 0.5), ("upper_quartile", 0.75)):
        pd.testing.assert_series_equal(ours[column].sort_index(), groups.quantile(q), check_names=False)
    pd.testing.assert_series_equal(ours["mean"].sort_index(), groups.mean(), check_names=False)
    per_trial = scores.table(trials=True).set_index(["trial", "condition"])["mean"].sort_index()
    pd.testing.assert_series_equal(per_trial, table.groupby(["trial", "condition"])["rating"].mean(), check_names=False)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30).filter(lambda values: np.std(values) > 1e-3))
def test_intervals_are_scipys(values):
    mean, low, high = mean_interval(values)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_one_listener_has_no_interval(write_answers, careful):
    scores = score([write_answers("p1", careful((30, 40)))])
    assert math.isnan(scores.conditions[0].ci_low)
    assert scores.to_dict()["conditions"][0]["ci_low"] is None
    assert scores.notes == ("One listener alone gives no confidence intervals.",)


def test_a_result_as_files(write_answers, careful, tmp_path):
    from PIL import Image

    pytest.importorskip("matplotlib")
    scores = score([write_answers("p1", careful((30, 40))), write_answers("p2", careful((50, 70)))])
    assert write_scores(scores, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "scores.json").read_text()) == scores.to_dict()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "conditions.csv"), scores.table())
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "trials.csv"), scores.table(trials=True))
    with Image.open(tmp_path / "out" / "ratings.png") as picture:
        assert picture.width > 500
        assert len(picture.convert("RGB").getcolors(2**24)) > 20
    assert (tmp_path / "out" / "ratings.svg").read_text().count("<path") > 20
    with pytest.raises(MediaError, match="--force"):
        write_scores(scores, tmp_path / "out")
    assert write_scores(scores, tmp_path / "out", force=True)
    with pytest.raises(MediaError, match="is no result of a listening test"):
        write_scores(scores, tmp_path, force=True)


def test_the_boxes_are_the_quartiles(write_answers, careful):
    pytest.importorskip("matplotlib")
    from giblet.listening.plot import box_plot

    scores = score([write_answers("p1", careful((30, 40))), write_answers("p2", careful((50, 70)))])
    axes = box_plot(scores).axes[0]
    # A box is drawn as a closed line of five points.
    lines = [line for line in axes.lines if len(set(line.get_xdata())) == 2 and len(line.get_xdata()) == 5]
    boxes = [(min(line.get_ydata()), max(line.get_ydata())) for line in lines]
    assert boxes == [(s.lower_quartile, s.upper_quartile) for s in scores.conditions]
    assert [label.get_text() for label in axes.get_xticklabels()] == [s.condition for s in scores.conditions]
