"""The base model in chunks: what joins, what that costs, and what is held in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fabricate import babble, random_apcodec
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.codecs.apcodec.chunks import ChunkedEngine, reach

HOP = 320
SECONDS = 0.1
SIZE = 15


@pytest.fixture(scope="module")
def engine(networks):
    engine = ChunkedEngine(networks, SECONDS)
    assert engine.size == SIZE
    return engine


def coded(engine, sound, cuts=()):
    encoder = engine.encoder(4)
    blocks = [encoder.push(part) for part in np.split(sound, sorted(cuts), axis=1)]
    codes = np.concatenate([*blocks, encoder.finish()], axis=1)
    assert encoder.segments[0].n_frames == codes.shape[1]
    return codes


def heard(engine, codes, cuts=()):
    decoder = engine.decoder(())
    blocks = [decoder.push(part) for part in np.split(codes, sorted(cuts), axis=1)]
    return np.concatenate([*blocks, decoder.finish()], axis=1)


def stretches(total, there, margin):
    """What is computed at once, and what of it counts, told anew and slowly."""
    begin = 0
    while begin + SIZE + margin <= there:
        yield max(0, begin - margin), begin + SIZE + margin, begin, begin + SIZE
        begin += SIZE
    if begin < total:
        first = begin - margin
        while first > 0 and total - first < SIZE + 2 * margin:
            first -= 1
        yield max(0, first), total, begin, total


@torch.no_grad()
def slow_codes(networks, sound, margin):
    total = sound.shape[1] // HOP + 1
    blocks = []
    for first, stop, begin, end in stretches(total, sound.shape[1] // HOP, margin):
        part = networks.encode(torch.from_numpy(sound[:, first * HOP : stop * HOP]))[0]
        blocks.append(part[:, begin - first : end - first].numpy())
    return np.concatenate(blocks, axis=1)


@torch.no_grad()
def slow_sound(networks, codes, margin):
    n = codes.shape[1]
    fade = margin // 2 * HOP
    total = np.zeros((1, n * HOP))
    for first, stop, begin, end in stretches(n, n, margin):
        part = networks.decode(torch.from_numpy(codes[None, :, first:stop].astype(np.int64))).numpy()
        at = np.arange(first * HOP, stop * HOP)
        rising = np.clip((at - begin * HOP + 0.5) / fade, 0, 1) if begin else 1
        falling = np.clip((end * HOP + fade - at - 0.5) / fade, 0, 1) if end < n else 1
        total[:, first * HOP : stop * HOP] += part * rising * falling
    return total


@settings(max_examples=8)
@given(length=st.integers(1, 60 * HOP), cuts=st.lists(st.integers(0, 60 * HOP), max_size=3))
def test_chunks_are_those_that_were_stated_wherever_the_input_was_cut(engine, networks, length, cuts):
    sound = babble(length)
    codes = coded(engine, sound, [cut for cut in cuts if cut <= length])
    assert codes.shape == (4, length // HOP + 1)
    assert codes.dtype == np.int16
    assert (codes == slow_codes(networks, sound, engine.margin)).all()


@settings(max_examples=8)
@given(n_frames=st.integers(1, 70), cuts=st.lists(st.integers(0, 70), max_size=3))
def test_the_sound_of_chunks_fades_from_one_to_the_next(engine, networks, n_frames, cuts):
    codes = np.random.default_rng(n_frames).integers(0, 64, (4, n_frames)).astype(np.int16)
    sound = heard(engine, codes, [cut for cut in cuts if cut <= n_frames])
    assert sound.shape == (1, n_frames * HOP)
    assert distance(slow_sound(networks, codes, engine.margin), sound) > 100


def test_nothing_but_the_norms_tells_chunks_from_the_whole():
    networks = random_apcodec(response=0.0)
    engine = ChunkedEngine(networks, SECONDS)
    sound = babble(100 * HOP + 17)
    codes = coded(engine, sound)
    with torch.no_grad():
        whole = networks.encode(torch.from_numpy(sound))[0].numpy()
        decoded = networks.decode(torch.from_numpy(codes[None].astype(np.int64))).numpy()
    assert (codes == whole).all()
    assert distance(decoded, heard(engine, codes)) > 100


def distance(reference, other):
    """Return the distance in dB."""
    return 10 * np.log10(np.square(reference).mean() / (np.square(reference - other).mean() + 1e-30))


def test_the_margin_is_what_the_layers_look_at():
    networks = random_apcodec(response=0.0)
    sound = torch.from_numpy(babble(80 * HOP)).requires_grad_()
    from giblet.codecs.apcodec.spectrum import analyse

    networks.encoder(analyse(sound, networks.config))[0, :, 40].abs().sum().backward()
    seen = sound.grad[0].nonzero()[:, 0]
    margin = reach(networks.config) * HOP
    assert 40 * HOP - margin <= seen.min() <= seen.max() < 40 * HOP + margin
    latents = torch.randn(1, 8, 80, requires_grad=True)
    networks.sound_of(latents)[0, 40 * HOP : 41 * HOP].abs().sum().backward()
    seen = latents.grad[0].abs().sum(0).nonzero()[:, 0]
    assert 40 - reach(networks.config) <= seen.min() <= seen.max() <= 40 + reach(networks.config)


def test_a_sound_of_one_chunk_is_coded_as_one_clip(networks):
    engine = ChunkedEngine(networks, 0.5)
    sound = babble(24_000 + HOP)
    with torch.no_grad():
        whole = networks.encode(torch.from_numpy(sound))
        decoded = networks.decode(whole)
    codes = coded(engine, sound, [5, 700])
    assert (codes == whole[0].numpy()).all()
    np.testing.assert_array_equal(heard(engine, codes), decoded.numpy())


@torch.no_grad()
def test_chunks_come_closer_to_the_whole_the_longer_they_are(networks):
    sound = babble(72_000)
    whole = networks.encode(torch.from_numpy(sound))
    assert len(whole.unique()) > 10
    decoded = networks.decode(whole).numpy()
    agreement, near = [], []
    for seconds in (0.1, 0.7):
        engine = ChunkedEngine(networks, seconds)
        agreement.append((coded(engine, sound) == whole[0].numpy()).mean())
        near.append(distance(decoded, heard(engine, whole[0].numpy().astype(np.int16))))
    assert 0.9 < agreement[0] < agreement[1]
    assert 30 < near[0] < near[1] - 3


def test_memory_is_flat_and_codes_come_as_soon_as_they_are_certain(engine):
    encoder, decoder, most = engine.encoder(4), engine.decoder(()), 2 * SIZE + 4 * engine.margin
    sound = babble(160 * HOP)
    certain = 0
    for first in range(0, sound.shape[1], HOP):
        codes = encoder.push(sound[:, first : first + HOP])
        certain += codes.shape[1]
        assert certain >= first // HOP + 1 - SIZE - engine.margin
        decoder.push(codes)
        assert sum(part.shape[1] for part in encoder.waiting) <= most * HOP
        assert sum(part.shape[1] for part in decoder.waiting) <= most


@pytest.mark.parametrize("stop", [1, HOP, SIZE * HOP, SIZE * HOP + 1, 33 * HOP - 7])
def test_a_sound_may_end_where_its_codes_are_certain(engine, stop):
    sound = babble(100 * HOP)
    codes = engine.encoder(4).push(sound[:, : engine.samples_for(stop)])
    assert codes.shape[1] >= -(-stop // HOP)
    assert engine.encoder(4).push(sound[:, : engine.samples_for(stop) - 1]).shape[1] < codes.shape[1]
    assert (codes == coded(engine, sound)[:, : codes.shape[1]]).all()
