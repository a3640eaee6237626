"""The signals of a trial: equally long, equally loud, and named so that the name tells nothing."""

from __future__ import annotations

import base64
import io
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from giblet.listening.anchors import ANCHORS, MID_ANCHOR, REFERENCE, low_pass
from giblet.listening.conditions import Condition
from giblet.listening.excerpts import RATE, Excerpt
from giblet.metrics import rms

PEAK_DB = -1.0
"""Decibels of full scale that no signal of a trial exceeds."""
# A change of level by less is hardly heard.
LEAST_CHANGE = 1.0
# Where less than this share of a sound, in decibels, lies above 8 kHz, 7 kHz are hard to tell from the whole.
LITTLE = -50.0
ABOVE = 8000.0
# Never divided by nothing, nor its logarithm taken: 200 dB below full scale.
_TINY = 1e-10


@dataclass(frozen=True)
class Signal:
    """One signal of a trial.

    Attributes
    ----------
    condition : str
        What the sound went through.
    sound : ndarray of float32, shape (channels, n_samples)
        As it is played, at 48 kHz.
    level_db : float
        By how much it is louder than the reference (root mean square), decibels.
    """

    condition: str
    sound: NDArray[np.float32]
    level_db: float


@dataclass(frozen=True)
class Trial:
    """An excerpt and what became of it.

    Attributes
    ----------
    name : str
        What it is called in the results.
    signals : tuple of Signal
        The reference first, then the anchors and conditions.
    gain_db : float
        Gain that all of them share, decibels, at most 0.
    notes : tuple of str
        What to know, a sentence each.
    """

    name: str
    signals: tuple[Signal, ...]
    gain_db: float
    notes: tuple[str, ...]


def make_trial(name: str, excerpt: Excerpt, conditions: Sequence[Condition]) -> Trial:
    """Make the signals of one trial.

    Where something is mono (the recording, or any condition), all signals are: else listeners would rate the missing
    width and not the coding.

    Parameters
    ----------
    name : str
        Of the trial.
    excerpt : Excerpt
        The recording's part.
    conditions : sequence of Condition
        What it goes through.

    Returns
    -------
    Trial
        Reference, anchors and conditions.
    """
    channels = min([len(excerpt.sound), *(condition.channels for condition in conditions)])
    notes = []
    if channels < len(excerpt.sound):
        notes.append(f"{name}: all signals are mono, for a condition is; what is stereo was mixed.")
    excerpt = excerpt.mixed(channels)
    sounds = {REFERENCE: excerpt.cut(excerpt.sound)}
    for anchor, cutoff in ANCHORS.items():
        sounds[anchor] = excerpt.cut(low_pass(excerpt.sound, RATE, cutoff))
    for condition in conditions:
        sounds[condition.name] = excerpt.cut(condition.apply(excerpt))
    peak = max(float(np.abs(sound).max()) for sound in sounds.values())
    gain = min(1.0, 10 ** (PEAK_DB / 20) / peak)
    reference = sounds[REFERENCE]
    signals = [
        Signal(condition, sound * np.float32(gain), _decibels(rms(sound), rms(reference)))
        for condition, sound in sounds.items()
    ]
    high = reference - low_pass(reference, RATE, ABOVE)
    notes += _notes(name, signals, _decibels(rms(high), rms(reference)))
    return Trial(name, tuple(signals), _decibels(gain, 1.0), tuple(notes))


def _notes(name: str, signals: Sequence[Signal], high: float) -> Iterator[str]:
    if high < LITTLE:
        yield (
            f"{name}: next to nothing lies above {ABOVE / 1000:g} kHz, so {MID_ANCHOR} sounds almost like the "
            "reference, and who says so may be excluded; choose another sound, or see to it when scoring."
        )
    for signal in signals:
        if signal.condition not in ANCHORS and abs(signal.level_db) >= LEAST_CHANGE:
            change = "louder" if signal.level_db > 0 else "quieter"
            yield f"{name}: {signal.condition} is {abs(signal.level_db):.1f} dB {change} than the reference."


def _decibels(value: float, reference: float) -> float:
    return 20 * math.log10(max(value, _TINY) / max(reference, _TINY))


def write_sounds(trial: Trial, folder: Path, generator: random.Random) -> list[dict[str, Any]]:
    """Write the signals as scripts that hand them to the page.

    A page that is opened as a file may load scripts from its folder, but no data; so each signal is a FLAC file of
    16 bits in base64, within a call of the page's function ``giblet``. All scripts of a trial are filled up with
    blanks to equal size, so that the size does not tell the anchors either.

    Parameters
    ----------
    trial : Trial
        Whose signals.
    folder : pathlib.Path
        Where to write.
    generator : random.Random
        Gives the names.

    Returns
    -------
    list of dict
        condition, sound (stem of the script's name) and level_db of each signal.
    """
    scripts = {}
    written = []
    for signal in trial.signals:
        name = f"{generator.getrandbits(48):012x}"
        encoded = base64.b64encode(_flac(signal.sound)).decode("ascii")
        scripts[name] = f"giblet({json.dumps(name)},{json.dumps(encoded)})"
        written.append({"condition": signal.condition, "sound": name, "level_db": round(signal.level_db, 3)})
    longest = max(map(len, scripts.values()))
    # In the order of their names, so that not even the times of the files tell.
    for name in sorted(scripts):
        (folder / f"{name}.js").write_text(scripts[name].ljust(longest) + "\n", encoding="ascii")
    return written


def _flac(sound: NDArray[np.float32]) -> bytes:
    whole = np.rint(sound * np.float64(2**15)).clip(-(2**15), 2**15 - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole.T, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()
