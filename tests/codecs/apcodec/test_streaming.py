"""The streaming APCodec: block by block gives what the whole sound gives, as early as it can."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fabricate import babble, random_apcodec
from hypothesis import given, settings
from hypothesis import strategies as st
from watching import needs_proc, peak_memory

from giblet.codecs import decode, encode, load_codec
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.spectrum import analyse
from giblet.codecs.apcodec.streaming import StreamingEngine

SETTINGS = settings(max_examples=30, deadline=None)


def streaming(**sizes):
    return random_apcodec(streaming=True, **sizes).requires_grad_(False)


@pytest.fixture(scope="module")
def model():
    return streaming()


@pytest.fixture(scope="module")
def engines(model):
    return {n: StreamingEngine(model, n) for n in (None, 1, 3)}


def whole_codes(model, sound: np.ndarray) -> np.ndarray:
    return model.encode(torch.from_numpy(sound))[0].numpy()


def whole_sound(model, codes: np.ndarray) -> np.ndarray:
    return model.decode(torch.from_numpy(codes.astype(np.int64))[None]).numpy()


def in_parts(coder, whole: np.ndarray, cuts=()) -> np.ndarray:
    parts = np.split(whole, sorted(min(cut, whole.shape[1]) for cut in cuts), axis=1)
    return np.concatenate([*(coder.push(part) for part in parts), coder.finish()], axis=1)


def assert_close(decoded: np.ndarray, expected: np.ndarray) -> None:
    assert decoded.shape == expected.shape
    assert decoded.dtype == np.float32
    assert np.abs(decoded - expected).max() <= 1e-5 * np.abs(expected).max()


def assert_streams(model, engine: StreamingEngine, sound: np.ndarray, cuts=(), code_cuts=()) -> None:
    expected = whole_codes(model, sound)
    encoder = engine.encoder(4)
    codes = in_parts(encoder, sound, cuts)
    assert codes.dtype == np.int16
    assert np.array_equal(codes, expected)
    assert encoder.segments[0].n_frames == expected.shape[1] == engine.config.n_frames(sound.shape[1])
    assert_close(in_parts(engine.decoder(encoder.segments), codes, code_cuts), whole_sound(model, codes))


# Around half a transform (512), a latent (320), the first latent's end (440) and a block of 48 latents (15,360).
@pytest.mark.parametrize(
    "n_samples", [1, 39, 40, 159, 161, 319, 320, 439, 440, 441, 511, 512, 513, 760, 15_479, 15_480, 15_481, 40_003]
)
@pytest.mark.parametrize("at_once", [None, 1])
def test_blocks_give_what_the_whole_sound_gives(model, engines, n_samples, at_once):
    assert_streams(model, engines[at_once], babble(n_samples))


@SETTINGS
@given(
    n_samples=st.integers(1, 4000),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    code_cuts=st.lists(st.integers(0, 13), max_size=6),
    at_once=st.sampled_from([None, 1, 3]),
)
def test_the_cuts_do_not_matter(model, engines, n_samples, cuts, code_cuts, at_once):
    assert_streams(model, engines[at_once], babble(n_samples), cuts, code_cuts)


def test_sample_by_sample_gives_the_same(model, engines):
    assert_streams(model, engines[3], babble(2500), range(2500), range(8))


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros((1, 3000), np.float32),
        np.concatenate([np.zeros((1, 1300), np.float32), babble(1400), np.zeros((1, 1300), np.float32)], axis=1),
        np.sign(babble(3000)),
        np.sin(np.arange(3000, dtype=np.float32)[None] / 9),
    ],
    ids=["silence", "sound in silence", "clipped", "one tone"],
)
@pytest.mark.parametrize("at_once", [None, 1])
def test_odd_sounds_stream_too(model, engines, sound, at_once):
    assert_streams(model, engines[at_once], sound)


@pytest.mark.parametrize(
    "sizes",
    [
        {"kernel": 5, "ratio": 4},
        {"kernel": 9, "ratio": 2},
        {"kernel": 1, "depth": 1},
        {"n_fft": 320},
        {"n_fft": 80, "window": 80},
        {"window": 333, "hop": 30},
        {"sample_rate": 16_000, "n_fft": 512, "window": 256, "hop": 64, "ratio": 6, "n_codebooks": 6},
    ],
    ids=str,
)
def test_other_sizes_stream_too(sizes):
    model = streaming(**sizes)
    sound = babble(4001)
    for at_once in (None, 1):
        engine = StreamingEngine(model, at_once)
        n_codebooks = model.config.n_codebooks
        expected = whole_codes(model, sound)
        codes = in_parts(engine.encoder(n_codebooks), sound, [7, 700])
        assert np.array_equal(codes, expected)
        assert_close(in_parts(engine.decoder(()), codes, [2]), whole_sound(model, codes))


def test_fewer_codebooks_are_the_first_of_all(model, engines):
    sound = babble(5000)
    codes = in_parts(engines[1].encoder(2), sound)
    assert np.array_equal(codes, whole_codes(model, sound)[:2])
    assert_close(in_parts(engines[1].decoder(()), codes), whole_sound(model, codes))


def test_latents_become_the_sound_of_their_codes(model, engines):
    codes = np.random.default_rng(0).integers(0, 64, (4, 101))
    latents = model.quantizer.decode(torch.from_numpy(codes)[None])[0].t()
    for engine in engines.values():
        assert_close(engine.latents_to_sound(latents), whole_sound(model, codes))


def test_no_sound_has_no_codes_and_no_codes_no_sound(engines):
    encoder = engines[None].encoder(4)
    assert encoder.push(np.empty((1, 0), np.float32)).shape == encoder.finish().shape == (4, 0)
    decoder = engines[None].decoder(())
    assert decoder.push(np.empty((4, 0), np.int16)).shape == decoder.finish().shape == (1, 0)


def test_two_sounds_at_a_time_stay_apart(model, engines):
    sounds = babble(3000), babble(3100)
    encoders = [engines[1].encoder(4) for _ in sounds]
    halves = [[encoder.push(s[:, :1500]) for encoder, s in zip(encoders, sounds, strict=True)]]
    halves.append([encoder.push(s[:, 1500:]) for encoder, s in zip(encoders, sounds, strict=True)])
    for k, (encoder, sound) in enumerate(zip(encoders, sounds, strict=True)):
        codes = np.concatenate([halves[0][k], halves[1][k], encoder.finish()], axis=1)
        assert np.array_equal(codes, whole_codes(model, sound))


def test_autocast_around_it_changes_no_code(model, engines):
    sound = babble(5000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        codes = in_parts(engines[None].encoder(4), sound)
    assert np.array_equal(codes, whole_codes(model, sound))


def test_behind_the_interface_of_codecs(model):
    codec = load_codec(model, "cpu")
    sound = babble(40_000)
    codes = encode(codec, sound, codec.bandwidths[-1])
    assert np.array_equal(codes.data, whole_codes(model, sound))
    assert_close(decode(codec, codes), whole_sound(model, codes.data)[:, :40_000])


@pytest.mark.parametrize("stop", [1, 320, 321, 15_360, 15_361])
def test_what_comes_later_changes_no_code_of_what_was_asked_for(model, stop):
    codec = load_codec(model, "cpu")
    sound = babble(40_000)
    wanted = -(-stop // 320)
    certain = codec.encoder(codec.bandwidths[-1]).push(sound[:, : codec.samples_for(stop)])
    assert certain.shape[1] >= wanted
    assert np.array_equal(certain[:, :wanted], whole_codes(model, sound)[:, :wanted])


# --- latency


@pytest.mark.parametrize(
    "sizes", [{"ratio": 4, "window": 160, "n_fft": 256}, {"ratio": 2, "hop": 60, "window": 144, "n_fft": 150}], ids=str
)
def test_a_change_is_heard_no_earlier_than_the_latency_says(sizes):
    model = streaming(**sizes).double()
    config = model.config
    n, middle = 6 * config.frame_hop, 3 * config.frame_hop
    changed = np.arange(middle, middle + config.frame_hop)
    sounds = torch.from_numpy(babble(n)).double().repeat(1 + len(changed), 1)
    # The ends of windows whisper.
    sounds[np.arange(1, 1 + len(changed)), changed] += 1e3
    heard = model.sound_of(model.encoder(analyse(sounds, config)))
    earlier = [
        t - int((row - heard[0]).abs().gt(1e-12).nonzero()[0]) for t, row in zip(changed, heard[1:], strict=True)
    ]
    assert max(earlier) == config.latency


@pytest.mark.parametrize("at_once", [1, 3])
def test_fed_sample_by_sample_each_comes_out_when_the_latency_says(model, at_once):
    engine = StreamingEngine(model, at_once)
    encoder, decoder = engine.encoder(4), engine.decoder(())
    sound, waited, n_out = babble(4000), [], 0
    for t in range(sound.shape[1]):
        out = decoder.push(encoder.push(sound[:, t : t + 1])).shape[1]
        waited += [t - s for s in range(n_out, n_out + out)]
        n_out += out
    assert max(waited) == engine.latency


def test_the_published_size_comes_twelve_milliseconds_later():
    assert APCodecConfig(streaming=True).latency == 598
    assert APCodecConfig(streaming=True).latency_ms == pytest.approx(12.458, abs=1e-3)
    assert APCodecConfig().latency is APCodecConfig().latency_ms is None


def test_without_streaming_a_change_at_the_end_is_heard_at_the_start():
    model = random_apcodec().requires_grad_(False).double()
    sounds = torch.from_numpy(babble(12_000)).double().repeat(2, 1)
    sounds[1, -1] += 0.3
    heard = model.sound_of(model.encoder(analyse(sounds, model.config)))
    assert (heard[0] - heard[1])[:100].abs().max() > 1e-12


# --- memory

PROGRAM = """
import os
os.environ['OMP_NUM_THREADS'] = '1'
import numpy as np
sys.path.insert(0, sys.argv[2])
from fabricate import babble, random_apcodec
from giblet.codecs.apcodec.streaming import StreamingEngine
engine = StreamingEngine(random_apcodec(streaming=True, width=4, depth=1, inner=4, n_fft=320))
encoder, decoder = engine.encoder(4), engine.decoder(())
second = babble(4800)  # Of a codec at 4.8 kHz.
for _ in range(int(sys.argv[1])):
    decoder.push(encoder.push(second))
decoder.push(encoder.finish())
decoder.finish()
"""


@pytest.mark.slow
@needs_proc
def test_ten_minutes_need_what_ten_seconds_need(request):
    tests = request.config.rootpath / "tests"
    short, long = (peak_memory(PROGRAM, seconds, tests) for seconds in (10, 600))
    # MiB. The samples that come and go would be 22 more, their spectra 90; the allocator wavers by 5.
    assert long - short < 8
