"""The tune of the sample film: a slow waltz of plucked strings and bells, sixteen bars in D major."""

from __future__ import annotations

import numpy as np

BEAT = 0.6
"""Seconds per beat; three beats make a bar. 0.6 s is 15 pictures at 25 pictures/s."""

# Per bar: the bass note, then two notes struck together on the second and third beat (MIDI numbers).
CHORDS = [
    *[(50, 66, 69), (50, 66, 69), (43, 62, 71), (50, 66, 69)],
    *[(47, 62, 66), (43, 62, 71), (45, 61, 64), (45, 64, 67)],
    *[(50, 66, 69), (42, 61, 66), (43, 62, 71), (50, 66, 69)],
    *[(43, 62, 71), (45, 61, 67), (50, 66, 69), (50, 62, 66)],
]

# (beat, MIDI number) of the bells.
MELODY = [
    *[(0, 74), (2, 78), (3, 81), (6, 79), (8, 76), (9, 78)],
    *[(12, 78), (14, 74), (15, 71), (18, 73), (20, 76), (21, 81)],
    *[(24, 81), (29, 85), (30, 83), (32, 79), (33, 78)],
    *[(36, 79), (38, 83), (39, 76), (41, 73), (42, 74), (45, 86), (47, 86)],
]

# Bell partials: frequency ratio, level, decay time in seconds.
PARTIALS = [(0.5, 0.25, 1.6), (1.0, 1.0, 1.2), (1.19, 0.2, 0.7), (2.0, 0.45, 0.6), (2.74, 0.2, 0.3), (4.07, 0.1, 0.15)]


def tune(sample_rate: int, n_samples: int) -> np.ndarray:
    """Return the whole tune.

    Parameters
    ----------
    sample_rate : int
        Samples per second.
    n_samples : int
        Length; what would ring on is cut.

    Returns
    -------
    np.ndarray
        Shape (2, n_samples), float64, RMS 1.
    """
    track = np.zeros((2, n_samples))
    for bar, (bass, low, high) in enumerate(CHORDS):
        for beat, pitch, level in [(0, bass, 1.0), (1, low, 0.5), (1, high, 0.5), (2, low, 0.4), (2, high, 0.4)]:
            add(track, level * pluck(pitch, sample_rate), (3 * bar + beat) * BEAT, sample_rate, pan=-0.3)
    for beat, pitch in MELODY:
        add(track, 0.7 * bell(pitch, sample_rate), beat * BEAT, sample_rate, pan=0.3)
    return track / np.sqrt(np.mean(track**2))


def add(track: np.ndarray, note: np.ndarray, onset: float, sample_rate: int, pan: float = 0.0) -> None:
    """Add a note to a track in place, at constant power between left (-1) and right (1).

    Parameters
    ----------
    track : np.ndarray
        Shape (2, n_samples).
    note : np.ndarray
        Shape (n,); what goes past the end of the track is cut.
    onset : float
        Seconds.
    sample_rate : int
        Samples per second.
    pan : float
        Place between left and right.
    """
    first = round(onset * sample_rate)
    note = note[: track.shape[1] - first]
    angle = (pan + 1) * np.pi / 4
    track[:, first : first + note.size] += np.array([[np.cos(angle)], [np.sin(angle)]]) * note


def pluck(pitch: int, sample_rate: int) -> np.ndarray:
    """Return one plucked note, shape (n,): harmonics that fade the faster the higher they are."""
    t = np.arange(round(1.8 * sample_rate)) / sample_rate
    partials = [(float(k), 1 / k**1.5, 0.6 / (1 + 0.35 * (k - 1))) for k in range(1, 9)]
    return _ring(pitch, partials, t, attack=0.004)


def bell(pitch: int, sample_rate: int) -> np.ndarray:
    """Return one soft bell, shape (n,)."""
    t = np.arange(round(3.0 * sample_rate)) / sample_rate
    return _ring(pitch, PARTIALS, t, attack=0.008)


def _ring(pitch: int, partials: list[tuple[float, float, float]], t: np.ndarray, attack: float) -> np.ndarray:
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    note = sum(
        level * np.exp(-t / decay) * np.sin(2 * np.pi * frequency * ratio * t) for ratio, level, decay in partials
    )
    # The last tenth of a second goes to zero, so that no note ends in a click.
    return note * np.minimum(t / attack, 1) * np.minimum((t[-1] - t) / 0.1, 1)
