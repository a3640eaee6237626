"""Names of features: read as people write them, and written one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import MissingExtraError, ParameterError
from giblet.features import Feature, FeatureRequest, ask_features, known_features, registry


def test_names_parts_and_options():
    asked = ask_features("text.word_rate, audio.hf:/models/a:b:2+4@window=8,audio.power@rate=50,audio.power")
    assert [request.name for request in asked] == [
        "audio.power@rate=50", "audio.power", "audio.hf:/models/a:b:2+4@window=8", "text.word_rate",
    ]  # fmt: skip
    model = asked[2]
    assert model.parts == ("/models/a:b", "2+4")
    assert model.option("window") == 8.0
    assert model.option("stride") == 0.1
    assert model.named("/models/a:b", "2") == "audio.hf:/models/a:b:2@window=8"


def test_the_default_is_not_written():
    assert [request.name for request in ask_features("audio.power@rate=100,audio.power")] == ["audio.power"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio.pwer", "did you mean audio.power"),
        ("", "there is no feature ''"),
        ("audio.power,", "there is no feature ''"),
        ("audio.hf:model", "write audio.hf:MODEL:LAYER"),
        ("audio.hf::3", "write audio.hf:MODEL:LAYER"),
        ("audio.power:3", "write audio.power"),
        ("audio.power@speed=3", "no option 'speed=3'"),
        ("audio.power@rate", "choose from @rate"),
        ("audio.power@rate=fast", "give a number"),
        ("audio.envelope@bands=1.5", "give a whole number"),
        ("audio.codes@x=1", "leave it out"),
    ],
)
def test_what_cannot_be_meant(text, message):
    with pytest.raises(ParameterError, match=message.replace(".", r"\.").replace("?", r"\?")):
        ask_features(text)


@pytest.mark.parametrize("names", [[], 3])
def test_no_names(names):
    with pytest.raises(ParameterError, match="giblet features lists them"):
        ask_features(names)


@given(st.sampled_from(sorted(known_features())), st.data())
def test_a_name_names_itself(name, data):
    feature = known_features()[name]
    part = st.text("abcXYZ019/._-", min_size=1)
    parts = tuple(data.draw(part) for _ in feature.parts)
    options = {
        option: data.draw({bool: st.booleans(), int: st.integers(), str: part, float: st.integers(-99, 99).map(float)}[
            type(default)
        ])
        for option, default in feature.options.items()
    }  # fmt: skip
    request = FeatureRequest(feature, parts, options)
    (again,) = ask_features([request.name])
    assert again == request
    assert again.name == request.name


def test_every_feature_that_comes_with_giblet_has_its_maker():
    for feature in known_features().values():
        if feature.maker:
            assert callable(feature.load()), feature.name


class Entry:
    """An entry point of a plug-in."""

    value = "plugin:feature"

    def __init__(self, name, feature):
        self.name, self._feature = name, feature

    def load(self):
        if isinstance(self._feature, Exception):
            raise self._feature
        return self._feature


@pytest.fixture
def plug_in(monkeypatch):
    """Install a plug-in's feature for a test."""
    known_features.cache_clear()
    yield lambda feature: monkeypatch.setattr(registry, "entry_points", lambda group: [Entry("x", feature)])
    monkeypatch.undo()
    known_features.cache_clear()


def test_a_plug_in_adds_a_feature(plug_in):
    plug_in(Feature("audio.loudness", "continuous", "sound", "10 Hz", "1", "LUFS", "plugin:Loudness"))
    assert [request.name for request in ask_features("audio.loudness,audio.power")] == ["audio.power", "audio.loudness"]


@pytest.mark.parametrize(
    "feature", ["no feature", ImportError("no module"), Feature("audio.power", "continuous", "sound", "", "", "")]
)
def test_a_broken_plug_in_is_named(plug_in, feature):
    plug_in(feature)
    with pytest.raises(ParameterError, match="the plug-in plugin:feature"):
        ask_features("audio.power")


def test_a_missing_extra_is_named():
    feature = Feature("x.y", "event", "words", "", "", "", "x:y", extra="text", package="no_such_package")
    with pytest.raises(
        MissingExtraError, match=r"x\.y needs packages that are not installed; pip install 'giblet\[text\]'"
    ):
        feature.load()
