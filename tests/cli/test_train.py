"""giblet train: what it says and refuses, and that its codec serves every other command."""

from __future__ import annotations

import json

import pytest
import soundfile
import yaml
from fabricate import babble

from giblet.codecs.lm import load_language_model

SETTINGS = {
    "name": "mine",
    "model": {
        "filters": 2, "strides": [8, 5, 8], "latent_dim": 8, "lstm_layers": 1, "codebook_size": 16,
        "bandwidths": [0.6, 1.2],
    },
    "data": {"crop": 0.2, "batch": 2},
    "quantizer": {"start": 1},
    "losses": {"mel_windows": [128]},
    "run": {"steps": 4, "threads": 1},
}  # fmt: skip


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(3):
        soundfile.write(folder / f"{i}.wav", babble(24_000 * (4 + i))[0], 24_000)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return path


def test_a_codec_from_recordings_serves_the_other_commands(giblet, recordings, settings, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = giblet("train", settings, "--data", recordings)
    assert status == 0
    assert "0.2 minutes of sound in 3 files, 0.0 of them held out" in out
    assert err.startswith("giblet: broken.wav is skipped: ")
    assert "runs/mine/model: 4 steps" in out
    assert "step 4: mel distance on held-out sound 0.6 kbps" in out
    codec = tmp_path / "runs" / "mine" / "model"
    assert giblet("info", codec)[0] == 0
    assert giblet("extract", clip, "-o", "store", "--codec", codec, "-b", "1.2")[0] == 0
    assert giblet("reconstruct", "store", "-o", "back.wav")[0] == 0
    assert soundfile.info("back.wav").frames > 0


def test_the_same_command_goes_on_and_json_says_from_where(giblet, recordings, settings, tmp_path):
    words = ["train", settings, "--data", recordings, "-o", tmp_path / "run", "--json", "--set"]
    first = json.loads(giblet(*words, "run.steps=2")[1])
    second = json.loads(giblet(*words, "run.steps=3")[1])
    assert (first["first_step"], first["steps"]) == (0, 2)
    assert (second["first_step"], second["steps"]) == (2, 3)
    assert set(second["mel_distance"]) == {"0.6 kbps", "1.2 kbps"}
    assert second["skipped"][0][0] == "broken.wav"


def test_a_language_model_is_trained_for_the_codec_that_is_named(giblet, recordings, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    giblet("train", settings, "--data", recordings, "--json")
    words = ["train", "runs/mine/model", "--lm", "--data", recordings, "--set", "data.frames=16"]
    status, out, err = giblet(*words, "--set", "run.steps=2")
    assert status == 0
    assert "0.2 minutes of sound in 3 files, 0.0 of them held out" in out
    assert "runs/model-lm/model: 2 steps; saves " in out
    assert "broken.wav is skipped" in err
    told = json.loads(giblet(*words, "--set", "run.steps=3", "--json")[1])
    assert (told["first_step"], told["steps"], len(told["bits_per_code"]["1.2"])) == (2, 3, 4)
    (tmp_path / "runs/model-lm/model").rename(tmp_path / "runs/mine/model/lm")
    assert load_language_model(tmp_path / "runs/mine/model").n_codebooks == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing", "--lm", "--data", "."], "there is no built-in codec and no folder 'nothing'"),
        (["nothing.yaml", "--lm", "--data", "."], "nothing.yaml: the settings cannot be read"),
        (["tiny", "--lm"], "give one with --data DIR"),
        (["tiny", "--lm", "--data", ".", "--set", "model.width=0"], "model.width is 0"),
        (["tiny", "--lm", "--data", "."], ": holds no recordings"),
        (["nothing.yaml", "--data", "."], "nothing.yaml: the settings cannot be read"),
        (["minutes", "--data", "nowhere"], "nowhere: there is no such folder of recordings"),
        (["minutes"], "give one with --data DIR"),
        (["minutes", "--data", ".", "--set", "run.stepz=1"], "run.stepz is 1: there is no such setting"),
        (["minutes", "--data", ".", "-o", "file"], "file: cannot be written"),
        (["minutes", "--data", ".", "--device", "warp"], "warp"),
        (["minutes", "--data", "."], ": holds no recordings"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(giblet, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    status, out, err = giblet("train", *words)
    assert (status, out) == (2, "")
    assert err.startswith("giblet: ")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
