"""A small multimodal autoencoder: sound, pictures and words of a TR -> a bottleneck -> the same again, and BOLD.

python train_autoencoder.py [STUDY] [--epochs 40] [--latent 8] [--train-share 0.65] [--gap SECONDS] [--seed 0]

STUDY is what MultimodalDataset reads, by default the small simulated dataset in data/. The network learns from the
first part of every run and is judged by the last, with a gap between them. What it predicts there is compared with the
mean of the training part, and with its own predictions at other times (circular shifts within the held-out part).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from giblet.codecs import load_codec
from giblet.data import MultimodalDataset
from giblet.models import AudioCodeEncoder

SAMPLE = Path(__file__).resolve().parent.parent / "data"
THUMBNAIL = (9, 16)
FEATURES = "audio.codes,video.frames,text.word_rate"


class Autoencoder(nn.Module):
    """Three branches, one bottleneck, and a linear read-out of each thing it is asked for."""

    def __init__(self, code_vectors: np.ndarray, n_targets: int, latent: int, dim: int = 24) -> None:
        super().__init__()
        n_codebooks, size, width = code_vectors.shape
        self.register_buffer("code_vectors", torch.from_numpy(code_vectors), persistent=False)
        self.sound = AudioCodeEncoder(n_codebooks, size, dim, channels=24, code_vectors=code_vectors)
        self.pictures = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=2), nn.GELU(), nn.Conv2d(12, 24, 3, stride=2), nn.GELU(),
            nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(48, dim),
        )  # fmt: skip
        self.words = nn.Linear(1, dim)
        self.bottleneck = nn.Sequential(nn.LayerNorm(3 * dim), nn.Dropout(0.2), nn.Linear(3 * dim, latent))
        sizes = {"fmri": n_targets, "sound": width, "picture": 3 * THUMBNAIL[0] * THUMBNAIL[1], "words": 1}
        self.read_outs = nn.ModuleDict({name: nn.Linear(latent, size) for name, size in sizes.items()})

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what is made of the bottleneck, (batch, size) each."""
        frames = functional.adaptive_avg_pool2d(pictures(batch), (18, 32))
        seen = self.pictures(frames).unflatten(0, batch["video"].shape[:2]).mean(dim=1)
        inner = self.bottleneck(torch.cat([self.sound(batch["audio"]), seen, self.words(batch["text"])], dim=1))
        return {name: read_out(inner) for name, read_out in self.read_outs.items()}

    def wanted(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what should be made of it: BOLD, the mean latents of the sound, the mean picture, the word rate."""
        codes = batch["audio"].transpose(0, 1)
        latents = sum(vectors[code] for vectors, code in zip(self.code_vectors, codes, strict=True))
        thumbnails = functional.adaptive_avg_pool2d(pictures(batch), THUMBNAIL)
        mean = thumbnails.unflatten(0, batch["video"].shape[:2]).mean(dim=1).flatten(1)
        return {"fmri": batch["fmri"], "sound": latents.mean(dim=1), "picture": mean, "words": batch["text"]}


def pictures(batch: dict[str, Tensor]) -> Tensor:
    """Return all pictures of a batch, float (batch · frames, 3, height, width) from 0 to 1."""
    return batch["video"].flatten(0, 1).permute(0, 3, 1, 2).float() / 255


def train(network: Autoencoder, dataset: MultimodalDataset, epochs: int) -> tuple[Tensor, Tensor]:
    """Train, and return mean and spread of the BOLD that was learnt from."""
    whole = network.wanted(dataset.get_batch(range(len(dataset))))
    # Each target counts by the share of its variance that is met, so none needs a weight.
    mean = {name: values.mean(dim=0) for name, values in whole.items()}
    spread = {name: (values - mean[name]).square().mean().sqrt() + 1e-6 for name, values in whole.items()}
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.1)
    for epoch in range(1, epochs + 1):
        network.train()
        totals = dict.fromkeys(mean, 0.0)
        for batch in DataLoader(dataset, batch_size=16, shuffle=True):
            made, wanted = network(batch), network.wanted(batch)
            parts = {
                name: functional.mse_loss(made[name], (wanted[name] - mean[name]) / spread[name]) for name in wanted
            }
            optimiser.zero_grad()
            sum(parts.values()).backward()
            optimiser.step()
            totals = {name: total + parts[name].item() * len(batch["fmri"]) for name, total in totals.items()}
        if epoch in (1, epochs) or epoch % max(1, epochs // 4) == 0:
            losses = ", ".join(f"{name} {total / len(dataset):.3f}" for name, total in totals.items())
            print(f"epoch {epoch}: {losses}")
    return mean["fmri"], spread["fmri"]


@torch.no_grad()
def judge(network: Autoencoder, dataset: MultimodalDataset, mean: Tensor, spread: Tensor) -> None:
    """Print how well the BOLD of a split was predicted, beside a baseline and a null."""
    network.eval()
    batches = list(DataLoader(dataset, batch_size=16))
    predicted = torch.cat([network(batch)["fmri"] * spread + mean for batch in batches]).numpy()
    bold, subject, run, tr = (
        torch.cat([batch[name] for batch in batches]).numpy() for name in ("fmri", "subject_id", "run", "tr_index")
    )
    scans = [np.flatnonzero((subject == s) & (run == r)) for s in np.unique(subject) for r in np.unique(run)]
    scans = [rows[np.argsort(tr[rows])] for rows in scans if len(rows) > 2]
    shortest = min(len(rows) for rows in scans)
    shifted = [
        np.mean([correlation(np.roll(predicted[rows], k, axis=0), bold[rows]) for rows in scans])
        for k in range(shortest)
    ]
    error, baseline = np.square(bold - predicted).mean(), np.square(bold - mean.numpy()).mean()
    print(f"held out: {len(scans)} scans of {shortest} TRs or more, {bold.shape[1]} targets")
    print(f"r {shifted[0]:.3f}; at other times {np.mean(shifted[1:]):.3f}, at most {max(shifted[1:]):.3f}")
    print(f"squared error {error:.3f}; of the training mean {baseline:.3f}")
    at_least = sum(value >= shifted[0] for value in shifted)
    print(f"p {at_least / shortest:.3f}, which {shortest} TRs cannot bring below {1 / shortest:.3f}")


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean over targets of Pearson's r over TRs."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return float(np.mean((a * b).sum(axis=0)[scale > 0] / scale[scale > 0]))


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(description="Train a small multimodal autoencoder that predicts BOLD.")
    parser.add_argument("study", type=Path, nargs="?", default=SAMPLE, help="a folder or file that describes a study")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent", type=int, default=8, help="numbers that the bottleneck holds")
    parser.add_argument("--train-share", type=float, default=0.65, help="share of every run that is learnt from")
    parser.add_argument("--gap", type=float, help="seconds between the parts; default: what the features reach over")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="where the study is prepared")
    asked = parser.parse_args()
    # The sample film of 30 s is over before its haemodynamic response is: there, parts can only be kept a little apart.
    gap = 3.0 if asked.gap is None and asked.study == SAMPLE else asked.gap
    torch.manual_seed(asked.seed)
    shares = {"train": asked.train_share, "test": 1 - asked.train_share}
    parts = [
        MultimodalDataset(
            asked.study, split=name, splits=shares, gap=gap, apply_hrf=True, features=FEATURES, only_valid=True,
            cache_dir=asked.cache,
        )
        for name in shares
    ]  # fmt: skip
    learnt, held_out = parts
    print(f"{len(learnt)} samples to learn from, {len(held_out)} held out, {learnt.gap} TRs between them")
    n_codebooks = len(learnt[0]["audio"])
    vectors = load_codec(learnt.settings.codec).codebooks(n_codebooks)
    network = Autoencoder(vectors, len(learnt[0]["fmri"]), asked.latent)
    judge(network, held_out, *train(network, learnt, asked.epochs))


if __name__ == "__main__":
    main()
