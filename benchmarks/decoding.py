"""What latents averaged over time carry, with and without a simulated brain: python benchmarks/decoding.py [FILE]

First the sound of a recording's own latents, averaged over ever longer parts; then decoded from simulated BOLD, of a
film that is made of a few stretches of the recording in random order. Each STOI stands beside the mean STOI of the same
sound at other times. The tables of docs/decoding.md.
"""

from __future__ import annotations

import argparse
import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from giblet.codecs import Codec, encode, load_codec
from giblet.encoding import decode_latents, decode_sound, latent_bins, score_sound, simulate_bold
from giblet.features import FeatureSeries, latents
from giblet.media import AudioReader
from giblet.timeline import TRGrid

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample_stimulus.mp4"
PARTS = ("1/75", "0.05", "0.1", "0.2", "0.5", "1", "1.5")
RATIOS = (0, 0.1, 1, 10, 100, math.inf)
KINDS, TR, N_TRS, N_TARGETS, HELD = 6, 2, 300, 60, 8


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE, help="a recording of speech, 15 s or more")
    parser.add_argument("--codec", default="tiny", help="of one grid of frames")
    asked = parser.parse_args()
    codec = load_codec(asked.codec, "cpu")
    with AudioReader(asked.file, sample_rate=codec.layout.sample_rate, channels=1) as reader:
        sound = np.concatenate(list(reader), axis=1)
    rows = latents(encode(codec, sound, max(codec.bandwidths)).data, codec.codebooks())
    print("| parts of | STOI | at other times |\n| --- | --- | --- |")
    for part in PARTS:
        ours, others = averaged(codec, sound[0], series(codec, rows), Fraction(part))
        print(f"| {float(Fraction(part)):.2g} s | {ours:.2f} | {others:.2f} |", flush=True)
    print("\n| bins | signal-to-noise ratio | r | STOI | at other times |\n| --- | --- | --- | --- | --- |")
    rate = codec.layout.sample_rate
    film = sound[:, rate : rate * (1 + KINDS * TR)]
    pieces = latents(encode(codec, film, max(codec.bandwidths)).data, codec.codebooks())
    for bins in (10, 1):
        for name, r, ours, others in decoded(
            codec, film.reshape(KINDS, -1), pieces.reshape(KINDS, -1, rows.shape[1]), bins
        ):
            print(f"| {bins} | {name} | {r:.2f} | {ours:.2f} | {others:.2f} |", flush=True)


def series(codec: Codec, rows: np.ndarray) -> FeatureSeries:
    """Return latents at the codec's rate."""
    return FeatureSeries.regular(rows, codec.layout.frame_rate, [str(i) for i in range(rows.shape[1])])


def averaged(codec: Codec, sound: np.ndarray, rows: FeatureSeries, part: Fraction) -> tuple[float, float]:
    """Return STOI of latents that were averaged over parts of a recording and held, and of the same at other times."""
    rate = codec.layout.sample_rate
    grid = TRGrid.covering(Fraction(len(sound), rate), part)
    heard = decode_sound(latent_bins(rows, grid), grid, codec, between="hold")[0]
    # Other times are whole seconds away, whatever the parts are.
    n = len(heard) // rate * rate
    score = score_sound([sound[:n]], [heard[:n]], rate, 1, n_permutations=6, away=8)
    return score.stoi, float(score.null.mean())


def decoded(codec: Codec, sounds: np.ndarray, pieces: np.ndarray, bins: int) -> list[tuple[str, float, float, float]]:
    """Return what comes back of a film of these stretches at each ratio, and of its latents as they are."""
    order = np.random.default_rng(0).integers(0, KINDS, N_TRS)
    film, grid = series(codec, pieces[order].reshape(-1, pieces.shape[2])), TRGrid(TR, N_TRS)
    truth, found = latent_bins(film, grid, bins), []
    for snr in (*RATIOS, None):
        if snr is None:
            name, r, values = "latents as they are", 1.0, truth
        else:
            bold = simulate_bold(film, grid, snr=snr, n_targets=N_TARGETS, seed=1).bold
            made = decode_latents(bold, truth, tr=TR, lags=range(2, 13, 2), gap=18)
            name, r, values = f"{snr:g}", made.mean_r, made.latents
            first = int(made.folds[2].test[0])
        heard = decode_sound(values[first : first + HELD], grid.part(first, HELD), codec)[0]
        source = sounds[order[first : first + HELD]].ravel()
        score = score_sound([source], [heard], codec.layout.sample_rate, TR, n_permutations=5, away=4)
        found.append((name, r, score.stoi, float(score.null.mean())))
    return found


if __name__ == "__main__":
    main()
