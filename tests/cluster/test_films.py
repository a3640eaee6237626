"""From places to films, and to names of stores."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.cluster.films import _clashing, _names, find_films, is_several, place_in
from giblet.errors import MediaError, ParameterError, StoreError


@pytest.fixture
def make(tmp_path):
    """Make empty files by their names."""

    def made(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return made


def named(films):
    return {str(film.path): str(film.name) for film in films}


def test_a_folder_gives_the_films_in_it_by_their_endings_and_paths(make):
    root = make("a/talk.mp4", "a/notes.txt", "b c/ü\n1.WAV", "top.mkv", ".hidden.mp4", "out/x.wav")
    films = find_films([root], leave_out=root / "out")
    assert named(films) == {
        str(root / "a/talk.mp4"): "a/talk", str(root / "b c/ü\n1.WAV"): "b c/ü\n1", str(root / "top.mkv"): "top",
    }  # fmt: skip


def test_a_pattern_counts_from_its_fixed_part(make, monkeypatch):
    root = make("s1/film.mp4", "s2/film.mp4", "s2/other.mp4", "s[3]/film.mp4")
    assert named(find_films([f"{root}/s?/film.mp4"])) == {
        str(root / "s1/film.mp4"): "s1/film", str(root / "s2/film.mp4"): "s2/film",
    }  # fmt: skip
    assert len(find_films([f"{root}/**"])) == len(find_films([f"{root}/**/*.mp4"])) == 4
    monkeypatch.chdir(root)
    assert named(find_films(["s*/other.*"])) == {"s2/other.mp4": "s2/other"}
    # What is there under that very name is no pattern.
    assert named(find_films(["s[3]/film.mp4"])) == {"s[3]/film.mp4": "film"}
    assert not is_several("s[3]/film.mp4")
    assert is_several("s[3]/*")
    assert is_several("s1")


def test_a_film_named_twice_is_there_once(make):
    root = make("a/x.mp4")
    assert len(find_films([root, root / "a", root / "a/x.mp4", f"{root}/a/*", root / "a/../a/x.mp4"])) == 1


def test_films_of_one_name_are_told_apart(make):
    root = make("s1/film.mp4", "s2/film.mp4", "s3/x.mp4", "s3/x.wav", "s3/y.wav", "s4/y.wav/z.wav", "s4/y.mp4")
    assert list(named(find_films([root / "s1/film.mp4", root / "s2/film.mp4"])).values()) == ["s1/film", "s2/film"]
    assert list(named(find_films([root / "s1", root / "s2"])).values()) == ["s1/film", "s2/film"]
    assert sorted(named(find_films([root / "s3"])).values()) == ["x.mp4", "x.wav", "y"]
    # A store in a store would be in its way.
    assert sorted(named(find_films([make("v/a.mp4", "v/a/b.mp4") / "v"])).values()) == ["a.mp4", "a/b"]
    # Some file systems tell neither of these apart.
    names = list(named(find_films([make("w/Ä.mp4", "w/a\u0308.mp4") / "w"])).values())
    assert len(set(names)) == 2
    assert not _clashing([PurePath(name) for name in names])


@pytest.mark.parametrize("name", ["...mp4", "..mp4", "....wav"])
def test_a_name_of_dots_does_not_lead_above(make, tmp_path, name):
    films = find_films([make(f"in/{name}") / "in" / name])
    assert place_in(tmp_path / "out", films[0].name) == tmp_path / "out" / name


def test_a_link_in_the_output_does_not_lead_out_of_it(tmp_path):
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    output.mkdir()
    elsewhere.mkdir()
    (output / "a").symlink_to(elsewhere)
    (output / "b").symlink_to(output / "c")
    (tmp_path / "link").symlink_to(output)
    with pytest.raises(StoreError, match="leads out of the output folder by a link"):
        place_in(output, PurePath("a/film"))
    assert place_in(output, PurePath("b/film")) == output / "b/film"
    assert place_in(tmp_path / "link", PurePath("x/film")) == tmp_path / "link/x/film"
    with pytest.raises(StoreError):
        place_in(output, PurePath("../film"))


def test_links_among_the_films_are_followed_once(make):
    root = make("real/x.mp4")
    (root / "real/round").symlink_to(root / "real")
    (root / "real/y.mp4").symlink_to("x.mp4")
    assert sorted(named(find_films([root / "real"])).values()) == ["x", "y"]


@pytest.mark.parametrize("place", ["nothing.mp4", "no*thing.mp4", "", "empty"])
def test_what_stands_for_no_film_is_said(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(MediaError, match=r"check the name|check the pattern|holds no films"):
        find_films([place])
    with pytest.raises(ParameterError, match="no film"):
        find_films([])


parts = st.text(st.sampled_from("aAäb.~ \n"), min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))
relative = st.lists(parts, min_size=1, max_size=3).map(os.sep.join)


@given(st.lists(relative, min_size=1, max_size=8, unique=True), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_names_never_meet_and_never_lead_out(paths, depths):
    films = []
    for path, depth in zip(paths, depths, strict=False):
        whole = Path("/films", path)
        films.append((whole, Path("/films", *whole.parts[2:-1][:depth])))
    names = _names(films)
    assert not _clashing(names)
    for name in names:
        # normpath is what the system makes of it.
        assert os.path.normpath(Path("/out") / name).startswith("/out/")
        assert place_in(Path("/out"), name) == Path("/out") / name
