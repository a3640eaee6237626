"""The small APCodec that comes with giblet."""

import numpy as np
import pytest

from giblet.codecs import decode, encode, find_codec, load_codec
from giblet.data import AudioProcessor
from giblet.media import AudioReader
from giblet.metrics import stoi

NAME = "apcodec-tiny"


@pytest.fixture(scope="module")
def codec():
    return load_codec(NAME, "cpu")


def test_it_is_small_and_says_what_it_is():
    spec = find_codec(NAME)
    assert sum(file.stat().st_size for file in spec.folder.iterdir()) < 6_000_000
    told = spec.to_dict()
    assert (told["sample_rate"], told["channels"], told["frame_rate"]) == (48_000, 1, 150)
    assert told["codebooks"] == {"6": 4}


@pytest.mark.parametrize("chosen", [{}, {"encodec_bandwidth": 6.0}])
def test_a_film_becomes_four_codes_150_times_a_second(codec, sample_film, chosen):
    processor = AudioProcessor(codec=codec, tr=1.5, **chosen)
    features, table = processor.audio_to_features(sample_film, max_trs=3)
    assert features.shape == (3, 4, 225)
    assert len(table) == 3
    assert (features.min() >= 0, features.max() < 1024, len(np.unique(features)) > 200) == (True, True, True)


@pytest.mark.realdata
def test_speech_stays_intelligible(codec, realdata):
    found = []
    for name in ("forensics_debian_44k.wav", "ljspeech_LJ001-0001.wav", "librispeech_1272-128104-0000.flac"):
        with AudioReader(realdata / "speech" / name, channels=1, sample_rate=48_000, picture_clock=False) as reader:
            sound = reader.read().data[:, : 5 * 48_000]
        sound = (0.06 / sound.std() * sound).astype(np.float32)
        found.append(stoi(sound[0], decode(codec, encode(codec, sound, 6.0))[0], 48_000))
    assert np.mean(found) > 0.85
