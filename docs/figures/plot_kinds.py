"""
Kinds of features, and filters
==============================

What may be done with a feature is decided by its kind: a continuous series is filtered, events are summed, and codes
are labels that keep their frames.
"""

import matplotlib.pyplot as plt
import numpy as np

from giblet.alignment import to_trs
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

# %%
# Thirty seconds of each kind, made up.

rng = np.random.default_rng(1)
grid = TRGrid("1.5", 20)
seconds = np.arange(2250) / 75
wave = np.sin(2 * np.pi * 0.08 * seconds) + 0.5 * np.sin(2 * np.pi * 0.6 * seconds) + 0.2 * rng.normal(size=2250)
continuous = FeatureSeries.regular(wave[:, None], 75, ("power",))
onsets = np.sort(rng.uniform(0, 30, 45))
words = FeatureSeries(np.ones((45, 1)), onsets, ("words",), "event", np.zeros(45))
codes = np.repeat(rng.integers(0, 1024, 750), 3)
middles = np.array([float(sum(grid.window(tr))) / 2 for tr in range(grid.n_trs)])

# %%
# The sine of 0.6 Hz is faster than the TRs can follow. Taking the last row of each folds it into a slow wave that was
# never there; the mean weakens it, and ``lanczos`` takes it out.

figure, axes = plt.subplots(3, 1, figsize=(8, 6.4), sharex=True, layout="constrained")
axes[0].plot(seconds, wave, color="lightgrey", linewidth=0.7, label="75 rows a second")
for method, style in (("last", ":"), ("mean", "-"), ("lanczos", "--")):
    axes[0].plot(middles, to_trs(continuous, grid, method), style, marker=".", label=method)
axes[0].set_title("continuous: filtered")
axes[0].legend(ncols=4, fontsize=8, loc="lower right")
axes[1].vlines(onsets, 0, 0.5, color="grey", linewidth=0.8)
axes[1].bar(middles, to_trs(words, grid)[:, 0], width=1.4, color="C1", alpha=0.5)
axes[1].set_title("events: summed, none is lost or counted twice")
axes[2].plot(seconds, codes, ".", markersize=1.5, color="C2")
axes[2].set_title("categories: never averaged, each TR keeps its own frames")
axes[2].set_xlabel("time on the film's clock, s")
for panel, unit in zip(axes, ("value", "words per TR", "code"), strict=True):
    panel.set(xlim=(0, 30), ylabel=unit, xticks=np.arange(0, 31, 3))
    for edge in grid.edges:
        panel.axvline(edge, color="black", linewidth=0.3)
plt.show()
