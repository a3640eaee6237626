"""Containers to sound, and sound through a codec."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fabricate import random_encodec, untrained_language_model

from giblet.codecs import Codes, Segment, decode, load_codec
from giblet.errors import CodecError, MediaError, ParameterError
from giblet.formats import from_blocks, open_container
from giblet.formats.bits import pack
from giblet.transcoding import LIMIT, codes_to_codes, codes_to_sound, sound_to_codes, sound_to_sound


def heard(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def decoded(codec, path):
    """Decode a container in memory."""
    container = open_container(path)
    data, segments = from_blocks(container.blocks())
    step = codec.layout.stride or 0
    grids = tuple(Segment(i * step, n, scale) for i, (n, scale) in enumerate(segments))
    return decode(codec, Codes(data, grids, codec.layout, container.header.length))


@pytest.mark.parametrize(
    ("name", "bandwidth", "ending"),
    [("encodec_24khz", 6.0, ".ecdc"), ("encodec_48khz", 3.0, ".ecdc"), ("encodec_48khz", 3.0, ".txt"),
     ("encodec_48khz", 3.0, ".nac"), ("speech", 2.0, ".nac"), ("speech", 2.0, ".ecdc")],
)  # fmt: skip
def test_a_container_sounds_as_its_codes_do(codecs, sound, tmp_path, name, bandwidth, ending):
    codec, codes = codecs[name], tmp_path / f"x{ending}"
    sound_to_codes(sound(3.1, codec.layout.sample_rate, codec.channels), codes, codec, bandwidth)
    done = codes_to_sound(codes, tmp_path / "x.wav", codec)
    expected = decoded(codec, codes)
    assert heard(tmp_path / "x.wav").shape == expected.shape
    np.testing.assert_allclose(heard(tmp_path / "x.wav"), expected.clip(-LIMIT, LIMIT), atol=2**-15)
    assert done.peak == pytest.approx(np.abs(expected).max())
    info = soundfile.info(tmp_path / "x.wav")
    assert (info.samplerate, info.subtype) == (codec.layout.sample_rate, "PCM_16")


def test_the_header_leads_to_metas_models_and_to_built_in_ones(hub, sound, tmp_path):
    for codec in ("facebook/encodec_24khz", "facebook/encodec_48khz", "tiny"):
        sound_to_codes(sound(), tmp_path / "x.ecdc", codec, 3.0, force=True)
        assert codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", force=True).seconds == 1.0


def test_clipping_is_told_cut_or_avoided(codecs, sound, tmp_path):
    codec = codecs["encodec_48khz"]
    sound_to_codes(sound(1.5, 48_000, 2, gain=6.0), tmp_path / "x.ecdc", codec, 3.0)
    expected = decoded(codec, tmp_path / "x.ecdc")
    peak = np.abs(expected).max()
    assert peak > 1.2
    done = codes_to_sound(tmp_path / "x.ecdc", tmp_path / "cut.wav", codec)
    assert (done.clipped, done.gain, done.peak) == (True, 1.0, pytest.approx(peak))
    assert np.abs(heard(tmp_path / "cut.wav")).max() == pytest.approx(LIMIT, abs=2**-15)
    done = codes_to_sound(tmp_path / "x.ecdc", tmp_path / "whole.flac", codec, rescale=True)
    assert (done.clipped, done.gain) == (False, pytest.approx(LIMIT / peak))
    np.testing.assert_allclose(heard(tmp_path / "whole.flac"), expected * (LIMIT / peak), atol=2**-15)


def test_what_does_not_clip_is_not_rescaled(codecs, sound, tmp_path):
    codec = codecs["encodec_48khz"]
    sound_to_codes(sound(0.5, 48_000, 2, gain=0.1), tmp_path / "x.ecdc", codec, 3.0)
    codes_to_sound(tmp_path / "x.ecdc", tmp_path / "a.wav", codec)
    done = codes_to_sound(tmp_path / "x.ecdc", tmp_path / "b.wav", codec, rescale=True)
    assert (done.gain, done.clipped) == (1.0, False)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz"])
def test_sound_to_sound_is_both_steps_and_leaves_no_container(codecs, sound, tmp_path, name):
    source = sound(2.0, 44_100, 2)
    done = sound_to_sound(source, tmp_path / "at_once.wav", codecs[name], 3.0)
    sound_to_codes(source, tmp_path / "x.ecdc", codecs[name], 3.0)
    codes_to_sound(tmp_path / "x.ecdc", tmp_path / "in_two.wav", codecs[name])
    assert (tmp_path / "at_once.wav").read_bytes() == (tmp_path / "in_two.wav").read_bytes()
    assert done.path == tmp_path / "at_once.wav"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at_once.wav", "in_two.wav", "sound.wav", "x.ecdc"]


def test_the_wrong_codec_is_refused(models, codecs, sound, tmp_path):
    random_encodec(
        sampling_rate=16_000, target_bandwidths=[1.0, 2.0, 4.0], num_filters=2, hidden_size=16
    ).save_pretrained(tmp_path / "other" / "speech")
    sound_to_codes(sound(), tmp_path / "x.nac", codecs["speech"], 1.0)
    for wrong in (tmp_path / "other" / "speech", load_codec(tmp_path / "other" / "speech"), "tiny"):
        with pytest.raises(CodecError, match=r"x\.nac: its codes were made by speech with weights"):
            codes_to_sound(tmp_path / "x.nac", tmp_path / "x.wav", wrong)
    assert not (tmp_path / "x.wav").exists()
    assert codes_to_sound(tmp_path / "x.nac", tmp_path / "x.wav", models / "speech").seconds == 1.0


def test_metas_containers_tell_no_weights_so_the_name_decides(models, codecs, sound, tmp_path):
    sound_to_codes(sound(), tmp_path / "x.ecdc", codecs["encodec_24khz"], 3.0)
    with pytest.raises(CodecError, match="made by encodec_24khz, and not by tiny; .* a folder called encodec_24khz"):
        codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", "tiny")
    assert codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", models / "encodec_24khz").seconds == 1.0


def test_a_text_refuses_the_wrong_codec_too(sound, tmp_path):
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(tmp_path / "tiny")
    sound_to_codes(sound(), tmp_path / "x.txt", "tiny", 3.0)
    with pytest.raises(CodecError, match="made by tiny with weights"):
        codes_to_sound(tmp_path / "x.txt", tmp_path / "x.wav", tmp_path / "tiny")
    assert codes_to_sound(tmp_path / "x.txt", tmp_path / "x.wav").seconds == 1.0


@pytest.mark.parametrize("name", ["owner/name", "../../etc", "/root", "speech"])
def test_a_name_in_a_file_leads_nowhere(codecs, sound, tmp_path, monkeypatch, name):
    monkeypatch.setattr("giblet.transcoding.models.container_name", lambda codec: name)
    sound_to_codes(sound(), tmp_path / "x.ecdc", codecs["speech"], 1.0)
    monkeypatch.undo()
    monkeypatch.setattr("giblet.transcoding.models.find_codec", None)
    with pytest.raises(CodecError, match=f"made by a codec called '{name}'; say with --codec"):
        codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav")


def test_neural_audio_codec_is_not_heard_but_converted(tmp_path):
    codes = np.random.default_rng(0).integers(0, 1024, 6 * 150)
    (tmp_path / "x.nac").write_bytes(b"NAC\0\0\0\0\x04\x03null" + pack(codes, 10))
    with pytest.raises(CodecError, match=r"x\.nac: was made by Neural Audio Codec, whose weights are not public"):
        codes_to_sound(tmp_path / "x.nac", tmp_path / "x.wav")
    assert codes_to_codes(tmp_path / "x.nac", tmp_path / "x.ecdc").header.n_frames == 150


def test_with_a_language_model_the_same_is_heard(models, codecs, sound, tmp_path):
    source, speech = sound(1.3), models / "speech"
    sound_to_codes(source, tmp_path / "plain.ecdc", speech, 2.0)
    done = sound_to_codes(source, tmp_path / "lm.ecdc", speech, 2.0, lm=True)
    assert done.header.entropy_coded
    codes_to_sound(tmp_path / "plain.ecdc", tmp_path / "plain.wav", speech)
    codes_to_sound(tmp_path / "lm.ecdc", tmp_path / "lm.wav", speech)
    assert (tmp_path / "plain.wav").read_bytes() == (tmp_path / "lm.wav").read_bytes()
    codes_to_codes(tmp_path / "lm.ecdc", tmp_path / "again.ecdc", codec=speech)
    assert (tmp_path / "again.ecdc").read_bytes() == (tmp_path / "plain.ecdc").read_bytes()
    codes_to_codes(tmp_path / "plain.ecdc", tmp_path / "lm_again.ecdc", lm=True, codec=speech)
    assert (tmp_path / "lm_again.ecdc").read_bytes() == (tmp_path / "lm.ecdc").read_bytes()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_wrong_language_model_is_refused(models, sound, tmp_path):
    import shutil

    speech = shutil.copytree(models / "speech", tmp_path / "speech")
    sound_to_codes(sound(0.2), tmp_path / "x.ecdc", speech, 1.0, lm=True)
    untrained_language_model(speech, n_codebooks=4)
    with pytest.raises(CodecError, match="coded with the language model"):
        codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", speech)
    shutil.rmtree(speech / "lm")
    with pytest.raises(CodecError, match="speech has no language model"):
        codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", speech)


def test_only_metas_language_models_code_metas_codecs(codecs, models, sound, tmp_path):
    from giblet.codecs.lm import read_model

    with pytest.raises(ParameterError, match="can only be entropy coded with the language model of Meta"):
        sound_to_codes(
            sound(), tmp_path / "x.ecdc", codecs["encodec_24khz"], 3.0, lm=read_model(models / "speech" / "lm")
        )


def test_the_container_is_never_replaced(sound, tmp_path):
    sound_to_codes(sound(0.2), tmp_path / "x.ecdc", "tiny", 1.5)
    codes = (tmp_path / "x.ecdc").rename(tmp_path / "x.wav")
    with pytest.raises(MediaError, match="is the input itself"):
        codes_to_sound(codes, codes, force=True)
