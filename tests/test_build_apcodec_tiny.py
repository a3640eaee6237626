"""What of the recordings the small APCodec is trained on, and what of a run ships."""

import importlib

import pytest
import torch
from conftest import PROJECT

from giblet.codecs import load_codec
from giblet.codecs.apcodec.checkpoints import save_model
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel

SIZES = {"n_fft": 64, "window": 64, "hop": 16, "ratio": 2, "width": 8, "depth": 1, "inner": 8, "reduced": 4}


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "data")
    return importlib.import_module("build_apcodec_tiny")


def test_wide_recordings_are_chosen_and_some_voices_held_out(script, tmp_path):
    packages = {
        "wide-voice": ("speech", 15_000.0), "telephone": ("speech", 8_000.0), "gcompris-sound-tr": ("speech", 15_000.0),
        "wesnoth-1.16-music": ("music", 14_000.0), "more-music": ("music", 20_000.0),
    }  # fmt: skip
    lines = [f"{name},{kind},{bandwidth}" for name, (kind, bandwidth) in packages.items()]
    for name, (kind, _) in packages.items():
        (tmp_path / "recordings" / kind / name).mkdir(parents=True)
    (tmp_path / "recordings" / "SOURCES.csv").write_text("\n".join(["package,kind,bandwidth_hz", *lines]) + "\n")
    for _ in range(2):
        script.choose(tmp_path / "recordings", tmp_path / "wide", tmp_path / "held_out")
    assert sorted(link.name for link in tmp_path.glob("wide/*/*")) == ["wesnoth-1.16-music", "wide-voice"]
    assert [link.name for link in tmp_path.glob("held_out/*/*")] == ["gcompris-sound-tr"]
    assert all(link.is_dir() for link in tmp_path.glob("*/*/*"))


def test_what_ships_is_half_as_large_and_the_same_codec(script, tmp_path):
    torch.manual_seed(0)
    model = APCodecModel(APCodecConfig(**SIZES))
    save_model(model, tmp_path / "model", model.config.bandwidths)
    script.shrink(tmp_path / "model", tmp_path / "small")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("model", "small")]
    assert sizes[1] < 0.6 * sizes[0]
    codec = load_codec(tmp_path / "small", "cpu")
    assert codec.bandwidths == model.config.bandwidths[-1:]
    expected = model.quantizer.codebooks().detach().numpy()
    assert codec.codebooks() == pytest.approx(expected, abs=1e-2)
