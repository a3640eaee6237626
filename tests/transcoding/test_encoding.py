"""Sound to containers."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.codecs import encode
from giblet.errors import CodecError, GibletError, MediaError, ParameterError
from giblet.formats import from_blocks, open_container
from giblet.media import AudioReader
from giblet.transcoding import sound_to_codes


@pytest.mark.parametrize(
    ("name", "bandwidth", "ending"),
    # The grid of the third fits into no text of acomp.
    [(name, 6.0, ending) for name in ("encodec_24khz", "encodec_48khz") for ending in (".ecdc", ".nac", ".txt")]
    + [("speech", 2.0, ".ecdc"), ("speech", 2.0, ".nac")],
)
def test_a_container_holds_what_encoding_gives(codecs, sound, tmp_path, name, bandwidth, ending):
    codec, source = codecs[name], sound(2.3, 44_100, 2)
    done = sound_to_codes(source, tmp_path / f"x{ending}", codec, bandwidth)
    with AudioReader(source, channels=codec.channels, sample_rate=codec.layout.sample_rate) as reader:
        expected = encode(codec, reader.read().data, bandwidth)
    container = open_container(tmp_path / f"x{ending}")
    codes, segments = from_blocks(container.blocks())
    assert (codes == expected.data).all()
    assert segments == [(segment.n_frames, segment.scale) for segment in expected.segments]
    assert container.header.length == expected.length == done.header.length
    assert (container.header.codec, container.header.layout) == (name, codec.layout)
    assert done.seconds == pytest.approx(2.3, abs=1e-4)


def test_metas_model_is_named_as_meta_names_it(hub, sound, tmp_path):
    sound_to_codes(sound(), tmp_path / "x.ecdc", bandwidth=3.0)
    head = json.loads((tmp_path / "x.ecdc").read_bytes()[9:].partition(b"}")[0] + b"}")
    assert head == {"m": "encodec_24khz", "al": 24_000, "nc": 4, "lm": False}


def test_a_nac_file_of_ours_tells_everything(codecs, sound, tmp_path):
    sound_to_codes(sound(1.1), tmp_path / "x.nac", codecs["speech"], 2.0)
    data = (tmp_path / "x.nac").read_bytes()
    about = json.loads(data[9 : 9 + int.from_bytes(data[4:8])])
    assert (data[:4], data[8]) == (b"NAC\0", 2)
    assert about["model"] == "speech"
    assert about["fingerprint"] == codecs["speech"].fingerprint
    assert (about["length"], about["sample_rate"], about["codebooks"]) == (17_600, 16_000, 4)


@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize("n_samples", [1, 7, 159, 160, 161, 6_720])
def test_short_sounds_keep_their_length(codecs, tmp_path, n_samples, rate):
    soundfile.write(tmp_path / "x.wav", babble(n_samples)[0], rate)
    done = sound_to_codes(tmp_path / "x.wav", tmp_path / "x.nac", codecs["speech"], 1.0)
    assert done.header.length == n_samples * 16_000 // rate
    assert done.header.n_frames == -(-done.header.length // 320)


def test_less_than_one_sample_is_told(codecs, tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(1), 96_000)
    with pytest.raises(MediaError, match=r"x\.wav: is shorter than one sample at 16000 Hz"):
        sound_to_codes(tmp_path / "x.wav", tmp_path / "x.nac", codecs["speech"], 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


def test_the_input_is_never_replaced(codecs, sound, tmp_path):
    source = sound().rename(tmp_path / "x.ecdc")
    (tmp_path / "link.ecdc").symlink_to(source)
    os.link(source, tmp_path / "hard.ecdc")
    before = source.read_bytes()
    for name in ("x.ecdc", "link.ecdc", "hard.ecdc"):
        with pytest.raises(MediaError, match=f"{name}: is the input itself"):
            sound_to_codes(source, tmp_path / name, codecs["speech"], 1.0, force=True)
    assert source.read_bytes() == before


def test_what_is_there_stays_unless_it_shall_go(codecs, sound, tmp_path):
    (tmp_path / "x.ecdc").write_bytes(b"mine")
    with pytest.raises(MediaError, match=r"x\.ecdc: is there already"):
        sound_to_codes(sound(), tmp_path / "x.ecdc", codecs["speech"], 1.0)
    assert (tmp_path / "x.ecdc").read_bytes() == b"mine"
    sound_to_codes(sound(), tmp_path / "x.ecdc", codecs["speech"], 1.0, force=True)
    assert open_container(tmp_path / "x.ecdc").header.length == 16_000


@pytest.mark.parametrize(
    ("output", "settings", "error", "message"),
    [
        ("x.mp3", {}, ParameterError, r"x\.mp3: its ending does not say what to make; use \.ecdc, \.nac, \.txt"),
        ("no/x.nac", {}, MediaError, "its folder does not exist"),
        ("x.nac", {"bandwidth": 3.0}, CodecError, "choose one of 1, 2, 4"),
        ("x.nac", {"codec": "./nowhere"}, CodecError, "no such folder"),
        ("x.nac", {"lm": True}, ParameterError, "only .ecdc files are entropy coded"),
        ("x.txt", {}, ParameterError, "a text of codes can only hold"),
        ("x.ecdc", {"lm": True, "codec": "tiny-without"}, CodecError, "no built-in codec"),
        ("x.ecdc", {"device": "warp"}, ParameterError, "warp"),
    ],
)
def test_what_cannot_be_leaves_nothing(models, sound, tmp_path, output, settings, error, message):
    source = sound()
    settings = {"codec": models / "speech", "bandwidth": 1.0} | settings
    with pytest.raises(error, match=message):
        sound_to_codes(source, tmp_path / output, **settings)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_what_is_no_sound_is_said_before_the_codec_is_loaded(models, tmp_path, monkeypatch):
    monkeypatch.setattr("giblet.transcoding.models.load_spec", None)
    (tmp_path / "x.wav").write_text("no sound")
    for name in ("x.wav", "gone.wav", "."):
        with pytest.raises(GibletError, match="no|folder"):
            sound_to_codes(tmp_path / name, tmp_path / "x.ecdc", models / "speech", 1.0)
