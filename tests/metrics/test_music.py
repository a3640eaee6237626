from __future__ import annotations

import numpy as np
import pytest
from benchmark.speaking import RATE, chords, syllables

from giblet.media import AudioReader
from giblet.metrics import Pair, cut, is_music

SPEECH = (
    "librispeech_1272-128104-0000.flac", "librispeech_198-209-0000.hq.ogg", "librispeech_3436-172162-0000.hq.ogg",
    "librispeech_5703-47212-0000.hq.ogg", "ljspeech_LJ001-0001.wav", "cmu_arctic_slt_a0007_16k.wav",
    "festvox_ru_0275_16k.wav", "forensics_debian_44k.wav", "sr_french_44k.aiff", "pesq_speech.wav",
)  # fmt: skip


def marks(path, segment: float = 10.0) -> list[bool]:
    """Whether each segment of a file is marked."""
    with AudioReader(path, sample_rate=24_000) as reader:
        sound = reader.read().data
    return [is_music(part.reference, 24_000) for part in cut(Pair(sound, sound, 24_000), segment)]


@pytest.mark.realdata
def test_read_speech_is_not_marked(realdata):
    found = {name: marks(realdata / "speech" / name) for name in SPEECH}
    assert sum(map(len, found.values())) >= 14
    assert [name for name, marked in found.items() if any(marked)] == []


@pytest.mark.realdata
def test_music_is_marked(realdata):
    assert all(marks(realdata / "music" / "vibe_ace.hq.ogg"))
    assert all(marks(realdata / "video" / "big_buck_bunny_0_30.webm"))


@pytest.mark.realdata
def test_a_film_with_a_speaker_and_music_is_both(realdata):
    found = marks(realdata / "video" / "cc_wanna_work_together.mp4")
    assert found[0]
    assert found[-2]
    assert 0.3 < np.mean(found) < 0.8


@pytest.mark.parametrize("gain", [1e-3, 1.0, 3.0])
@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_level_and_rate_do_not_matter(gain, rate):
    import soxr

    assert not is_music(gain * soxr.resample(syllables(5), RATE, rate), rate)
    assert is_music(gain * soxr.resample(chords(5), RATE, rate), rate)


def test_what_cannot_be_told_is_not_marked():
    assert not is_music(chords(0.9), RATE)
    assert not is_music(np.zeros(5 * RATE), RATE)
