"""What the service answers, to friends and to others."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.errors import CodecError, MediaError
from giblet.formats import as_blocks, encodec_header, open_container, write_container
from giblet.media.containers import open_media
from giblet.media.untrusted import check_plain
from giblet.serve import app as service
from giblet.serve.app import sentence
from giblet.transcoding import codes_to_sound, sound_to_codes

GARBAGE = np.random.default_rng(0).bytes(5_000)


def refused(answer, status, *words):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()["error"]
    assert all(word in said for word in words), said
    assert said.endswith(".")
    assert "giblet-serve" not in said
    return said


@pytest.mark.parametrize("kind", ["ecdc", "nac"])
@pytest.mark.parametrize("bandwidth", [1.5, 6])
def test_sound_there_and_back(client, tiny, sound, tmp_path, kind, bandwidth):
    answer = client.post("/codes", params={"kind": kind, "bandwidth": bandwidth}, content=sound.read_bytes())
    assert answer.status_code == 200
    sound_to_codes(sound, tmp_path / f"ours.{kind}", tiny, bandwidth)
    assert answer.content == (tmp_path / f"ours.{kind}").read_bytes()
    assert answer.headers["content-disposition"] == f'attachment; filename="sound.{kind}"'
    assert json.loads(answer.headers["x-giblet"]) == {
        "seconds": 2.0,
        "codebooks": tiny.n_codebooks(bandwidth),
        "kbps": bandwidth,
        "clipped": False,
    }
    back = client.post("/sound", content=answer.content)
    codes_to_sound(tmp_path / f"ours.{kind}", tmp_path / "ours.wav", tiny)
    assert back.content == (tmp_path / "ours.wav").read_bytes()
    assert back.headers["content-type"] == "audio/wav"
    assert soundfile.info(io.BytesIO(back.content)).duration == 2


def test_a_film_is_heard_too(client, sample_film):
    answer = client.post("/codes?bandwidth=3", content=sample_film.read_bytes())
    assert json.loads(answer.headers["x-giblet"])["seconds"] == pytest.approx(30, abs=0.1)


def test_what_it_says_about_itself(client):
    about = client.get("/about").json()
    assert about["codec"] == "tiny"
    assert about["bandwidths"] == [1.5, 3, 6, 12]
    assert about["limits"] == {"bytes": 64_000_000, "seconds": 600}


def test_the_page_needs_no_network_and_its_policy_lets_it_work(client):
    answer = client.get("/")
    assert re.findall(r"https?://[^'\"\s]*", answer.text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<link[^>]+stylesheet|<script[^>]+src|\sstyle=|\son\w+=", answer.text)
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)[1]
        assert f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    for path in ("/docs", "/redoc", "/../pyproject.toml", "/page.html"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("address", "body", "reason"),
    [
        ("/codes", b"", "nothing was sent"),
        ("/sound", b"", "nothing was sent"),
        ("/codes", GARBAGE, "the file: is not a film or sound file"),
        ("/codes", b"ECDC" + GARBAGE, "the file: is not a film or sound file"),
        ("/codes", b"just a text\n" * 99, "the file: is not a film or sound file"),
        ("/sound", GARBAGE, "the file: is no .ecdc file"),
        ("/sound", b"ECDC\0\xff\xff\xff\xff" + GARBAGE, "the file: its description would take 4294967295 bytes"),
        ("/sound", b"ECDC\0\0\0\0\1{" + GARBAGE, "(byte 9)"),
        ("/sound", b"NAC\0\0\0\0\4\3null" + bytes(30), "were made by neural_audio_codec"),
        ("/codes?bandwidth=7", None, "has no bandwidth of 7 kbps"),
        ("/codes?bandwidth=nan", None, "has no bandwidth of nan kbps"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(client, sound, address, body, reason):
    refused(client.post(address, content=sound.read_bytes() if body is None else body), 422, reason)


@pytest.mark.parametrize("query", ["bandwidth=much", "kind=wav", "kind=../../etc/passwd", "kind=", "bandwidth="])
def test_questions_that_make_no_sense(client, sound, query):
    refused(client.post(f"/codes?{query}", content=sound.read_bytes()), 400, query.partition("=")[0])


def test_no_name_of_a_client_is_used(client, sound, folder):
    headers = {"content-disposition": 'attachment; filename="../../evil.wav"', "content-type": "text/html"}
    answer = client.post("/codes?filename=/tmp/evil&path=../evil", content=sound.read_bytes(), headers=headers)
    assert answer.status_code == 200
    assert "evil" not in str(answer.headers)
    assert not list(folder.parent.rglob("*evil*"))


def test_damaged_sound(client, sound):
    rng = np.random.default_rng(1)
    for _ in range(20):
        data = bytearray(sound.read_bytes()[:20_000])
        for at in rng.integers(0, 200, 10):
            data[at] = rng.integers(0, 256)
        assert client.post("/codes", content=bytes(data)).status_code in (200, 413, 422)


def test_damaged_codes(client, sound):
    good = client.post("/codes?kind=ecdc", content=sound.read_bytes()).content
    rng = np.random.default_rng(2)
    for _ in range(20):
        data = bytearray(good)
        for at in rng.integers(0, 100, 3):
            data[at] = rng.integers(0, 256)
        assert client.post("/sound", content=bytes(data)).status_code in (200, 413, 422)


def test_lists_of_other_files_are_no_sound(client, sound, tmp_path):
    secret = tmp_path / "secret.ts"
    with av.open(str(secret), "w") as film:
        stream = film.add_stream("aac", rate=24_000)
        frame = av.AudioFrame.from_ndarray(babble(1024 * 20), format="fltp", layout="mono")
        frame.sample_rate = 24_000
        film.mux(stream.encode(frame) + stream.encode(None))
    lists = {
        "concat": f"ffconcat version 1.0\nfile {secret.name}\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="is not a film or sound file"):
            check_plain(tmp_path / name)
        refused(client.post("/codes", content=text.encode()), 422, "is not a film or sound file")
    # Elsewhere they are opened, and so would be here.
    open_media(tmp_path / "concat").close()
    check_plain(secret)
    check_plain(sound)


def test_real_recordings_are_plain(realdata):
    files = [path for path in realdata.rglob("*") if path.suffix in (".mp3", ".mp4", ".flac", ".ogg", ".mkv", ".m4a")]
    assert files
    for path in files:
        try:
            open_media(path).close()
        except MediaError:
            continue
        check_plain(path)


def test_codes_of_another_codec_are_refused(client, tmp_path):
    header = encodec_header("encodec_24khz", 2, 640)
    write_container(tmp_path / "x.ecdc", header, as_blocks(np.zeros((2, 2), np.int16), [(2, None)]))
    refused(client.post("/sound", content=(tmp_path / "x.ecdc").read_bytes()), 422, "were made by encodec_24khz")


def test_uploads_that_are_too_large(open_client, sound):
    with open_client(n_bytes=10_000) as client:
        refused(client.post("/codes", content=sound.read_bytes()), 413, "0.01 MB")
        # Without a length, and with one that lies.
        refused(client.post("/sound", content=iter([bytes(6_000)] * 2)), 413, "0.01 MB")
        lie = {"content-length": "10"}
        refused(client.post("/sound", content=iter([bytes(6_000)] * 2), headers=lie), 413, "0.01 MB")
        refused(client.post("/sound", content=b"x", headers={"content-length": "9" * 400}), 413, "0.01 MB")
        assert client.post("/sound", content=GARBAGE).status_code == 422


def test_sounds_that_are_too_long(open_client, sound, tiny, tmp_path):
    with open_client(seconds=1.5) as client:
        refused(client.post("/codes", content=sound.read_bytes()), 413, "longer than 1.5 s")
        sound_to_codes(sound, tmp_path / "long.ecdc", tiny, 6)
        refused(client.post("/sound", content=(tmp_path / "long.ecdc").read_bytes()), 413, "longer than 1.5 s")
        # A header that says nothing of its length is not believed.
        pipe = bytearray(sound.read_bytes())
        pipe[4:8] = pipe[40:44] = b"\xff\xff\xff\xff"
        refused(client.post("/codes", content=bytes(pipe)), 413, "longer than 1.5 s")


def test_work_that_takes_too_long(open_client, sound):
    with open_client(work_seconds=1e-9) as client:
        refused(client.post("/codes", content=sound.read_bytes()), 413, "takes longer than")


def test_bounded_work_at_once(open_client, sound, monkeypatch):
    go, lock, running, most = threading.Event(), threading.Lock(), [], []

    def slow(path, *args, **settings):
        with lock:
            running.append(path)
            most.append(len(running))
        assert go.wait(60)
        with lock:
            running.remove(path)
        return sound_to_codes(path, *args, **settings)

    monkeypatch.setattr(service, "sound_to_codes", slow)
    with open_client(at_once=2) as client, ThreadPoolExecutor(30) as pool:
        asked = [pool.submit(client.post, "/codes", content=sound.read_bytes()) for _ in range(13)]
        while sum(answer.done() for answer in asked) < 3 or len(running) < 2:
            time.sleep(0.02)
        # Others are served meanwhile.
        assert client.get("/about").status_code == 200
        busy = client.post("/sound", content=GARBAGE)
        refused(busy, 503, "busy", "try again")
        assert busy.headers["retry-after"] == "5"
        go.set()
        status = sorted(answer.result().status_code for answer in asked)
        assert status == [200] * 10 + [503] * 3
        assert client.post("/codes", content=sound.read_bytes()).status_code == 200
    assert max(most) == 2


def test_a_failure_of_our_own_tells_nothing_and_leaves_nothing(client, sound, monkeypatch):
    def fail(*args, **settings):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(service, "sound_to_codes", fail)
    answer = client.post("/codes", content=sound.read_bytes())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    monkeypatch.undo()


def test_folders_of_the_server_are_not_told():
    error = CodecError(
        "lies in /home/me/models/mine, not /srv/x/y.th",
        "download https://a.example/b/c.th, and put it in /root/.cache/z",
        "/home/me/models/mine",
    )
    assert sentence(error) == ("mine: lies in mine, not y.th; download https://a.example/b/c.th, and put it in z.")


def test_text_of_codes_is_heard(client, sound, tiny, tmp_path):
    sound_to_codes(sound, tmp_path / "x.txt", tiny, 6)
    assert open_container(tmp_path / "x.txt").kind == "text"
    answer = client.post("/sound", content=(tmp_path / "x.txt").read_bytes())
    assert soundfile.info(io.BytesIO(answer.content)).duration == 2
