"""Scenes of the film Sherlock as embeddings per TR, and back: python examples/sherlock_text.py SHEET.

The sheet is Sherlock_Segments_1000_NN_2017.xlsx, in which people described 1000 segments of the film (Chen et al.,
2017, Nature Neuroscience 20).
"""

import sys

import numpy as np

from giblet.data import TextProcessor

N_TRS = 1976
NOISE = (0, 0.5, 1, 2)


def main(sheet: str) -> None:
    """Print how many TRs come back to a scene that was on, without and with noise."""
    for mode in ("average", "concatenate"):
        processor = TextProcessor(tr=1.5, temporal_mode=mode)
        embeddings, metadata = processor.annotations_to_embeddings(sheet, n_trs=N_TRS)
        texts, held = metadata.attrs["texts"], metadata["segment_indices"]
        going_on = [{texts[number] for number in numbers} for numbers in held]
        n_scenes = metadata["n_segments_contributing"].to_numpy()
        counts = ", ".join(f"{(n_scenes == n).sum()} of {n}" for n in np.unique(n_scenes))
        print(f"{mode}: embeddings {embeddings.shape}, TRs by their number of scenes: {counts}")
        # Noise is given by its length over that of an embedding, which is 1.
        dim = processor.get_embedding_info()["embedding_dim"]
        for noise in NOISE:
            drawn = np.random.default_rng(0).standard_normal(embeddings.shape) * noise / np.sqrt(dim)
            found = processor.embeddings_to_text(embeddings + drawn, metadata)
            right = np.array([text in texts for text, texts in zip(found, going_on, strict=True)])
            shares = ", ".join(f"{right[n_scenes == n].mean():.1%} of TRs of {n}" for n in np.unique(n_scenes) if n)
            print(f"  noise {noise:g}: back to a scene that is on in {shares}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
