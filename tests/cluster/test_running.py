"""Jobs on workers of other processes."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import laboring
import pytest

import giblet
from giblet.cluster import crew
from giblet.errors import ClusterError, GibletError, MediaError
from giblet.jobs import Job, cores, in_turn, values
from giblet.progress import SILENT


def wait_for(path, seconds=30.0):
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


class Recorder:
    """A watcher that keeps what it is told."""

    def __init__(self, told=None):
        self.told = [] if told is None else told

    def begin(self, stage, total):
        self.told.append((stage, total))

    def advance(self, seconds):
        self.told.append(seconds)

    def end(self):
        self.told.append("end")

    def beside(self):
        return Recorder(self.told)


def test_values_come_in_order_and_the_longest_begins_first(workers, monkeypatch):
    submit, handed_out = workers.client.submit, []

    def recorded(run, number, *arguments, **options):
        handed_out.append(number)
        return submit(run, number, *arguments, **options)

    monkeypatch.setattr(workers.client, "submit", recorded)
    jobs = [Job(str(n), laboring.double, (n,), weight=n) for n in range(20)]
    found = values(workers, jobs, SILENT)
    assert [value for value, _ in found] == [2 * n for n in range(20)]
    assert handed_out == [*reversed(range(20))]
    assert [value for value, _ in values(in_turn, jobs, SILENT)] == [2 * n for n in range(20)]


@pytest.mark.parametrize("here", [True, False])
def test_an_error_stops_no_other_job(workers, here):
    jobs = [Job("a", laboring.fail, ("film.mp4",)), Job("b", laboring.stumble), Job("c", laboring.double, (4,))]
    ended = {one.number: one for one in (in_turn if here else workers)(jobs, SILENT)}
    assert isinstance(ended[0].error, MediaError)
    assert (ended[0].error.problem, ended[0].error.path) == ("is no film", "film.mp4")
    assert ended[2].value[0] == 8
    if not here:
        assert str(ended[1].error) == "b: ended by LocalError (so; it is); report it, with the film if you may."
    with pytest.raises(MediaError, match="is no film"):
        values(in_turn if here else workers, jobs, SILENT)


def test_workers_share_the_cores_and_keep_what_they_load(workers, make_film, tmp_path):
    film = make_film(tmp_path / "a.wav")
    ended = values(workers, [Job("a", laboring.surroundings, (str(film), str(tmp_path)))] * 8, SILENT)
    each = max(1, cores() // 2)
    assert {one[1:4] for one in ended} == {(str(each), str(each), each)}
    assert len({one[0] for one in ended}) <= 2
    assert len({one[4] for one in ended if one[0] == ended[0][0]}) == 1


def test_a_job_that_nobody_waits_for_stops_and_its_progress_is_told(workers, tmp_path):
    begun, stopped, recorder = tmp_path / "begun", tmp_path / "stopped", Recorder()
    jobs = [Job("long", laboring.last, (str(begun), str(stopped)))]

    def lose_it():
        wait_for(begun, 60)
        time.sleep(2)
        workers.client.status = "connecting"

    threading.Thread(target=lose_it).start()
    try:
        with pytest.raises(ClusterError, match="is gone"):
            list(workers(jobs, recorder))
    finally:
        workers.client.status = "running"
    # The worker hears that nobody waits, and has time to clean up.
    wait_for(stopped)
    assert recorder.told[0] == ("long: for ever", None)
    assert sum(one for one in recorder.told if isinstance(one, float)) > 10
    assert recorder.told[-1] == "end"


def test_of_a_vanished_worker_the_job_is_begun_again_and_given_up_at_last(workers, tmp_path, monkeypatch):
    monkeypatch.setattr("giblet.cluster.running.RETRIES", 1)
    (tmp_path / "once").mkdir()
    (tmp_path / "always").mkdir()
    jobs = [
        Job("bad", laboring.die, (99, str(tmp_path / "always")), weight=2),
        Job("unlucky", laboring.die, (1, str(tmp_path / "once")), weight=1),
        *(Job("good", laboring.double, (n,)) for n in range(2)),
    ]
    ended = {one.number: one for one in workers(jobs, SILENT)}
    assert isinstance(ended[0].error, ClusterError)
    assert "2 workers vanished one after another" in str(ended[0].error)
    assert ended[1].value == 1
    assert [ended[n].value[0] for n in (2, 3)] == [0, 2]
    assert len(list((tmp_path / "always").iterdir())) == 2


def test_a_scheduler_that_dies_is_said_and_the_worker_stops(tmp_path):
    listed = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    python = [sys.executable, "-m"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    options = ["--scheduler-file", str(listed)]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address",
         "127.0.0.1:0", *options], env=environment, **quiet,
    )  # fmt: skip
    worker = subprocess.Popen(
        [*python, "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", *options],
        env=environment, **quiet,
    )  # fmt: skip
    begun, stopped = tmp_path / "begun", tmp_path / "stopped"
    try:
        wait_for(listed, 60)
        address = json.loads(listed.read_text())["address"]
        with crew(scheduler=address) as run:
            assert run.dashboard is None or run.dashboard.startswith("http")
            jobs = [Job("long", laboring.last, (str(begun), str(stopped)))]
            killer = threading.Thread(target=lambda: (wait_for(begun, 60), scheduler.kill()))
            killer.start()
            with pytest.raises(ClusterError, match="is gone, or does not answer; run the same again"):
                list(run(jobs, SILENT))
            killer.join()
            died = time.monotonic()
        assert time.monotonic() - died < 10
        wait_for(stopped, 60)
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()


def test_no_scheduler_at_an_address_is_said(monkeypatch):
    monkeypatch.setattr("giblet.cluster.running.PATIENCE", 1)
    with pytest.raises(ClusterError, match="no scheduler answers there"), crew(scheduler="tcp://127.0.0.1:9"):
        pass


def error_classes():
    package = Path(giblet.__file__).parent
    defined = [
        (node, path)
        for path in package.rglob("*.py")
        if path.parent.name != "serve"  # which answers browsers, and no other process
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    known = {"GibletError"}
    for _ in range(3):
        known |= {node.name for node, _ in defined if {getattr(base, "id", "") for base in node.bases} & known}
    for node, path in defined:
        if node.name in known:
            module = importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
            yield getattr(module, node.name)


def test_every_error_crosses_the_border_between_processes():
    classes = list(error_classes())
    assert all(issubclass(one, GibletError) for one in classes)
    assert len(classes) > 12
    for one in classes:
        error = one("text", "text") if one.__name__ == "MissingExtraError" else one("it is so", "do that", "a film\n")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (one, str(error), vars(error))
