"""A start from principal components: an APCodec whose untrained networks already pass amplitudes on.

From random weights, most of a small codec's training goes by until its decoder says about how loud each frequency is,
which a few principal components of the log amplitudes say at once. The layers between are set so that they pass these
on nearly unchanged: blocks begin by adding nothing, and normalisations see a constant so large that they hardly divide
by anything else.

References
----------
Krähenbühl, Doersch, Donahue and Darrell (2016), Data-dependent Initializations of Convolutional Neural Networks
(weights from principal components); Zhang, Dauphin and Ma (2019), Fixup Initialization (blocks that begin by adding
nothing).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from giblet.codecs.apcodec.blocks import Block, Conv, Stack, Upsample
from giblet.codecs.apcodec.model import APCodecModel

SHARE = 0.75
"""Of the latents that the components take; the others are left to phases."""
CONSTANT = 300.0
"""Of the channels that carry no component. The weights beside it are so large that no step of an optimiser upsets them,
and the normalisation behind takes the factor out."""
SWING = 2.0
"""Standard deviation of the largest component, as a multiple of what the constant is after normalisation, 1."""
LATENT = 3.0
"""Standard deviation of the largest component among the latents."""
RANDOM = 0.1
"""What is left of the random weights beside those that are set."""


class Components(NamedTuple):
    """Principal components of spectra, and of groups of them.

    Attributes
    ----------
    mean : Tensor, float32, shape (n_bins,)
        Of log amplitudes.
    of_spectra : Tensor, float32, shape (n_bins, n)
        Orthonormal columns, of differences from the mean that have been scaled.
    of_groups : Tensor, float32, shape (n_grouped, n, m)
        Orthonormal over its first two axes: what each spectrum's component adds to each component of the group.
    swing : float
        Standard deviation of the largest component of a spectrum.
    """

    mean: Tensor
    of_spectra: Tensor
    of_groups: Tensor
    swing: float


def principal_components(log_amplitude: Tensor, scale: Tensor, n: int, n_grouped: int, m: int) -> Components:
    """Find the components of spectra, n of each and m of each group.

    Parameters
    ----------
    log_amplitude : Tensor, float32, shape (batch, n_bins, frames)
        Of real sound.
    scale : Tensor, float32, shape (n_bins,)
        What differences at each frequency count.
    n, n_grouped, m : int
        Components of a spectrum, spectra in a group, and components of a group.

    Returns
    -------
    Components
        Of unit length, the largest first.
    """
    mean = log_amplitude.mean((0, 2))
    spectra = (log_amplitude.transpose(1, 2) - mean) * scale
    of_spectra = _largest(spectra.flatten(0, 1), n)
    found = spectra @ of_spectra
    groups = found[:, : found.shape[1] // n_grouped * n_grouped].reshape(-1, n_grouped * n)
    of_groups = _largest(groups, m).reshape(n_grouped, n, m)
    return Components(mean, of_spectra, of_groups, float(found[..., 0].std()))


def _largest(vectors: Tensor, n: int) -> Tensor:
    centred = (vectors - vectors.mean(0)).double()
    return torch.linalg.eigh(centred.T @ centred)[1].flip(1)[:, :n].float()


@torch.no_grad()
def start_linear(model: APCodecModel, log_amplitude: Tensor, scale: Tensor) -> None:
    """Set the amplitude branches of a model to pass principal components on.

    Parameters
    ----------
    model : APCodecModel
        Untrained, with a kernel of at least twice its ratio less one.
    log_amplitude : Tensor, float32, shape (batch, n_bins, frames)
        Of real sound.
    scale : Tensor, float32, shape (n_bins,)
        What differences at each frequency count.
    """
    sizes = model.config
    n = max(1, min(sizes.width // 4, int(SHARE * sizes.reduced), sizes.n_bins))
    m = max(1, min(n * sizes.ratio, int(SHARE * min(sizes.latent_dim, sizes.reduced))))
    parts = principal_components(log_amplitude, scale, n, sizes.ratio, m)
    factor = SWING / parts.swing
    latent = LATENT / (factor * parts.swing * sizes.ratio**0.5)

    encoder, decoder = model.encoder, model.decoder
    _pass_on(encoder.amplitude.stack, factor * (scale[:, None] * parts.of_spectra).T, parts.mean)
    _set(encoder.amplitude.down, dict(enumerate(latent * parts.of_groups.transpose(1, 2))))
    for layer in (encoder.join, decoder.split):
        _set(layer, {0: torch.eye(m, device=scale.device)})
    _set(decoder.amplitude.up, dict(enumerate(parts.of_groups / latent)))
    _pass_on(decoder.amplitude.stack, torch.eye(n, device=scale.device), scale.new_zeros(n))
    _set(decoder.to_amplitude, {0: parts.of_spectra / (factor * scale[:, None])})
    cast(Tensor, decoder.to_amplitude.bias).copy_(parts.mean)


def _pass_on(stack: Stack, weight: Tensor, mean: Tensor) -> None:
    """Let a stack give weight · (input − mean) in its first channels, as nearly as its normalisations allow."""
    n = len(weight)
    embed, project = stack.embed, stack.project
    constant = weight.new_ones(embed.out_channels)
    constant[::2] = -1
    constant[:n] = 0
    embed.weight[:n] = 0
    embed.weight[n:] *= RANDOM
    embed.weight[:n, : weight.shape[1], embed.before] = weight
    embed.weight *= CONSTANT
    cast(Tensor, embed.bias).copy_(CONSTANT * constant - embed.weight[:, : len(mean)].sum(2) @ mean)
    for block in stack.blocks:
        cast(Block, block).contract.weight.zero_()
    project.weight[:n] = 0
    project.weight[range(n), range(n)] = 1
    project.bias[:n] = 0


def _set(layer: nn.Module, taps: dict[int, Tensor]) -> None:
    """Set taps of a layer, counted from the first that lies on a frame of its own; (channels out, channels in) each.

    The weights are from the first channels to the first, which get nothing from anywhere else.
    """
    convolution = cast(Conv, layer)
    whole = convolution.weight.clone()
    # That of a transposed convolution is (channels in, channels out, taps).
    view = whole.transpose(0, 1) if isinstance(layer, Upsample) else whole
    rows, columns = taps[0].shape
    view[:rows] = 0
    for tap, weight in taps.items():
        view[:rows, :columns, convolution.before + tap] = weight
    convolution.weight = whole
    cast(Tensor, convolution.bias)[:rows] = 0
