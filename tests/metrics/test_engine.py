from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.errors import ParameterError
from giblet.metrics import MEASURES, Pair, available_measures, cut, pesq, score, stoi

RATE = 24_000


def noisy_pair(seconds: float, **about) -> Pair:
    sound = babble(round(seconds * RATE))[0]
    noise = np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32)
    return Pair(sound, sound + 0.02 * noise, RATE, **about)


def test_segments_are_equally_long_and_cover_the_sound():
    pair = noisy_pair(25, file="a.wav", method="c", bandwidth=3.0, start=100.0)
    parts = cut(pair, 10)
    assert [part.start for part in parts] == [100.0, pytest.approx(100 + 25 / 3), pytest.approx(100 + 50 / 3)]
    assert {(part.file, part.method, part.bandwidth) for part in parts} == {("a.wav", "c", 3.0)}
    assert np.array_equal(np.concatenate([part.degraded for part in parts]), pair.degraded)
    assert len(cut(noisy_pair(12), 12)) == 1
    assert len(cut(noisy_pair(12.1), 12)) == 2
    assert cut(noisy_pair(0)) == []


@pytest.mark.parametrize("segment", [0.5, 31, math.nan])
def test_a_segment_that_pesq_or_stoi_cannot_take_is_refused(segment):
    with pytest.raises(ParameterError, match="1 to 30 s"):
        cut(noisy_pair(2), segment)


def test_all_measures_are_those_of_their_functions():
    pair = noisy_pair(3, file="a.wav", method="c", bandwidth=6.0, start=7.0)
    found = score(pair)
    assert (found.file, found.method, found.bandwidth, found.start, found.duration) == ("a.wav", "c", 6.0, 7.0, 3.0)
    assert not found.silent
    assert all(math.isfinite(getattr(found, name)) for name in MEASURES)
    assert found.stoi == pytest.approx(stoi(pair.reference, pair.degraded, RATE), abs=1e-6)
    assert found.estoi == pytest.approx(stoi(pair.reference, pair.degraded, RATE, extended=True), abs=1e-6)
    assert found.si_sdr == pytest.approx(found.snr, abs=1)


@pytest.mark.realdata
def test_pesq_is_the_published_one_at_any_rate(realdata):
    clean, rate = soundfile.read(realdata / "speech" / "pesq_speech.wav")
    noisy, _ = soundfile.read(realdata / "speech" / "pesq_speech_bab_0dB.wav")
    found = score(Pair(clean, noisy, rate))
    assert found.pesq_wb == pytest.approx(1.0832337, abs=1e-6)
    assert found.pesq_nb == pytest.approx(1.6072081, abs=1e-6)
    import soxr

    upsampled = [soxr.resample(sound, rate, 48_000) for sound in (clean, noisy)]
    assert score(Pair(*upsampled, 48_000)).pesq_wb == pytest.approx(pesq(clean, noisy, rate), abs=0.01)


def test_channels_are_measured_as_their_mean():
    sound = babble(RATE * 2, 2)
    other = sound + np.float32(0.1) * np.array([[1], [-1]], np.float32)
    found = score(Pair(sound, other, RATE))
    assert found.snr == 100
    assert cut(Pair(sound, other, RATE))[0].reference.ndim == 1


def test_a_silent_segment_is_marked_and_not_measured():
    quiet = np.full(RATE, 5e-4, np.float32)
    found = score(Pair(quiet, quiet, RATE))
    assert found.silent
    assert all(math.isnan(getattr(found, name)) for name in MEASURES)
    assert not score(Pair(4 * quiet, quiet, RATE)).silent


def test_a_clip_too_short_for_speech_still_has_ratios():
    found = score(noisy_pair(0.2))
    assert math.isnan(found.stoi)
    assert math.isnan(found.pesq_wb)
    assert math.isfinite(found.si_sdr)
    assert found.mel_distance > 0


def test_a_decoder_that_gives_silence_is_scored():
    sound = babble(RATE * 2)[0]
    found = score(Pair(sound, np.zeros_like(sound), RATE))
    assert found.snr == pytest.approx(0)
    assert math.isnan(found.si_sdr)
    assert found.stoi < 0.1


def test_measures_can_be_chosen():
    found = score(noisy_pair(2), ["snr"])
    assert math.isfinite(found.snr)
    assert math.isnan(found.stoi)
    with pytest.raises(ParameterError, match="no measure 'loudness'"):
        score(noisy_pair(2), ["loudness"])


def test_without_the_package_pesq_the_rest_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert set(MEASURES) - set(available_measures()) == {"pesq_wb", "pesq_nb"}
    found = score(noisy_pair(2))
    assert math.isnan(found.pesq_wb)
    assert found.stoi > 0


def test_sounds_that_do_not_match_are_refused():
    with pytest.raises(ParameterError, match="same shape"):
        Pair(np.zeros(5), np.zeros(6), RATE)
