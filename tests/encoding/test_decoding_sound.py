"""Sound from latents of TRs, and how much of it is the source's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from fabricate import CountingCodec
from hypothesis import given
from hypothesis import strategies as st

from giblet.codecs import Codes, Segment, decode, encode
from giblet.encoding import decode_latents, decode_sound, latent_bins, score_sound, simulate_bold
from giblet.errors import CodecError, EncodingError
from giblet.features import FeatureSeries, latents
from giblet.media import AudioReader
from giblet.metrics import stoi
from giblet.timeline import TRGrid


class PlainCodec(CountingCodec):
    """Its sound is the first of two latents, held for a frame; its code vectors are whole numbers."""

    normalize = False

    def codebooks(self, n_codebooks: int | None = None) -> np.ndarray:
        coarse, fine = np.zeros((2, 64, 2), np.float32)
        coarse[:, 0], fine[:, 0] = np.arange(64), np.arange(-32, 32) / 64
        return np.stack([coarse, fine])[:n_codebooks]

    def latents_to_sound(self, rows: np.ndarray) -> np.ndarray:
        return np.repeat(rows[:, 0], self.layout.hop)[None]

    def push(self, codes: np.ndarray) -> np.ndarray:
        return self.latents_to_sound(latents(codes, self.codebooks()))


def rows_of(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.zeros_like(values)], axis=1)


@given(
    tr=st.fractions(Fraction(1, 10), 3, max_denominator=100),
    n_trs=st.integers(1, 30),
    start=st.fractions(-5, 1000, max_denominator=1000),
    between=st.sampled_from(["linear", "hold"]),
    by=st.sampled_from(["latents", "codes"]),
)
def test_sound_is_as_long_as_its_trs_and_in_step_with_them(tr, n_trs, start, between, by):
    codec, grid = PlainCodec(), TRGrid(tr, n_trs, start)
    sound = decode_sound(rows_of(np.arange(n_trs, dtype=float)), grid, codec, between=between, by=by)
    assert sound.shape == (1, grid.bound(n_trs, 2400) - grid.bound(0, 2400))
    seconds = (np.arange(sound.shape[1]) + grid.bound(0, 2400)) / 2400
    place = (seconds - float(start)) / float(tr)
    frame = 32 / 2400 / float(tr)
    if between == "linear":
        # The codes of this codec are 1/64 apart.
        assert np.abs(sound[0] - np.clip(place - 0.5, 0, n_trs - 1)).max() <= frame + (by == "codes") / 64 + 1e-3
    else:
        # A frame that lies across a boundary belongs to the TR that holds its middle.
        clear = np.abs(place - np.rint(place)) > frame
        np.testing.assert_allclose(sound[0, clear], np.floor(place[clear]), atol=1e-3)


def test_consecutive_parts_join_to_the_whole():
    values, grid = np.random.default_rng(0).uniform(0, 9, (20, 6)), TRGrid(Fraction(149, 100), 20)
    whole = decode_sound(values, grid, PlainCodec(), between="hold")
    parts = [decode_sound(values[k : k + 5], grid.part(k, 5), PlainCodec(), between="hold") for k in (0, 5, 10, 15)]
    joined = np.concatenate(parts, axis=1)
    assert joined.shape == whole.shape
    # Only frames that lie across a seam may differ.
    assert (joined != whole).sum() <= 3 * 32


def test_latents_at_the_codecs_own_rate_give_the_codecs_own_sound(tiny):
    codes = np.random.default_rng(0).integers(0, 1024, (16, 240)).astype(np.int16)
    grid = TRGrid(Fraction(4, 5), 4)

    def own(n: int) -> tuple[np.ndarray, np.ndarray]:
        rows = latents(codes[:n], tiny.codebooks())
        series = FeatureSeries.regular(rows, 75, [str(i) for i in range(64)])
        sound = decode(tiny, Codes(codes[:n], (Segment(0, 240),), tiny.layout, 240 * 320))
        return latent_bins(series, grid, 60), sound

    rows, sound = own(16)
    np.testing.assert_allclose(decode_sound(rows, grid, tiny, between="hold"), sound, atol=1e-5)
    rows, sound = own(1)
    assert np.array_equal(decode_sound(rows, grid, tiny, by="codes", n_codebooks=1), sound)
    assert np.array_equal(decode_sound(rows, grid, tiny, by="codes", n_codebooks=1, between="hold"), sound)


def test_what_cannot_become_sound(stereo):
    grid, rows = TRGrid(1, 3), rows_of(np.zeros(3))
    with pytest.raises(EncodingError, match="give a row for each TR, of 2 columns"):
        decode_sound(rows[:, :1], grid, PlainCodec())
    with pytest.raises(EncodingError, match="give a row for each TR"):
        decode_sound(rows[:2], grid, PlainCodec())
    with pytest.raises(EncodingError, match="take the rows that were predicted"):
        decode_sound(rows * np.nan, grid, PlainCodec())
    with pytest.raises(EncodingError, match="choose from latents, codes; linear, hold"):
        decode_sound(rows, grid, PlainCodec(), by="words")
    with pytest.raises(CodecError, match="segments, each with a loudness"):
        decode_sound(rows, grid, stereo, by="codes")


def bursts(seconds: float, seed: int = 0, rate: int = 10_000) -> np.ndarray:
    """Noise whose level changes eight times a second."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    return rng.standard_normal(n) * np.repeat(10 ** rng.uniform(-2, 0, -(-n * 8 // rate)), rate // 8)[:n]


def test_sound_is_told_from_that_of_other_moments():
    source = bursts(14)
    heard = source + 0.05 * np.random.default_rng(1).standard_normal(len(source))
    score = score_sound([source], [heard], 10_000, 1, away=4)
    # Shifts of 4 to 10 s by whole TRs are all that there are.
    assert len(score.null) == 7
    assert score.smallest_p == score.p == 1 / 8
    assert score.stoi == pytest.approx(stoi(source, heard, 10_000))
    assert score.null.max() < score.stoi - 0.3
    assert "cannot fall below 0.125 here" in score.sentence
    assert "over 14 s" in score.sentence


def test_sound_of_something_else_is_not():
    values = [
        score_sound([bursts(8, seed)], [bursts(8, 100 + seed)], 10_000, 1, n_permutations=5, away=2, seed=seed).p
        for seed in range(6)
    ]
    assert np.mean(values) > 0.3
    assert min(values) >= 1 / 6


def test_stretches_are_shifted_each_by_its_own():
    stretches = [bursts(12), bursts(3), 0 * bursts(9), bursts(10, 1)]
    pair = stretches, stretches
    first, again, other = (
        score_sound(*pair, 10_000, 1, n_permutations=3, away=3, seed=seed, extended=True) for seed in (0, 0, 1)
    )
    # The stretch of 3 s cannot be shifted by 3 s either way, and counts nowhere; neither does the silent one.
    assert first.seconds == 22
    assert first.stoi == pytest.approx(1, abs=1e-3)
    # Extended STOI adds noise of its own, far below what is heard.
    np.testing.assert_allclose(first.null, again.null, atol=1e-6)
    assert np.abs(first.null - other.null).max() > 1e-3


def test_what_cannot_be_compared():
    sound = bursts(12)
    with pytest.raises(EncodingError, match="of the same length"):
        score_sound([sound], [sound[1:]], 10_000, 1)
    with pytest.raises(EncodingError, match="as long as twice 10 s"):
        score_sound([sound], [sound], 10_000, 1)
    with pytest.raises(EncodingError, match="loud enough"):
        score_sound([0 * sound], [sound], 10_000, 1, away=2)
    with pytest.raises(EncodingError, match="ask for 1 permutation or more"):
        score_sound([sound], [sound], 10_000, 1, n_permutations=0)
    with pytest.raises(EncodingError, match="a TR above 0 s"):
        score_sound([sound], [sound], 10_000, 0)


def test_sound_comes_nearer_to_the_ceiling_with_the_signal(tiny, sample_film):
    """Six stretches of the film's speech in random order, each as long as a TR of 2 s."""
    kinds, tr, n, bins = 6, 2, 240, 10
    with AudioReader(sample_film, sample_rate=24_000, channels=1) as reader:
        film = np.concatenate(list(reader), axis=1)[:, 24_000 : 24_000 * (1 + kinds * tr)]
    rows = latents(encode(tiny, film, 12.0).data, tiny.codebooks()).reshape(kinds, tr * 75, 64)
    order = np.random.default_rng(0).integers(0, kinds, n)
    series = FeatureSeries.regular(rows[order].reshape(-1, 64), 75, [str(i) for i in range(64)])
    grid = TRGrid(tr, n)
    truth = latent_bins(series, grid, bins)

    def sound(values: np.ndarray, trs: slice) -> np.ndarray:
        return decode_sound(values[trs], grid.part(trs.start, trs.stop - trs.start), tiny)[0]

    r, scores = [], []
    for snr in (0, 1, 100):
        bold = simulate_bold(series, grid, snr=snr, n_targets=60, seed=1).bold
        made = decode_latents(bold, truth, tr=tr, lags=range(2, 13, 2), gap=18)
        first = int(made.folds[2].test[0])
        trs = slice(first, first + 10)
        source = film.reshape(kinds, -1)[order[trs]].ravel()
        r.append(made.mean_r)
        scores.append(score_sound([source], [sound(made.latents, trs)], 24_000, tr, n_permutations=4, away=6))
    ceiling = stoi(source, sound(truth, trs), 24_000)
    assert abs(r[0]) < 0.1 < r[1] < 0.9 < r[2]
    # Without any signal the mean sound is heard, which is as good at all times; what counts is what others lack.
    nothing, some, much = (score.stoi - score.null.mean() for score in scores)
    assert abs(nothing) < 0.02 < some < much
    assert scores[0].p > scores[0].smallest_p == scores[2].p
    assert ceiling - 0.05 < scores[2].stoi < ceiling + 0.02
