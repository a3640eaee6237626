"""
Film, sound and scan
====================

Time 0 is the first picture that is shown. Sound and scan are placed on that clock: sound that begins later gets silence
in front, and a scanner that ran before the film has windows at negative times.
"""

import matplotlib.pyplot as plt

from giblet.alignment import reconcile
from giblet.timeline import TRGrid

# %%
# A film of 30 s whose sound begins 0.8 s late. The scanner started 9 s before the film, and its first 2 volumes were
# cut off: the first stored one begins at 2 · TR − 9 s = −6 s.

tr, dropped, onset = 1.5, 2, 9
grid = TRGrid("1.5", 26, start=dropped * 3 / 2 - onset)
kept, report = reconcile(grid, stimulus_duration=30, n_volumes=26)
for sentence in report:
    print(sentence)

# %%
# Volumes whose whole window the film covers are used.

figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
axes.barh(2, 30, left=0, height=0.6, color="C0", alpha=0.6)
axes.text(15, 2, "film: pictures", ha="center", va="center")
axes.barh(1, 0.8, left=0, height=0.6, color="none", edgecolor="C1", hatch="////")
axes.barh(1, 29.2, left=0.8, height=0.6, color="C1", alpha=0.6)
axes.text(15, 1, "sound, with 0.8 s of silence in front", ha="center", va="center")
for volume in range(-dropped, grid.n_trs):
    begin = float(grid.start) + volume * tr
    used = float(kept.start) <= begin < float(kept.start) + kept.n_trs * tr
    style = {"color": "C2", "alpha": 0.6} if used else {"color": "none" if volume < 0 else "lightgrey"}
    axes.barh(0, tr, left=begin, height=0.6, **style | {"edgecolor": "black", "linewidth": 0.5})
axes.text(15, -0.55, f"{kept.n_trs} of {grid.n_trs} volumes are used", ha="center", va="top", color="C2")
axes.text(-9, -0.55, "2 cut off", va="top", fontsize=9)
axes.axvline(0, color="black", linestyle="--")
axes.text(0, 2.5, " 0 s: the first picture", va="bottom")
axes.set(xlim=(-9.5, 33.5), ylim=(-1, 3), yticks=[0, 1, 2], yticklabels=["scan", "sound", "film"])
axes.set_xlabel("time on the film's clock, s")
plt.show()
