"""The examples run as they are."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import soundfile
from conftest import PROJECT
from fabricate import STEREO_CONFIG, babble, random_encodec


@pytest.mark.slow
def test_film_to_codes_and_back(tmp_path, sample_film):
    script = PROJECT / "examples" / "film_to_codes_and_back.py"
    done = subprocess.run(
        [sys.executable, script, sample_film, tmp_path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("(20, 4, 112) int64")
    assert "'latent': 64" in done.stdout
    assert soundfile.info(tmp_path / "trs_2_to_5.wav").frames == 4 * 36_000
    assert not done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where both examples prepare the simulated dataset."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
def test_the_sound_branch_learns(cache):
    script = PROJECT / "examples" / "encodec_audio_encoder_demo.py"
    done = subprocess.run(
        [sys.executable, script, PROJECT / "data", cache], capture_output=True, text=True, check=True, cwd=cache
    )
    assert "48 samples: codes (4, 112), BOLD (296,)" in done.stdout
    assert "(4, 112) -> (32,)" in done.stdout
    assert "shorter TRs: (3, 32)" in done.stdout
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert losses[-1] < 0.8 * losses[0]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
def test_the_autoencoder_is_judged_by_what_it_never_saw(cache):
    script = PROJECT / "examples" / "train_autoencoder.py"
    done = subprocess.run(
        [sys.executable, script, PROJECT / "data", "--epochs", "20", "--gap", "3", "--latent", "4", "--cache", cache],
        capture_output=True, text=True, check=True, cwd=cache,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert said[0] == "27 samples to learn from, 15 held out, 2 TRs between them"
    first, last = ({word: float(n) for word, n in re.findall(r"(\w+) ([\d.]+)(?:,|$)", said[i])} for i in (1, -5))
    assert first.keys() == {"fmri", "sound", "picture", "words"}
    assert all(last[name] < first[name] for name in ("fmri", "picture", "words"))
    assert re.fullmatch(r"r -?[\d.]+; at other times -?[\d.]+, at most -?[\d.]+", said[-3])
    assert float(re.search(r"training mean ([\d.]+)", said[-2])[1]) > 0.1
    assert said[-1].endswith("which 5 TRs cannot bring below 0.200")


@pytest.fixture(scope="module")
def facebook(tmp_path_factory):
    """Small models in the place of Meta's."""
    folder = tmp_path_factory.mktemp("facebook")
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(folder / "encodec_24khz")
    random_encodec(**STEREO_CONFIG).save_pretrained(folder / "encodec_48khz")
    return folder


@pytest.fixture
def acomp(monkeypatch, facebook, capsys):
    """Run acomp; return its status and what it said."""
    monkeypatch.setattr("giblet.codecs.catalog._hub_folder", lambda name: facebook / name.removeprefix("facebook/"))

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["acomp.py", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(PROJECT / "examples" / "acomp.py"), run_name="__main__")
        return end.value.code or 0, *capsys.readouterr()

    return call


def original_reader(path, n_codebooks):
    """Read a text as acomp does: lines are collected until there is one for each codebook."""
    channels, bandwidth, *lines = path.read_text().splitlines()
    segments, waiting = [], []
    for line in lines:
        waiting.append([int(word) for word in line.split()])
        if len(waiting) == n_codebooks:
            segments.append(np.array(waiting))
            waiting = []
    return int(channels), float(bandwidth), segments


@pytest.mark.parametrize(("channels", "n_codebooks", "n_segments"), [(1, 8, 1), (2, 4, 3)])
def test_acomp(acomp, tmp_path, channels, n_codebooks, n_segments):
    source, text = tmp_path / "x.wav", tmp_path / "x.txt"
    soundfile.write(source, babble(48_000 * 2, channels).T, 48_000)
    encode = ["encode", "--input_file", source, "--embedding_file", text, "--bandwidth", "6"]
    assert acomp(*encode, "--output_file", tmp_path / "a.wav")[0] == 0
    there, bandwidth, segments = original_reader(text, n_codebooks)
    assert (there, bandwidth, len(segments)) == (channels, 6.0, n_segments)
    assert acomp("decode", "--embedding_file", text, "--output_file", tmp_path / "b.wav")[0] == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert soundfile.info(tmp_path / "b.wav").frames == 2 * 24_000 * channels
    # As acomp itself writes it, without the last line: all there but the length and the loudness.
    lines = text.read_text().splitlines()[:-1]
    text.write_text("\n".join(["1" if channels == 1 else "2", "6", *lines[2:]]) + "\n")
    assert acomp("decode", "--embedding_file", text, "--output_file", tmp_path / "c.wav")[0] == 0
    with_loudness, without = (soundfile.read(tmp_path / name)[0] for name in ("b.wav", "c.wav"))
    if channels == 1:
        assert np.array_equal(with_loudness, without[: len(with_loudness)])
    else:
        assert np.std(without) > 3 * np.std(with_loudness)


def test_acomp_with_another_codec_and_its_errors(acomp, tmp_path):
    source, text = tmp_path / "x.wav", tmp_path / "x.txt"
    soundfile.write(source, babble(24_000)[0], 24_000)
    encode = ["encode", "--input_file", source, "--embedding_file", text, "--bandwidth"]
    assert acomp(*encode, "1.5", "--codec", "tiny")[0] == 0
    assert acomp("decode", "--embedding_file", text, "--output_file", tmp_path / "b.wav", "--codec", "tiny")[0] == 0
    for words, told in [
        ([*encode, "7"], "has no bandwidth of 7 kbps"),
        (["decode", "--embedding_file", source, "--output_file", tmp_path / "b.wav"], "x.wav: is no .ecdc file"),
        (["encode", "--input_file", text, "--embedding_file", text, "--bandwidth", "3"], "x.txt"),
    ]:
        status, _, err = acomp(*words)
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith("acomp: ")
        assert told in err


def test_the_notebook_of_acomps_functions(tmp_path, monkeypatch, capsys):
    notebook = json.loads((PROJECT / "examples" / "acomp_functions.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)
    for function in (
        "load_audio", "get_model_and_sr", "resample_audio", "process_audio", "read_embeddings_from_txt",
        "decode_audio_from_embeddings", "get_codebooks",
    ):  # fmt: skip
        assert callable(names[function])
    assert np.array_equal(names["embeddings"].data, names["codes"].data)
    assert names["books"].shape == (16, 1024, 64)
    assert names["sound"].shape == (1, 48_000)
    assert "(8, 150)" in capsys.readouterr().out
    assert (tmp_path / "glide_decoded.wav").read_bytes() == (tmp_path / "glide_again.wav").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["01_extract_and_listen", "02_bandwidths_and_mel", "03_dataset_and_alignment"])
def test_the_numbered_notebooks(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib").use("agg")
    folder = tmp_path / "examples"
    folder.mkdir()
    (tmp_path / "data").symlink_to(PROJECT / "data")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    notebook = json.loads((PROJECT / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            assert cell["execution_count"] is None
            exec("".join(cell["source"]), names)
    shown = capsys.readouterr().out
    # Nothing is left beside the notebook.
    assert not list(folder.iterdir())
    if name.startswith("01"):
        assert "(20, 4, 112) int64" in shown
        assert soundfile.info(names["results"] / "trs_1_to_4.wav").frames == 6 * 24_000
        assert shown.count("Audio object") == 2
    elif name.startswith("02"):
        quality = names["measured"]["STOI"]
        assert quality["source"] > 0.999
        assert quality["1.5 kbps"] < quality["3 kbps"] < quality["6 kbps"] < quality["12 kbps"] < 0.95
        assert quality["mel, 80 bands"] < quality["mel, 2048 bands"]
    else:
        assert names["run"].values.shape == (20, 296)
        assert names["counts"].sum() == len(names["words"]) == 60
        assert np.median(names["r"]) > 0.5
