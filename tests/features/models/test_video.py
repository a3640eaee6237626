"""Layers of models of pictures and clips, against transformers called by hand, and what no row may depend on."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from features.models.tiny_models import CLIPS, PICTURES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.errors import GibletError, ModelError, ParameterError
from giblet.features.asking import ask_features
from giblet.features.streams import FeatureContext
from giblet.media.pictures import PictureReader

FEW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Of float32 sums that are taken in another order.
CLOSE = {"rtol": 1e-4, "atol": 2e-5}
# Tokens of a model's own before those of the picture's positions, where that is not 1.
OWN = {"dinov2-registers": 5, "deit": 2, "swin": 0, "videomae": 0}


@pytest.fixture(scope="module")
def pictures(sample_film):
    """21 pictures of the sample film, each 6 after the last, and noise in one corner that tells them apart."""
    noise = np.random.default_rng(0)
    with PictureReader(sample_film) as reader:
        shown = [picture.rgb((160, 90)).copy() for k, picture in enumerate(reader) if k % 6 == 0][:21]
    for picture in shown:
        picture[:50, :90] = noise.integers(0, 256, (50, 90, 3))
    assert len(shown) == 21
    return np.stack(shown)


def made(folder, layer="all", context=None, **options):
    text = f"video.hf:{folder}:{layer}" + "".join(f"@{name}={value}" for name, value in options.items())
    (request,) = ask_features(text)
    return request.feature.load()(request, context or FeatureContext("cpu"))


def seen(feature, pictures, cuts=()):
    """Return all rows of each output, the pictures pushed in pieces."""
    edges = sorted({0, len(pictures), *cuts})
    parts = [feature.push(pictures[begin:end]) for begin, end in pairwise(edges)] + [feature.finish()]
    return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


@cache
def classes(kind, folder):
    """Return a model and its image processor, by their own classes."""
    import transformers as tf

    model, processor = {
        "vit": (tf.ViTModel, tf.ViTImageProcessorPil),
        "clip-vision": (tf.CLIPVisionModel, tf.CLIPImageProcessorPil),
        "clip": (tf.CLIPVisionModel, tf.CLIPImageProcessorPil),
        "dinov2": (tf.Dinov2Model, tf.BitImageProcessorPil),
        "dinov2-registers": (tf.Dinov2WithRegistersModel, tf.BitImageProcessorPil),
        "deit": (tf.DeiTModel, tf.DeiTImageProcessorPil),
        "resnet": (tf.ResNetModel, tf.ConvNextImageProcessorPil),
        "swin": (tf.SwinModel, tf.ViTImageProcessorPil),
        "videomae": (tf.VideoMAEModel, tf.VideoMAEImageProcessorPil),
        "timesformer": (tf.TimesformerModel, tf.VideoMAEImageProcessorPil),
        "vivit": (tf.VivitModel, tf.VivitImageProcessor),
    }[kind]
    return model.from_pretrained(folder).eval(), processor.from_pretrained(folder)


def by_hand(kind, folder, shown):
    """Return the hidden states of a picture or clip, by the classes of the model itself."""
    import torch

    model, processor = classes(kind, folder)
    given = processor(list(shown) if kind in CLIPS else shown, return_tensors="pt")
    with torch.no_grad():
        states = model(**given, output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in states]


def pooled(kind, states, pool):
    """Return one row of each layer's states."""
    if kind == "resnet":
        return [state.mean(axis=(1, 2)) for state in states]
    own = OWN.get(kind, 1)
    return [state[0] if own and pool == "cls" else state[own:].mean(axis=0) for state in states]


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.usefixtures("built_once")
def test_rows_are_what_the_model_says_of_their_picture(model, pictures, kind):
    for pool in ("cls", "mean"):
        rows = seen(made(model(kind), batch=2, pool=pool), pictures[:5])
        assert [len(layer) for layer in rows] == [5] * 4
        assert all(layer.dtype == np.float32 and layer.std(axis=0).max() > 1e-2 for layer in rows[1:])
        for index in (0, 3, 4):
            expected = pooled(kind, by_hand(kind, model(kind), pictures[index]), pool)
            for layer, one in zip(rows, expected, strict=True):
                np.testing.assert_allclose(layer[index], one, **CLOSE)


@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.usefixtures("built_once")
def test_rows_are_what_the_model_says_of_the_clip_that_ends_with_them(model, pictures, kind):
    # Four rows a second and two pictures for each; clips of every second picture.
    feature = made(model(kind), rate=4, step=0.25, batch=3)
    assert (feature.rate, feature.outputs[0].rate) == (4, 4)
    feature = made(model(kind), rate=2, step=0.125, batch=3)
    assert (feature.rate, feature.outputs[0].rate) == (8, 2)
    rows = seen(feature, pictures)
    assert [len(layer) for layer in rows] == [6] * 4
    # Pictures 0 to 3 for the first row, 12 to 15 for the fourth, the last 4 for what is left.
    for row, first in {0: 0, 3: 12, 5: 17}.items():
        expected = pooled(kind, by_hand(kind, model(kind), pictures[first : first + 4]), "cls")
        for layer, one in zip(rows, expected, strict=True):
            np.testing.assert_allclose(layer[row], one, **CLOSE)


@pytest.mark.usefixtures("built_once")
@pytest.mark.parametrize(
    ("rate", "step", "places"),
    [
        (8, 0.125, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3]]),
        (8, 0.25, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 1, 3]]),
        (4, 0.125, [[0, 0, 0, 1], [0, 1, 2, 3], [2, 3, 4, 5]]),
        (3, 0.5, [[0, 0, 0, 1], [0, 0, 0, 3], [0, 0, 2, 5], [0, 1, 4, 7], [0, 3, 6, 9]]),
    ],
)
def test_clips_before_the_film_hold_its_first_picture(model, pictures, rate, step, places):
    (rows,) = seen(made(model("videomae"), "-1", rate=rate, step=step), pictures)
    for row, clip in zip(rows, places, strict=False):
        states = by_hand("videomae", model("videomae"), pictures[clip])
        np.testing.assert_allclose(row, pooled("videomae", states, "cls")[-1], **CLOSE)


@pytest.mark.parametrize("kind", ["clip", "videomae"])
@pytest.mark.usefixtures("built_once")
def test_cuts_change_nothing(model, pictures, kind):
    whole = seen(made(model(kind), "1+3", batch=3), pictures)

    @FEW
    @given(cuts=st.lists(st.integers(0, len(pictures)), max_size=6))
    def check(cuts):
        for rows, expected in zip(seen(made(model(kind), "1+3", batch=3), pictures, cuts), whole, strict=True):
            np.testing.assert_array_equal(rows, expected)

    check()


@pytest.mark.parametrize("kind", ["dinov2", "videomae"])
@pytest.mark.usefixtures("built_once")
def test_the_batch_changes_no_value(model, pictures, kind):
    expected = seen(made(model(kind), batch=1), pictures)
    for batch in (4, 100):
        for rows, one in zip(seen(made(model(kind), batch=batch), pictures), expected, strict=True):
            np.testing.assert_allclose(rows, one, **CLOSE)


@pytest.mark.parametrize(("kind", "rate"), [("vit", 8), ("videomae", 4), ("timesformer", 8)])
@pytest.mark.usefixtures("built_once")
def test_no_row_sees_the_future(model, pictures, kind, rate):
    changed = pictures.copy()
    changed[9:] = 255 - pictures[9:]
    rows, other = (seen(made(model(kind), rate=rate, batch=4), shown) for shown in (pictures, changed))
    ended = 9 * rate // 8  # Rows whose last picture is before the ninth.
    for layer, (one, two) in enumerate(zip(rows, other, strict=True)):
        np.testing.assert_allclose(two[:ended], one[:ended], **CLOSE)
        # Before the first layer the token of the whole knows nothing of the picture yet.
        assert layer == 0 or (np.abs(two[ended:] - one[ended:]).max(axis=1)[:4] > 1e-4).all()


def test_an_output_says_what_it_is(model):
    feature = made(model("videomae"), "1-2", rate=2, step=0.125)
    assert feature.size is None
    assert [output.name.rpartition(":")[2] for output in feature.outputs] == ["1", "2"]
    output = feature.outputs[0]
    assert (output.kind, len(output.columns), output.columns[3]) == ("continuous", 16, f"{output.name}.3")
    about = json.loads(json.dumps(output.about))
    # Three steps before the last picture, which is the middle of the row's last eighth of a second.
    assert about["past"] == pytest.approx(3 / 8 + 1 / 16)
    assert {"future": 0.0, "frames": 4, "step": 0.125, "layer": 1, "model_type": "videomae"}.items() <= about.items()
    assert about["fingerprint"] == feature.identity["model"] != made(model("vit"), "1").identity["model"]
    single = made(model("resnet"), "0+3", rate=4)
    assert [len(output.columns) for output in single.outputs] == [8, 16]
    assert single.outputs[0].about["past"] == 0.125
    assert "mean over positions" in single.outputs[0].about["definition"]
    assert "token of the whole" in made(model("vit"), "1").outputs[0].about["definition"]
    assert "mean over positions" in made(model("vit"), "1", pool="mean").outputs[0].about["definition"]


def test_a_rate_of_0_is_that_of_the_film(model):
    context = FeatureContext("cpu", Fraction(24_000, 1001), (160, 90))
    assert made(model("vit"), "1", context, rate=0).rate == Fraction(24_000, 1001)
    with pytest.raises(ParameterError, match="the rate is 0 rows per second"):
        made(model("vit"), "1", rate=0)


@pytest.mark.usefixtures("built_once")
@pytest.mark.parametrize(("n_pictures", "n_rows"), [(0, 0), (1, 1), (3, 1), (4, 1), (5, 2), (8, 2)])
def test_there_is_a_row_for_every_one_that_begins(model, pictures, n_pictures, n_rows):
    assert [len(rows) for rows in seen(made(model("videomae")), pictures[:n_pictures])] == [n_rows] * 4
    assert [len(rows) for rows in seen(made(model("vit")), pictures[:n_pictures])] == [n_pictures] * 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["vit", "clip", "resnet", "vivit"])
def test_black_white_small_and_narrow_pictures_give_finite_rows(model, kind):
    feature = made(model(kind), "all", batch=3)
    parts = [
        feature.push(np.full((2, *size, 3), level, np.uint8)) for size, level in (((90, 160), 0), ((90, 160), 255))
    ]
    parts += [feature.push(np.full((2, 200, 7, 3), 9, np.uint8)), feature.push(np.full((2, 3, 3, 3), 1, np.uint8))]
    for rows in zip(*parts, feature.finish(), strict=True):
        assert np.isfinite(np.concatenate(rows)).all()
        assert len(np.concatenate(rows)) == (2 if kind == "vivit" else 8)


def test_memory_holds_clips_of_a_batch(model, pictures):
    feature = made(model("videomae"), "1", rate=8, step=0.25, batch=2)
    for _ in range(3):
        feature.push(pictures)
    assert len(feature._seen) <= 8
    assert len(feature._waiting) < 2


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("vit", {"pool": "max"}, "the pool is 'max'; choose from cls and mean"),
        ("vit", {"batch": 0}, "the batch is 0"),
        ("vit", {"rate": -1}, "the rate is -1 rows per second"),
        ("vit", {"rate": 1000}, "the rate is 1000 rows per second"),
        ("vit", {"rate": "inf"}, "the rate is inf"),
        ("vit", {"step": 0.5}, "is a model of single pictures; leave @step out"),
        ("videomae", {"step": 0}, "the step is 0 s; give seconds from 1/240 to 60"),
        ("videomae", {"step": 100}, "the step is 100 s"),
        (
            "videomae",
            {"step": 0.0917},
            "steps of 0.0917 s have no common clock; give .* @step=0.5",
        ),
    ],
)
def test_options_that_cannot_be(model, kind, options, message):
    with pytest.raises(ParameterError, match=message):
        made(model(kind), "1", **options)


@pytest.mark.parametrize(
    ("kind", "layer", "message"),
    [
        ("clip", "4", "the model has no layer 4; choose from 0 to 3"),
        ("resnet", "4", "the model has no layer 4; choose from 0 to 3"),
        ("bert", "1", "has no preprocessor_config.json, so nothing says how this model of type 'bert' takes pictures"),
        ("hubert", "1", "its preprocessor_config.json is not for pictures, and the model is of type 'hubert'"),
    ],
)
def test_models_and_layers_that_are_none_of_pictures(model, kind, layer, message):
    with pytest.raises(GibletError, match=message):
        made(model(kind), layer)


def test_files_that_do_not_belong_together(model, tmp_path):
    text = Path(shutil.copytree(model("bert"), tmp_path / "text"))
    shutil.copy(model("vit") / "preprocessor_config.json", text)
    with pytest.raises(ModelError, match="a model of type 'bert' takes input_ids, not pixel_values; name a model that"):
        made(text, "1")
    folder = Path(shutil.copytree(model("vit"), tmp_path / "vit"))
    preparation = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation | {"size": {"height": 40, "width": 40}}))
    with pytest.raises(ModelError, match="the model does not take what is given to it .*belong together"):
        made(folder, "1")
    for change in ({"image_processor_type": "NoneOfThese"}, {"size": "large"}):
        (folder / "preprocessor_config.json").write_text(json.dumps(preparation | change))
        with pytest.raises(ModelError, match=r"cannot follow its preprocessor_config\.json"):
            made(folder, "1")


def test_on_a_gpu(model, pictures):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    for kind in (*PICTURES, *CLIPS):
        expected = seen(made(model(kind)), pictures)
        device = FeatureContext("cuda")
        for rows, one in zip(seen(made(model(kind), context=device), pictures), expected, strict=True):
            np.testing.assert_allclose(rows, one, rtol=1e-2, atol=1e-2)
