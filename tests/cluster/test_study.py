"""Many films, each into a store of its own."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import giblet
from giblet.cluster import extract_many
from giblet.data import open_store
from giblet.errors import CodecError, MediaError, ParameterError
from giblet.jobs import in_turn
from giblet.kept import MOST, keeping, kept
from giblet.progress import Silent
from giblet.store import is_store, verify
from giblet.store.arrays import StoreFolder

CHEAP = {"features": "audio.power", "tr": 0.5}
"""Settings that need no model."""


@pytest.fixture
def films(tmp_path, make_film):
    root = tmp_path / "films"
    make_film(root / "a b" / "long\n.wav", 3)
    make_film(root / "a b" / "ü.wav", 1)
    make_film(root / "top.wav", 2)
    (root / "bad.mp4").write_bytes(b"no film at all" * 50)
    return root


def power(store):
    return open_store(store).native("audio.power")[0]


def test_workers_extract_a_folder_and_name_what_failed(workers, films, tmp_path):
    output = tmp_path / "out"
    result = giblet.extract_many(films, output, client=workers.client, **CHEAP)
    table = result.table.set_index("film")
    assert list(table.columns) == ["store", "state", "reason", "seconds"]
    assert dict(table["state"]) == {
        str(films / "a b/long\n.wav"): "done", str(films / "a b/ü.wav"): "done", str(films / "top.wav"): "done",
        str(films / "bad.mp4"): "failed",
    }  # fmt: skip
    assert [one.reason for one in result.failed] == [
        "is not a film or sound file that can be read; check that it plays, or convert it with ffmpeg"
    ]
    assert table.loc[str(films / "a b/ü.wav"), "store"] == str(output / "a b/ü")
    # The same as one film after another in this process, and then it is all there.
    here = extract_many(films, tmp_path / "here", **CHEAP)
    for one, other in zip(here.outcomes, result.outcomes, strict=True):
        assert (one.film, one.state) == (other.film, other.state)
        if one.state == "done":
            np.testing.assert_array_equal(power(one.store), power(other.store))
    again = extract_many(films, output, client=workers.client, **CHEAP)
    assert sorted(again.table["state"]) == ["failed", "hit", "hit", "hit"]
    assert not [path for path in output.rglob(".*") if path.name.endswith(".partial")]


def test_a_film_that_is_deleted_meanwhile_is_named_and_what_is_missing_is_done_later(films, tmp_path):
    lost = films / "a b" / "ü.wav"
    kept_for_later = lost.read_bytes()
    told = []

    def delete(one):
        told.append(one)
        lost.unlink(missing_ok=True)

    result = extract_many([films / "top.wav", f"{films}/a b/*.wav"], tmp_path / "out", each=delete, **CHEAP)
    assert [one.film for one in result.failed] == [str(lost)]
    assert "there is no such file" in result.failed[0].reason
    assert sorted(told, key=str) == sorted(result.outcomes, key=str)
    lost.write_bytes(kept_for_later)
    again = extract_many([films / "top.wav", f"{films}/a b/*.wav"], tmp_path / "out", **CHEAP)
    assert [one.state for one in again.outcomes] == ["hit", "hit", "done"]


@pytest.mark.parametrize("moment", ["advance", "end"])
def test_a_film_that_is_deleted_while_it_is_read_is_named_and_leaves_nothing(films, tmp_path, moment):
    lost = films / "top.wav"
    watcher = type("Watcher", (Silent,), {moment: lambda *_: lost.unlink(missing_ok=True)})()
    with pytest.raises(MediaError, match="was removed while it was read") as raised:
        giblet.extract(lost, tmp_path / "alone", progress=watcher, **CHEAP)
    assert raised.value.path == str(lost)
    assert [path.name for path in tmp_path.iterdir()] == ["films"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_no_more_fails_a_film_and_leaves_nothing_of_it(films, tmp_path, monkeypatch, number):
    original = StoreFolder.set
    broken = True

    async def failing(self, key, value):
        if broken and "ü" in str(self.root) and "/c/" in key:
            raise OSError(number, os.strerror(number))
        await original(self, key, value)

    monkeypatch.setattr(StoreFolder, "set", failing)
    output = tmp_path / "out"
    (films / "bad.mp4").unlink()
    result = extract_many(films, output, **CHEAP)
    assert [one.film for one in result.failed] == [str(films / "a b" / "ü.wav")]
    assert {errno.ENOSPC: "the disk is full"}.get(number, "may not be written to") in result.failed[0].reason
    assert sorted(path.name for path in (output / "a b").iterdir()) == ["long\n"]
    broken = False
    assert [one.state for one in extract_many(films, output, **CHEAP).outcomes] == ["hit", "done", "hit"]


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_worker_that_is_killed_at_a_film_leaves_nothing_half_visible(workers, tmp_path, make_film):
    long = make_film(tmp_path / "in" / "long.wav", 600)
    make_film(tmp_path / "in" / "short.wav")
    output = tmp_path / "out"
    seen = []

    def kill():
        while not seen:
            for owner in output.glob(".long.*.partial/owner.json"):
                with suppress(OSError, ValueError):
                    pid = json.loads(owner.read_text())["pid"]
                    os.kill(pid, signal.SIGKILL)
                    seen.append((pid, is_store(output / "long")))
            time.sleep(0.002)

    killer = threading.Thread(target=kill)
    killer.start()
    result = extract_many(long.parent, output, client=workers.client, cache=False, **CHEAP)
    killer.join()
    assert [one.state for one in result.outcomes] == ["done", "done"]
    assert seen[0][1] is False
    assert sorted(path.name for path in output.iterdir()) == ["long", "short"]
    assert verify(output / "long") == []
    assert power(output / "long").shape[-1] == pytest.approx(600 * power(output / "short").shape[-1], rel=0.1)


def test_what_is_wrong_for_every_film_is_said_before_any_work(films, tmp_path):
    output = tmp_path / "out"
    for settings, error in [
        ({"tr": "soon"}, ParameterError),
        ({"features": "audio.smell"}, ParameterError),
        ({"features": "audio.codes", "codec": "tiny", "bandwidth": 7}, CodecError),
        ({"workers": 0}, ParameterError),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, ParameterError),
        ({"scheduler": "127.0.0.1"}, ParameterError),
    ]:
        with pytest.raises(error):
            extract_many(films, output, **(CHEAP | settings))
    with pytest.raises(TypeError, match="smell"):
        extract_many(films, output, smell=1)
    with pytest.raises(MediaError, match="no such file"):
        extract_many([films, tmp_path / "no.mp4"], output, **CHEAP)
    with pytest.raises(ParameterError, match="is a file"):
        extract_many(films, films / "top.wav", **CHEAP)
    assert not output.exists()
    extract_many(films / "top.wav", output, **CHEAP)
    assert is_store(output / "top")
    with pytest.raises(ParameterError, match="is a store"):
        extract_many(films, output / "top", **CHEAP)


def test_a_link_in_the_output_takes_no_store_elsewhere(films, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a b").symlink_to(tmp_path / "elsewhere")
    result = extract_many(films, tmp_path / "out", **CHEAP)
    assert {one.state for one in result.outcomes if "a b" in one.film} == {"failed"}
    assert "leads out of the output folder" in result.outcomes[0].reason
    assert not list((tmp_path / "elsewhere").iterdir())


def test_progress_tells_all_films_and_each(films, tmp_path):
    told = []

    class Watcher:
        def __init__(self, name):
            self.name = name

        def begin(self, stage, total):
            told.append((self.name, stage, total))

        def advance(self, seconds):
            told.append((self.name, seconds))

        def end(self):
            pass

        def beside(self):
            return Watcher("film")

    extract_many(films, tmp_path / "out", progress=Watcher("all"), **CHEAP)
    assert told[0] == ("all", "4 films", 4)
    assert sum(one[1] for one in told if one[0] == "all" and len(one) == 2) == 4
    assert sum(one[1] for one in told if one[0] == "film" and len(one) == 2) == pytest.approx(6, abs=0.1)


def test_models_are_loaded_once_while_many_films_are_done(tmp_path, monkeypatch, make_film):
    loads = []
    from giblet.codecs import loading

    load = loading.load_model
    monkeypatch.setattr(loading, "load_model", lambda spec: loads.append(spec) or load(spec))
    for number in range(3):
        make_film(tmp_path / "in" / f"{number}.wav")
    settings = {"codec": "tiny", "tr": 0.5, "cache": False}
    extract_many(tmp_path / "in", tmp_path / "out", **settings)
    assert len(loads) == 1
    giblet.extract(tmp_path / "in" / "0.wav", tmp_path / "alone", **settings)
    assert len(loads) == 2


def test_a_folder_of_the_same_name_is_not_the_built_in_codec(tmp_path, monkeypatch, make_film):
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    make_film(tmp_path / "in" / "0.wav")
    (outcome,) = extract_many("in", "out", codec="tiny", tr=0.5).outcomes
    assert (outcome.state, outcome.reason) == ("done", "")


def test_what_is_kept_is_loaded_again_when_its_files_change_and_is_not_much(tmp_path):
    (tmp_path / "weights").write_text("1")

    def thing(more=0):
        return kept("thing", tmp_path, more, object)

    assert thing() is not thing()
    with keeping():
        first = thing()
        assert thing() is first
        assert thing(1) is not first
        (tmp_path / "weights").write_text("22")
        second = thing()
        assert second is not first
        for number in range(2, MOST + 2):
            thing(number)
        assert thing() is not second
    assert thing() is not thing()


def test_jobs_in_turn_are_done_when_they_are_asked_for():
    done = []
    from giblet.jobs import Job
    from giblet.progress import SILENT

    ends = in_turn([Job(str(n), lambda n, progress: done.append(n), (n,)) for n in range(3)], SILENT)
    assert next(ends).number == 0
    assert done == [0]
    ends.close()
    assert done == [0]
