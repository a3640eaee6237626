"""
What a bandwidth keeps
======================

The sample film through the codec that comes with giblet, at each of its bandwidths, as mel spectrograms. Each codebook
adds detail to what those before it left.
"""

import matplotlib.pyplot as plt
import numpy as np

from giblet.codecs import decode, encode, load_codec
from giblet.media import AudioReader
from giblet.metrics import stoi
from giblet.spectral import MelStream, power_to_db

RATE, BEGIN, END = 24_000, 1.2, 5.2

codec = load_codec("tiny")
with AudioReader("../../data/sample_stimulus.mp4", sample_rate=RATE) as reader:
    source = reader.read().data[:1, : int(END * RATE)]


def mel(samples: np.ndarray) -> np.ndarray:
    """Return the mel spectrogram of the part that is shown, dB below the loudest moment."""
    stream = MelStream(RATE, 1024, 240, 80)
    power = np.concatenate([stream.push(samples[int(BEGIN * RATE) :]), stream.finish()], axis=1)
    return power_to_db(power, power.max(), top_db=70)


# %%
# A sentence of the narrator. STOI is that of this stretch alone, which also holds music.

sounds = {"source": source[0]}
for bandwidth in codec.bandwidths:
    decoded = decode(codec, encode(codec, source, bandwidth))[0]
    quality = stoi(source[0], decoded, RATE)
    sounds[f"{bandwidth:g} kbps, {codec.n_codebooks(bandwidth)} codebooks: STOI {quality:.2f}"] = decoded

figure, axes = plt.subplots(len(sounds), 1, figsize=(8, 6.8), sharex=True, layout="constrained")
for panel, (title, sound) in zip(axes, sounds.items(), strict=True):
    image = panel.imshow(
        mel(sound), origin="lower", aspect="auto", extent=(BEGIN, END, 0, 80), cmap="magma", vmin=-70, vmax=0
    )
    panel.set(title=title, yticks=[], ylabel="mel band")
    for edge in np.arange(1.5, END, 1.5):
        panel.axvline(edge, color="white", linewidth=0.6, linestyle="--")
axes[-1].set_xlabel("time on the film's clock, s; dashed: TRs of 1.5 s")
figure.colorbar(image, ax=axes, label="dB below the loudest moment", shrink=0.5)
plt.show()
