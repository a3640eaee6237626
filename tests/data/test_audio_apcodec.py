"""An APCodec wherever a codec works: TR arrays, stores, containers, and sound through it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from fabricate import babble, random_apcodec

from giblet.codecs import encode, find_codec, load_codec
from giblet.codecs.apcodec.checkpoints import save_model
from giblet.codecs.apcodec.chunks import ChunkedEngine
from giblet.data import AudioProcessor, extract, open_store, reconstruct
from giblet.errors import CodecError, ParameterError
from giblet.formats import open_container
from giblet.media import AudioReader
from giblet.transcoding import Transcoder, plan

KBPS = 6.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "apcodec"
    save_model(random_apcodec(width=8, depth=1, inner=8, codebook_size=1024), folder)
    return folder


@pytest.fixture(scope="module")
def codec(folder):
    codec = load_codec(folder, "cpu")
    # A film of several chunks.
    codec._engine = ChunkedEngine(codec._engine.model, 1.0)
    return codec


@pytest.fixture(scope="module")
def processed(codec, sample_film):
    processor = AudioProcessor(codec=codec)
    return processor, *processor.audio_to_features(sample_film, max_trs=5)


@pytest.fixture
def stereo_sound(tmp_path):
    """3.33 s of stereo at 44.1 kHz, louder than full scale."""
    path = tmp_path / "loud.wav"
    soundfile.write(path, 6 * babble(147_001, 2).T, 44_100, subtype="FLOAT")
    return path


def test_a_tr_holds_225_frames_of_four_codebooks(processed, codec, sample_film):
    processor, features, table = processed
    assert features.shape == (len(table), 4, 225)
    assert features.dtype == np.int64
    assert processor.encodec_bandwidth == KBPS
    with AudioReader(sample_film, sample_rate=48_000) as reader:
        sound = reader.read().data[:, : 12 * 48_000]
    assert len(table) == 5
    expected = encode(codec, sound, KBPS).data
    assert (np.concatenate(list(features), axis=1) == expected[:, : len(table) * 225]).all()


def test_fewer_trs_are_the_first_ones_and_the_clock_is_that_of_the_sound(processed, sample_film, tmp_path):
    processor, features, _ = processed
    fewer, _ = processor.audio_to_features(sample_film, max_trs=3)
    assert (fewer == features[:3]).all()
    processor.features_to_audio(features[2:4], tmp_path / "two.wav", processed[2].iloc[2:4])
    assert soundfile.info(tmp_path / "two.wav").frames == 2 * 72_000
    plain, _ = processor.audio_to_features(sample_film, max_trs=2, from_video=False)
    assert plain.shape == (2, 4, 225)


def test_a_last_tr_is_filled_with_encoded_silence(codec, stereo_sound):
    padded, table = AudioProcessor(codec=codec, incomplete="pad").audio_to_features(stereo_sound)
    assert padded.shape == (3, 4, 225)
    assert table["n_frames"].tolist() == [225] * 3


def test_the_bandwidth_is_the_codecs_own_where_none_is_asked_for(folder, tmp_path):
    from giblet.data.checks import check_settings
    from giblet.data.multimodal.settings import DatasetSettings
    from giblet.data.request import TRRequest

    assert AudioProcessor(codec=folder).encodec_bandwidth == KBPS
    assert AudioProcessor(codec="tiny").encodec_bandwidth == 3.0
    assert check_settings("audio.codes", TRRequest.asked(tr=1.5), folder, None, "cpu")[0] == KBPS
    assert DatasetSettings.asked(codec=str(folder)).bandwidth == KBPS
    assert DatasetSettings.asked(codec="tiny").bandwidth == DatasetSettings.asked().bandwidth == 3.0
    with pytest.raises(CodecError, match="no bandwidth of 3 kbps; choose one of 6"):
        AudioProcessor(codec=folder, encodec_bandwidth=3)
    with pytest.raises(ParameterError, match="give kilobits per second"):
        DatasetSettings.asked(bandwidth="much")


def test_a_store_keeps_codes_and_latents_and_sounds_again(codec, folder, sample_film, tmp_path):
    path = tmp_path / "film.giblet"
    extract(sample_film, path, codec=codec, features="audio.codes,audio.latents", max_trs=2)
    store = open_store(path)
    assert store.tr_view().shape == (2, 4, 225)
    assert store.tr_view("audio.latents").shape == (2, 8, 225)
    assert store.codes().data.shape[1] * 320 >= store.provenance["codes"]["n_samples"] >= 2 * 72_000
    reconstruct(path, tmp_path / "film.wav", codec=codec)
    assert soundfile.info(tmp_path / "film.wav").frames == 2 * 72_000
    Transcoder().run(plan([path, tmp_path / "film.ecdc"])[0])
    assert open_container(tmp_path / "film.ecdc").header.n_frames == store.codes().data.shape[1]


@pytest.mark.parametrize("ending", [".ecdc", ".nac"])
def test_containers_carry_its_codes(codec, folder, stereo_sound, tmp_path, ending):
    path = tmp_path / f"loud{ending}"
    transcoder = Transcoder(folder)
    transcoder.run(plan([stereo_sound, path])[0])
    container = open_container(path)
    with AudioReader(stereo_sound, channels=1, sample_rate=48_000) as reader:
        sound = reader.read().data
    assert container.header.length == sound.shape[1] == 160_001
    codes = np.concatenate([block.codes for block in container.blocks()], axis=1)
    assert (codes == encode(load_codec(folder, "cpu"), sound, KBPS).data).all()
    done = transcoder.run(plan([path, tmp_path / "back.wav"])[0])
    assert soundfile.info(tmp_path / "back.wav").frames == 160_001
    assert done.peak is not None
    with pytest.raises(CodecError, match="called 'apcodec'; say with --codec where that lies"):
        Transcoder().run(plan([path, tmp_path / "again.wav"])[0])


def test_what_a_text_cannot_carry_is_said_in_a_sentence(folder, stereo_sound, tmp_path):
    with pytest.raises(ParameterError, match="a text of codes can only hold .*; write .ecdc or .nac"):
        Transcoder(folder).run(plan([stereo_sound, tmp_path / "loud.txt"])[0])
    with pytest.raises(CodecError, match="has no language model"):
        Transcoder(folder, lm=True).check(plan([stereo_sound, tmp_path / "loud.ecdc"])[0])
    assert [path.name for path in tmp_path.iterdir()] == ["loud.wav"]


def test_a_folder_of_sounds_goes_through_the_networks_as_in_the_authors_program(folder, tmp_path):
    import torch

    from giblet.codecs.apcodec.checkpoints import load_model

    (tmp_path / "in").mkdir()
    sounds = {"one": babble(30_000), "two": babble(28_777)}
    for name, sound in sounds.items():
        soundfile.write(tmp_path / "in" / f"{name}.wav", sound[0], 48_000, subtype="FLOAT")
    jobs = plan([tmp_path / "in", tmp_path / "out"])
    jobs = plan([tmp_path / "in", tmp_path / ".wav"]) if jobs[0].output.suffix != ".wav" else jobs
    transcoder = Transcoder(folder)
    model = load_model(find_codec(folder))
    for job, sound in zip(jobs, sounds.values(), strict=True):
        transcoder.run(job)
        with torch.no_grad():
            expected = model.decode(model.encode(torch.from_numpy(sound)))[0, : sound.shape[1]].numpy()
        found, rate = soundfile.read(job.output)
        assert rate == 48_000
        np.testing.assert_allclose(found, expected.clip(-0.99, 0.99), atol=1e-4)


def test_the_spec_says_what_a_person_wants_to_know(folder):
    about = find_codec(folder).to_dict()
    assert json.loads(json.dumps(about)) == about
    assert (about["model_type"], about["sample_rate"], about["frame_rate"]) == ("apcodec", 48_000, 150.0)
    assert (about["codebooks"], about["streams"]) == ({"6": 4}, False)
