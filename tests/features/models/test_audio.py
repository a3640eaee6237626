"""Layers of models of sound, against transformers called by hand, and what no row may depend on."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from features.models.tiny_models import SECONDS_OF_WHISPER, SOUND
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.errors import GibletError, ModelError, ParameterError
from giblet.features.asking import ask_features
from giblet.features.streams import FeatureContext
from giblet.media import AudioReader

RATE = 16_000
# Samples, on the boundaries of rows and off them.
MOMENTS = (8000, 12_800, 9601, 12_161, 8000, 12_800)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Of float32 sums that are taken in another order.
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


@pytest.fixture(scope="module")
def sound(sample_film):
    """2.333 s of the sample film, from where it is loud."""
    with AudioReader(sample_film, sample_rate=RATE) as reader:
        data = np.concatenate(list(reader), axis=1)[0].astype(np.float32)
    assert data[8000 : 8000 + 37_328].std() > 1e-3
    return data[8000 : 8000 + 37_328]


def made(folder, layer="all", device="cpu", **options):
    text = f"audio.hf:{folder}:{layer}" + "".join(f"@{name}={value}" for name, value in options.items())
    (request,) = ask_features(text)
    return request.feature.load()(request, FeatureContext(device))


def heard(feature, sound, cuts=()):
    """Return all rows of each output, the sound pushed in pieces."""
    edges = sorted({0, len(sound), *cuts})
    parts = [feature.push(sound[begin:end]) for begin, end in pairwise(edges)] + [feature.finish()]
    return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


@cache
def classes(kind, folder):
    """Return a model and its feature extractor, by their own classes."""
    import transformers as tf

    model, extractor = {
        "whisper": (tf.WhisperModel, tf.WhisperFeatureExtractor),
        "wav2vec2": (tf.Wav2Vec2Model, tf.Wav2Vec2FeatureExtractor),
        "wav2vec2-layer": (tf.Wav2Vec2Model, tf.Wav2Vec2FeatureExtractor),
        "hubert": (tf.HubertModel, tf.Wav2Vec2FeatureExtractor),
        "wavlm": (tf.WavLMModel, tf.Wav2Vec2FeatureExtractor),
        "w2v-bert": (tf.Wav2Vec2BertModel, tf.SeamlessM4TFeatureExtractor),
    }[kind]
    return model.from_pretrained(folder).eval(), extractor.from_pretrained(folder)


def by_hand(kind, folder, window):
    """Return the hidden states, (layers, dim), of the last step within a window, by the classes of the model itself."""
    import torch

    model, extractor = classes(kind, folder)
    given = extractor(window, sampling_rate=RATE, return_tensors="pt")
    # Whisper's steps are of 20 ms: two frames of the spectrogram, 160 samples each.
    step = {"whisper": len(window) // 320 - 1, "w2v-bert": int(given.get("attention_mask", np.ones(1)).sum()) - 1}
    with torch.no_grad():
        encoder = model.encoder if kind == "whisper" else model
        states = encoder(**given, output_hidden_states=True).hidden_states
    return np.stack([state[0, step.get(kind, -1)].numpy() for state in states])


@pytest.mark.parametrize("kind", SOUND)
def test_rows_are_what_the_model_says_of_their_windows(model, sound, kind):
    feature = made(model(kind), window=0.8, stride=0.1, batch=4)
    rows = np.stack(heard(feature, sound), axis=1)
    assert rows.shape == (24, 4, 16)
    assert rows.dtype == np.float32
    assert (rows.std(axis=0) > 1e-2).all(), "rows differ"
    # The first, one before and one after windows are full, a late one, the last whole one; then what is left.
    for row in (0, 6, 7, 8, 22):
        end = (row + 1) * 1600
        np.testing.assert_allclose(rows[row], by_hand(kind, model(kind), sound[max(0, end - 12_800) : end]), **CLOSE)
    np.testing.assert_allclose(rows[23], by_hand(kind, model(kind), sound[24 * 1600 - 12_800 :]), **CLOSE)


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-layer", "w2v-bert"])
@pytest.mark.usefixtures("built_once")
def test_cuts_change_nothing(model, sound, kind):
    sound = sound[:16_500]
    feature_of = {"folder": model(kind), "layer": "1+3", "window": 0.5, "batch": 3}
    whole = heard(made(**feature_of), sound)

    @FEW
    @given(cuts=st.lists(st.integers(0, len(sound)), max_size=8))
    def check(cuts):
        for rows, expected in zip(heard(made(**feature_of), sound, cuts), whole, strict=True):
            np.testing.assert_array_equal(rows, expected)

    check()


def test_rows_come_as_soon_as_their_batch_is_heard(model, sound):
    feature = made(model("hubert"), "1", window=0.4, batch=2)
    came = [len(feature.push(sound[k * 1600 : (k + 1) * 1600])[0]) for k in range(10)]
    assert came == [1, 1, 1, 0, 2, 0, 2, 0, 2, 0]


@pytest.mark.parametrize("kind", ["whisper", "wavlm"])
@pytest.mark.usefixtures("built_once")
def test_the_batch_changes_no_value(model, sound, kind):
    expected = heard(made(model(kind), window=0.5, batch=1), sound)
    for batch in (3, 64):
        for rows, one in zip(heard(made(model(kind), window=0.5, batch=batch), sound), expected, strict=True):
            np.testing.assert_allclose(rows, one, **CLOSE)


@pytest.mark.parametrize(("kind", "moment"), list(zip(SOUND, MOMENTS, strict=True)))
@pytest.mark.usefixtures("built_once")
def test_no_row_hears_the_future_or_what_lies_before_its_window(model, sound, kind, moment):
    sound = sound[:20_000]
    other = np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    before = np.arange(len(sound)) < moment
    expected, later, earlier = (
        heard(made(model(kind), window=0.4, batch=4), changed)
        for changed in (sound, np.where(before, sound, other), np.where(before, other, sound))
    )
    ended = moment // 1600  # Rows that end by then.
    begun = -(-(moment + 6400) // 1600) - 1  # The first row whose window begins at or after it.
    assert begun < 12
    for rows, past, future in zip(expected, earlier, later, strict=True):
        np.testing.assert_allclose(future[:ended], rows[:ended], **CLOSE)
        assert (np.abs(future[ended + 1 :] - rows[ended + 1 :]).max(axis=1) > 1e-3).all()
        np.testing.assert_allclose(past[begun:], rows[begun:], **CLOSE)
        assert np.abs(past[:ended] - rows[:ended]).max() > 1e-3


@pytest.mark.usefixtures("built_once")
def test_layers_are_outputs_of_one_run(model, sound):
    folder = model("wav2vec2")
    every = heard(made(folder, "all", window=0.5), sound)
    for layer, numbers in {"2": [2], "-1": [3], "0+2": [0, 2], "1-2": [1, 2]}.items():
        feature = made(folder, layer, window=0.5)
        assert [output.name for output in feature.outputs] == [f"audio.hf:{folder}:{k}@window=0.5" for k in numbers]
        for rows, number in zip(heard(feature, sound), numbers, strict=True):
            np.testing.assert_allclose(rows, every[number], **CLOSE)


def test_an_output_says_what_it_is(model):
    feature = made(model("whisper"), "2", window=1.5, stride=0.2)
    (output,) = feature.outputs
    assert feature.sample_rate == RATE
    assert output.rate == 5
    assert output.kind == "continuous"
    assert output.columns[-1] == f"{output.name}.15"
    assert len(output.columns) == 16
    about = json.loads(json.dumps(output.about))
    wanted = {"past": 1.5, "future": 0.0, "window": 1.5, "stride": 0.2, "layer": 2, "model_type": "whisper"}
    assert wanted.items() <= about.items()
    assert about["fingerprint"] == feature.identity["model"]
    assert feature.identity != made(model("hubert"), "2").identity


@pytest.mark.parametrize(
    ("stride", "n_samples", "n_rows"),
    [(0.1, 0, 0), (0.1, 1, 1), (0.1, 1600, 1), (0.1, 1601, 2), (0.3, 14_400, 3), (0.03, 4800, 10), (0.7, 11_201, 2)],
)
@pytest.mark.parametrize("kind", ["whisper", "wav2vec2"])
@pytest.mark.usefixtures("built_once")
def test_there_is_a_row_for_every_stride_that_begins(model, kind, stride, n_samples, n_rows):
    sound = np.random.default_rng(1).standard_normal(n_samples).astype(np.float32)
    (rows,) = heard(made(model(kind), "-1", window=0.7, stride=stride), sound, cuts=[n_samples // 2])
    assert rows.shape == (n_rows, 16)
    assert np.isfinite(rows).all()


def test_strides_that_are_no_whole_samples_do_not_drift(model):
    feature = made(model("hubert"), "0", window=0.1, stride=1 / 30)
    assert feature.outputs[0].rate == 30
    (rows,) = heard(feature, np.zeros(16_000, np.float32))
    assert len(rows) == 30
    feature = made(model("hubert"), "0", window=0.2, stride=0.0333)
    assert feature.outputs[0].rate == Fraction(10_000, 333)


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("built_once")
def test_silence_and_a_constant_give_finite_rows(model, kind):
    for level in (0, 1):
        for rows in heard(made(model(kind), window=0.5), np.full(12_000, level, np.float32)):
            assert rows.shape == (8, 16)
            assert np.isfinite(rows).all()


def test_the_first_windows_get_silence_in_front_up_to_a_twentieth_of_a_second(model, sound):
    (rows,) = heard(made(model("wav2vec2"), "-1", window=0.1, stride=0.01), sound[:1600])
    for row in (0, 3):
        window = np.pad(sound[: (row + 1) * 160], (800 - (row + 1) * 160, 0))
        np.testing.assert_allclose(rows[row], by_hand("wav2vec2", model("wav2vec2"), window)[-1], **CLOSE)


def test_memory_holds_the_window_and_a_batch(model):
    feature = made(model("hubert"), "1", window=0.2, stride=0.1, batch=4)
    block = np.random.default_rng(0).standard_normal(3200).astype(np.float32)
    for _ in range(40):
        feature.push(block)
    assert len(feature._heard) <= 3200 + 4 * 1600


@pytest.mark.realdata
@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-layer"])
def test_real_speech(model, realdata, kind):
    with AudioReader(realdata / "speech/cmu_arctic_slt_a0007_16k.wav", sample_rate=RATE) as reader:
        speech = np.concatenate(list(reader), axis=1)[0].astype(np.float32)
    feature = made(model(kind), window=1.6, stride=0.25)
    rows = np.stack(heard(feature, speech, range(0, len(speech), 24_000)), axis=1)
    assert len(rows) == -(-len(speech) // 4000)
    window = speech[8 * 4000 - 25_600 : 8 * 4000]
    np.testing.assert_allclose(rows[7], by_hand(kind, model(kind), window), **CLOSE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0.01}, "the window is 0.01 s; give 0.1 s or more"),
        ({"window": 0.5, "stride": 0.6}, "the window is 0.5 s; give 0.6 s or more, no less than the stride"),
        ({"window": "nan"}, "the window is nan"),
        ({"stride": 0}, "the stride is 0 s"),
        ({"stride": -1}, "the stride is -1 s"),
        ({"batch": 0}, "the batch is 0"),
    ],
)
def test_options_that_cannot_be(model, options, message):
    with pytest.raises(ParameterError, match=message):
        made(model("hubert"), "1", **options)


def test_whisper_hears_no_more_than_its_length(model, sound):
    with pytest.raises(ParameterError, match="window of 16 s is longer than the 2 s that .*; give @window=2 or less"):
        made(model("whisper"))
    feature = made(model("whisper"), "-1", window=SECONDS_OF_WHISPER)
    (rows,) = heard(feature, sound)
    expected = by_hand("whisper", model("whisper"), sound[1600:33_600])
    np.testing.assert_allclose(rows[20], expected[-1], **CLOSE)


@pytest.mark.parametrize(
    ("kind", "layer", "message"),
    [
        ("hubert", "4", "the model has no layer 4; choose from 0 to 3"),
        ("hubert", "first", "the layer 'first' is no number"),
        ("bert", "1", "has no preprocessor_config.json, so nothing says how this model of type 'bert' takes sound"),
        ("vit", "1", "its preprocessor_config.json is not for sound, and the model is of type 'vit'; name a model of"),
    ],
)
def test_models_and_layers_that_are_none_of_sound(model, kind, layer, message):
    with pytest.raises(GibletError, match=message):
        made(model(kind), layer)


def test_files_that_do_not_belong_together(model, tmp_path):
    text = Path(shutil.copytree(model("bert"), tmp_path / "text"))
    shutil.copy(model("hubert") / "preprocessor_config.json", text)
    with pytest.raises(ModelError, match="a model of type 'bert' takes input_ids, not input_values or input_features"):
        made(text, "1")
    mixed = Path(shutil.copytree(model("whisper"), tmp_path / "mixed"))
    shutil.copy(model("hubert") / "preprocessor_config.json", mixed)
    with pytest.raises(ModelError, match="gives no states that follow each other in time"):
        made(mixed, "1", window=1)
    short = Path(shutil.copytree(model("whisper"), tmp_path / "short"))
    settings_of = json.loads((short / "preprocessor_config.json").read_text())
    changed = settings_of | {"chunk_length": 1, "n_samples": RATE, "nb_max_frames": 100}
    (short / "preprocessor_config.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="the model does not take what is given to it .*belong together"):
        made(short, "1", window=1)


def test_settings_that_newer_processors_save_in_one_file(model, tmp_path, sound):
    folder = Path(shutil.copytree(model("whisper"), tmp_path / "whisper"))
    settings_of = json.loads((folder / "preprocessor_config.json").read_text())
    nested = {"feature_extractor": settings_of, "processor_class": "WhisperProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(nested))
    (folder / "preprocessor_config.json").unlink()
    rows, expected = (heard(made(place, "1", window=0.5), sound[:8000]) for place in (folder, model("whisper")))
    np.testing.assert_array_equal(rows, expected)


def test_a_folder_without_its_settings_or_with_damaged_weights(model, tmp_path):
    folder = Path(shutil.copytree(model("hubert"), tmp_path / "hubert"))
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-8])
    with pytest.raises(ModelError, match=r"model\.safetensors: the weights cannot be read"):
        made(folder, "1")
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"has no preprocessor_config\.json"):
        made(folder, "1")
    with pytest.raises(ModelError, match="there is no such folder"):
        made(folder / "none", "1")


def test_weights_that_give_no_numbers(model, tmp_path, sound):
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(model("hubert"), tmp_path / "hubert"))
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer_norm.bias"][0] = np.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="gives values that are no finite numbers"):
        heard(made(folder, "-1"), sound)


def test_weights_load_with_the_first_block(model, tmp_path, sound):
    folder = Path(shutil.copytree(model("hubert"), tmp_path / "hubert"))
    feature = made(folder, "1", window=0.5)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="weights cannot be read"):
        feature.push(sound)


def test_on_a_gpu(model, sound):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    for kind in SOUND:
        expected = heard(made(model(kind), window=0.5), sound)
        for rows, one in zip(heard(made(model(kind), device="cuda", window=0.5), sound), expected, strict=True):
            np.testing.assert_allclose(rows, one, rtol=1e-2, atol=1e-2)
