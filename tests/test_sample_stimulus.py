"""The sample film is what its users build on: short, small, in step, and spoken where its words say."""

from __future__ import annotations

import csv
import ctypes
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

DATA = Path(__file__).resolve().parent.parent / "data"
FILM = DATA / "sample_stimulus.mp4"
SAMPLE_RATE = 44_100


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Decoded sound on the film's clock, shape (2, n)."""
    with av.open(str(FILM)) as film:
        frames = list(film.decode(audio=0))
    assert frames[0].time == 0
    ends = [frame.pts + frame.samples for frame in frames[:-1]]
    assert ends == [frame.pts for frame in frames[1:]], "the sound has gaps"
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


@pytest.fixture(scope="module")
def words() -> list[tuple[float, float, str, str]]:
    with (DATA / "sample_stimulus_words.csv").open(newline="", encoding="utf-8") as file:
        return [(float(r["onset"]), float(r["duration"]), r["word"], r["speaker"]) for r in csv.DictReader(file)]


@pytest.fixture
def espeak_class(monkeypatch: pytest.MonkeyPatch) -> type:
    monkeypatch.syspath_prepend(DATA)
    from stimulus.speech import Espeak

    return Espeak


def sentences(words: list[tuple[float, float, str, str]]) -> list[tuple[float, float]]:
    """Spans of speech, in seconds: words less than 0.3 s apart."""
    spans: list[list[float]] = []
    for onset, duration, _, _ in words:
        if spans and onset - spans[-1][1] < 0.3:
            spans[-1][1] = onset + duration
        else:
            spans.append([onset, onset + duration])
    return [(start, stop) for start, stop in spans]


def rms(sound: np.ndarray, start: float, stop: float) -> float:
    return float(np.sqrt(np.mean(sound[:, round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)] ** 2)))


def test_is_small() -> None:
    assert 200_000 < FILM.stat().st_size < 1_500_000


def test_streams() -> None:
    with av.open(str(FILM)) as film:
        assert [stream.type for stream in film.streams] == ["video", "audio"]
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height, video.average_rate) == ("h264", 320, 180, 25)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", SAMPLE_RATE, 2)
        assert film.duration == 30 * av.time_base


def test_pictures_start_at_zero_and_change() -> None:
    with av.open(str(FILM)) as film:
        pictures = [(frame.time, frame.to_ndarray(format="gray").astype(float)) for frame in film.decode(video=0)]
    times = [time for time, _ in pictures]
    assert times == pytest.approx([i / 25 for i in range(750)])
    changes = np.array([np.abs(b - a).mean() for (_, a), (_, b) in pairwise(pictures)])
    cuts = sorted((np.argsort(changes)[-5:] + 1) / 25)
    assert cuts == pytest.approx([6.6, 10.8, 17.2, 21.9, 26.0], abs=0.021)
    assert np.median(changes) > 0.2, "the picture stands still"


def test_sound_covers_the_picture(sound: np.ndarray) -> None:
    assert 30.0 <= sound.shape[1] / SAMPLE_RATE < 30.025


def test_sound_is_neither_silent_nor_clipped(sound: np.ndarray) -> None:
    assert all(rms(sound, second, second + 1) > 0.005 for second in range(30))
    assert np.abs(sound).max() < 0.99


def test_words_are_in_order_and_told_by_two(words: list[tuple[float, float, str, str]]) -> None:
    assert len(words) > 50
    assert {speaker for *_, speaker in words} == {"narrator", "boat"}
    assert all(duration > 0.04 for _, duration, _, _ in words)
    # Times are rounded to a millisecond.
    assert all(a[0] + a[1] <= b[0] + 0.0015 for a, b in pairwise(words))
    assert words[0][0] > 0
    assert words[-1][0] + words[-1][1] < 30


def test_sentences_are_where_the_sound_is_loud(sound: np.ndarray, words: list[tuple[float, float, str, str]]) -> None:
    spans = sentences(words)
    assert len(spans) >= 10
    pauses = [(0.0, spans[0][0]), *((a[1], b[0]) for a, b in pairwise(spans)), (spans[-1][1], 30.0)]
    quietest_speech = min(rms(sound, start, stop) for start, stop in spans)
    loudest_pause = max(rms(sound, start + 0.05, stop - 0.02) for start, stop in pauses)
    assert quietest_speech > 10 ** (6 / 20) * loudest_pause
    # Within a tenth of a second of where a sentence should begin, the sound rises: the clock holds.
    for start, _ in spans:
        assert rms(sound, start, start + 0.15) > 2 * rms(sound, start - 0.1, start - 0.02)


def test_bells_ring_with_the_flashes(sound: np.ndarray) -> None:
    with av.open(str(FILM)) as film:
        brightness = np.array([frame.to_ndarray(format="gray").mean() for frame in film.decode(video=0)])
    for onset in (15.6, 16.2, 16.8):
        shown = round(onset * 25)
        assert brightness[shown] > brightness[shown - 1] + 1
        assert rms(sound, onset, onset + 0.06) > 1.5 * rms(sound, onset - 0.06, onset)


def test_missing_espeak_names_the_package(espeak_class: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(SystemExit, match="Debian package espeak-ng"):
        espeak_class(SAMPLE_RATE)
