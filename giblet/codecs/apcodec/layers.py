"""APCodec's streaming networks as plain matrix products, run block by block.

A causal layer needs only its last ``kernel - stride`` rows of what came before. With these carried along, blocks give
what the whole sound would give. Everything is laid out as (frames, channels), so that nothing is rearranged between
layers, and weight norm is folded into the weights once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet.codecs.apcodec.quantizer import ResidualQuantizer
from giblet.codecs.apcodec.spectrum import Spectrum

State = dict[int, Tensor]


def _carry(layer: object, x: Tensor, n: int, state: State) -> Tensor:
    """Return the last ``n`` rows that ``layer`` saw, or silence, and the next block, in one."""
    if not n:
        return x
    x = torch.cat([state.get(id(layer), x.new_zeros(n, x.shape[1])), x])
    state[id(layer)] = x[len(x) - n :].clone()
    return x


class StreamingConv:
    """A causal convolution; one with a stride takes ``stride`` frames as one long row.

    Parameters
    ----------
    modules : giblet.codecs.apcodec.blocks.Conv
        One, or several of the same size, whose outputs lie beside each other.
    """

    def __init__(self, *modules: Any) -> None:
        weight = torch.cat([module.weight.detach() for module in modules])
        self.bias = torch.cat([module.bias.detach() for module in modules])
        n_out, n_in, kernel = weight.shape
        self.stride: int = modules[0].stride[0]
        self.row = self.stride * n_in
        # Whole strides of taps: what lies before the first one is multiplied by nothing.
        weight = functional.pad(weight, (-kernel % self.stride, 0))
        self.taps = weight.permute(2, 1, 0).reshape(-1, self.row, n_out).contiguous()

    def __call__(self, x: Tensor, state: State) -> Tensor:
        """Convolve the next frames (n, n_in); only a sound's last may be no whole strides."""
        rows = functional.pad(x, (0, 0, 0, -len(x) % self.stride)).view(-1, self.row)
        n_rows = len(rows)
        rows = _carry(self, rows, len(self.taps) - 1, state)
        y = torch.addmm(self.bias, rows[:n_rows], self.taps[0])
        for j, tap in enumerate(self.taps[1:], 1):
            y.addmm_(rows[j : j + n_rows], tap)
        return y


class StreamingUpsample:
    """A causal transposed convolution: a frame becomes one long row, and what it adds to the next.

    Parameters
    ----------
    module : giblet.codecs.apcodec.blocks.Upsample
        Where the weights come from.
    """

    def __init__(self, module: Any) -> None:
        weight = module.weight.detach()
        n_in, self.n_out, kernel = weight.shape
        ratio: int = module.stride[0]
        by_part = weight.view(n_in, self.n_out, kernel // ratio, ratio).permute(2, 0, 3, 1)
        self.now, self.later = by_part.reshape(kernel // ratio, n_in, ratio * self.n_out).contiguous()
        self.bias = module.bias.detach().repeat(ratio)

    def __call__(self, x: Tensor, state: State) -> Tensor:
        """Spread the next frames (n, n_in) to (n·ratio, n_out)."""
        rows = _carry(self, x, 1, state)
        return torch.addmm(self.bias, x, self.now).addmm_(rows[:-1], self.later).view(-1, self.n_out)


class StreamingBlock:
    """A ConvNeXt block.

    Parameters
    ----------
    module : giblet.codecs.apcodec.blocks.Block
        Where the weights come from.
    """

    def __init__(self, module: Any) -> None:
        self.taps = module.depthwise.weight.detach()[:, 0].t().contiguous()
        self.bias = module.depthwise.bias.detach()
        self.norm = _Norm(module.norm)
        self.expand, self.contract = _Linear(module.expand), _Linear(module.contract)
        self.gamma = module.response.gamma.detach()[0]
        self.beta = module.response.beta.detach()[0]

    def __call__(self, x: Tensor, state: State) -> Tensor:
        """Run over the next frames (n, width)."""
        rows = _carry(self, x, len(self.taps) - 1, state)
        y = torch.addcmul(self.bias, rows[: len(x)], self.taps[0])
        for j, tap in enumerate(self.taps[1:], 1):
            y.addcmul_(rows[j : j + len(x)], tap)
        y = functional.gelu(self.expand(self.norm(y)))
        norm = y.abs()
        share = norm.div_(norm.mean(1, keepdim=True).add_(1e-6)).mul_(self.gamma).add_(1)
        return self.contract(share.mul_(y).add_(self.beta)).add_(x)


class _Norm:
    def __init__(self, module: nn.LayerNorm) -> None:
        self.weight, self.bias, self.eps = module.weight.detach(), module.bias.detach(), module.eps

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class _Linear:
    def __init__(self, module: nn.Linear) -> None:
        self.weight, self.bias = module.weight.detach().t().contiguous(), module.bias.detach()

    def __call__(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


class StreamingStack:
    """A convolution, blocks, and the layer that ends them.

    Parameters
    ----------
    module : giblet.codecs.apcodec.blocks.Stack
        Where the weights come from.
    """

    def __init__(self, module: Any) -> None:
        self.embed = StreamingConv(module.embed)
        self.norm, self.final_norm = _Norm(module.norm), _Norm(module.final_norm)
        self.blocks = [StreamingBlock(block) for block in module.blocks]
        self.project = _Linear(module.project)

    def __call__(self, x: Tensor, state: State) -> Tensor:
        """Run over the next frames (n, n_in)."""
        x = self.norm(self.embed(x, state))
        for block in self.blocks:
            x = block(x, state)
        return self.project(self.final_norm(x))


class StreamingEncoderNetwork:
    """Spectra to latents.

    Parameters
    ----------
    module : giblet.codecs.apcodec.network.SpectralEncoder
        A streaming one.
    """

    def __init__(self, module: Any) -> None:
        self.branches = [(StreamingStack(b.stack), StreamingConv(b.down)) for b in (module.amplitude, module.phase)]
        self.join = StreamingConv(module.join)

    def __call__(self, spectrum: Spectrum, state: State) -> Tensor:
        """Encode the next spectra of one sound to (n, latent_dim)."""
        forms = spectrum.log_amplitude, spectrum.phase
        parts = [down(stack(x[0].t(), state), state) for x, (stack, down) in zip(forms, self.branches, strict=True)]
        return self.join(torch.cat(parts, dim=1), state)


class StreamingDecoderNetwork:
    """Latents to spectra.

    Parameters
    ----------
    module : giblet.codecs.apcodec.network.SpectralDecoder
        A streaming one.
    """

    def __init__(self, module: Any) -> None:
        self.split = StreamingConv(module.split)
        self.branches = [(StreamingUpsample(b.up), StreamingStack(b.stack)) for b in (module.amplitude, module.phase)]
        self.ends = StreamingConv(module.to_amplitude), StreamingConv(module.to_real, module.to_imaginary)

    def __call__(self, latents: Tensor, state: State) -> tuple[Tensor, Tensor]:
        """Decode the next latents (n, latent_dim) to log amplitude and phase, (n·ratio, n_bins) each."""
        x = self.split(latents, state)
        log_amplitude, both = (
            end(stack(up(x, state), state), state) for (up, stack), end in zip(self.branches, self.ends, strict=True)
        )
        real, imaginary = both.chunk(2, dim=1)
        return log_amplitude, torch.atan2(imaginary, real)


class CodeBooks:
    """Look-up of entries, codebook after codebook.

    Parameters
    ----------
    module : ResidualQuantizer
        Where the entries come from.
    """

    def __init__(self, module: ResidualQuantizer) -> None:
        self.vectors = module.codebooks().detach()
        layers: list[Any] = list(module.layers)
        self.projections = [
            (layer.project_in.weight.detach()[..., 0].t().contiguous(), layer.project_in.bias.detach())
            for layer in layers
        ]
        self.directions = [functional.normalize(layer.entries.weight.detach()).t() for layer in layers]

    def encode(self, latents: Tensor, n_codebooks: int) -> Tensor:
        """Return the codes, int64 (n_codebooks, n), of latents (n, latent_dim)."""
        left = latents
        codes = []
        for q in range(n_codebooks):
            weight, bias = self.projections[q]
            given = functional.normalize(torch.addmm(bias, left, weight))
            codes.append((given @ self.directions[q]).argmax(1))
            left = left - self.vectors[q][codes[-1]]
        return torch.stack(codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the latents (n, latent_dim) of codes (n_codebooks, n)."""
        return torch.stack([vectors[index] for vectors, index in zip(self.vectors, codes, strict=False)]).sum(0)
