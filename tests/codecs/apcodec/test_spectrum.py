"""Sound to log amplitude and phase, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fabricate import babble
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.spectrum import analyse, synthesise

CONFIG = APCodecConfig()


def snr(reference, other):
    return 10 * math.log10(float((reference**2).mean() / ((reference - other) ** 2).mean()))


class Told(nn.Module):
    """A layer that says what it was told, whatever it hears."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer


@pytest.mark.parametrize("length", [48_000, 47_999, 7_960, 513, 100])
def test_sound_passes_the_output_stage_of_the_decoder(networks, length):
    import copy

    sound = torch.from_numpy(babble(length))
    sound *= 0.05 / sound.square().mean().sqrt()
    n_frames = CONFIG.n_frames(length)
    padded = nn.functional.pad(sound, (0, n_frames * 320 - 40 - length)) if length < n_frames * 320 - 40 else sound
    spectrum = analyse(padded, CONFIG)
    spectrum = [form[..., : n_frames * 8] for form in spectrum]
    bypassed = copy.deepcopy(networks)
    for name in ("split", "amplitude", "phase"):
        setattr(bypassed.decoder, name, nn.Identity())
    # Any common factor of the two parts of the phase means nothing.
    bypassed.decoder.to_amplitude = Told(spectrum[0])
    bypassed.decoder.to_real, bypassed.decoder.to_imaginary = Told(3 * spectrum[2]), Told(3 * spectrum[3])
    decoded = bypassed.sound_of(torch.zeros(1, 8, n_frames))
    assert decoded.shape == (1, n_frames * 320)
    assert snr(sound, decoded[:, :length]) >= 60


def test_a_frame_is_the_transform_of_what_a_window_shows_around_it():
    sound = babble(4000)[0]
    spectrum = analyse(torch.from_numpy(sound)[None], CONFIG)
    # Reflected ends, the window in the middle of the transform.
    longer = np.pad(sound.astype(np.float64), 512, "reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(320) / 320)
    for frame in (0, 1, 3, 50, 99, 100):
        seen = np.zeros(1024)
        seen[352:672] = longer[frame * 40 + 352 : frame * 40 + 672] * window
        expected = np.fft.rfft(seen)
        found = [form[0, :, frame].numpy() for form in spectrum]
        np.testing.assert_allclose(found[2] + 1j * found[3], expected, atol=1e-4)
        np.testing.assert_allclose(found[0], np.log(np.abs(expected) + 1e-5), atol=1e-3)
        np.testing.assert_allclose(np.exp(1j * found[1]), np.exp(1j * np.angle(expected)), atol=0.05)


@given(length=st.integers(40, 3000))
def test_frames_of_any_length(length):
    spectrum = analyse(torch.full((2, length), 0.1), CONFIG)
    assert {form.shape for form in spectrum} == {(2, 513, length // 40 + 1)}
    assert all(form.isfinite().all() for form in spectrum)
    assert synthesise(spectrum.log_amplitude, spectrum.phase, CONFIG).shape == (2, length // 40 * 40)


def test_silence_has_a_logarithm_and_a_gradient():
    sound = torch.zeros(1, 960, requires_grad=True)
    spectrum = analyse(sound, CONFIG)
    assert (spectrum.log_amplitude == np.log(np.float32(1e-5))).all()
    (spectrum.log_amplitude.sum() + spectrum.phase.sum() + spectrum.real.sum()).backward()
    assert sound.grad.isfinite().all()
    assert not synthesise(spectrum.log_amplitude, spectrum.phase, CONFIG).abs().max() > 1e-3
