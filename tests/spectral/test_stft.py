"""Frames of a stream, and the sum that undoes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.spectral.stft import FrameStream, hann, overlap_add, overlapping


def centred_frames(samples: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    padded = np.pad(samples, n_fft // 2)
    starts = range(0, len(padded) - n_fft + 1, hop_length)
    return np.array([padded[s : s + n_fft] for s in starts], np.float32).reshape(-1, n_fft)


@given(
    pieces=st.lists(st.integers(0, 40), max_size=12),
    n_fft=st.integers(2, 33),
    hop_length=st.integers(1, 50),
)
def test_frames_do_not_depend_on_the_division_of_the_stream(pieces: list[int], n_fft: int, hop_length: int) -> None:
    samples = np.arange(1, sum(pieces) + 1, dtype=np.float32)
    stream = FrameStream(n_fft, hop_length)
    blocks = [stream.push(block) for block in np.split(samples, np.cumsum(pieces))]
    frames = np.concatenate([*blocks, stream.finish()])
    np.testing.assert_array_equal(frames, centred_frames(samples, n_fft, hop_length))


def test_frame_j_is_centred_at_sample_j_hops() -> None:
    stream = FrameStream(n_fft=8, hop_length=3)
    frames = stream.push(np.arange(100, dtype=np.float32))
    np.testing.assert_array_equal(frames[2:6, 4], [6, 9, 12, 15])


@given(n_frames=st.integers(1, 9), n_fft=st.integers(2, 33), hop_length=st.integers(1, 40))
def test_overlap_add_is_the_transpose_of_framing(n_frames: int, n_fft: int, hop_length: int) -> None:
    rng = np.random.default_rng(n_frames)
    frames = rng.standard_normal((n_frames, n_fft)).astype(np.float32)
    samples = rng.standard_normal(n_fft + (n_frames - 1) * hop_length).astype(np.float32)
    summed = overlap_add(frames, hop_length)
    assert summed.shape == samples.shape
    np.testing.assert_allclose(
        np.vdot(summed, samples), np.vdot(frames, overlapping(samples, n_fft, hop_length)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("n_fft", [7, 4096])
def test_hann_is_the_window_of_librosa(n_fft: int) -> None:
    from librosa.filters import get_window

    np.testing.assert_allclose(hann(n_fft), get_window("hann", n_fft), atol=1e-15)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(1, 1), (4096, 0), (0, 512), (4096, -512)])
def test_impossible_frames_are_refused(n_fft: int, hop_length: int) -> None:
    with pytest.raises(ParameterError):
        FrameStream(n_fft, hop_length)


@pytest.mark.realdata
def test_transform_of_the_frames_equals_matlabs(realdata: Path) -> None:
    import soundfile
    from scipy.io import loadmat

    folder = realdata / "reference" / "librosa"
    reference = loadmat(folder / "core-stft-005.mat")
    assert reference["hann_w"].item() == 0  # no window
    n_fft, hop_length = int(reference["nfft"].item()), int(reference["hop_length"].item())
    sound, rate = soundfile.read(folder / Path(str(reference["wavfile"].item())).name, dtype="float32", always_2d=True)
    assert rate == reference["sr"].item()
    stream = FrameStream(n_fft, hop_length)
    # MATLAB's frames start where these are centred: half a frame less sound in front brings the two together.
    blocks = [stream.push(block) for block in np.array_split(sound.mean(axis=1)[n_fft // 2 :], 7)]
    frames = np.concatenate(blocks)
    expected = reference["D"].conj().T
    assert len(expected) - 1 <= len(frames) <= len(expected)
    np.testing.assert_allclose(np.fft.rfft(frames)[1:], expected[1 : len(frames)], atol=2e-6)
