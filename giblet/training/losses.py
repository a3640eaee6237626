"""What a codec's sound is compared with its reference by: waveform, multi-scale mel and STFT losses.

Sound has the shape (batch, channels, samples); every channel is compared by itself. All losses are computed in
float32, so they belong outside of an autocast region.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from giblet.errors import ParameterError
from giblet.spectral.mel import mel_filters

logger = logging.getLogger(__name__)

# EnCodec's seven scales, 2**5 to 2**11 samples.
MEL_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)
# Below this a magnitude's direction means nothing; keeps the gradient of digital silence finite.
LEAST_MAGNITUDE = 1e-12


class WaveformLoss(nn.Module):
    """Mean absolute difference of the samples."""

    def forward(self, reference: Tensor, estimate: Tensor) -> Tensor:
        """Compare two sounds.

        Parameters
        ----------
        reference, estimate : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1].

        Returns
        -------
        Tensor, shape ()
            The loss.

        Raises
        ------
        ParameterError
            If the shapes differ.
        """
        _check_same_shape(reference, estimate)
        return F.l1_loss(estimate, reference)


class MelLoss(nn.Module):
    """Distance of mel spectra at several resolutions, linear and logarithmic.

    A band holds the mean magnitude (or power) of its frequencies, and windows are scaled to unit energy, so that
    white noise of standard deviation s has magnitudes near s in every band of every scale: one floor fits all.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    windows : sequence of int
        Window (and transform) lengths in samples, one per scale; even, and divisible by `overlap`.
    n_mels : int
        Bands between 0 Hz and half the sampling rate. A window has at most half its length of them, and bands that
        hold none of its frequencies are left out.
    overlap : int
        Steps per window: 4 steps by a quarter. 2 takes half the time.
    log_floor : float
        Added to what the logarithm is taken of: differences below it count little. 1e-2 eases the start of a small
        model, which otherwise has to learn the colour of faint noise first.
    power : {1, 2}
        Bands of magnitude or of power. The floor is in the same measure.
    linear, log_l1, log_l2 : float
        Weights of the mean absolute difference, that of the decimal logarithms, and the mean squared difference of
        the decimal logarithms. Terms of weight 0 cost nothing.
    window_weighted : bool
        Weight each scale's squared difference by sqrt(window / 2), as in SoundStream; EnCodec has 1 everywhere.

    Raises
    ------
    ParameterError
        If a parameter has no meaning.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression, section 3.4; Gritsenko et al.
    (2020), A Spectral Energy Distance for Parallel Speech Synthesis, for the weights by window.
    """

    def __init__(
        self,
        sample_rate: int,
        windows: Sequence[int] = MEL_WINDOWS,
        n_mels: int = 64,
        *,
        overlap: int = 4,
        log_floor: float = 1e-5,
        power: int = 1,
        linear: float = 1.0,
        log_l1: float = 0.0,
        log_l2: float = 1.0,
        window_weighted: bool = False,
    ) -> None:
        super().__init__()
        _check_log_floor(log_floor)
        if power not in (1, 2):
            raise ParameterError(f"power is {power}", "give 1 for magnitudes or 2 for power")
        if min(linear, log_l1, log_l2) < 0 or linear + log_l1 + log_l2 == 0:
            raise ParameterError(
                f"the mel loss has weights linear {linear}, log_l1 {log_l1}, log_l2 {log_l2}",
                "give no negative weight, and at least one that is positive",
            )
        self.scales = nn.ModuleList(_MelBands(sample_rate, window, n_mels, overlap, power) for window in windows)
        _check_any_window(self.scales)
        self.log_floor = log_floor
        self.linear = linear
        self.log_l1 = log_l1
        self.log_l2 = [log_l2 * (math.sqrt(window / 2) if window_weighted else 1.0) for window in windows]

    def features(self, sound: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the mel spectra of a sound, to be used as a reference more than once.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1], of any length.

        Returns
        -------
        list of (Tensor, Tensor), each of shape (batch * channels, frames, bands)
            Of every scale the bands, and the decimal logarithm of bands plus the present floor; where that has no
            weight, the bands again. Frame j is centred at sample j * window / overlap, with silence around the sound.
        """
        features = []
        for scale in self.scales:
            bands = scale(sound)
            features.append((bands, (bands + self.log_floor).log10() if self._needs_log else bands))
        return features

    def forward(self, reference: Tensor | Sequence[tuple[Tensor, Tensor]], estimate: Tensor) -> Tensor:
        """Compare two sounds.

        Parameters
        ----------
        reference : Tensor of float32, shape (batch, channels, samples), or what `features` gave for it
            Sound in [-1, 1], which gets no gradient.
        estimate : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1].

        Returns
        -------
        Tensor, shape ()
            The loss, a mean over scales, bands, frames, channels and batch.

        Raises
        ------
        ParameterError
            If the shapes differ.
        """
        if isinstance(reference, Tensor):
            _check_same_shape(reference, estimate)
            with torch.no_grad():
                reference = self.features(reference)
        terms = []
        for (target, log_target), (bands, log_bands), log_l2 in zip(
            reference, self.features(estimate), self.log_l2, strict=True
        ):
            _check_same_shape(target, bands)
            if self.linear:
                terms.append(self.linear * F.l1_loss(bands, target))
            if self.log_l1:
                terms.append(self.log_l1 * F.l1_loss(log_bands, log_target))
            if log_l2:
                terms.append(log_l2 * F.mse_loss(log_bands, log_target))
        return torch.stack(terms).sum() / len(self.scales)

    @property
    def _needs_log(self) -> bool:
        return self.log_l1 > 0 or self.log_l2[0] > 0


class StftLoss(nn.Module):
    """Multi-resolution STFT loss: spectral convergence and the mean absolute difference of log magnitudes.

    Spectral convergence is taken of the whole batch, so that a silent item in it has no undue weight.

    Parameters
    ----------
    windows : sequence of int
        Window (and transform) lengths in samples, one per resolution; even, and divisible by `overlap`.
    overlap : int
        Steps per window.
    log_floor : float
        Added to the magnitudes before the natural logarithm, and the least level that a reference counts with. White
        noise of standard deviation s has magnitudes near s.
    convergence, log_magnitude : float
        Weights of the two parts.

    Raises
    ------
    ParameterError
        If a parameter has no meaning.

    References
    ----------
    Yamamoto, Song and Kim (2020), Parallel WaveGAN: A Fast Waveform Generation Model Based on Generative Adversarial
    Networks with Multi-Resolution Spectrogram.
    """

    def __init__(
        self,
        windows: Sequence[int] = (512, 1024, 2048),
        *,
        overlap: int = 4,
        log_floor: float = 1e-5,
        convergence: float = 1.0,
        log_magnitude: float = 1.0,
    ) -> None:
        super().__init__()
        _check_log_floor(log_floor)
        self.scales = nn.ModuleList(_Spectra(window, overlap) for window in windows)
        _check_any_window(self.scales)
        self.log_floor = log_floor
        self.convergence = convergence
        self.log_magnitude = log_magnitude

    def forward(self, reference: Tensor, estimate: Tensor) -> Tensor:
        """Compare two sounds.

        Parameters
        ----------
        reference, estimate : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1]; the reference gets no gradient.

        Returns
        -------
        Tensor, shape ()
            The loss, a mean over resolutions.

        Raises
        ------
        ParameterError
            If the shapes differ.
        """
        _check_same_shape(reference, estimate)
        terms = []
        for scale in self.scales:
            with torch.no_grad():
                target = scale(reference)
            found = scale(estimate)
            level = torch.linalg.vector_norm(target).clamp_min(self.log_floor * math.sqrt(target.numel()))
            terms.append(self.convergence * torch.linalg.vector_norm(found - target) / level)
            logs = (found + self.log_floor).log(), (target + self.log_floor).log()
            terms.append(self.log_magnitude * F.l1_loss(*logs))
        return torch.stack(terms).sum() / len(self.scales)


class _Spectra(nn.Module):
    """Magnitude or power: sound (batch, channels, n) to (batch * channels, 1 + n // step, 1 + window // 2)."""

    window: Tensor

    def __init__(self, window: int, overlap: int, power: int = 1) -> None:
        super().__init__()
        if overlap < 1 or window < 2 or window % 2 or window % overlap:
            raise ParameterError(
                f"windows of {window} samples cannot advance by 1/{overlap} of their length",
                "give even windows that are a multiple of overlap, such as 1024 and 4",
            )
        self.step = window // overlap
        self.power = power
        hann = torch.hann_window(window, dtype=torch.float64)
        self.register_buffer("window", (hann / hann.square().sum().sqrt()).float(), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        length = len(self.window)
        sound = sound.flatten(0, -2).to(self.window.dtype)
        n_samples = sound.shape[-1]
        # So many that the last frame ends with the last sample: the overlap-add of the gradient counts on it.
        after = n_samples // self.step * self.step + length // 2 - n_samples
        return _FramedSpectra.apply(F.pad(sound, (length // 2, after)), self.window, self.step, self.power)


class _MelBands(_Spectra):
    """Mel bands: sound (batch, channels, n) to (batch * channels, 1 + n // step, bands)."""

    bank: Tensor

    def __init__(self, sample_rate: int, window: int, n_mels: int, overlap: int, power: int) -> None:
        super().__init__(window, overlap, power)
        bank = torch.from_numpy(mel_filters(sample_rate, window, min(n_mels, window // 2)).toarray())
        bank = bank[bank.any(dim=1)]
        self.register_buffer("bank", (bank / bank.sum(dim=1, keepdim=True)).T.contiguous(), persistent=False)
        logger.debug("%d mel bands of windows of %d samples", len(bank), window)

    def forward(self, sound: Tensor) -> Tensor:
        return super().forward(sound) @ self.bank


class _FramedSpectra(torch.autograd.Function):
    """Magnitudes (power 1) or powers (2) of windowed frames, with a gradient several times as fast as autograd's.

    Autograd takes a complex transform of full length back through `rfft`, and scatters overlapping frames sample by
    sample; a real transform and a few shifted sums do the same.
    """

    @staticmethod
    def forward(ctx: Any, sound: Tensor, window: Tensor, step: int, power: int) -> Tensor:
        spectrum = torch.fft.rfft(sound.unfold(-1, len(window), step) * window)
        result = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        if power == 1:
            result.sqrt_()
        ctx.save_for_backward(spectrum, result, window)
        ctx.step, ctx.power = step, power
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        spectrum, result, window = ctx.saved_tensors
        scale = gradient / result.clamp_min(LEAST_MAGNITUDE) if ctx.power == 1 else 2 * gradient
        # The inverse transform counts every frequency twice, but for the first and the last.
        scale[..., 1:-1] *= 0.5
        frames = torch.fft.irfft(spectrum * scale, len(window), norm="forward").mul_(window)
        n_frames, step = frames.shape[1], ctx.step
        overlap = len(window) // step
        parts = frames.unflatten(-1, (overlap, step))
        sound = frames.new_zeros(len(frames), n_frames + overlap - 1, step)
        for i in range(overlap):
            sound[:, i : i + n_frames] += parts[:, :, i]
        return sound.flatten(1), None, None, None


def _check_same_shape(reference: Tensor, estimate: Tensor) -> None:
    if reference.shape != estimate.shape:
        raise ParameterError(
            f"the reference has shape {tuple(reference.shape)} and the estimate {tuple(estimate.shape)}",
            "give two sounds of the same shape",
        )


def _check_log_floor(log_floor: float) -> None:
    if log_floor <= 0:
        raise ParameterError(f"log_floor is {log_floor}", "give a positive one, such as 1e-5")


def _check_any_window(scales: nn.ModuleList) -> None:
    if not len(scales):
        raise ParameterError("no window is given", "give one or more, such as 512, 1024 and 2048")
