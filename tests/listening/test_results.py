"""Files that listeners sent back: read as they are, or refused in one sentence with file and row."""

from __future__ import annotations

import csv
import io
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ListeningError
from giblet.listening.results import COLUMNS, read_answers

ROW = ["t1", "p1", "talk", "1", "2", "reference", "97", "3"]


@pytest.fixture
def put(tmp_path):
    """Write rows as a file."""

    def write(*rows, name="p1.csv", header=COLUMNS):
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        (tmp_path / name).write_text(text.getvalue(), encoding="utf-8")
        return tmp_path / name

    return write


def changed(**values):
    return [values.get(name, value) for name, value in zip(COLUMNS, ROW, strict=True)]


def test_what_was_said_is_read(write_answers, careful):
    (answers,), notes = read_answers([write_answers("p1", careful((30, 40.5)))])
    assert answers.listener == "p1"
    assert answers.of("tiny 3 kbps") == [30, 40.5]
    assert len(answers.ratings) == 10
    rating = next(r for r in answers.ratings if (r.trial, r.condition) == ("trial 2", "mel"))
    assert (rating.test, rating.trial_order, rating.stimulus_order, rating.rating, rating.plays) == ("t1", 2, 5, 50, 2)
    assert notes == []


def test_what_spreadsheets_make_of_it_is_the_same(write_answers, careful, put):
    ratings = careful((30, 40))
    (as_downloaded,), _ = read_answers([write_answers("p1", ratings)])
    semicolons = write_answers(
        "p1", ratings, name="semi.csv", delimiter=";", lineterminator="\n", quoting=csv.QUOTE_ALL
    )
    semicolons.write_bytes(b"\xef\xbb\xbf" + semicolons.read_bytes() + b";;;;;;;;\n")
    lines = write_answers("p1", ratings, name="sorted.csv").read_text().splitlines()
    (semicolons.parent / "sorted.csv").write_text("\n".join([lines[0], *sorted(lines[1:], reverse=True)]))
    for name in ("semi.csv", "sorted.csv"):
        (answers,), _ = read_answers([semicolons.parent / name])
        assert answers.ratings == as_downloaded.ratings


def test_several_listeners_in_one_file(write_answers, careful, tmp_path):
    first, second = (write_answers(name, careful((30, 40))).read_text() for name in ("p2", "p1"))
    (tmp_path / "all.csv").write_text(first + second.partition("\n")[2])
    answers, _ = read_answers([tmp_path / "all.csv"])
    assert [a.listener for a in answers] == ["p1", "p2"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (changed(rating="101"), "row 2 has the rating '101', which is no number from 0 to 100"),
        (changed(rating="-1"), "row 2 has the rating '-1'"),
        (changed(rating="nan"), "row 2 has the rating 'nan'"),
        (changed(rating=""), "row 2 has the rating ''"),
        (changed(rating="97,5"), "row 2 has the rating '97,5'"),
        (changed(plays="many"), "row 2 has 'many' as plays, which is no whole number from 0 on"),
        (changed(plays="9" * 5000), "row 2 has '999"),
        (changed(trial_order="0"), "row 2 has '0' as trial_order, which is no whole number from 1 on"),
        (changed(stimulus_order="1.0"), "row 2 has '1.0' as stimulus_order"),
        (changed(listener=" "), "row 2 has ' ' as listener"),
        (changed(trial="a\x00b"), "row 2 has 'a\\\\x00b' as trial"),
        (ROW[:-1], "row 2 has 7 fields, and the header 8"),
        ([*ROW, "x"], "row 2 has 9 fields, and the header 8"),
    ],
)
def test_a_damaged_row_is_named(put, row, told):
    with pytest.raises(ListeningError, match=rf"p1\.csv: {told}.*; ask the listener for the file as it was downloaded"):
        read_answers([put(row)])


def test_damaged_files_are_named(put, tmp_path):
    for content, told in (
        (b"", "row 1 has no column 'test'; name files that the page of a listening test gave"),
        (b"\n\n", "row 1 has no column 'test'"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (",".join(COLUMNS).encode(), "holds no ratings"),
        (",".join([*COLUMNS, "rating"]).encode(), "has two columns 'rating'"),
        (",".join(COLUMNS).encode() + b'\n"t1"x,', "row 2 is no CSV"),
        (",".join(COLUMNS).encode() + b'\nt1,"p1', "row 2 is no CSV"),
        (b"x" * 10_000_001, "has more than 10 MB"),
    ):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(ListeningError, match=rf"bad\.csv: {told}"):
            read_answers([tmp_path / "bad.csv"])
    for path, told in ((tmp_path, "is a folder"), (tmp_path / "gone.csv", "there is no such file")):
        with pytest.raises(ListeningError, match=told):
            read_answers([path])
    with pytest.raises(ListeningError, match="there are no files to score"):
        read_answers([])
    with pytest.raises(ListeningError, match="row 3 rates 'reference' in 'talk' again, as row 2 does"):
        read_answers([put(ROW, ROW)])


def test_two_submissions_of_a_listener(write_answers, careful):
    first = write_answers("p1", careful((30, 40)))
    again = write_answers("p1", careful((30, 40)), name="p1 (1).csv")
    answers, notes = read_answers([first, again, write_answers("p2", careful((50, 60)))])
    assert len(answers) == 2
    assert notes == [f"{again} repeats {first}, and is left out."]
    other = write_answers("p1", careful((30, 41)), name="other.csv")
    with pytest.raises(ListeningError, match=r"other\.csv: listener p1 gave other ratings in .*p1\.csv; leave out"):
        read_answers([first, other])


def test_different_tests_are_not_mixed(write_answers, careful):
    first, second = (write_answers(f"p{i}", careful((30, 40)), test=f"t{i}") for i in range(2))
    with pytest.raises(
        ListeningError, match=r"p1\.csv: is of test t1, and .*p0\.csv of test t0; score each test by itself"
    ):
        read_answers([first, second])


def test_missing_ratings_are_missed(write_answers, careful, put):
    full = write_answers("p1", careful((30, 40)))
    lines = full.read_text().splitlines(keepends=True)
    short = full.with_name("p2.csv")
    short.write_text("".join(line.replace("p1", "p2") for line in lines[:-1]))
    with pytest.raises(ListeningError, match=r"p2\.csv: listener p2 has not rated 'mel' in 'trial 2'"):
        read_answers([full, short])
    with pytest.raises(ListeningError, match="listener p1 has not rated 'reference' in 'talk'"):
        read_answers([put(changed(condition="mel"))])


FIELD = st.one_of(
    st.sampled_from([*ROW, "", "-5", "1e3", "inf", '"', "a,b", "\n"]), st.text(string.printable, max_size=5)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(FIELD, max_size=9), max_size=4), st.booleans())
def test_whatever_the_rows_hold_it_is_read_or_refused(tmp_path_factory, rows, quoted):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([COLUMNS, *rows])
    check(tmp_path_factory, text.getvalue().encode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 120), st.integers(0, 20))
def test_whatever_bytes_a_file_holds_it_is_read_or_refused(tmp_path_factory, junk, at, dropped):
    good = (",".join(COLUMNS) + "\n" + ",".join(ROW) + "\n").encode()
    check(tmp_path_factory, good[:at] + junk + good[at + dropped :])


def check(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    try:
        everyone, _ = read_answers([path])
    except ListeningError as refusal:
        told = str(refusal)
    else:
        told = f"{path}"
        assert all(0 <= rating.rating <= 100 and rating.plays >= 0 for one in everyone for rating in one.ratings)
    assert told.startswith(str(path))
    assert "\n" not in told
