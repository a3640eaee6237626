"""Settings of a run: what is refused, what is overridden, and that those in the package are right."""

import math
from pathlib import Path

import pytest

from giblet.errors import ParameterError
from giblet.training.configfile import KINDS, built_in_configs, check_config, read_config
from giblet.training.encodec_config import ModelConfig


def test_defaults_are_encodec():
    model = check_config({}).model
    assert model.hop == 320
    assert [model.n_codebooks(bandwidth) for bandwidth in model.bandwidths] == [2, 4, 8, 16, 32]


def test_a_crop_is_whole_frames():
    assert check_config({"data": {"crop": 0.5}}).crop_samples == 12_160
    assert check_config({"data": {"crop": 1.0}}).crop_samples == 24_000


@pytest.mark.parametrize("name", built_in_configs())
def test_built_in_settings_are_valid(name):
    config = read_config(name)
    assert config.name == name
    if config.model.kind == "apcodec":
        assert config.model.sizes.bandwidth == 6
        return
    assert all(config.model.n_codebooks(b) * 10 * math.ceil(config.model.sample_rate / config.model.hop) <= 1000 * b
               or config.model.codebook_size != 1024 for b in config.model.bandwidths)  # fmt: skip


def test_overrides_win_over_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("run: {steps: 5}\nmodel: {filters: 8}\nquantizer: {start: 0}\n")
    config = read_config(path, ("run.steps=7", "model.strides=[8, 5, 8]", "losses.log_floor=[0.1, 1.0e-3]"))
    assert (config.run.steps, config.model.filters, config.model.strides) == (7, 8, (8, 5, 8))
    assert config.losses.log_floor == (0.1, 0.001)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("run.steps=-1", "run.steps is -1"),
        ("run.stepz=1", "run.stepz is 1: there is no such setting"),
        ("model.strides=[7]", "strides [7] multiply to 7, no divisor of 24000"),
        ("model.filters=abc", "model.filters is 'abc'"),
        ("model.codebook_size=1000", "codebook_size 1000 is no power of 2"),
        ("model.bandwidths=[0.5]", "bandwidth 0.5 kbps is less than one codebook"),
        ("model.normalize=true", "normalize and segment go together"),
        ("model.sample_rate=44100", "model.sample_rate is 44100"),
        ("losses.mel=.nan", "losses.mel is nan"),
        ("augmentation.gain=[3, -12]", "gain goes from 3 to -12"),
        ("adversary.discriminators=[oracle]", "adversary.discriminators.0 is 'oracle'"),
        ("model.bandwidths=[3, 1.5]", "do not ascend by whole codebooks"),
        ("model.filters=1", "model.filters is 1"),
        ("quantizer.start=5", "quantizer.start 5 is not before run.steps 5"),
        ("losses={waveform: 0, mel: 0}", "nothing is learnt"),
        ("losses.mel_windows=[30]", "a window of 30 samples is no multiple of 8"),
        ("adversary.sizes={msstft: {width: 8}}", "sizes are given for msstft, which is not among"),
        ("optimizer.betas=[0.5, 1]", "optimizer.betas.1 is 1"),
        ("nonsense", "'nonsense' sets nothing"),
        ("run.steps.more=1", "steps in 'run.steps.more=1' is a value and no section"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, override, told):
    path = tmp_path / "mine.yaml"
    path.write_text("run: {steps: 5}\nquantizer: {start: 0}\n")
    with pytest.raises(ParameterError) as caught:
        read_config(path, (override,))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [1", "no YAML in line"), ("- 1", "no table"), ("\x00", "no YAML")],
    ids=["yaml", "list", "nul"],
)
def test_a_file_that_is_no_settings(tmp_path, text, told):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=told):
        read_config(path)


def test_a_missing_file_says_what_is_built_in(tmp_path):
    with pytest.raises(ParameterError, match="minutes"):
        read_config(tmp_path / "absent.yaml")


def test_an_empty_file_is_all_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("")
    assert read_config(path).model == ModelConfig()


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_name_every_setting(kind):
    text = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text()
    sections = KINDS[kind]().model_dump()
    names = [
        f"{section}.{name}" if isinstance(values, dict) else section
        for section, values in sections.items()
        for name in (values if isinstance(values, dict) else ("",))
    ]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert len(names) > 50
