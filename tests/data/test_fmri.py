"""`FMRIProcessor`: a run to rows and back."""

from __future__ import annotations

import numpy as np
import pytest
from bold.fabricated import brain, write_mask, write_nifti, write_sidecar

from giblet.data import FMRIProcessor
from giblet.errors import BoldError, ParameterError


@pytest.fixture
def run(tmp_path):
    volumes, inside = brain(12)
    path = write_nifti(tmp_path / "bold.nii.gz", volumes, tr=1.5)
    write_sidecar(path, RepetitionTime=1.5, StartTime=0.75, SliceTimingCorrected=True)
    return path, write_mask(tmp_path / "mask.nii.gz", inside), volumes, inside


def test_a_row_for_each_volume_and_back(run, tmp_path):
    path, mask, volumes, inside = run
    processor = FMRIProcessor(tr=1.5, mask=mask)
    features, metadata = processor.nii_to_features(path)
    np.testing.assert_array_equal(features, volumes[inside].T)
    assert features.dtype == np.float32
    assert list(metadata) == ["tr_index", "start_time", "end_time", "sample_time", "censored"]
    assert metadata["tr_index"].tolist() == list(range(12))
    assert metadata.iloc[3].tolist() == [3, 4.5, 6.0, 5.25, False]
    processor.features_to_nii(features, tmp_path / "again.nii.gz")
    again, _ = FMRIProcessor(mask=mask).nii_to_features(tmp_path / "again.nii.gz")
    np.testing.assert_array_equal(again, features)
    with pytest.raises(BoldError, match="exists already"):
        processor.features_to_nii(features, tmp_path / "again.nii.gz")
    first, metadata = processor.nii_to_features(path, max_trs=4)
    assert (len(first), len(metadata)) == (4, 4)


def test_options_are_those_of_read_bold(run, tmp_path):
    path, mask, _, _ = run
    np.savetxt(tmp_path / "rp.txt", np.random.default_rng(0).normal(size=(12, 2)))
    processor = FMRIProcessor(mask=mask, detrend=True, confounds=tmp_path / "rp.txt")
    features, _ = processor.nii_to_features(path)
    assert abs(features.mean(axis=0)).max() < 1e-3
    with pytest.raises(TypeError, match="smothing"):
        FMRIProcessor(smothing=4).nii_to_features(path)


def test_a_mask_that_subjects_share(run, tmp_path):
    _, mask, _, inside = run
    other = inside.copy()
    other[tuple(np.argwhere(inside)[0])] = False
    paths = [mask, write_mask(tmp_path / "other.nii", other)]
    shared = FMRIProcessor.create_shared_mask(paths, threshold=1)
    features, _ = FMRIProcessor(mask=shared).nii_to_features(run[0])
    assert features.shape == (12, inside.sum() - 1)


def test_what_cannot_be_done(run, tmp_path):
    with pytest.raises(ParameterError, match="no image whose places are known"):
        FMRIProcessor().features_to_nii(np.zeros(3), tmp_path / "x.nii")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(5, 2)))
    with pytest.raises(ParameterError, match="nobody says the TR"):
        FMRIProcessor().nii_to_features(tmp_path / "x.npy")
    processor = FMRIProcessor(tr="4/3")
    _, metadata = processor.nii_to_features(tmp_path / "x.npy")
    assert metadata["end_time"].iloc[2] == 4
    with pytest.raises(ParameterError, match="no image whose places are known"):
        processor.features_to_nii(np.zeros(2), tmp_path / "x.nii")
    with pytest.raises(ParameterError, match="max_trs"):
        processor.nii_to_features(tmp_path / "x.npy", max_trs=0)
    with pytest.raises(BoldError, match="they differ"):
        FMRIProcessor(tr=2).nii_to_features(run[0])
