from __future__ import annotations

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.training.augmentation import Augmentation
from giblet.training.corpus import CorpusPart
from giblet.training.crops import Crops, Loader
from giblet.training.decoded import FULL_SCALE, Stretch

FEW = settings(deadline=None, max_examples=20)


def corpus_of(place: Path, sounds: dict[str, np.ndarray]) -> CorpusPart:
    """A corpus of sounds (channels, n_samples) under these names."""
    files, start = [], 0
    with (place / "samples.i16").open("wb") as file:
        for name, sound in sounds.items():
            file.write(np.rint(sound.T * FULL_SCALE).astype("<i2").tobytes())
            files.append(Stretch(name, start, sound.shape[1], float(np.sqrt(np.mean(sound**2)))))
            start += sound.shape[1]
    return CorpusPart(place / "samples.i16", 8000, sound.shape[0], files)


def counting(first: int, n_samples: int) -> np.ndarray:
    """Sound whose values say which samples they are."""
    return np.arange(first, first + n_samples)[None] / FULL_SCALE


def numbers(crop: np.ndarray) -> np.ndarray:
    return np.rint(crop * FULL_SCALE).astype(int)


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> CorpusPart:
    """Three files that count: 1000…3999, 10,000…18,999, 20,000…20,049."""
    sounds = {"s/a": counting(1000, 3000), "m/b": counting(10_000, 9000), "s/c": counting(20_000, 50)}
    return corpus_of(tmp_path_factory.mktemp("counted"), sounds)


def test_crops_are_stretches_of_files_followed_by_zeros(counted):
    seen = set()
    for crop in Crops(counted, 100, seed=3).batch(0, 400)[:, 0]:
        values = numbers(crop)
        length = np.count_nonzero(values)
        assert length == (50 if values[0] == 20_000 else 100)
        np.testing.assert_array_equal(values[:length], values[0] + np.arange(length))
        assert not values[length:].any()
        seen.add(values[0] // 1000)
    assert {1, 2, 3} <= seen
    assert set(range(10, 19)) <= seen


def test_positions_are_even_over_all_sound(counted):
    first = numbers(Crops(counted, 100, seed=0).batch(0, 3000)[:, 0, 0])
    assert np.mean(first >= 10_000) == pytest.approx(9050 / 12_050, abs=0.03)
    inside = first[(first >= 10_000) & (first < 20_000)]
    counts, _ = np.histogram(inside, 5, (10_000, 18_900))
    assert counts.min() > 0.8 * counts.mean()
    assert first.min() < 1050
    assert inside.max() > 18_850


def test_files_are_drawn_as_often_however_long_they_are(counted):
    drawn = numbers(Crops(counted, 100, 0, evenly=True).batch(0, 1500)[:, 0, 0])
    shares = [np.mean((drawn >= first) & (drawn < last)) for first, last in ((1000, 4000), (1e4, 2e4), (2e4, 3e4))]
    np.testing.assert_allclose(shares, 1 / 3, atol=0.05)


def test_weights_by_pattern(counted):
    def share(weights):
        return np.mean(numbers(Crops(counted, 100, 0, weights=weights).batch(0, 1500)[:, 0, 0]) >= 10_000)

    assert share({"m/*": 3.0, "s/c": 0.0}) == pytest.approx(27 / 30, abs=0.03)
    assert share({"m/*": 0.0, "s/c": 0.0}) == 0
    # The first pattern that matches counts.
    assert share({"m/b": 1.0, "*": 0.0}) == 1
    for weights in ({"*": 0.0}, {"m/*": -1.0}):
        with pytest.raises(ParameterError, match="leave no sound"):
            Crops(counted, 100, 0, weights=weights)


@FEW
@given(step=st.integers(-(10**6), 10**6), size=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_batch_depends_on_seed_and_step_only(counted, step, size, seed):
    batch = Crops(counted, 64, seed).batch(step, size)
    assert batch.shape == (size, 1, 64)
    assert batch.dtype == np.float32
    other = Crops(counted, 64, seed)
    other.batch(step + 1, 3)
    np.testing.assert_array_equal(other.batch(step, size), batch)
    # More of them begin the same.
    np.testing.assert_array_equal(other.batch(step, size + 1)[:size], batch)


def test_steps_and_seeds_differ(counted):
    crops = Crops(counted, 64, seed=1)
    batches = [crops.batch(step, 4) for step in range(-20, 20)] + [Crops(counted, 64, seed=2).batch(0, 4)]
    assert len({batch.tobytes() for batch in batches}) == len(batches)


def test_pauses_are_passed_over(tmp_path):
    rng = np.random.default_rng(0)
    speech = 0.2 * rng.standard_normal((1, 2000)).clip(-3, 3)
    # Nine tenths of the file are a pause with some hiss, above digital silence.
    file = np.concatenate([0.003 * rng.standard_normal((1, 18_000)).clip(-3, 3), speech], axis=1)
    crops = Crops(corpus_of(tmp_path, {"a": file}), 200, seed=0).batch(0, 300)
    loud = np.sqrt(np.mean(crops**2, axis=(1, 2))) > 0.02
    assert 0.4 < loud.mean() < 0.8  # by chance alone 0.11


def test_silence_alone_is_no_endless_search(tmp_path):
    crops = Crops(corpus_of(tmp_path, {"a": np.zeros((2, 500))}), 100, seed=0, loudness_rms=0.1)
    assert not crops.batch(0, 4).any()


@FEW
@given(level=st.floats(0.005, 0.3), target=st.floats(0.01, 0.3))
def test_loudness(tmp_path_factory, level, target):
    sound = level * np.sin(np.arange(4000) / 5)[None].repeat(2, axis=0)
    corpus = corpus_of(tmp_path_factory.mktemp("loudness"), {"a": sound})
    batch = Crops(corpus, 1000, seed=0, loudness_rms=target).batch(0, 3)
    np.testing.assert_allclose(np.sqrt(np.mean(batch**2, axis=(1, 2))), target, rtol=0.01)


def test_loudness_does_not_clip_and_does_not_blow_up_silence(tmp_path):
    click = np.zeros((1, 1000))
    click[0, ::500] = 0.5
    batch = Crops(corpus_of(tmp_path, {"a": click}), 1000, seed=0, loudness_rms=0.3).batch(0, 2)
    assert np.abs(batch).max() == pytest.approx(1)
    hiss = np.full((1, 1000), 1 / FULL_SCALE)
    batch = Crops(corpus_of(tmp_path, {"a": hiss}), 1000, seed=0, loudness_rms=0.3).batch(0, 2)
    assert np.abs(batch).max() < 0.01


def test_values_that_cannot_be_used(counted):
    for options in ({"length": 0}, {"seed": -1}, {"loudness_rms": 0.0}):
        with pytest.raises(ParameterError, match="cannot be drawn"):
            Crops(counted, **{"length": 10, "seed": 0} | options)


class TestLoader:
    def test_gives_batches_in_order(self, counted):
        crops = Crops(counted, 64, seed=5)
        with Loader(crops, None, 3, first_step=7) as loader:
            for expected, (step, sound) in zip(range(7, 20), loader, strict=False):
                assert step == expected
                assert isinstance(sound, torch.Tensor)
                np.testing.assert_array_equal(sound.numpy(), crops.batch(step, 3))

    def test_resumes_exactly(self, counted):
        def run(first_step, ahead):
            augmentation = Augmentation(mix_probability=0.5, noise_probability=0.5)
            with Loader(Crops(counted, 64, seed=5), augmentation, 4, first_step, ahead) as loader:
                return dict(itertools.islice(loader, 12))

        whole, resumed = run(0, 4), run(8, 1)
        assert set(whole) & set(resumed) == {8, 9, 10, 11}
        for step in (8, 9, 10, 11):
            torch.testing.assert_close(whole[step], resumed[step], rtol=0, atol=0)

    def test_errors_of_the_thread_surface(self, counted):
        class Failing(Crops):
            def batch(self, step, size):
                if step == 2:
                    raise RuntimeError("the disk is gone")
                return super().batch(step, size)

        with Loader(Failing(counted, 64, seed=0), None, 2, 0) as loader:
            next(loader)
            next(loader)
            with pytest.raises(RuntimeError, match="the disk is gone"):
                next(loader)

    def test_prepares_so_many_ahead_and_counts_the_wait(self, counted):
        asked, gate = [], threading.Semaphore(0)

        class Gated(Crops):
            def batch(self, step, size):
                asked.append(step)
                assert gate.acquire(timeout=10)
                return super().batch(step, size)

        with Loader(Gated(counted, 64, seed=0), None, 2, 0, ahead=3) as loader:
            threading.Timer(0.3, gate.release).start()
            next(loader)
            assert 0.2 < loader.waited < 5
            for _ in range(9):
                gate.release()
            # One was taken, so three more are prepared and no others.
            deadline = threading.Event()
            for _ in range(100):
                if len(asked) == 4:
                    break
                deadline.wait(0.02)
            deadline.wait(0.1)
            assert asked == [0, 1, 2, 3]
            waited = loader.waited
            next(loader)
            assert loader.waited - waited < 0.2

    def test_closing_ends_the_thread_and_the_iteration(self, counted):
        before = threading.active_count()
        loader = Loader(Crops(counted, 64, seed=0), None, 2, 0)
        next(loader)
        assert threading.active_count() == before + 1
        loader.close()
        assert threading.active_count() == before
        assert list(loader) == []

    def test_memory_does_not_grow(self, counted):
        tracemalloc = pytest.importorskip("tracemalloc")
        with Loader(Crops(counted, 4000, seed=0), Augmentation(noise_probability=1), 16, 0) as loader:
            for _ in itertools.islice(loader, 20):
                pass
            tracemalloc.start()
            try:
                for _ in itertools.islice(loader, 20):
                    pass
                early = tracemalloc.get_traced_memory()[0]
                for _ in itertools.islice(loader, 60):
                    pass
                # A batch is 256 kB.
                assert tracemalloc.get_traced_memory()[0] - early < 3 * 256_000
            finally:
                tracemalloc.stop()
