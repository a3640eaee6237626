"""The 48 kHz stereo model: overlapping segments, each with its loudness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fabricate import babble

from giblet.codecs import Codes, Segment, decode, encode
from giblet.errors import CodecError


def segments_of(n_samples: int) -> list[tuple[int, int]]:
    """First sample and frames of each segment, as Meta's own implementation has them."""
    return [(start, -(-min(48_000, n_samples - start) // 320)) for start in range(0, n_samples, 47_520)]


def test_whole_segments_equal_transformers(stereo, stereo_model):
    sound = babble(47_520 * 2 + 48_000, 2)
    codes = encode(stereo, sound, 6.0)
    with torch.no_grad():
        theirs = stereo_model.encode(torch.from_numpy(sound)[None], bandwidth=6.0)
        decoded = stereo_model.decode(
            theirs.audio_codes, theirs.audio_scales, last_frame_pad_length=theirs.last_frame_pad_length
        ).audio_values[0]
    assert [(s.start, s.n_frames) for s in codes.segments] == segments_of(sound.shape[1])
    # The codec leaves the two frames of the last, short segment as they are; transformers pads them with zeros.
    for i, segment in enumerate(codes.segments):
        column = sum(s.n_frames for s in codes.segments[:i])
        ours = codes.data[:, column : column + segment.n_frames]
        assert np.array_equal(ours, theirs.audio_codes[i, 0, :, : segment.n_frames].numpy())
        assert segment.scale == pytest.approx(float(theirs.audio_scales[i]), rel=1e-6)
    np.testing.assert_allclose(decode(stereo, codes), decoded[:, : sound.shape[1]].numpy(), atol=1e-5)


def test_one_second_is_two_segments(stereo):
    codes = encode(stereo, babble(48_000, 2), 3.0)
    assert [(s.start, s.n_frames) for s in codes.segments] == [(0, 150), (47_520, 2)]


@pytest.mark.parametrize("rest", [1, 100, 160, 161, 480, 481, 40_000])
def test_every_length_is_coded_to_its_end(stereo, rest):
    sound = babble(47_520 * 3 + rest, 2)
    codes = encode(stereo, sound, 3.0)
    assert decode(stereo, codes).shape == sound.shape
    assert [(s.start, s.n_frames) for s in codes.segments] == segments_of(sound.shape[1])


def test_loudness_travels_with_the_codes(stereo):
    sound = babble(100_000, 2)
    quiet, loud = encode(stereo, sound, 24.0), encode(stereo, sound * 8, 24.0)
    assert np.mean(quiet.data == loud.data) > 0.99
    assert loud.segments[0].scale == pytest.approx(8 * quiet.segments[0].scale, rel=1e-4)
    without = Codes(quiet.data, tuple(Segment(s.start, s.n_frames) for s in quiet.segments), quiet.layout, quiet.length)
    with pytest.raises(CodecError, match="loudness"):
        decode(stereo, without)


def test_blocks_do_not_matter(stereo):
    sound = babble(200_000, 2)
    encoder = stereo.encoder(6.0)
    parts = [encoder.push(part) for part in np.array_split(sound, 23, axis=1)]
    assert np.array_equal(np.concatenate([*parts, encoder.finish()], axis=1), encode(stereo, sound, 6.0).data)
