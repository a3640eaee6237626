"""Published data: Alice in Wonderland (Brennan et al. 2016) by its words, Haxby et al. (2001) by its runs."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from conftest import PROJECT

from giblet.data import MultimodalDataset
from giblet.encoding import fit, problems_of
from giblet.errors import EncodingError

pytestmark = pytest.mark.realdata

# LATL, RATL, LPTL, LIPL, LPreM, LIFG: word rate convolved with SPM's response, 5 blocks, drifts above 128 s left.
SUBJECTS = (0.08, 0.07, 0.17, 0.16, 0.14, 0.06)
GROUP = (0.32, 0.31, 0.37, 0.48, 0.46, 0.33)


def test_word_rate_predicts_those_who_heard_alice_and_their_mean(realdata, tmp_path, monkeypatch):
    monkeypatch.setenv("GIBLET_TEST_DATA", str(realdata))
    alice = PROJECT / "examples" / "alice.yaml"
    (group,) = fit(alice, hrf="spm", group=True, dtype="float64", cache_dir=tmp_path)
    np.testing.assert_allclose(group.maps()["r"], GROUP, atol=0.03)
    assert group.smallest_p == pytest.approx(1 / 1001)
    # Five of six regions follow; RATL is just missed.
    assert (group.q <= 0.05).sum() >= 4
    assert any("sub-s33" not in note and "32 s left out around each" in note for note in group.notes)
    people = fit(alice, hrf="spm", null="none", dtype="float64", cache_dir=tmp_path)
    assert len(people) == 27
    np.testing.assert_allclose(np.mean([one.maps()["r"] for one in people], axis=0), SUBJECTS, atol=0.03)
    assert "sub-s33: no signal, or no row that can be used; left out." in people[0].notes


def test_haxbys_runs_are_held_out_one_by_one(realdata, tmp_path):
    root = realdata / "fmri" / "haxby2001_lowres" / "sub001"
    path = tmp_path / "haxby.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "root": str(root), "subjects": ["001"], "tr": 2.5, "mask": "masks/25mm/brain.nii.gz",
                "bold": "BOLD/task001_run{run}/bold_25mm.nii.gz",
                "annotations": "BOLD/task001_run{run}/bold_events.tsv",
            }
        )
    )  # fmt: skip
    (scores,) = fit(path, hrf="spm", cache_dir=tmp_path, permutations=200)
    assert scores.r.shape == (12, 129)
    assert set(scores.n_test) == {121}
    maps = scores.maps()
    # Pictures drive much of the visual brain, whichever they are.
    assert maps["r"].max() > 0.4
    assert 0.1 < (maps["q"] <= 0.05).mean() < 0.9
    assert scores.space.to_image(maps["r"]).shape == scores.space.labels.shape
    problem = problems_of(MultimodalDataset(path, cache_dir=tmp_path, filter="mean"))[0]
    with pytest.raises(
        EncodingError, match=r"text.word_rate repeats itself after [0-9.]+ s .* take the null by blocks"
    ):
        fit(problem, null="shifts")
