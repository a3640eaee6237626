"""The giblet command: what it prints, leaves behind, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest
import soundfile
from fabricate import babble, random_encodec

from giblet.data import open_store


def test_a_film_to_codes_and_back(giblet, sample_film, tmp_path):
    status, out, _ = giblet("extract", sample_film, "-o", tmp_path / "s", "--codec", "tiny", "--max-trs", 6)
    assert status == 0
    assert "(6, 4, 112) at TR 1.5 s" in out
    assert "no gaps" in out
    assert open_store(tmp_path / "s").tr_view().shape == (6, 4, 112)
    status, out, _ = giblet("reconstruct", tmp_path / "s", "-o", tmp_path / "s.flac")
    assert status == 0
    assert soundfile.info(tmp_path / "s.flac").samplerate == 24_000
    status, _, err = giblet("reconstruct", tmp_path / "s", "-o", tmp_path / "s.flac")
    assert (status, "already" in err, "--force" in err) == (2, True, True)
    assert giblet("reconstruct", tmp_path / "s", "-o", tmp_path / "s.flac", "-f")[0] == 0


def test_the_film_with_its_new_sound(giblet, sample_film, tmp_path):
    giblet("extract", sample_film, "-o", tmp_path / "s", "--codec", "tiny", "-b", 12)
    status, _, err = giblet("reconstruct", tmp_path / "s", "-o", tmp_path / "new.mp4", "--film", sample_film)
    assert (status, err) == (0, "")

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]

    assert packets(tmp_path / "new.mp4") == packets(sample_film)
    for words, message in [
        (["-o", tmp_path / "x.mp4"], "--film"),
        (["-o", tmp_path / "x.wav", "--film", sample_film], "ending of x.wav"),
        (["-o", tmp_path / "x.mp3"], "ending of x.mp3"),
        (["-o", tmp_path / "no" / "x.wav"], "folder does not exist"),
        (["-o", tmp_path / "x.mp4", "--film", tmp_path / "new.mp4"], "is not the film"),
        (["-o", sample_film, "--film", sample_film, "-f"], "is the film itself"),
    ]:
        status, _, err = giblet("reconstruct", tmp_path / "s", *words)
        assert status == 2
        assert message in err


def test_a_second_call_is_a_hit_and_other_settings_are_refused(giblet, clip, tmp_path):
    store = tmp_path / "store"
    assert giblet("extract", clip, "-o", store, "--codec", "tiny")[0] == 0
    before = (store / "manifest.json").stat().st_mtime_ns
    status, out, _ = giblet("extract", clip, "-o", store, "--codec", "tiny")
    assert (status, "was there already" in out) == (0, True)
    status, _, err = giblet("extract", clip, "-o", store, "--codec", "tiny", "-b", 6)
    assert (status, "--force" in err) == (2, True)
    assert (store / "manifest.json").stat().st_mtime_ns == before
    soundfile.write(clip, babble(24_000 * 5)[0], 24_000)
    assert giblet("extract", clip, "-o", store, "--codec", "tiny")[0] == 2
    assert giblet("extract", clip, "-o", store, "--codec", "tiny", "--force")[0] == 0
    assert open_store(store).codes().length == 24_000 * 5


def test_a_damaged_store_is_said_to_be(giblet, clip, tmp_path):
    store = tmp_path / "store"
    giblet("extract", clip, "-o", store, "--codec", "tiny")
    chunk = next(path for path in (store / "codes").rglob("*") if path.is_file() and path.name != "zarr.json")
    chunk.write_bytes(chunk.read_bytes()[:-8] + b"damaged!")
    for words in (["extract", clip, "-o", store, "--codec", "tiny"], ["reconstruct", store, "-o", tmp_path / "x.wav"]):
        status, _, err = giblet(*words)
        assert (status, "damaged" in err, "--force" in err) == (2, True, True)
    assert not (tmp_path / "x.wav").exists()
    assert giblet("extract", clip, "-o", store, "--codec", "tiny", "--force")[0] == 0
    assert giblet("reconstruct", store, "-o", tmp_path / "x.wav")[0] == 0


def test_films_of_one_name_are_never_stored_over_each_other(giblet, clip, tmp_path):
    other = tmp_path / "other" / clip.name
    other.parent.mkdir()
    soundfile.write(other, babble(24_000 * 3)[0], 24_000)
    status, _, err = giblet("extract", clip, other, "-o", tmp_path / "all", "--codec", "tiny", "--force")
    assert (status, "one by one" in err) == (2, True)
    assert not (tmp_path / "all").exists()


def test_padding_needs_more_than_the_rounding_of_a_container(giblet, sample_film, tmp_path):
    words = ["--codec", "tiny", "--incomplete", "pad", "--json"]
    status, out, _ = giblet("extract", sample_film, "-o", tmp_path / "s", *words)
    assert (status, json.loads(out)["n_trs"]) == (0, 20)


def test_a_terminal_without_arrows_is_no_reason_to_fail(clip, tmp_path):
    words = ["extract", str(clip), "-o", str(tmp_path / "s"), "--codec", "tiny"]
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-m", "giblet", *words], capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["forensics_movie_hello.ogg", "small_mp4.mp4", "small_webm.webm"])
def test_info_and_extract_tell_the_same_clock(giblet, realdata, tmp_path, name):
    film = realdata / "video" / name
    shown = json.loads(giblet("info", film, "--json")[1])["clocks"][0]
    stored = json.loads(giblet("extract", film, "-o", tmp_path / "s", "--codec", "tiny", "--json")[1])["sound"]
    assert shown["offset"] == stored["offset"]


def test_codes_of_another_codec_do_not_hit(giblet, clip, tmp_path):
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(tmp_path / "other")
    store = tmp_path / "store"
    assert giblet("extract", clip, "-o", store, "--codec", "tiny")[0] == 0
    assert giblet("extract", clip, "-o", store, "--codec", tmp_path / "other")[0] == 2
    status, _, err = giblet("reconstruct", store, "-o", tmp_path / "x.wav", "--codec", tmp_path / "other")
    assert (status, "made by tiny" in err) == (2, True)
    assert not (tmp_path / "x.wav").exists()


def test_several_films_and_one_bad_one(giblet, clip, sample_film, tmp_path):
    (tmp_path / "bad.mp4").write_text("no film")
    status, out, err = giblet(
        "extract", clip, tmp_path / "bad.mp4", sample_film, "-o", tmp_path / "all", "--codec", "tiny", "--json"
    )
    assert status == 2
    assert "bad.mp4" in err
    assert [json.loads(line)["film"]["name"] for line in out.splitlines()] == ["a clip.wav", "sample_stimulus.mp4"]
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["a clip", "sample_stimulus"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codec", "tiny", "-b", "24"], "choose one of 1.5, 3, 6, 12"),
        (["--codec", "./nowhere"], "./nowhere: there is no such folder"),
        (["--codec", "~/nowhere"], "there is no such folder"),
        (["--codec", "models/codecs/nowhere"], "there is no such folder"),
        (["--codec", "tinny"], "there is no built-in codec and no folder 'tinny'"),
        (["--codec", "tiny", "-b", "three"], "kilobits per second"),
        (["--codec", "tiny", "--tr", "0"], "above 0 s"),
        (["--codec", "tiny", "--tr", "soon"], "give a number"),
        (["--codec", "tiny", "--tr", "0.001"], "shorter than a frame"),
        (["--codec", "tiny", "--tr", "1e9"], "in seconds"),
        (["--codec", "tiny", "--tr", "5"], "less than one TR"),
        (["--codec", "tiny", "--start", "9"], "earlier start"),
        (["--codec", "tiny", "--features", "audio.codes,audio.smell"], "'audio.smell'"),
        (["--codec", "tiny", "--audio-track", "3"], "track"),
        (["--codec", "tiny", "--incomplete", "keep"], "drop or pad"),
        (["--codec", "tiny", "--max-trs", "0"], "1 or more"),
        (["--codec", "tiny", "--max-trs", "many"], "--max-trs is 'many'; give a whole number."),
        (["--codec", "tiny", "--audio-track", "1.5"], "--audio-track is '1.5'; give a whole number."),
        (["--codec", "tiny", "--device", "warp"], "use auto, cpu"),
        (["--codec", "tiny", "--speed", "3"], "no such option: --speed"),
    ],
)
def test_wrong_settings_leave_nothing(giblet, clip, tmp_path, words, message):
    status, out, err = giblet("extract", clip, "-o", tmp_path / "out", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a clip.wav"]


def test_a_folder_of_someone_else_is_never_touched(giblet, clip, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    assert giblet("extract", clip, "-o", mine, "--codec", "tiny", "--force")[0] == 2
    assert giblet("extract", clip, "-o", mine / "thesis.txt", "--codec", "tiny", "--force")[0] == 2
    assert (mine / "thesis.txt").read_text() == "years"


def test_info_of_each_kind(giblet, clip, sample_film, tmp_path):
    film = json.loads(giblet("info", sample_film, "--json")[1])
    assert (film["kind"], film["audio"][0]["sample_rate"], film["clocks"][0]["offset"]) == ("film", 44_100, 0.0)
    assert json.loads(giblet("info", clip, "--json")[1])["kind"] == "sound"
    codec = json.loads(giblet("info", "tiny", "--json")[1])
    assert (codec["kind"], codec["frame_rate"], codec["codebooks"]["3"]) == ("codec", 75.0, 4)
    assert codec["parameters"] > 1_000_000
    giblet("extract", clip, "-o", tmp_path / "s", "--codec", "tiny")
    store = json.loads(giblet("info", tmp_path / "s", "--json")[1])
    assert (store["kind"], store["arrays"]["codes"]["dims"]) == ("store", ["codebook", "frame"])
    status, _, err = giblet("info", "neither")
    assert (status, "neither" in err) == (2, True)


@pytest.mark.parametrize(("before", "after"), [(["-v"], []), ([], ["-v"])])
def test_verbose_shows_stages_with_shapes(clip, tmp_path, before, after):
    words = [*before, "extract", str(clip), "-o", str(tmp_path / "s"), "--codec", "tiny", *after]
    done = subprocess.run([sys.executable, "-m", "giblet", *words], capture_output=True, text=True, check=True)
    assert "giblet.media" in done.stderr
    assert "frames of codes" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(tmp_path, sent, status):
    sound = np.tile(babble(24_000 * 60)[0], 20)
    soundfile.write(tmp_path / "long.wav", sound, 24_000)
    words = ["extract", str(tmp_path / "long.wav"), "-o", str(tmp_path / "s"), "--codec", "tiny"]
    process = subprocess.Popen([sys.executable, "-m", "giblet", *words], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not any(p.name.startswith(".s.") for p in tmp_path.iterdir()):
        time.sleep(0.05)
    time.sleep(1)
    os.kill(process.pid, sent)
    assert process.wait(20) == status
    assert "interrupted" in process.stderr.read()
    assert [p.name for p in tmp_path.iterdir()] == ["long.wav"]


@pytest.mark.slow
def test_the_demo_runs_twice(giblet, tmp_path):
    status, out, _ = giblet("demo", "-o", tmp_path / "demo")
    assert status == 0
    figures = [float(line.split()[2]) for line in out.splitlines() if ".wav" in line]
    assert len(figures) == 4
    assert figures == sorted(figures)
    assert figures[-1] > 0.7
    assert (tmp_path / "demo" / "sample_stimulus_12kbps.mp4").is_file()
    assert giblet("demo", "-o", tmp_path / "demo")[0] == 0


def test_the_demo_replaces_nothing_of_others(giblet, tmp_path, monkeypatch):
    (tmp_path / "decoded_3kbps.wav").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for folder in (".", "decoded_3kbps.wav"):
        status, out, err = giblet("demo", "-o", folder)
        assert (status, out, err.count("\n")) == (2, "", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["decoded_3kbps.wav"]
    assert (tmp_path / "decoded_3kbps.wav").read_text() == "mine"


def test_a_hit_loads_no_model(giblet, clip, tmp_path):
    words = ["extract", str(clip), "-o", str(tmp_path / "s"), "--codec", "tiny", "--json"]
    assert giblet(*words)[0] == 0
    code = (
        "import sys\nfrom giblet.cli.main import run\nsys.argv = ['giblet', *sys.argv[1:]]\n"
        "try: run()\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    line, end = done.stdout.splitlines()
    assert (json.loads(line)["hit"], end) == (True, "0 False")
