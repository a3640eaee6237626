"""49 minutes at every TR: what is heard is never more than one codec frame from its time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soundfile
from fabricate import CountingCodec

from giblet.alignment import tr_windows
from giblet.data.audio import AudioProcessor
from giblet.data.metadata import tr_table
from giblet.timeline import TRGrid, exact

MINUTES = 49


@pytest.mark.parametrize("policy", ["floor", "ceil"])
@pytest.mark.parametrize("tr", [0.72, 0.8, 1.0, 1.49, 1.5, 2.0, 2.47])
def test_reconstruction_stays_within_one_frame(tmp_path, tr, policy):
    codec = CountingCodec()
    data = codec.numbers(MINUTES * 60 * 75 + 1)
    grid = TRGrid.covering(Fraction(MINUTES * 60), exact(tr))
    windows = tr_windows(codec.layout, np.arange(data.shape[1]), grid, policy)
    features = windows.cut(data).astype(np.int64)
    table = tr_table(windows, grid, "encodec", 2, Fraction(MINUTES * 60))
    processor = AudioProcessor(codec=codec, encodec_bandwidth=1.5, tr=tr)
    for name, metadata in (("with", table), ("without", None)):
        path = tmp_path / f"{name}.wav"
        processor.features_to_audio(features, path, metadata)
        sound, rate = soundfile.read(path, dtype="float32")
        assert len(sound) == grid.bound(grid.n_trs, rate)
        late = (np.arange(len(sound)) // codec.layout.hop - codec.heard(sound)) % codec.turn
        # A dropped frame is heard as the one before it, for one frame; nothing else is late, and nothing early.
        assert late.max() <= (1 if policy == "floor" else 0)
        assert len(np.unique(np.flatnonzero(late) // codec.layout.hop)) == windows.dropped_frames.sum()
    rows = table.iloc[-3:]
    processor.features_to_audio(features[-3:], tmp_path / "end.wav", rows)
    assert soundfile.info(tmp_path / "end.wav").frames == grid.bound(grid.n_trs, 2400) - grid.bound(
        grid.n_trs - 3, 2400
    )
