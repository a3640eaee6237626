"""The benchmark of APCodec, on models and sounds that take no time."""

import importlib
import sys
import wave

import numpy as np
import pytest
import torch
from conftest import PROJECT

from giblet.codecs.apcodec.config import APCodecConfig


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(PROJECT / "benchmarks"))
    yield importlib.import_module("apcodec")
    sys.path.remove(str(PROJECT / "benchmarks"))


def test_the_first_and_the_last_loss_of_each_term_are_told(benchmark, tmp_path, capsys):
    rows = ["step,name,value", "50,phase,1.5", "50,mel_l1,2.0", "100,phase,1.25", "100,mel_l1,0.5", "100,codebook,0.1"]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    assert benchmark.loss_table(tmp_path) == {"phase": (1.5, 1.25), "mel_l1": (2.0, 0.5), "codebook": (0.1, 0.1)}
    benchmark.print_losses(tmp_path)
    assert "| mel_l1 | 2 | 0.5 |" in capsys.readouterr().out


def test_the_encodec_that_is_compared_with_is_as_large_and_makes_as_many_codes(benchmark):
    sizes = APCodecConfig(width=48, depth=2, inner=64, reduced=24, codebook_size=64)
    ours, theirs = benchmark.compare_speed(sizes, 0.1, 1)
    assert theirs.parameters == pytest.approx(ours.parameters, rel=0.15)
    model = benchmark.equal_encodec(sizes, ours.parameters)
    codes = model.encode(torch.zeros(1, 1, 9_600), bandwidth=sizes.bandwidth).audio_codes
    assert codes.shape[2:] == (sizes.n_codebooks, 30)
    assert min(ours.encode, ours.decode, theirs.encode, theirs.decode) > 0


def test_codecs_of_two_rates_are_measured_alike(benchmark, tiny, tmp_path):
    t = np.arange(96_000) / 48_000
    sound = 0.1 * np.sin(2 * np.pi * (300 + 100 * np.sin(6 * t)) * t) + 0.05 * np.sin(2 * np.pi * 15_000 * t)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes((32767 * sound).astype("<i2").tobytes())
    read = benchmark.read(tmp_path / "a.wav", 48_000, 1.5)
    assert len(read) == 72_000
    np.testing.assert_allclose(read, sound[:72_000], atol=1e-4)
    assert benchmark.high_share(read) == pytest.approx(0.2, abs=0.01)
    found = benchmark.measure(tiny, read, 6.0)
    assert found["high_share"] < 1e-3  # tiny is of 24 kHz
    assert found["mel_distance"] > 0
