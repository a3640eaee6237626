"""What the giblet command says of what cannot be: at once, once, and in one sentence."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import soundfile
from fabricate import babble

from giblet.codecs.catalog import PRETRAINED

HEAVY = {"torch", "transformers", "librosa", "scipy", "pandas", "zarr", "xarray", "moviepy"}


@pytest.fixture
def my_codec(tmp_path):
    return Path(shutil.copytree(PRETRAINED / "tiny", tmp_path / "codecs" / "mine", ignore=lambda *_: ["lm"]))


@pytest.fixture
def my_store(giblet, clip, my_codec, tmp_path):
    assert giblet("extract", clip, "-o", tmp_path / "store", "--codec", my_codec)[0] == 0
    return tmp_path / "store"


def heavy_after(*commands: list[object]) -> str:
    """Run commands that fail in one fresh process and return the heavy libraries that it loaded."""
    code = (
        "import json, sys\n"
        "from giblet.cli.main import run\n"
        "for words in json.loads(sys.stdin.read()):\n"
        "    sys.argv = ['giblet', *words]\n"
        "    try: run()\n"
        "    except SystemExit as end: assert end.code == 2, words\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    words = json.dumps([[str(word) for word in command] for command in commands])
    return subprocess.run([sys.executable, "-c", code], input=words, capture_output=True, text=True, check=True).stdout


def test_nothing_heavy_is_loaded_to_say_what_is_wrong(clip, my_store, my_codec, tmp_path):
    broken = shutil.copytree(my_codec, tmp_path / "broken")
    with (broken / "model.safetensors").open("r+b") as weights:
        weights.truncate(1_000_000)
    extract = ["extract", clip, "-o", tmp_path / "x", "--codec", "tiny"]
    reconstruct = ["reconstruct", my_store, "-o", tmp_path / "x.wav"]
    assert heavy_after(
        ["extract", "nothing.mp4", "-o", "x"],
        ["extract", clip, "nothing.mp4", "-o", tmp_path / "x", "--codec", "tiny"],
        [*extract, "--device", "warp"],
        [*extract, "-b", "24"],
        [*extract, "--tr", "soon"],
        [*extract, "--features", "audio.smell"],
        [*extract[:-1], broken],
        [*extract[:-1], "./nowhere"],
        [*reconstruct, "-b", "24"],
        [*reconstruct, "-b", "three"],
        [*reconstruct, "--device", "warp"],
        [*reconstruct, "--codec", broken],
        [*reconstruct[:-1], "x.mp3"],
        [*reconstruct[:-1], tmp_path],
        ["codec", "nothing.wav"],
        ["codec", "nothing.ecdc"],
        ["codec", clip, clip, "-f", "--codec", "tiny"],
        ["codec", clip, "--codec", "tiny", "-b", "24"],
        ["codec", clip, "--codec", broken],
        ["codec", clip, "--codec", my_codec, "--lm"],
        ["info", broken],
        ["info", tmp_path],
        ["fit", "nothing.yaml", "-o", tmp_path / "x"],
        ["fit", tmp_path, "-o", tmp_path / "x", "--hrf", "gauss"],
        ["fit", tmp_path, "-o", tmp_path / "x", "--features", "audio.smell"],
        ["fit", tmp_path, "-o", tmp_path / "x", "--folds", "many"],
    ) == "[]\n"  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["extract", "--help"],
        ["extract", "nothing.mp4", "-o", "x"],
        ["extract", "{clip}", "-o", "x", "--codec", "./no"],
        ["extract", "{clip}", "-o", "x", "--codec", "tiny", "--device", "warp"],
        ["reconstruct", "x", "-o", "x.mp3"],
        ["info", "nothing.mp4"],
        ["codec", "--help"],
        ["codec", "nothing.ecdc"],
        ["codec", "{clip}", "--codec", "tiny", "-b", "24"],
    ],
)
def test_help_and_errors_answer_at_once(clip, words):
    giblet = ["-m", "giblet", *(word.format(clip=clip) for word in words)]
    # In multiples of what the libraries alone take, and in time of the processor: the machine may be slow or busy.
    allowed = 0.5 * max(1.0, time_of_libraries() / 0.15)
    assert any(processor_time(giblet) < allowed for _ in range(3))


@cache
def time_of_libraries() -> float:
    return min(processor_time(["-c", "import numpy, typer, rich.console"]) for _ in range(3))


def processor_time(words: list[str]) -> float:
    """Return the seconds that a Python process takes of the processor."""
    # With bytecode kept, as it is of all that pip installs.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], capture_output=True, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_all_films_are_looked_for_before_one_is_extracted(giblet, clip, tmp_path):
    status, out, err = giblet("extract", clip, "no.mp4", "/dev/null", "-o", tmp_path / "all", "--codec", "tiny")
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "giblet: no.mp4: there is no such file; check the name.",
        "giblet: /dev/null: is a pipe or a device and no file; save the film or sound as a file first.",
    ]
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("words", [["-b", "7"], ["--tr", "soon"], ["--device", "warp"], ["--features", "smell"]])
def test_what_is_wrong_for_every_film_is_said_once(giblet, clip, sample_film, tmp_path, words):
    status, _, err = giblet("extract", clip, sample_film, "-o", tmp_path / "all", "--codec", "tiny", *words)
    assert (status, err.count("\n"), clip.name in err) == (2, 1, False)


def test_several_films_are_not_put_into_a_file(giblet, clip, sample_film):
    status, _, err = giblet("extract", clip, sample_film, "-o", clip, "--codec", "tiny")
    assert (status, "need a folder" in err, err.count("\n")) == (2, True, 1)


@pytest.mark.parametrize("command", ["extract", "info"])
def test_what_is_no_film_is_called_by_its_name(giblet, tmp_path, command):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    more = ["-o", tmp_path / "x", "--codec", "tiny"] if command == "extract" else []
    for name, message in [
        ("/dev/null", "/dev/null: is a pipe or a device"),
        (tmp_path / "pipe", "pipe: is a pipe or a device"),
        (tmp_path / "empty.mp4", "empty.mp4: is empty (0 bytes)"),
        (tmp_path / "gone.mp4", "gone.mp4: there is no such file"),
        (tmp_path / ("x" * 300), "File name too long" if command == "extract" else "there is no such file"),
        (empty, "holds no films or sound files" if command == "extract" else "is a folder"),
    ]:
        status, out, err = giblet(command, name, *more)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_the_closing_line_says_what_is_left_out(giblet, clip, tmp_path):
    words = ["--codec", "tiny", "--features", "audio.codes,audio.latents"]
    out = giblet("extract", clip, "-o", tmp_path / "a", *words)[1]
    assert "codes (2, 4, 112) and latents (2, 64, 112) at TR 1.5 s" in out
    assert "the last 1.00 s are no full TR" in out
    out = giblet("extract", clip, "-o", tmp_path / "b", "--codec", "tiny", "--incomplete", "pad")[1]
    assert "no full TR" not in out
    assert "the last TR ends with 0.50 s of silence" in out
    assert "no full TR" not in giblet("extract", clip, "-o", tmp_path / "c", "--codec", "tiny", "--tr", "2")[1]
    out = giblet("extract", clip, "-o", tmp_path / "d", "--codec", "tiny", "--max-trs", "1")[1]
    assert "no full TR" not in out


@pytest.mark.realdata
def test_the_closing_line_says_what_is_missing(giblet, realdata, tmp_path):
    film = realdata / "odd" / "truncated_60pct_bbb.webm"
    out = giblet("extract", film, "-o", tmp_path / "a", "--codec", "tiny", "--partial")[1]
    assert "12.20 s (8.1 TRs) of the 30.00 s that the file announces are missing" in out
    out = giblet("extract", film, "-o", tmp_path / "b", "--codec", "tiny", "--partial", "--max-trs", "5")[1]
    assert "missing" not in out


def test_a_folder_is_not_offered_to_be_replaced(giblet, my_store, tmp_path):
    (tmp_path / "folder.wav").mkdir()
    status, _, err = giblet("reconstruct", my_store, "-o", tmp_path / "folder.wav")
    assert (status, "is a folder" in err, "--force" in err) == (2, True, False)


def test_a_codec_that_moved_can_be_named(giblet, my_store, my_codec, tmp_path):
    moved = my_codec.rename(tmp_path / "moved")
    status, _, err = giblet("reconstruct", my_store, "-o", tmp_path / "x.wav")
    assert (status, str(my_codec) in err, "--codec" in err, err.count("\n")) == (2, True, True, 1)
    assert giblet("reconstruct", my_store, "-o", tmp_path / "x.wav", "--codec", moved)[0] == 0


def test_a_wrong_bandwidth_of_a_store_names_the_right_ones(giblet, my_store, tmp_path):
    status, _, err = giblet("reconstruct", my_store, "-o", tmp_path / "x.wav", "-b", "12")
    assert (status, "choose one of 1.5, 3" in err, (tmp_path / "x.wav").exists()) == (2, True, False)


def test_info_says_why(giblet, my_store, my_codec, tmp_path):
    (my_codec / "config.json").write_text("{")
    shutil.copytree(my_store, tmp_path / "half")
    (tmp_path / "half" / "manifest.json").unlink()
    (my_store / "manifest.json").write_text("{")
    for path, reason in [
        (my_codec, "config.json cannot be read"),
        (my_store, "damaged store"),
        (tmp_path / "half", "damaged store"),
        (tmp_path, "neither a store nor a codec"),
        (tmp_path / "no.mp4", "there is no such file or store"),
        ("owner/", "there is no such file or store"),
    ]:
        status, _, err = giblet("info", path)
        assert (status, err.count("\n")) == (2, 1)
        assert reason in err


def test_info_has_units_and_one_line_for_each_value(giblet, clip, sample_film, tmp_path):
    name = tmp_path / "two\nlines.wav"
    soundfile.write(name, babble(24_000)[0], 24_000)
    out = giblet("info", name)[1]
    assert "two\\nlines.wav\n" in out
    assert "sample_rate: 24000 Hz\n" in out
    assert "rate: 25 pictures/s\n" in giblet("info", sample_film)[1]
    out = giblet("info", "tiny")[1]
    assert "frame_rate: 75 frames/s\n" in out
    assert "  1.5 kbps: 2\n" in out
    giblet("extract", clip, "-o", tmp_path / "s", "--codec", "tiny")
    out = giblet("info", tmp_path / "s")[1]
    assert "  gaps: none\n" in out
    assert "dims: ['codebook', 'entry', 'latent']\n" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["extract"], "giblet: missing argument 'films'; see giblet extract --help."),
        (["extrac"], "see giblet --help."),
        (["info", "tiny", "--codec", "tiny"], "giblet: no such option: --codec; see giblet info --help."),
    ],
)
def test_usage_is_answered_in_one_sentence(giblet, words, message):
    status, out, err = giblet(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message.lower() in err.lower()


def test_without_words_there_is_help(giblet):
    status, out, _ = giblet()
    assert (status, "extract" in out) == (0, True)


def test_help_says_what_is_allowed(giblet, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    extract, reconstruct = giblet("extract", "--help")[1], giblet("reconstruct", "--help")[1]
    assert "1.5, 3, 6, 12 or 24" in extract
    assert "one document a line" in extract
    assert "a/talk.mp4 gives OUTPUT/talk" in extract
    for ending in (".wav", ".flac", ".ogg", ".mp4", ".m4v", ".mov", ".mkv", ".webm"):
        assert ending in reconstruct


def test_an_unforeseen_error_of_the_system_is_no_traceback(giblet, monkeypatch):
    def refuse(file: str) -> None:
        raise OSError(errno.EIO, "Input/output error", "/tmp/.hidden")

    monkeypatch.setattr("giblet.cli.info.describe", refuse)
    status, out, err = giblet("info", "tiny")
    assert (status, out) == (2, "")
    assert err == "giblet: the system refuses (Input/output error); check names, permissions and space on the disk.\n"


def test_ctrl_c_is_answered_while_libraries_load(tmp_path):
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    for words in (["-m", "giblet"], ["-c", "from giblet.cli.main import run; run()"]):
        done = subprocess.run(
            [sys.executable, *words, "info", "tiny"],
            capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr.startswith("giblet: interrupted")
        assert done.stderr.count("\n") == 1


def test_little_is_loaded_before_ctrl_c_is_answered():
    code = "import sys; before = set(sys.modules); import giblet.cli.main; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40
