from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from giblet.errors import ParameterError
from giblet.training.augmentation import Augmentation, mixed, pink, with_noise
from giblet.training.corpus import CorpusPart
from giblet.training.crops import Crops
from giblet.training.decoded import FULL_SCALE, Stretch

FEW = settings(deadline=None, max_examples=30)
UNCHANGED = {"gain_db": (0.0, 0.0)}


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def noise(*shape: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@FEW
@given(snr=st.floats(-10, 40), level=st.floats(1e-3, 0.5), noise_level=st.floats(1e-3, 10))
def test_the_ratio_of_sound_to_noise_is_as_asked(snr, level, noise_level):
    sound = (level * np.sin(np.arange(4000) / 7)).astype(np.float32)[None]
    added = with_noise(sound, noise(1, 4000, level=noise_level), snr).astype(np.float64) - sound
    assert 20 * np.log10(rms(sound) / rms(added)) == pytest.approx(snr, abs=0.02)


def test_silence_gets_no_noise_and_silent_noise_changes_nothing():
    silence = np.zeros((1, 100), np.float32)
    assert not with_noise(silence, noise(1, 100), 0).any()
    np.testing.assert_array_equal(with_noise(noise(1, 100), silence, 0), noise(1, 100))


def test_noise_of_a_batch_lies_in_the_range_and_has_two_colours():
    sound = np.zeros((200, 1, 4000), np.float32)
    sound[:] = 0.05 * np.sin(np.arange(4000) / 7)
    changed = Augmentation(**UNCHANGED, noise_probability=1, snr_db=(5, 20))(sound, rng())
    ratios, tilts = [], []
    for item, original in zip(changed, sound, strict=True):
        added = item - original
        ratios.append(20 * np.log10(rms(original) / rms(added)))
        power = np.abs(np.fft.rfft(added[0])) ** 2
        tilts.append(10 * np.log10(power[10:200].mean() / power[1000:].mean()))
    assert 4.9 < min(ratios) < 6
    assert 19 < max(ratios) < 20.1
    is_pink = np.array(tilts) > 5
    assert 0.3 < is_pink.mean() < 0.7
    assert np.abs(np.array(tilts)[~is_pink]).max() < 2


def test_pink_noise_falls_by_three_decibels_an_octave():
    power = (np.abs(np.fft.rfft(pink(noise(100, 8192)))) ** 2).mean(axis=0)
    octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(3, 12)]
    np.testing.assert_allclose(10 * np.log10(octaves[0] / np.array(octaves)), 3.01 * np.arange(9), atol=0.7)


def test_recorded_noise(tmp_path):
    hum = 0.3 * np.sin(2 * np.pi * 0.05 * np.arange(5000))
    (tmp_path / "samples").write_bytes(np.rint(hum * FULL_SCALE).astype("<i2").tobytes())
    recorded = CorpusPart(tmp_path / "samples", 8000, 1, [Stretch("hum", 0, 5000, 0.2)])
    sound = noise(8, 1, 1000)
    augmentation = Augmentation(**UNCHANGED, noise_probability=1, snr_db=(10, 10), noise=Crops(recorded, 1000, seed=0))
    for item, original in zip(augmentation(sound, rng()), sound, strict=True):
        added = item - original
        assert np.abs(np.fft.rfft(added[0])).argmax() == 50
        assert 20 * np.log10(rms(original) / rms(added)) == pytest.approx(10, abs=0.1)


@FEW
@given(weaker=st.floats(0, 15))
def test_mixing_keeps_the_level_and_the_ratio(weaker):
    first, second = noise(1, 20_000, seed=1), noise(1, 20_000, seed=2, level=0.01)
    total = mixed(first, second, weaker)
    assert rms(total) == pytest.approx(rms(first), rel=1e-4)
    # The two are unrelated: each one's share is its projection.
    share = [float(np.vdot(total, part) / np.vdot(part, part)) * rms(part) for part in (first, second)]
    assert 20 * np.log10(share[0] / share[1]) == pytest.approx(weaker, abs=0.6)


def test_mixing_takes_another_crop_of_the_batch():
    batch = np.zeros((4, 1, 4000), np.float32)
    for item in range(4):
        batch[item] = 0.1 * np.sin(2 * np.pi * 0.05 * (item + 1) * np.arange(4000))
    partners = set()
    for seed in range(30):
        changed = Augmentation(**UNCHANGED, mix_probability=1)(batch, rng(seed))
        for item, sound in enumerate(changed):
            spectrum = np.abs(np.fft.rfft(sound[0]))[[200, 400, 600, 800]]
            present = set(np.flatnonzero(spectrum > 0.05 * spectrum.max()).tolist())
            assert item in present
            assert len(present) == 2
            partners |= {(item, other) for other in present - {item}}
    assert len(partners) == 12


def test_mixing_leaves_a_lonely_crop_and_silence_alone():
    batch = noise(1, 1, 1000)
    np.testing.assert_allclose(Augmentation(**UNCHANGED, mix_probability=1)(batch, rng()), batch, rtol=1e-5)
    pair = np.stack([noise(1, 1000), np.zeros((1, 1000), np.float32)])
    np.testing.assert_array_equal(Augmentation(**UNCHANGED, mix_probability=1)(pair, rng()), pair)


def test_gain_lies_in_the_range():
    batch = np.broadcast_to(noise(1, 1000, level=0.05), (500, 1, 1000))
    changed = Augmentation(gain_db=(-12, 3))(batch, rng())
    gains = 20 * np.log10([rms(item) / rms(batch[0]) for item in changed])
    assert -12.01 < gains.min() < -11.5
    assert 2.5 < gains.max() < 3.01
    assert np.mean(gains) == pytest.approx(-4.5, abs=0.6)


@FEW
@given(
    sound=hnp.arrays(np.float32, (3, 2, 50), elements=st.floats(-1, 1, width=32)),
    seed=st.integers(0, 1000),
)
def test_nothing_exceeds_full_scale_and_the_batch_is_not_touched(sound, seed):
    before = sound.copy()
    augmentation = Augmentation((0, 20), mix_probability=1, noise_probability=1, snr_db=(-10, 0))
    changed = augmentation(sound, rng(seed))
    assert changed.shape == sound.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed).max() <= 1
    np.testing.assert_array_equal(sound, before)
    np.testing.assert_array_equal(augmentation(sound, rng(seed)), changed)


def test_the_shares_are_kept():
    batch = noise(1000, 1, 64)
    for options in ({"mix_probability": 0.3}, {"noise_probability": 0.3}):
        changed = Augmentation(**UNCHANGED, **options)(batch, rng())
        assert np.mean(np.any(changed != batch, axis=(1, 2))) == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(Augmentation(**UNCHANGED)(batch, rng()), batch)


@pytest.mark.parametrize(
    "options",
    [{"mix_probability": 1.5}, {"noise_probability": -0.1}, {"gain_db": (3, -3)}, {"snr_db": (float("nan"), 1)}],
)
def test_values_that_cannot_be_used(options):
    with pytest.raises(ParameterError):
        Augmentation(**options)
