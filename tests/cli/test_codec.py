"""giblet codec: what it makes of which names, what it says, and what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
from fabricate import STEREO_CONFIG, babble, random_encodec, untrained_language_model

from giblet.codecs.catalog import PRETRAINED
from giblet.formats import open_container
from giblet.formats.bits import pack


@pytest.fixture(scope="module")
def facebook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facebook")
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(folder / "encodec_24khz")
    random_encodec(**STEREO_CONFIG).save_pretrained(folder / "encodec_48khz")
    return folder


@pytest.fixture
def hub(monkeypatch, facebook):
    """Small models in the place of Meta's."""
    monkeypatch.setattr("giblet.codecs.catalog._hub_folder", lambda name: facebook / name.removeprefix("facebook/"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with one recording, to work in."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", babble(24_000 * 2)[0], 24_000)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_metas_command(giblet, hub, here):
    status, out, err = giblet("codec", "a.wav")
    assert (status, err) == (0, "")
    assert out.startswith("a.wav → a.ecdc; 2.000 s; encodec_24khz, 8 codebooks, 6 kbps; 1566 bytes, 6.26 kbps; ")
    assert giblet("codec", "a.ecdc")[0] == 0
    assert giblet("codec", "-b", "1.5", "a.wav", "low.ecdc")[0] == 0
    assert giblet("codec", "--hq", "-b", "3", "a.wav", "hq.ecdc")[0] == 0
    assert giblet("codec", "-r", "-b", "24", "a.wav", "through.wav")[0] == 0
    assert names(here) == ["a.ecdc", "a.wav", "a_decompressed.wav", "hq.ecdc", "low.ecdc", "through.wav"]
    assert open_container("low.ecdc").header.n_codebooks == 2
    assert open_container("hq.ecdc").header.codec == "encodec_48khz"
    assert soundfile.info("through.wav").frames == soundfile.info("a_decompressed.wav").frames == 48_000
    assert giblet("codec", "hq.ecdc", "hq.flac")[0] == 0
    assert (soundfile.info("hq.flac").samplerate, soundfile.info("hq.flac").channels) == (48_000, 2)


def test_existing_outputs_need_force_and_the_input_stays(giblet, here):
    assert giblet("codec", "a.wav", "--codec", "tiny")[0] == 0
    before = (here / "a.wav").read_bytes()
    for words, told in [
        (["a.wav"], "a.ecdc: is there already; choose another name, or replace it with --force."),
        (["a.wav", "a.ecdc"], "a.ecdc: is there already, and of two names the second is the output;"),
        (["-f", "a.wav", "a.wav"], "a.wav: is the input itself"),
        (["-f", "a.ecdc", "./a.ecdc"], "a.ecdc: is the input itself"),
    ]:
        status, out, err = giblet("codec", "--codec", "tiny", *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert told in err
    assert (here / "a.wav").read_bytes() == before
    assert giblet("codec", "-f", "a.wav", "--codec", "tiny", "-b", "3")[0] == 0
    assert open_container("a.ecdc").header.n_codebooks == 4


def test_one_kind_of_codes_becomes_another(giblet, here):
    assert giblet("codec", "a.wav", "--codec", "tiny")[0] == 0
    for source, target in [("a.ecdc", "b.nac"), ("b.nac", "c.giblet"), ("c.giblet", "d.txt"), ("d.txt", "e.ecdc")]:
        assert giblet("codec", source, target)[0] == 0
    assert (here / "a.ecdc").read_bytes() == (here / "e.ecdc").read_bytes()
    assert giblet("reconstruct", "c.giblet", "-o", "c.wav")[0] == 0
    assert giblet("codec", "d.txt", "d.wav")[0] == 0
    assert (here / "c.wav").read_bytes() == (here / "d.wav").read_bytes()


def test_a_folder_and_several_files(giblet, here):
    (here / "sub").mkdir()
    soundfile.write("sub/b.flac", babble(24_000)[0], 24_000)
    status, out, _ = giblet("codec", ".", "coded", "--codec", "tiny", "--json")
    done = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(one["input"], one["output"], one["seconds"]) for one in done] == [
        ("a.wav", "coded/a.ecdc", 2.0),
        ("sub/b.flac", "coded/sub/b.ecdc", 1.0),
    ]
    assert done[0]["bytes"] == (here / "coded" / "a.ecdc").stat().st_size
    assert giblet("codec", "coded", ".nac")[0] == 0
    assert (here / "coded" / "sub" / "b.nac").is_file()
    status, _, err = giblet("codec", "a.wav", "no.wav", "gone.wav", "--codec", "tiny")
    assert (status, err.count("\n")) == (2, 2)
    assert not (here / "a.ecdc").exists()


def test_one_bad_file_does_not_stop_the_others(giblet, here):
    (here / "codes").mkdir()
    giblet("codec", "a.wav", "codes/a.ecdc", "--codec", "tiny")
    data = (here / "codes" / "a.ecdc").read_bytes()
    (here / "codes" / "b.txt").write_text("1\n1.5\n1 2 3\n4 5 x\n960\n")
    (here / "codes" / "c.nac").write_bytes(data)
    status, out, err = giblet("codec", "codes", "heard", "--codec", "tiny")
    assert (status, err.count("\n"), "b.txt: " in err) == (2, 1, True)
    assert not out or "a.ecdc" in out


def test_clipping_is_warned_of(giblet, hub, here):
    soundfile.write("loud.wav", 5 * babble(48_000, 2).T, 48_000, subtype="FLOAT")
    assert giblet("codec", "loud.wav", "--hq")[0] == 0
    status, _, err = giblet("codec", "loud.ecdc")
    assert status == 0
    assert err.startswith("giblet: loud_decompressed.wav: the sound reaches ")
    assert err.endswith("of full scale and is clipped; -r makes it quieter instead.\n")
    status, out, err = giblet("codec", "-f", "-r", "loud.ecdc")
    assert (status, err, " dB quieter" in out) == (0, "", True)


def test_the_language_model(giblet, here):
    codec = shutil.copytree(PRETRAINED / "tiny", here / "codec", ignore=lambda *_: ["lm"])
    words = ["codec", "a.wav", "--codec", codec, "-b", "1.5"]
    status, _, err = giblet(*words, "--lm")
    assert (status, err.count("\n"), "the codec codec has no language model" in err) == (2, 1, True)
    untrained_language_model(codec, n_codebooks=2)
    assert giblet(*words)[0] == 0
    status, out, _ = giblet("codec", "a.ecdc", "lm.ecdc", "--lm", "--codec", codec)
    assert (status, "by the language model" in out) == (0, True)
    assert giblet("info", "lm.ecdc", "--json")[1].count('"entropy_coded": true') == 1
    for source in ("a.ecdc", "lm.ecdc"):
        assert giblet("codec", source, "--codec", codec)[0] == 0
    assert (here / "a_decompressed.wav").read_bytes() == (here / "lm_decompressed.wav").read_bytes()
    status, _, err = giblet("codec", "a.ecdc", "x.nac", "--lm", "--codec", codec)
    assert (status, "only .ecdc files are entropy coded" in err) == (2, True)


def test_metas_language_models_are_not_downloaded(giblet, hub, here, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(here / "torch"))
    for words, name in [([], "encodec_lm_24khz-1608e3c0.th"), (["--hq"], "encodec_lm_48khz-7add9fc3.th")]:
        status, out, err = giblet("codec", "a.wav", "--lm", *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"{here}/torch/hub/checkpoints/{name}: the language model of this codec is not there" in err
    assert names(here) == ["a.wav"]


def test_an_original_nac_file_is_described_and_converted_but_not_heard(giblet, here):
    codes = np.random.default_rng(0).integers(0, 1024, 6 * 150)
    (here / "x.nac").write_bytes(b"NAC\0\0\0\0\x04\x03null" + pack(codes, 10))
    status, out, _ = giblet("info", "x.nac")
    assert status == 0
    assert "codec: neural_audio_codec\n" in out
    assert "seconds: 3 s\n" in out
    assert "cannot be heard" in out or "not heard" in out
    status, out, err = giblet("codec", "x.nac")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "weights are not public, so it cannot be heard" in err
    assert giblet("codec", "x.nac", "x.ecdc")[0] == 0
    assert names(here) == ["a.wav", "x.ecdc", "x.nac"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.wav", "-b", "7"], "tiny has no bandwidth of 7 kbps; choose one of 1.5, 3, 6, 12."),
        (["a.wav", "-b", "six"], "the bandwidth is 'six'"),
        (["a.wav", "x.mp3"], "x.mp3: its ending does not say what to make"),
        (["a.wav", "no/x.ecdc"], "no/x.ecdc: its folder does not exist"),
        (["a.wav", "x.giblet"], "x.giblet: is not what giblet codec makes of this input; use giblet extract."),
        (["gone.wav"], "gone.wav: there is no such file"),
        (["gone.ecdc"], "gone.ecdc: there is no such file"),
        (["notes.txt"], "notes.txt: is no .ecdc file, no .nac file and no text of codes"),
        (["notes.wav"], "notes.wav: is not a film or sound file that can be read"),
        (["a.wav", "--hq"], "--hq and --codec both name a codec; give one of them."),
        (["a.wav", "--device", "warp"], "there is no device 'warp'"),
        (["empty"], "empty: holds neither sound nor files of codes"),
        (["a.wav", "--lm", "x.nac"], "x.nac: only .ecdc files are entropy coded"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(giblet, here, words, told):
    (here / "notes.txt").write_text("hello")
    (here / "notes.wav").write_text("hello")
    (here / "empty").mkdir()
    before = names(here)
    status, out, err = giblet("codec", *words, "--codec", "tiny")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert names(here) == before


def test_a_bandwidth_for_codes_is_refused(giblet, here):
    giblet("codec", "a.wav", "--codec", "tiny")
    status, _, err = giblet("codec", "a.ecdc", "-b", "3")
    assert (status, "a.ecdc: its bandwidth was chosen when it was encoded; leave -b out." in err) == (2, True)


def test_what_is_wrong_for_all_is_said_once(giblet, here):
    shutil.copy("a.wav", "b.wav")
    status, _, err = giblet("codec", ".", "--codec", "tinny")
    assert (status, err.count("\n")) == (2, 1)
