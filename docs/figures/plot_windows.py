"""
Frames and TRs
==============

EnCodec makes 75 frames a second. A TR of 1.5 s has 112.5 of them, so windows hold 113 and 112 in turn. A frame belongs
to the TR in which it starts. Gluing 112 frames for each TR would drift by half a frame per TR.
"""

import matplotlib.pyplot as plt
import numpy as np

from giblet.alignment import tr_windows
from giblet.timeline import FrameLayout, TRGrid

# %%
# The windows of four TRs on the film's clock, and how many frames start in each.

layout = FrameLayout(sample_rate=24_000, hop=320)
grid = TRGrid("1.5", 4)
windows = tr_windows(layout, np.arange(600), grid, policy="ceil")
starts = layout.starts(np.arange(600)) / 24_000
print(windows.n_frames)

# %%
# Around the first boundary: frame 112 begins at 1.493 s, before it, and lasts beyond it.

figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4), height_ratios=[1, 1.3], layout="constrained")
for tr, n_frames in enumerate(windows.n_frames):
    begin, end = map(float, grid.window(tr))
    above.axvspan(begin, end, color=f"C{tr % 2}", alpha=0.25)
    above.text((begin + end) / 2, 0.5, f"TR {tr}\n{n_frames} frames", ha="center", va="center")
above.set(xlim=(0, 6), yticks=[], xlabel="time on the film's clock, s", title="Windows of 1.5 s")

boundary = float(grid.window(0)[1])
for frame in np.flatnonzero(abs(starts - boundary) < 0.08):
    tr = int(starts[frame] >= boundary)
    below.barh(0, 1 / 75, left=starts[frame], height=0.8, align="center", color=f"C{tr}", alpha=0.5, edgecolor="white")
    below.text(starts[frame] + 1 / 150, 0, str(frame), ha="center", va="center", fontsize=8, clip_on=True)
below.axvline(boundary, color="black", linestyle="--")
below.text(boundary, 0.5, " TR 1 begins", va="bottom")
below.set(xlim=(boundary - 0.08, boundary + 0.08), ylim=(-0.6, 0.9), yticks=[], xlabel="time on the film's clock, s")
below.set_title("Frames at the first boundary: where a frame starts, it belongs")
plt.show()
