"""What a run shows, and since when."""

from __future__ import annotations

from fractions import Fraction

import pytest

from giblet.data.layouts.bids_events import find_stimulus
from giblet.data.layouts.findings import Findings

LENGTH = Fraction(30)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "stimuli" / "films").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "face.png", "films/c.mkv"):
        (tmp_path / "stimuli" / name).write_bytes(b"film")
    return tmp_path


def found(root, text, length=LENGTH):
    events = root / "sub-01_task-x_events.tsv"
    events.write_bytes(text.encode() if isinstance(text, str) else text)
    findings = Findings()
    stimulus, onset = find_stimulus(events, root, length, "subject 01, run task-x", findings)
    return stimulus, onset, findings


@pytest.mark.parametrize(
    ("text", "film", "onset"),
    [
        ("onset\tduration\tstim_file\n4.5\t20\ta.mp4\n", "a.mp4", "9/2"),
        ("onset\tduration\tstim_file\n-3\t20\tfilms/c.mkv\n", "films/c.mkv", "-3"),
        # Pictures are no films.
        ("onset\tduration\tstim_file\n1\t1\tface.png\n0.1\t20\ta.mp4\n", "a.mp4", "1/10"),
        # As some name it, from the root.
        ("onset\tduration\tstim_file\n0\t20\tstimuli/a.mp4\n", "a.mp4", "0"),
        # With a byte order mark, as spreadsheets save it, and Windows' line ends.
        (b"\xef\xbb\xbfonset\tduration\tstim_file\r\n6\t20\ta.mp4\r\n", "a.mp4", "6"),
    ],
)
def test_film_and_onset(root, text, film, onset):
    stimulus, since, findings = found(root, text)
    assert stimulus == root / "stimuli" / film
    assert since == Fraction(onset)
    assert not findings.problems


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("onset\tstim_file\n1\t../../a.mp4\n", "error", "stim_file ../../a.mp4 lies outside of"),
        ("onset\tstim_file\n1\t/etc/a.mp4\n", "error", "stim_file /etc/a.mp4 lies outside of"),
        ("onset\tstim_file\n30\ta.mp4\n", "error", "the film a.mp4 begins at 30 s and the run ends at 30 s"),
        ("onset\tstim_file\nn/a\ta.mp4\n", "error", "the film a.mp4 has no onset"),
        ("onset\tstim_file\n1\ta.mp4\n9\tb.mp4\n", "error", "stim_file names 2 films (a.mp4, b.mp4)"),
        ("onset\tstim_file\n1\ta.mp4\n9\ta.mp4\n", "warning", "stim_file names a.mp4 in 2 rows"),
        ("time\n1\n", "error", "has the columns time"),
        ("", "error", "is no table"),
        (b"\xff\xfe\x00", "error", "is no table"),
    ],
)
def test_what_makes_no_sense_is_reported(root, text, severity, message):
    stimulus, _, findings = found(root, text)
    (problem,) = [problem for problem in findings.problems if message in problem.problem]
    assert problem.severity == severity
    assert problem.path.endswith("_events.tsv")
    # A film outside, or one of two, is never opened.
    assert stimulus is None or stimulus.is_relative_to(root / "stimuli")


def test_events_outside_the_run_are_counted_in_rows_of_the_file(root):
    text = "onset\tduration\tstim_file\n0\t20\ta.mp4\n-5\t2\tn/a\n-5\t9\tn/a\n31.5\t1\tn/a\nsoon\t1\tn/a\nn/a\t1\tn/a\n"
    _, _, findings = found(root, text)
    unread, outside = findings.problems
    assert "no onset can be read in row 6 (soon)" in unread.problem
    assert outside.problem == "the run lasts 30 s and events lie outside of it, in rows 3 (-5 s), 5 (31.5 s)"
    assert not found(root, text.replace("soon", "1"), None)[2].problems


def test_without_a_film_there_are_brain_data_only(root):
    stimulus, onset, findings = found(root, "onset\tduration\n1\t2\n")
    assert (stimulus, onset) == (None, 0)
    assert not findings.problems
    assert "brain data only" in findings.notes[0]
