"""What listeners compare: the reference after a codec, after a mel spectrogram, or from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from giblet.codecs.base import Codec, decode, encode
from giblet.errors import CodecError, MediaError
from giblet.listening.excerpts import RATE, Excerpt, Recording, look_at, read_same
from giblet.media import find_sound_files


@dataclass(frozen=True)
class Condition:
    """Something that sound went through.

    Attributes
    ----------
    name : str
        What people call it.
    channels : int
        Most channels that mean something in it: 1 or 2.
    apply : callable
        Takes an `Excerpt` of at most as many channels, and returns float32 (channels, n_samples) in step with its
        ``sound``.
    """

    name: str
    channels: int
    apply: Callable[[Excerpt], NDArray[np.float32]]


def codec_name(name: str, bandwidth: float) -> str:
    """Return what the condition of a codec at a bandwidth is called: ``tiny 3 kbps``."""
    return f"{name.rpartition('/')[2]} {bandwidth:g} kbps"


def codec_condition(codec: Codec, bandwidth: float) -> Condition:
    """Make the condition of a codec at a bandwidth.

    Parameters
    ----------
    codec : Codec
        The codec.
    bandwidth : float
        Kilobits per second.

    Returns
    -------
    Condition
        Encodes and decodes at the codec's own rate.
    """
    rate = codec.layout.sample_rate

    def apply(excerpt: Excerpt) -> NDArray[np.float32]:
        there = np.ascontiguousarray(_resampled(excerpt.sound, RATE, rate))
        # A codec of two channels gets a mono sound twice.
        there = np.broadcast_to(there, (codec.channels, there.shape[1]))
        again = decode(codec, encode(codec, there, bandwidth))
        if not np.isfinite(again).all():
            raise CodecError(
                f"{codec.name} decodes to values that are no numbers at {bandwidth:g} kbps",
                "train it again, or load other weights",
                excerpt.recording.path,
            )
        if len(again) > len(excerpt.sound):
            again = again.mean(axis=0, keepdims=True)
        return _resampled(again, rate, RATE)

    return Condition(codec_name(codec.name, bandwidth), codec.channels, apply)


def mel_condition() -> Condition:
    """Make the condition of giblet's mel spectrogram and back, by Griffin-Lim.

    Returns
    -------
    Condition
        One channel; the spectrogram reaches 80 dB below the loudest moment of the excerpt and its surroundings.
    """

    def apply(excerpt: Excerpt) -> NDArray[np.float32]:
        from giblet.data.mel import MelSettings
        from giblet.spectral import MelStream, mel_to_audio, power_to_db

        settings = MelSettings()
        rate, n_fft, hop = settings.sample_rate, settings.n_fft, settings.hop_length
        stream = MelStream(rate, n_fft, hop, settings.n_mels)
        sound = _resampled(excerpt.sound, RATE, rate)[0]
        power = np.concatenate([stream.push(sound), stream.finish()], axis=1)
        reference = float(power.max())
        again = mel_to_audio([power_to_db(power, reference)], rate, n_fft, hop, reference=reference)
        return _resampled(np.concatenate(list(again))[None], rate, RATE)

    return Condition("mel", 1, apply)


def file_condition(name: str, place: str | os.PathLike[str], sounds: Sequence[Path]) -> Condition:
    """Make a condition of sounds that lie in files.

    Parameters
    ----------
    name : str
        What it is called.
    place : str or os.PathLike
        The file of the only sound, or a folder that has one for each, of the same name whatever its ending.
    sounds : sequence of pathlib.Path
        The originals.

    Returns
    -------
    Condition
        Reads the files, which are in step with the originals.

    Raises
    ------
    MediaError
        If a file is missing or cannot be read.
    """
    recordings = {os.fspath(sound): look_at(file) for sound, file in _partners(name, Path(place), sounds).items()}
    channels = min(recording.channels for recording in recordings.values())

    def apply(excerpt: Excerpt) -> NDArray[np.float32]:
        recording = recordings[excerpt.recording.path]
        return read_same(Recording(recording.path, len(excerpt.sound), recording.seconds), excerpt)

    return Condition(name, channels, apply)


def _partners(name: str, place: Path, sounds: Sequence[Path]) -> Mapping[Path, Path]:
    if not place.exists():
        raise MediaError(f"there is no such file or folder, which condition {name!r} names", "check the name", place)
    if place.is_file():
        if len(sounds) > 1:
            raise MediaError(
                f"is one file, and there are {len(sounds)} sounds", "name a folder that has a file for each", place
            )
        return {sounds[0]: place}
    files: dict[str, list[Path]] = {}
    for file in find_sound_files(place):
        files.setdefault(file.stem, []).append(file)
    partners = {}
    for sound in sounds:
        found = files.get(sound.stem, [])
        if len(found) != 1:
            problem = f"has {len(found)} files called {sound.stem}" if found else f"has no file called {sound.stem}.*"
            raise MediaError(problem, f"put the sound that {name!r} makes of {sound.name} there, once", place)
        partners[sound] = found[0]
    return partners


def _resampled(sound: NDArray[np.float32], rate: int, other: int) -> NDArray[np.float32]:
    return sound if rate == other else np.ascontiguousarray(soxr.resample(sound.T, rate, other, "VHQ").T)
