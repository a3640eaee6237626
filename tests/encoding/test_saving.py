"""Results on disk are whole, open elsewhere, and replace nothing that they should not."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from encoding.made import problem

from giblet.bold.grids import Voxels
from giblet.encoding import fit
from giblet.encoding.saving import check_output, is_results, save_scores
from giblet.errors import EncodingError


@pytest.fixture(scope="module")
def scores():
    inside = np.zeros((2, 2, 2), bool)
    inside[0] = True
    bold = np.random.default_rng(0).standard_normal((160, 4))
    bold[:, 2] = 1
    made = problem(bold=bold, lengths=(160,), space=Voxels(None, inside, np.diag([3.0, 3, 3, 1])), name="sub-1")
    return fit(made, delays=[2, 4], n_iter=4, permutations=30, unique=True, n_blocks=3)


def test_arrays_tables_and_maps_say_the_same(scores, tmp_path):
    summary = save_scores([scores], tmp_path / "deep" / "out", {"dataset": "x"})
    folder = tmp_path / "deep" / "out"
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert (summary["dataset"], summary["scores"][0]["n_without_signal"]) == ("x", 1)
    data = xr.open_zarr(folder / "sub-1" / "scores.zarr", consolidated=False)
    assert data.sizes == {"fold": 3, "target": 4, "space": 2}
    np.testing.assert_array_equal(data.r, scores.r)
    np.testing.assert_array_equal(data.r2_unique.sel(space="words"), scores.unique[1])
    assert list(data.target.values) == ["t0", "t1", "t2", "t3"]
    assert data.attrs["smallest_p"] == pytest.approx(1 / 31)
    table = pd.read_csv(folder / "sub-1" / "scores.tsv", sep="\t")
    spaces = ["r2_sound", "r2_words", "unique_sound", "unique_words"]
    assert list(table) == ["target", "r", "r2", "ceiling", "of_ceiling", *spaces, "chance", "p", "q"]
    # Of one subject, nobody knows how well it could be predicted, and no map claims so.
    assert table["ceiling"].isna().all()
    assert np.isnan(data.ceiling).all()
    assert data.attrs["ceiling"] == summary["scores"][0]["ceiling"]
    assert data.attrs["ceiling"].startswith("No ceiling: there is 1 subject")
    assert (summary["scores"][0]["mean_ceiling"], summary["scores"][0]["level"]) == (None, None)
    assert "ceiling.nii.gz" not in [path.name for path in (folder / "sub-1" / "maps").iterdir()]
    np.testing.assert_allclose(table["r"], scores.r.mean(axis=0), atol=1e-5)
    assert (folder / "sub-1" / "scores.tsv").read_text().splitlines()[3].split("\t")[1] == "n/a"
    image = nibabel.load(folder / "sub-1" / "maps" / "r.nii.gz").get_fdata()
    np.testing.assert_allclose(image[0].ravel(), np.nan_to_num(table["r"]), atol=1e-5)
    assert not image[1].any()
    assert nibabel.load(folder / "sub-1" / "maps" / "p.nii.gz").get_fdata()[0].ravel()[2] == 1


def test_nothing_is_replaced_unasked_and_nothing_is_left_half_written(scores, tmp_path):
    out = tmp_path / "out"
    save_scores([scores], out)
    with pytest.raises(EncodingError, match="out: is there already; choose another output, or replace it with --force"):
        check_output(out)

    def breaking():
        yield scores
        raise EncodingError("something is wrong", "mend it")

    before = sorted(path.relative_to(out) for path in out.rglob("*"))
    with pytest.raises(EncodingError, match="something is wrong"):
        save_scores(breaking(), out, force=True)
    assert sorted(path.relative_to(out) for path in out.rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    save_scores([], out, force=True)
    assert [path.name for path in out.iterdir()] == ["summary.json"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(EncodingError, match="mine: is there already and holds no results of giblet fit"):
        save_scores([scores], mine, force=True)
    assert not is_results(mine)
    assert (mine / "thesis.txt").read_text() == "years of work"
