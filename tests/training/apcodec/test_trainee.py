"""Whole runs of small APCodecs: they repeat, resume, learn, and leave a codec that works."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
import torch
from fabricate import babble
from safetensors.torch import load_file

from giblet.codecs import encode, load_codec
from giblet.errors import ParameterError
from giblet.progress import Silent
from giblet.training.configfile import check_config
from giblet.training.trainer import Trainer

RATE = 16_000
SMALL = {
    "model": {
        "kind": "apcodec", "sample_rate": RATE, "n_fft": 128, "window": 80, "hop": 40, "ratio": 2, "width": 12,
        "depth": 1, "inner": 16, "kernel": 3, "reduced": 6, "latent_dim": 4, "codebook_dim": 4, "codebook_size": 16,
        "n_codebooks": 2,
    },
    "data": {"crop": 0.1, "batch": 2, "validation_share": 0.2, "loudness": 0.1},
    "losses": {"n_mels": 12},
    "adversary": {"discriminators": []},
    "optimizer": {"learning_rate": 2e-3},
    "run": {"steps": 6, "validate_every": 6, "checkpoint_every": 3, "log_every": 1, "device": "cpu", "threads": 1},
}  # fmt: skip
JUDGES = {
    "discriminators": ["multi-period", "multi-resolution"], "start": 2,
    "sizes": {
        "multi-period": {"width": 1, "periods": [2, 3]},
        "multi-resolution": {"width": 2, "resolutions": [[128, 20, 80], [64, 10, 40]]},
    },
}  # fmt: skip
TERMS = {
    "amplitude", "phase", "group_delay", "time_difference", "consistency", "real", "imaginary", "mel_l1", "mel_l2",
    "codebook", "commitment",
}  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(3):
        soundfile.write(folder / f"{i}.wav", babble(RATE * (4 + i))[0], RATE)
    return folder


@pytest.fixture
def settings(recordings, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "apcodec-sound"

    def settings(**sections):
        values = {name: dict(value) for name, value in SMALL.items()}
        values["data"] |= {"folder": str(recordings), "cache": str(cache)}
        for name, section in sections.items():
            values[name] = values.get(name, {}) | section if isinstance(section, dict) else section
        return check_config(values)

    return settings


def losses(folder):
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(int(row["step"]), row["name"]): float(row["value"]) for row in rows if row["name"] != "waiting"}


class StopAfter(Silent):
    """Ctrl-C after so many steps."""

    def __init__(self, steps):
        self.left, self.training = steps, False

    def begin(self, stage, total):
        self.training = stage.startswith("training")

    def advance(self, seconds):
        if self.training:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


def test_a_run_leaves_a_codec_and_tells_every_loss_on_held_out_sound(settings, tmp_path):
    result = Trainer(settings(adversary=JUDGES, quantizer={"dropout": 0.5}), tmp_path).run()
    assert result.first_losses.keys() == TERMS
    assert result.losses.keys() == TERMS | {"generator", "feature_matching"}
    assert set(result.mel_distance) == {"0.8 kbps", "1.6 kbps"}
    told = losses(tmp_path)
    assert {name for step, name in told if step == 0} >= {f"validation/{name}" for name in TERMS}
    assert told[6, "validation/phase"] == result.losses["phase"]
    assert {name for step, name in told if step == 6} >= TERMS | {"discriminator", "gradient_norm"}
    assert list(tmp_path.glob("events.out.tfevents.*"))
    codec = load_codec(tmp_path / "model")
    assert codec.bandwidths == (0.8, 1.6)
    codes = encode(codec, babble(RATE), 1.6)
    assert codes.data.shape == (2, RATE // 80 + 1)
    assert len(np.unique(codes.data)) > 1


@pytest.mark.parametrize("stop", [1, 4], ids=["before the discriminators", "after they began"])
def test_a_resumed_run_equals_an_uninterrupted_one(settings, tmp_path, stop):
    config = settings(
        run={"checkpoint_every": 1, "log_every": 3}, adversary=JUDGES, quantizer={"dropout": 0.5},
        optimizer={"gamma": 0.9, "epoch": 2},
    )  # fmt: skip
    Trainer(config, tmp_path / "whole").run()
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, tmp_path / "stopped", StopAfter(stop)).run()
    resumed = Trainer(config, tmp_path / "stopped").run()
    assert resumed.first_step == stop
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    assert resumed.first_losses.keys() == TERMS
    whole, stopped = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)


def test_training_lowers_every_spectral_loss_that_noise_can_lower(settings, tmp_path):
    result = Trainer(settings(run={"steps": 60, "validate_every": 60, "checkpoint_every": 60}), tmp_path).run()
    for name in ("amplitude", "group_delay", "real", "imaginary", "mel_l1", "mel_l2"):
        assert result.losses[name] < 0.9 * result.first_losses[name], name


def test_the_rate_falls_after_every_epoch(settings, tmp_path):
    Trainer(settings(optimizer={"learning_rate": 1e-3, "gamma": 0.5, "epoch": 2}), tmp_path).run()
    rates = [value for (_, name), value in losses(tmp_path).items() if name == "learning_rate"]
    assert rates == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4]


def test_start_from_keeps_what_was_learnt_and_refuses_what_does_not_fit(settings, tmp_path):
    Trainer(settings(run={"steps": 2}), tmp_path / "first").run()
    start = str(tmp_path / "first" / "model")
    trainer = Trainer(settings(start_from=start), tmp_path / "second")
    before = load_file(tmp_path / "first" / "model" / "model.safetensors")
    assert all(torch.equal(before[key], value) for key, value in trainer.trainee.model.state_dict().items())
    with pytest.raises(ParameterError, match="is no start for the settings' model: width is 12 there"):
        Trainer(settings(start_from=start, model={"width": 10}), tmp_path / "third")
    with pytest.raises(ParameterError, match="is no APCodec"):
        Trainer(settings(start_from="tiny"), tmp_path / "third")


def test_a_linear_start_comes_once_before_the_first_step(settings, tmp_path):
    still = {"optimizer": {"learning_rate": 1e-12}, "run": {"steps": 1, "validate_every": 1}}
    plain = Trainer(settings(**still), tmp_path / "plain").run()
    started = Trainer(settings(**still, linear_start=True), tmp_path / "started").run()
    assert started.first_losses["amplitude"] < 0.5 * plain.first_losses["amplitude"]
    resumed = Trainer(settings(**still | {"run": {"steps": 2}}, linear_start=True), tmp_path / "started").run()
    assert resumed.losses["amplitude"] == pytest.approx(started.first_losses["amplitude"], rel=1e-3)
    learnt = str(tmp_path / "plain" / "model")
    again = Trainer(settings(**still, linear_start=True, start_from=learnt), tmp_path / "again").run()
    assert again.losses["amplitude"] == pytest.approx(plain.losses["amplitude"], rel=1e-3)


def test_items_are_as_many_spectra_as_the_decoder_makes(settings):
    published = check_config({"model": {"kind": "apcodec"}})
    assert published.crop_samples == 7960
    assert published.model.sizes.bandwidth == 6
    assert settings().crop_samples == 20 * 80 - 40


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": {"kind": "opus"}}, "model.kind is 'opus'; choose one of encodec, apcodec"),
        ({"model": {"kind": ["apcodec"]}}, r"model.kind is \['apcodec'\]"),
        ({"model": {"kind": "apcodec", "ratio": 3}}, "ratio is odd"),
        ({"model": {"kind": "apcodec", "hop": 41}}, "328, no divisor of 48000"),
        ({"model": {"kind": "apcodec", "filters": 3}}, "model.filters is 3: there is no such setting"),
        ({"model": {"kind": "apcodec", "width": 8}, "original_checkpoints": True}, "say that model.width is 8"),
        ({"model": {"kind": "apcodec"}, "losses": {"phase": -1}}, "losses.phase is -1"),
        ({"data": {"folder": "a", "files": "b"}}, "give one of them"),
        ({"adversary": {"discriminators": ["melgan"], "weights": {"melgan": 2}}}, "belong to the form hifi-gan"),
    ],
)
def test_a_wrong_value_is_named(values, told):
    with pytest.raises(ParameterError, match=told):
        check_config(values)
