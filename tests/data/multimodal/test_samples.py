"""Samples: that every part of one speaks of the same moment, in documented shapes."""

from __future__ import annotations

import csv
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from giblet.alignment import convolve, hrf_peak
from giblet.codecs import encode
from giblet.errors import AlignmentError, ParameterError
from giblet.features import FeatureSeries
from giblet.media import AudioReader
from giblet.timeline import TRGrid

from .conftest import RUNS, SUBJECTS, TR, bold


def z(values):
    return ((values - values.mean(0)) / values.std(0)).astype(np.float32)


@pytest.fixture(scope="session")
def everything(dataset):
    return dataset(features=None, frame_skip=5)


def test_a_sample_has_documented_shapes_and_types(everything):
    sample = everything[0]
    assert {name: (tuple(value.shape), value.dtype) for name, value in sample.items()} == {
        "audio": ((4, 112), torch.int64),
        "video": ((7, 90, 160, 3), torch.uint8),
        "text": ((1,), torch.float32),
        "fmri": ((3,), torch.float32),
        **dict.fromkeys(("subject_id", "run", "tr_index"), ((), torch.int64)),
        "time": ((), torch.float64),
        "valid": ((), torch.bool),
    }
    assert len(everything) == 2 * 2 * 20


def test_fmri_is_that_of_the_subject_run_and_tr_that_the_sample_names(everything):
    for index in (0, 19, 20, 45, 79):
        sample = everything[index]
        subject, run = SUBJECTS[sample["subject_id"]], RUNS[sample["run"]]
        expected = z(bold(subject, run))[sample["tr_index"]]
        np.testing.assert_allclose(sample["fmri"], expected, atol=1e-5)
        assert float(sample["time"]) == TR * int(sample["tr_index"])
        assert (everything.subjects.index(subject), everything.runs.index(run)) == divmod(index // 20, 2)


def test_codes_are_those_of_the_film_at_the_samples_time(everything, tiny, sample_film):
    with AudioReader(sample_film, sample_rate=24_000, channels=1) as reader:
        codes = encode(tiny, np.concatenate(list(reader), axis=1), 3.0).data
    for tr in (0, 1, 7, 19):
        first = -(-tr * 225 // 2)  # 112.5 frames a TR
        np.testing.assert_array_equal(everything[tr]["audio"], codes[:, first : first + 112])


def test_words_are_counted_in_the_tr_in_which_they_end(everything, study_folder):
    with (study_folder / "words.csv").open() as file:
        ends = np.array([float(row["onset"]) + float(row["duration"]) for row in csv.DictReader(file)])
    expected, _ = np.histogram(ends, np.arange(21) * TR)
    np.testing.assert_array_equal([float(everything[tr]["text"]) for tr in range(20)], expected)


def test_an_hrf_convolves_words_and_delays_codes_and_pictures(dataset, everything, study_folder):
    delayed = dataset(features=None, frame_skip=5, apply_hrf=True)
    with (study_folder / "words.csv").open() as file:
        ends = np.array([float(row["onset"]) + float(row["duration"]) for row in csv.DictReader(file)])
    words = FeatureSeries(np.ones((len(ends), 1)), np.sort(ends), ("w",), "event", np.zeros(len(ends)))
    expected = convolve(words, TRGrid(1.5, 20), "spm")[:, 0]
    np.testing.assert_allclose([float(delayed[tr]["text"]) for tr in range(20)], expected, atol=1e-6)
    whole = dataset(features=None, frame_skip=5, codes_delay=3)
    for tr in range(2, 20):
        assert torch.equal(whole[tr]["audio"], everything[tr - 2]["audio"])
        assert torch.equal(whole[tr]["video"], everything[tr - 2]["video"])
    assert [bool(whole[tr]["valid"]) for tr in range(4)] == [False, False, True, True]
    unknown = sum(not delayed[tr]["valid"] for tr in range(20))
    assert unknown == -(-hrf_peak("spm") // TR)


@pytest.mark.parametrize(
    ("settings", "shape", "dtype"),
    [
        ({"features": "audio.latents"}, (64, 112), torch.float32),
        ({"features": "audio.latents", "filter": "lanczos"}, (64,), torch.float32),
        ({"features": "audio.latents", "apply_hrf": True}, (64,), torch.float32),
        ({"features": "audio.latents", "delays": [3, 4.5]}, (128,), torch.float32),
        ({"features": "audio.codes", "delays": [3, 4.5]}, (8, 112), torch.int64),
        ({"features": "audio.codes", "encodec_bandwidth": 1.5}, (2, 112), torch.int64),
    ],
)
def test_shapes_follow_what_is_asked(dataset, settings, shape, dtype):
    audio = dataset(**settings)[5]["audio"]
    assert (tuple(audio.shape), audio.dtype) == (shape, dtype)


def test_delays_give_each_feature_once_for_each(dataset):
    plain, delayed = dataset(), dataset(delays=[0, 3])
    for tr in range(2, 20):
        assert delayed[tr]["text"].tolist() == [float(plain[tr]["text"]), float(plain[tr - 2]["text"])]
    assert not delayed[1]["valid"]
    assert delayed[2]["valid"]


def test_two_features_of_sound_have_their_full_names(dataset):
    sample = dataset(features="audio.latents,audio.codes,text.word_rate")[0]
    assert {"audio.codes", "audio.latents", "text"} < set(sample)
    assert "audio" not in sample


def test_the_mean_over_subjects(dataset):
    mean = dataset(mode="cross_subject")
    assert len(mean) == 2 * 20
    expected = (z(bold("a1", "y")) + z(bold("a2", "y"))) / 2
    np.testing.assert_allclose(mean[25]["fmri"], expected[5], atol=1e-5)
    assert mean[25]["subject_id"] == -1
    with pytest.raises(ParameterError, match="means over subjects"):
        mean.get_subject_data("a1")


def test_windows_are_consecutive_trs_of_one_run(dataset):
    plain, windows = dataset(), dataset(window=4)
    assert len(windows) == 4 * (20 - 3)
    for index in (0, 16, 17, 40):
        sample = windows[index]
        assert sample["fmri"].shape == (4, 3)
        assert np.diff(sample["tr_index"]).tolist() == [1, 1, 1]
        assert len(set(sample["run"].tolist())) == 1
        first = 20 * (index // 17) + index % 17
        for i in range(4):
            assert torch.equal(sample["fmri"][i], plain[first + i]["fmri"])


def test_only_valid_samples(dataset):
    some = dataset(codes_delay=3, features="audio.codes", only_valid=True)
    assert len(some) == 4 * 18
    assert all(sample["valid"] for sample in some)
    assert len(some.get_subject_data("a1")["fmri"]) == 2 * 18
    assert len(dataset(codes_delay=3, features="audio.codes", only_valid=True, window=18)) == 4


def test_batches_subjects_and_labels(dataset):
    ds = dataset()
    batch = ds.get_batch([3, 50])
    assert torch.equal(batch["fmri"][1], ds[50]["fmri"])
    data = ds.get_subject_data("a2")
    np.testing.assert_allclose(data["fmri"][20:], z(bold("a2", "y")), atol=1e-6)
    table = ds.to_xarray()
    assert table.fmri.dims == ("sample", "target")
    chosen = table.fmri.isel(sample=(table.subject == "a2") & (table.run == "x") & (table.tr_index == 4))
    np.testing.assert_allclose(chosen.sel(target="right"), z(bold("a2", "x"))[4, 1], atol=1e-5)


def test_subjects_are_picked_by_name_or_number(dataset):
    assert dataset(subjects=2).subjects == ("a2",)
    assert dataset(subjects=["a2", "sub-a1"]).subjects == ("a1", "a2")
    with pytest.raises(ParameterError, match="no subject 'a3'; choose from a1, a2"):
        dataset(subjects="a3")


def test_a_sample_can_be_changed_without_changing_the_dataset(dataset):
    ds = dataset()
    ds[0]["fmri"].zero_()
    assert ds[0]["fmri"].abs().sum() > 0


def test_batches_are_the_samples_and_own_their_memory(dataset):
    ds = dataset()
    batch = next(iter(DataLoader(ds, batch_size=8)))
    for name, values in batch.items():
        assert torch.equal(values, torch.stack([ds[i][name] for i in range(8)]))
        values.zero_()
    assert ds[0]["fmri"].abs().sum() > 0


def test_statistics_are_those_of_the_training_split_alone(dataset):
    ds = dataset(split="test", gap=0, features="audio.latents")
    found = ds.get_feature_stats()["audio.latents"]
    plain = dataset(features="audio.latents").get_subject_data("a1")["audio"]
    training = plain.reshape(2, 20, 64, 112)[0, :16].transpose(1, 0, 2).reshape(64, -1)
    np.testing.assert_allclose(found.mean, training.mean(1), atol=1e-4)
    np.testing.assert_allclose(found.std, training.std(1), rtol=1e-3)
    assert found.n_trs == 16
    scaled = dataset(split="train", gap=0, features="audio.latents", normalize_features=True)
    values = scaled.get_subject_data("a1")["audio"].transpose(1, 0, 2).reshape(64, -1)
    np.testing.assert_allclose(values.mean(1), 0, atol=1e-3)
    np.testing.assert_allclose(values.std(1), 1, rtol=1e-2)


def test_blocks_lie_a_gap_apart(dataset):
    halves = {"train": 0.5, "val": 0.5}
    trs = {
        name: [int(sample["tr_index"]) for sample in dataset(split=name, splits=halves, gap=3, subjects=1)]
        for name in halves
    }
    assert trs == {"train": [*range(10)] * 2, "val": [*range(12, 20)] * 2}


def test_a_gap_that_leaves_nothing_is_an_error_that_says_so(dataset):
    with pytest.raises(AlignmentError, match="too short for the 22 TRs between splits"):
        dataset(split="val", apply_hrf=True)


def test_runs_and_subjects_as_splits(dataset):
    assert (
        dataset(split="train", split_by="run", splits={"train": ["y"], "test": ["x"]})
        .get_subject_data("a1")["run"]
        .tolist()
        == [1] * 20
    )
    held_out = dataset(split="test", split_by="subject", splits={"train": 0.5, "test": 0.5})
    assert {int(sample["subject_id"]) for sample in held_out} == {1}
    with pytest.raises(ParameterError, match="the split train names 'z'; choose from x, y"):
        dataset(split="train", split_by="run", splits={"train": ["z"]})


def test_workers_and_copies_read_the_same(dataset):
    ds = dataset()
    loader = DataLoader(ds, batch_size=16, num_workers=2)
    together = torch.cat([batch["fmri"] for batch in loader])
    assert torch.equal(together, torch.stack([sample["fmri"] for sample in ds]))
    packed = pickle.dumps(ds)
    assert len(packed) < 20_000
    assert torch.equal(pickle.loads(packed)[7]["fmri"], ds[7]["fmri"])


def test_any_feature_of_the_registry_is_served(dataset, sample_film):
    asked = ["audio.power@rate=50", "audio.envelope@bands=2", "text.duration", "video.luminance@rate=10"]
    served = dataset(features=asked, filter="mean")
    sample = served[3]
    names = {"audio.power@rate=50": 1, "audio.envelope@bands=2": 2, "text": 1, "video": 1}
    assert {name: sample[name].shape[0] for name in names} == names
    with AudioReader(sample_film, sample_rate=16_000, channels=1) as reader:
        sound = np.concatenate(list(reader), axis=1)[0]
    begin = int(3 * TR * 16_000)
    assert float(sample["audio.power@rate=50"]) == pytest.approx(np.mean(sound[begin : begin + 24_000] ** 2), rel=0.02)
    convolved = dataset(features=asked, apply_hrf=True)
    assert not torch.equal(convolved[3]["audio.power@rate=50"], sample["audio.power@rate=50"])
    raw = dataset(features=["audio.power@rate=50", "video.luminance@rate=10"])[0]
    assert raw["audio"].shape == (1, 75)
    assert raw["video"].shape == (1, 15)


def test_the_study_s_moment_of_a_word_counts_unless_the_name_says_another(dataset):
    late, early = (dataset(word_at=at) for at in ("offset", "onset"))
    named = dataset(features="text.word_rate@at=onset")

    def counts(served):
        return [float(served[i]["text"]) for i in range(20)]

    assert counts(named) == counts(early) != counts(late)
