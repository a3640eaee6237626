"""The folder of a listening test: its sounds as the page gets them, the key, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.errors import CodecError, GibletError, MediaError, ParameterError
from giblet.listening import make_test
from giblet.listening.anchors import LOW_ANCHOR, MID_ANCHOR, REFERENCE

RATE = 48_000


def sounds_of(folder, trial=0):
    """Decode what the scripts of a trial hand to the page."""
    heard = {}
    for signal in json.loads((folder / "key.json").read_text())["trials"][trial]["signals"]:
        script = (folder / "sounds" / f"{signal['sound']}.js").read_text()
        call = re.fullmatch(r"giblet\((.*)\) *\n", script)[1]
        name, data = json.loads(f"[{call}]")
        assert name == signal["sound"]
        heard[signal["condition"]], rate = soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)
        assert rate == RATE
    return heard


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "talk.wav", babble(3 * RATE)[0], RATE)
    return tmp_path / "talk.wav"


@pytest.fixture
def wanted(talk, tmp_path_factory):
    """What asks for a test without a codec, which is made in a moment."""
    place = tmp_path_factory.mktemp("same")
    for name in ("talk", "silent"):
        soundfile.write(place / f"{name}.wav", soundfile.read(talk)[0], RATE)
    return {"conditions": {"same": place}, "excerpt": 1}


def test_every_signal_of_a_trial_is_there_and_equally_long(talk, tmp_path, tiny):
    made = make_test([talk], tmp_path / "test", codec=tiny, bandwidths=[1.5, 6], mel=True, excerpt=1.5, seed=3)
    assert made.conditions == (REFERENCE, LOW_ANCHOR, MID_ANCHOR, "tiny 1.5 kbps", "tiny 6 kbps", "mel")
    assert made.trials == ("talk",)
    heard = sounds_of(tmp_path / "test")
    assert tuple(heard) == made.conditions
    assert {sound.shape for sound in heard.values()} == {(round(1.5 * RATE), 1)}
    original = soundfile.read(talk)[0][round(0.75 * RATE) : round(2.25 * RATE)]
    np.testing.assert_allclose(heard[REFERENCE][240:-240, 0], original[240:-240], atol=2**-15)
    spectra = {name: np.abs(np.fft.rfft(sound[:, 0])) ** 2 for name, sound in heard.items()}
    for anchor, cutoff in ((LOW_ANCHOR, 3500), (MID_ANCHOR, 7000)):
        above = slice(int((cutoff + 600) * 1.5), None)
        # What 16 bits and the fades leave there.
        assert spectra[anchor][above].sum() < 1e-5 * spectra[REFERENCE][above].sum()
    for first in heard:
        for second in heard:
            assert (first == second) == np.array_equal(heard[first], heard[second])


def test_no_name_size_or_order_of_files_tells_the_condition(talk, tmp_path, tiny):
    make_test([talk], tmp_path / "test", codec=tiny, bandwidths=[3], excerpt=1, seed=3)
    files = list((tmp_path / "test" / "sounds").iterdir())
    assert len({file.stat().st_size for file in files}) == 1
    assert all(re.fullmatch(r"[0-9a-f]{12}\.js", file.name) for file in files)
    page = (tmp_path / "test" / "index.html").read_text()
    for word in ("tiny", "anchor", "kHz", "kbps", *(file.stem for file in files)):
        assert word not in page
    # The page is complete in itself.
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\{\{", page)


def test_one_gain_for_all_signals_and_only_against_clipping(talk, tmp_path):
    sound, _ = soundfile.read(talk)
    (tmp_path / "half").mkdir()
    soundfile.write(tmp_path / "half" / "talk.wav", sound / 2, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", sound / np.abs(sound).max(), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "half" / "loud.wav", sound, RATE, subtype="FLOAT")
    folder = tmp_path / "test"
    made = make_test([talk, tmp_path / "loud.wav"], folder, conditions={"half": tmp_path / "half"}, excerpt=1)
    key = json.loads((folder / "key.json").read_text())
    assert key["trials"][0]["gain_db"] == 0
    heard = sounds_of(folder)
    np.testing.assert_allclose(heard["half"], heard[REFERENCE] / 2, atol=2**-15)
    assert "talk: half is 6.0 dB quieter than the reference." in made.notes
    loudest = max(np.abs(sound).max() for sound in sounds_of(folder, 1).values())
    assert 20 * np.log10(loudest) == pytest.approx(-1, abs=0.01)
    signals = {signal["condition"]: signal["level_db"] for signal in key["trials"][1]["signals"]}
    assert signals["half"] == pytest.approx(20 * np.log10(np.abs(sound).max()), abs=0.3)


def test_stereo_stays_unless_a_condition_is_mono(tmp_path, tiny, stereo):
    soundfile.write(tmp_path / "wide.wav", babble(2 * RATE, 2).T, RATE)
    for codec, channels in ((stereo, 2), (tiny, 1)):
        made = make_test([tmp_path / "wide.wav"], tmp_path / "test", codec=codec, bandwidths=[3], excerpt=1, force=True)
        assert {sound.shape[1] for sound in sounds_of(tmp_path / "test").values()} == {channels}
        assert any("mono" in note for note in made.notes) == (channels == 1)


def test_a_sound_without_treble_is_warned_of(tmp_path, tiny):
    # At 16 kHz there is nothing above 8 kHz.
    soundfile.write(tmp_path / "phone.wav", babble(2 * 16_000)[0], 16_000)
    soundfile.write(tmp_path / "short.wav", babble(round(1.2 * RATE))[0], RATE)
    made = make_test([tmp_path], tmp_path / "test", codec=tiny, bandwidths=[3], excerpt=2)
    assert any(note.startswith("phone: next to nothing lies above 8 kHz") for note in made.notes)
    assert not any(note.startswith("short: next to") for note in made.notes)
    assert "short: the excerpt lasts only 1.20 s." in made.notes


def test_the_seed_decides_everything(talk, tmp_path, wanted):
    (tmp_path / "more").mkdir()
    soundfile.write(tmp_path / "more" / "talk.wav", babble(2 * RATE)[0], RATE)
    tests = [
        make_test([talk, tmp_path / "more"], tmp_path / str(i), **wanted, seed=seed) for i, seed in enumerate([1, 1, 2])
    ]
    assert tests[0].trials == ("talk", "talk 2")
    assert tests[0].test == tests[1].test != tests[2].test
    contents = [
        {
            str(file.relative_to(tmp_path / str(i))): file.read_bytes()
            for file in sorted((tmp_path / str(i)).rglob("*.*"))
        }
        for i in range(3)
    ]
    assert contents[0] == contents[1]
    assert not contents[0].keys() - {"index.html", "key.json"} & contents[2].keys()


def test_names_of_files_are_on_one_line(talk, tmp_path):
    odd = talk.rename(tmp_path / 'a\nb, "c".wav')
    made = make_test([odd], tmp_path / "test", conditions={"same": odd}, excerpt=1)
    assert made.trials == ('a\\nb, "c"',)


def test_a_title_is_text(talk, tmp_path, wanted):
    title = "</title><script>alert(1)</script> {{test}} – ü"
    make_test([talk], tmp_path / "test", **wanted, title=title)
    page = (tmp_path / "test" / "index.html").read_text(encoding="utf-8")
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; {{test}} – ü</title>" in page
    assert page.count("<script>") == 1


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"excerpt": 0.5}, ParameterError, "excerpts of 0.5 s are asked for; choose 1 to 12 s"),
        ({"excerpt": float("nan")}, ParameterError, "excerpts of nan s"),
        ({"start": [0, 1]}, ParameterError, "there are 2 starts for 1 sounds"),
        ({"start": -1}, ParameterError, "start at -1 s"),
        ({"bandwidths": [24]}, CodecError, "tiny has no bandwidth of 24 kbps; choose one of"),
        ({"bandwidths": []}, ParameterError, "nothing to rate beside the anchors"),
        ({"conditions": {"reference": "."}}, ParameterError, "two conditions are called 'reference'"),
        ({"conditions": {"a\nb": "."}}, ParameterError, r"a condition is called 'a\\nb'"),
        ({"conditions": {f"c{i}": "." for i in range(9)}}, ParameterError, "13 signals .*12 at most"),
        ({"conditions": {"mine": "gone"}}, MediaError, "gone: there is no such file or folder"),
        ({"device": "warp"}, ParameterError, "no device"),
        ({"codec": "./gone"}, CodecError, "no such folder"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_left(talk, tmp_path, more, error, told):
    there = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=told):
        make_test([talk], tmp_path / "test", **({"codec": "tiny", "bandwidths": [3], "excerpt": 1} | more))
    assert sorted(tmp_path.iterdir()) == there


def test_only_a_listening_test_is_replaced_and_never_by_half_of_one(talk, tmp_path, wanted):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(MediaError, match="is there already and is no listening test"):
        make_test([talk], tmp_path / "mine", **wanted, force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    first = make_test([talk], tmp_path / "test", **wanted)
    with pytest.raises(MediaError, match="or replace it with --force"):
        make_test([talk], tmp_path / "test", **wanted)
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * RATE), RATE)
    with pytest.raises(MediaError, match="silent.wav: is silent"):
        make_test([talk, tmp_path / "silent.wav"], tmp_path / "test", **wanted, force=True)
    assert json.loads((tmp_path / "test" / "key.json").read_text())["test"] == first.test
    assert make_test([talk], tmp_path / "test", **wanted, force=True).test != first.test
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "test", "talk.wav", "silent.wav"}


@pytest.mark.realdata
def test_real_films_and_speech(realdata, tmp_path, tiny):
    sounds = [realdata / "video" / "small_mp4.mp4", realdata / "speech" / "librispeech_1272-128104-0000.flac"]
    made = make_test(sounds, tmp_path / "test", codec=tiny, bandwidths=[1.5, 12], excerpt=4)
    assert made.trials == ("small_mp4", "librispeech_1272-128104-0000")
    for trial in range(2):
        heard = sounds_of(tmp_path / "test", trial)
        errors = [((heard[f"tiny {b} kbps"] - heard[REFERENCE]) ** 2).mean() for b in ("1.5", "12")]
        assert errors[1] < errors[0] < (heard[REFERENCE] ** 2).mean() * 2


@pytest.mark.realdata
def test_odd_files_are_told(realdata, tmp_path):
    for name in ("corrupted_header.wav", "empty_data.wav", "noaudio_moviepy_example.mp4", "short_0.55s_park.mp4"):
        with pytest.raises(GibletError, match=name):
            make_test([realdata / "odd" / name], tmp_path / "test", codec="tiny", bandwidths=[3])
    assert not any(tmp_path.iterdir())
