"""What names of files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from giblet.errors import MediaError, ParameterError
from giblet.transcoding import default_output, plan


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.mp3", "sub/c.flac", "codes/d.ecdc", "codes/deep/e.nac", "empty/notes.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("codes/f.txt").write_text("2\n6.0\n")
    Path("codes/readme.txt").write_text("codes of 2021\n")
    Path("out").mkdir()


def planned(*names):
    return [(str(job.source), str(job.output)) for job in plan([Path(name) for name in names])]


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("x/talk.mp3", "x/talk.ecdc"),
        ("talk.v2.wav", "talk.v2.ecdc"),
        ("x/talk.ecdc", "x/talk_decompressed.wav"),
        ("talk.v2.NAC", "talk.v2_decompressed.wav"),
        ("talk.txt", "talk_decompressed.wav"),
        ("film.giblet", "film.ecdc"),
    ],
)
def test_default_outputs_are_metas(path, output):
    assert default_output(path) == Path(output)


@pytest.mark.parametrize(
    ("names", "jobs"),
    [
        (["a.wav"], [("a.wav", "a.ecdc")]),
        (["a.wav", "x.nac"], [("a.wav", "x.nac")]),
        (["a.wav", "b.mp3"], [("a.wav", "b.mp3")]),
        (["a.wav", "out"], [("a.wav", "out/a.ecdc")]),
        (["a.wav", ".nac"], [("a.wav", "a.nac")]),
        (["a.wav", ".wav"], [("a.wav", "a_decompressed.wav")]),
        (["a.wav", "b.mp3", "sub/c.flac"], [("a.wav", "a.ecdc"), ("b.mp3", "b.ecdc"), ("sub/c.flac", "sub/c.ecdc")]),
        (["a.wav", "b.mp3", "out"], [("a.wav", "out/a.ecdc"), ("b.mp3", "out/b.ecdc")]),
        (["a.wav", "b.mp3", "new"], [("a.wav", "new/a.ecdc"), ("b.mp3", "new/b.ecdc")]),
        (["a.wav", "b.mp3", ".txt"], [("a.wav", "a.txt"), ("b.mp3", "b.txt")]),
        (["a.wav", "a.wav", "b.mp3", "out"], [("a.wav", "out/a.ecdc"), ("b.mp3", "out/b.ecdc")]),
        (["."], [("a.wav", "a.ecdc"), ("b.mp3", "b.ecdc"), ("sub/c.flac", "sub/c.ecdc")]),
        ([".", "out"], [("a.wav", "out/a.ecdc"), ("b.mp3", "out/b.ecdc"), ("sub/c.flac", "out/sub/c.ecdc")]),
        (
            ["codes", "new"],
            [
                ("codes/d.ecdc", "new/d_decompressed.wav"),
                ("codes/deep/e.nac", "new/deep/e_decompressed.wav"),
                ("codes/f.txt", "new/f_decompressed.wav"),
            ],
        ),
    ],
)
def test_plans(here, names, jobs):
    assert planned(*names) == jobs


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["empty"], MediaError, "holds neither sound nor files of codes"),
        ([".", "x.ecdc"], ParameterError, "several inputs need one"),
        (["a.wav", "sub/a.mp3", "out"], ParameterError, "several inputs would become a.ecdc"),
    ],
)
def test_what_cannot_be_planned(here, names, error, message):
    with pytest.raises(error, match=message):
        planned(*names)


def test_a_mistyped_input_is_not_taken_for_the_output(here):
    assert planned("a.wav", "b.mp3", "z.wav")[-1] == ("z.wav", "z.ecdc")
