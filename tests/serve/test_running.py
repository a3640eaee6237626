"""The service on a port: slow and vanishing clients, the command, and what is left behind."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import signal
import socket
import subprocess
import sys
import time

import pytest

from giblet.errors import GibletError, ParameterError
from giblet.serve.desk import Desk
from giblet.serve.limits import Limits, TooMuchError, Watch


def eventually(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def uploads(folder):
    return list(folder.glob(".giblet-serve*/*"))


def test_slow_uploads_end(open_service, folder):
    with open_service(upload_seconds=0.3) as place, socket.create_connection(place) as slow:
        slow.sendall(b"POST /codes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nRIFF")
        slow.settimeout(30)
        answer = slow.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 408 ")
        eventually(lambda: not uploads(folder))


def test_clients_that_vanish_while_they_send(open_service, folder):
    with open_service() as place:
        with socket.create_connection(place) as gone:
            gone.sendall(b"POST /codes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nRIFF")
            eventually(lambda: uploads(folder))
        eventually(lambda: not uploads(folder))
        connection = http.client.HTTPConnection(*place)
        connection.request("GET", "/about")
        assert connection.getresponse().status == 200
        connection.close()


def test_clients_that_vanish_while_we_work(folder):
    async def vanish():
        with Desk(Limits()) as desk:

            def job(watch):
                watch.begin("waiting", None)
                while True:
                    time.sleep(0.01)
                    watch.advance(0)

            async def gone():
                return True

            async with desk.admitted() as place:
                with pytest.raises(TooMuchError):
                    await desk.work(job, gone)
            assert not place.exists()

    asyncio.run(vanish())
    assert not any(folder.iterdir())


def test_clients_that_vanish_while_we_answer(open_service, folder, sound):
    with open_service() as place:
        data = sound.read_bytes()
        with socket.create_connection(place) as gone:
            gone.sendall(b"POST /codes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            eventually(lambda: uploads(folder))
            gone.recv(1)
        eventually(lambda: not uploads(folder))


def test_a_folder_of_uploads_is_closed_to_others(folder):
    with Desk(Limits()):
        (root,) = folder.iterdir()
        assert root.stat().st_mode & 0o777 == 0o700


def test_lengths_that_lie_are_found_out_while_working():
    watch = Watch(Limits(seconds=10))
    watch.begin("encoding", 5)
    for _ in range(10):
        watch.advance(1)
    with pytest.raises(TooMuchError, match="lasts longer than 10 s"):
        watch.advance(0.1)
    with pytest.raises(TooMuchError):
        watch.begin("decoding", 11)


@pytest.mark.parametrize("limit", ["n_bytes", "seconds", "at_once", "upload_seconds", "work_seconds"])
def test_limits_are_above_zero(limit):
    for value in (0, -1, float("nan")):
        with pytest.raises(ParameterError):
            Limits(**{limit: value})


def command(*words):
    return [sys.executable, "-m", "giblet", "serve", "--codec", "tiny", "--device", "cpu", *words]


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop(tmp_path, sound, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with subprocess.Popen(command("--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        connection.request("POST", "/codes?kind=nac", sound.read_bytes())
        answer = connection.getresponse()
        assert (answer.status, answer.read(4)) == (200, b"NAC\0")
        assert list(tmp_path.glob(".giblet-serve*"))
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        said = process.stderr.read()
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert not list(tmp_path.glob(".giblet-serve*"))


def test_what_the_command_refuses(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, reason in (
            (["--port", port], f"cannot listen on 127.0.0.1, port {port}"),
            (["--port", "70000"], "cannot listen"),
            (["--host", "nowhere.invalid"], "cannot listen"),
            (["--at-once", "0"], "a limit of the service is not above 0"),
            (["--codec", "./no"], "./no"),
            (["--device", "warp"], "there is no device 'warp'"),
        ):
            done = subprocess.run(command(*words), capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
            assert reason in done.stderr


def test_without_its_packages_the_command_says_which(monkeypatch):
    from giblet.cli import serve

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GibletError, match=r"package fastapi; run pip install 'giblet\[serve\]'"):
        serve.command()
