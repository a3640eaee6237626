"""
Haemodynamic responses
======================

What an impulse leaves behind in the BOLD signal, by the names that giblet knows, and what becomes of the words of the
sample film.
"""

import matplotlib.pyplot as plt
import numpy as np

from giblet.alignment import convolve, hrf_peak, to_trs
from giblet.annotations import read_annotations
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

# %%
# An impulse at 0 s, read every tenth of a second.

impulse = FeatureSeries(np.ones((1, 1)), [0.0], ("impulse",), "event", np.zeros(1))
fine = TRGrid("0.1", 320)
responses = {name: convolve(impulse, fine, name) for name in ("spm", "glover")}
parts = convolve(impulse, fine, "spm + derivative + dispersion")

# %%
# Words happen when they are heard; the signal follows about five seconds later.

words = read_annotations("../../data/sample_stimulus_words.csv").table
series = FeatureSeries(np.ones((len(words), 1)), words["onset"], ("words",), "event", np.zeros(len(words)))
grid = TRGrid("1.5", 28)
counts, expected = to_trs(series, grid)[:, 0], convolve(series, grid, "spm")[:, 0]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
times = np.arange(320) / 10
for name, values in responses.items():
    left.plot(times, values / values.max(), label=f"{name}, peak at {hrf_peak(name):.1f} s")
for column, name in ((1, "derivative"), (2, "dispersion")):
    left.plot(times, parts[:, column] / abs(parts[:, column]).max(), ":", label=f"spm: {name}")
left.set(xlabel="s after the impulse", title="Responses, each over its peak", ylim=(-1.1, 1.6))
left.legend(fontsize=8, ncols=2, loc="upper right")
right.bar(np.arange(28) * 1.5 + 0.75, counts / counts.max(), width=1.4, color="C1", alpha=0.4, label="words per TR")
right.plot(np.arange(28) * 1.5, expected / expected.max(), "C0", marker=".", label="convolved, spm")
right.set(xlabel="time on the film's clock, s", title="Words of the sample film")
right.legend(fontsize=8)
plt.show()
