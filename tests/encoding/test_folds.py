"""What is learnt from and what is judged by never know the same stimulus."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from encoding.made import problem
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.encoding import inner_folds, make_folds
from giblet.encoding.folds import reach_of
from giblet.errors import EncodingError

RESPONSES = st.sampled_from(
    [{"delays": ()}, {"delays": (2, 4, "5.5")}, {"delays": (-1, 8)}, {"hrf": "spm"}, {"hrf": [1, 6]}]
)


def overlap(data, train, test, reach):
    """Whether a row of one and a row of the other, in the same run, know of a common moment."""
    past, future = (Fraction(seconds).limit_denominator(1000) for seconds in reach)
    for run in set(data.runs[test]):
        ours, theirs = train[data.runs[train] == run], test[data.runs[test] == run]
        if not len(ours):
            continue
        apart = int(np.abs(ours[:, None] - theirs).min())
        # The earlier row knows up to its end and the future, the later one from its start less the past on.
        if apart * data.tr - past < data.tr + future:
            return True
    return False


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(60, 130), min_size=1, max_size=3),
    tr=st.sampled_from(["1.49", "1.5", "2", "0.72"]),
    response=RESPONSES,
    filtered=st.sampled_from([(0.0, 0.0), (4.5, 4.5), (6.0, 0.0)]),
    n_blocks=st.sampled_from([None, 2, 3, 5]),
    holes=st.sets(st.integers(0, 59), max_size=8),
)
def test_no_held_out_row_is_within_reach_of_a_training_row(lengths, tr, response, filtered, n_blocks, holes):
    used = np.ones(sum(lengths), bool)
    used[list(holes)] = False
    data = problem(lengths=lengths, tr=tr, used=used, reach=filtered, n_targets=1)
    reach = reach_of(data, **response)
    try:
        folds = make_folds(data, n_blocks, **response)
    except EncodingError:
        # Short runs may hold nothing but gaps.
        assert sum(reach) / float(data.tr) > 4
        return
    judged = np.concatenate([fold.test for fold in folds])
    assert sorted(judged) == list(np.flatnonzero(used))
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        assert used[fold.train].all()
        assert not overlap(data, fold.train, fold.test, reach)
        if n_blocks is None and len(lengths) > 1:
            assert len(set(data.runs[fold.test])) == 1
            assert len(fold.train) + len(fold.test) == used.sum()
        try:
            inner = inner_folds(data, fold, **response)
        except EncodingError:
            assert sum(reach) / float(data.tr) > 4
            continue
        for part in inner:
            assert set(part.train) | set(part.test) <= set(fold.train)
            assert not overlap(data, part.train, part.test, reach)
            assert not overlap(data, part.train, fold.test, reach)


def test_a_gap_is_as_wide_as_it_must_be_and_no_wider():
    data = problem(lengths=(100,), tr="1.5")
    first, second, *_ = make_folds(data, 5, delays=[2, 4])
    # 4 s reach 3 TRs of 1.5 s.
    assert first.train[0] == 19 + 3 + 1
    assert list(second.train[:17]) == list(range(17))
    assert make_folds(data, 5)[0].train[0] == 20
    assert make_folds(data, 5, gap=10, delays=[2, 4])[0].train[0] == 19 + 7 + 1


@pytest.mark.parametrize(
    ("lengths", "asked", "told"),
    [
        ((30,), {"n_blocks": 31}, "30 rows cannot be divided into 31 folds"),
        ((30,), {"n_blocks": 1}, "30 rows cannot be divided into 1 folds"),
        ((30,), {"hrf": "spm"}, "fold 2 of 5 learns from 2 and judges by 6, with gaps of 16 TRs"),
        ((30,), {"n_blocks": 15}, "fold 1 of 15 learns from 28 and judges by 2"),
        ((30,), {"gap": -1}, "the gap is -1 s"),
    ],
)
def test_too_little_is_told(lengths, asked, told):
    data = problem(lengths=lengths)
    with pytest.raises(EncodingError, match=told):
        make_folds(data, **asked)


def test_too_few_rows_for_inner_folds_are_told():
    data = problem(lengths=(40,))
    with pytest.raises(
        EncodingError, match="rows to learn from are too few to be divided once more with gaps of 10 TRs"
    ):
        inner_folds(data, make_folds(data, 2, gap=20)[0], gap=20)


def test_inner_folds_take_whole_runs_where_they_can():
    data = problem(lengths=(40, 50, 60, 4))
    fold = make_folds(data)[1]
    inner = inner_folds(data, fold, hrf="spm")
    assert [sorted(set(data.runs[part.test])) for part in inner] == [[0], [2], [3]]
    # A run of 4 rows less a gap of 3 is none to judge by.
    rest = inner_folds(data, make_folds(problem(lengths=(40, 8)), 2, delays=[6])[1], delays=[6])
    assert len(rest) == 5
