"""The language model in whole numbers: the same distributions however it is run."""

from __future__ import annotations

import hashlib
import io
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from giblet.codecs import encode
from giblet.codecs.lm import OwnModel, Shape, save_model
from giblet.errors import CodecError
from giblet.formats.arithmetic import RANGE_BITS, ArithmeticDecoder, ArithmeticEncoder
from giblet.formats.source import ByteSource

BLOCKS = [[1] * 150, [150], [64, 1, 63, 22], [7] * 21 + [3]]


def codes(n_codebooks, n_frames, n_entries=50, seed=0):
    return np.random.default_rng(seed).integers(0, n_entries, (n_codebooks, n_frames)).astype(np.int16)


def in_blocks(model, frames, lengths):
    state, ends = model.start(len(frames)), np.cumsum(lengths)[:-1]
    found = [state.intervals(block) for block in np.split(frames, ends, axis=1)]
    return np.concatenate([low for low, _ in found], 1), np.concatenate([high for _, high in found], 1)


@pytest.mark.parametrize("n_codebooks", [1, 3])
def test_blocks_of_any_size_and_single_codes_give_the_same(models, n_codebooks):
    model, frames = models.own(), codes(n_codebooks, 150)
    expected = models.stepped(model.start(n_codebooks), frames)
    for lengths in BLOCKS:
        np.testing.assert_array_equal(in_blocks(model, frames, lengths), expected)


def test_no_frames_are_fine_and_change_nothing(models):
    state, other = models.own().start(2), models.own().start(2)
    low, high = state.intervals(np.empty((2, 0), np.int16))
    assert low.shape == high.shape == (2, 0)
    np.testing.assert_array_equal(state.cdf([]), other.cdf([]))


def test_distributions_are_what_the_coder_needs(models):
    state, frames = models.own().start(3), codes(3, 20)
    for frame in frames.T:
        for q in range(3):
            cdf = state.cdf(frame[:q])
            assert cdf.dtype == np.int64
            assert cdf.shape == (50,)
            assert cdf[0] >= 2
            assert np.diff(cdf).min() >= 2
            assert cdf[-1] <= 2**RANGE_BITS
        state.push(frame)


def test_it_looks_at_the_past_as_far_as_its_layers_reach_at_lower_codebooks_and_at_their_number(models):
    model, frames = models.own(), codes(3, 40)

    def next_cdf(frames, below=(), n_codebooks=3):
        state = model.start(n_codebooks)
        state.intervals(frames[:n_codebooks])
        return state.cdf(below).tolist()

    def changed(column):
        other = frames.copy()
        other[2, column] = (other[2, column] + 1) % 50
        return other

    # Three layers: the frame before, and 1 + 2 + 4 before that.
    assert next_cdf(changed(-8)) != next_cdf(frames)
    assert next_cdf(changed(-9)) == next_cdf(frames)
    assert next_cdf(frames, [3]) != next_cdf(frames, [4])
    assert next_cdf(frames, n_codebooks=2) != next_cdf(frames)


def test_a_sequence_begins_without_memory(models):
    model, frames = models.own(), codes(3, 10)
    first = model.start(3)
    first.intervals(frames)
    np.testing.assert_array_equal(model.start(3).intervals(frames), models.own().start(3).intervals(frames))
    assert first.cdf([]).tolist() != model.start(3).cdf([]).tolist()


def test_whole_numbers_cost_as_many_bits_as_floating_point(models):
    import torch

    shape, frames = models.SMALL, codes(3, 200)
    with_first = np.concatenate([frames[:, :1], frames], axis=1)[None].astype(np.int64)
    sequence = np.array([[-1] + [0] * 200])
    with torch.no_grad():
        expected = models.network(shape).bits(torch.from_numpy(with_first), torch.from_numpy(sequence)).numpy()
    low, high = models.own(shape).start(3).intervals(frames)
    found = (RANGE_BITS - np.log2(high - low)).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=0.02)
    assert np.abs(found - math.log2(50)).min() > 0.1


def test_thread_counts_and_processors_make_no_difference(tmp_path, models):
    shape = Shape(4, 1024, width=64, channels=96, layers=5, head=128)
    arrays = models.network(shape).whole_numbers()
    save_model(tmp_path, shape, arrays, "none", "", {})
    program = (
        "import sys, hashlib, numpy as np\n"
        "from pathlib import Path\n"
        "from giblet.codecs.lm import read_model\n"
        "frames = np.random.default_rng(0).integers(0, 1024, (4, 70))\n"
        "low, high = read_model(Path(sys.argv[1])).start(4).intervals(frames)\n"
        "print(hashlib.sha256(low.tobytes() + high.tobytes()).hexdigest())\n"
    )
    low, high = OwnModel(shape, arrays).start(4).intervals(codes(4, 70, 1024).astype(np.int64))
    expected = hashlib.sha256(low.tobytes() + high.tobytes()).hexdigest()
    # Other kernels sum in another order, and some with fused products.
    for setting in ({"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True, text=True, check=True, env=os.environ | setting,
        )  # fmt: skip
        assert done.stdout.strip() == expected


def test_real_codes_survive_the_arithmetic_coder(tiny, realdata, models):
    import soundfile
    import soxr

    sound, rate = soundfile.read(realdata / "speech" / "librispeech_1272-128104-0000.flac", dtype="float32")
    frames = encode(tiny, soxr.resample(sound, rate, 24_000)[None, :48_000], 3.0).data
    shape = Shape(len(frames), 1024, width=16, channels=16, layers=2, head=16)
    model = models.own(shape)
    encoder, state = ArithmeticEncoder(), model.start(len(frames))
    coded = b"".join(encoder.push(*state.intervals(block)) for block in np.array_split(frames, 5, axis=1))
    coded += encoder.flush()
    decoder, state = ArithmeticDecoder(ByteSource(io.BytesIO(coded), "codes")), model.start(len(frames))
    for frame in frames.T:
        decoded: list[int] = []
        for _ in frame:
            decoded.append(decoder.pull(state.cdf(np.array(decoded, np.int64))))
        assert decoded == frame.tolist()
        state.push(np.array(decoded))


def test_more_codebooks_than_it_knows_are_refused(models):
    for n_codebooks in (0, 4):
        with pytest.raises(CodecError, match="codes 1 to 3 codebooks"):
            models.own().start(n_codebooks)


def test_the_fingerprint_tells_models_apart(models):
    assert models.own().fingerprint == models.own().fingerprint
    assert models.own(seed=1).fingerprint != models.own().fingerprint
