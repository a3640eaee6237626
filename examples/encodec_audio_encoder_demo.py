"""The codes of a film as the sound branch of a network that predicts BOLD.

python encodec_audio_encoder_demo.py [STUDY [CACHE]]

STUDY is what MultimodalDataset reads, by default the small simulated dataset in data/; CACHE is where it is prepared.
With so few volumes a falling loss shows that the branch learns, and not that anything was found about a brain.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from giblet.codecs import load_codec
from giblet.data import MultimodalDataset
from giblet.models import AudioCodeEncoder

SAMPLE = Path(__file__).resolve().parent.parent / "data"
DIM, EPOCHS = 32, 20


def main() -> None:
    """Run the steps."""
    study = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    cache = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    torch.manual_seed(0)

    # Codes are labels that no haemodynamic response can be applied to; they come delayed by its peak instead.
    dataset = MultimodalDataset(
        study, apply_hrf=True, features="audio.codes", splits={"train": 1.0}, split="train", only_valid=True,
        cache_dir=cache,
    )  # fmt: skip
    sample = dataset[0]
    n_codebooks, n_targets = len(sample["audio"]), len(sample["fmri"])
    print(f"{len(dataset)} samples: codes {tuple(sample['audio'].shape)}, BOLD {tuple(sample['fmri'].shape)}")

    # Embeddings may begin as the codec's own vectors, in which codes that sound alike lie together.
    vectors = load_codec(dataset.settings.codec).codebooks(n_codebooks)
    sound = AudioCodeEncoder(n_codebooks, vectors.shape[1], DIM, channels=32, dropout=0.1, code_vectors=vectors)
    network = nn.Sequential(sound, nn.GELU(), nn.Linear(DIM, n_targets))
    n_parameters = sum(parameter.numel() for parameter in sound.parameters())
    print(f"sound branch: {n_parameters} parameters, {tuple(sample['audio'].shape)} -> ({DIM},)")

    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    loader = DataLoader(dataset, batch_size=16, shuffle=True)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch in loader:
            loss = nn.functional.mse_loss(network(batch["audio"]), batch["fmri"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch["fmri"])
        if epoch == 1 or epoch % 5 == 0:
            print(f"epoch {epoch}: loss {total / len(dataset):.3f}")

    # The branch does not mind how many frames a TR has: these are the first 54 of each.
    network.eval()
    print(f"shorter TRs: {tuple(sound(dataset.get_batch(range(3))['audio'][..., :54]).shape)}")


if __name__ == "__main__":
    main()
