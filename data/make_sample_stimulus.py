"""Make ``sample_stimulus.mp4``, a film of half a minute, and ``sample_stimulus_words.csv``, when each word is said.

``python data/make_sample_stimulus.py`` writes both beside itself; ``--output FOLDER`` writes them elsewhere. Everything
is made here: speech by espeak-ng, the tune and the picture by numpy. Nothing depends on the date or on
chance, so the same espeak-ng, numpy and PyAV give the same files.
"""

from __future__ import annotations

import argparse
import csv
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from stimulus.picture import FLASH, FLASHES, picture
from stimulus.speech import Espeak, Spoken
from stimulus.tune import add, bell, tune

SAMPLE_RATE = 44_100
PICTURE_RATE = 25
N_PICTURES = 30 * PICTURE_RATE
AAC_FRAME = 1024
# Whole AAC frames that cover the picture: the sound is 8 samples longer, never shorter.
N_SAMPLES = -(-30 * SAMPLE_RATE // AAC_FRAME) * AAC_FRAME

SPEECH_RMS, TUNE_RMS, BELL_RMS = 0.09, 0.025, 0.03
DUCK = 0.3
"""Gain of the tune while someone speaks."""
FADE = 0.25
"""Seconds in which the tune gives way, and comes back."""

VOICES = {"narrator": ("en-us", -0.1), "boat": ("en-gb-x-rp+f3", 0.25)}
"""Voice of espeak-ng, and place between left (-1) and right (1)."""
WORDS_PER_MINUTE = 155

STORY = [
    (1.5, "narrator", "A small red boat had sailed out too far, and then the fog came down."),
    (7.0, "boat", "Hello? Is anyone there? I cannot see the shore."),
    (11.0, "narrator", "High upon a hill, a lamp woke up. It blinked three times."),
    (17.6, "boat", "One, two, three. Now I see you! Let me come home."),
    (22.2, "narrator", "So the boat turned around, and sailed towards the light."),
    (26.4, "boat", "Thank you, lamp."),
]
"""Seconds at which a line begins, who says it, and what."""


def main() -> None:
    """Write the film and its words."""
    parser = argparse.ArgumentParser(description="Make the sample film and the times of its words.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent, help="folder to write into")
    folder = parser.parse_args().output
    espeak = Espeak(SAMPLE_RATE)
    spoken = [espeak.say(text, VOICES[speaker][0], WORDS_PER_MINUTE) for _, speaker, text in STORY]
    folder.mkdir(parents=True, exist_ok=True)
    write_words(folder / "sample_stimulus_words.csv", spoken)
    film = folder / "sample_stimulus.mp4"
    write_film(film, mix(spoken))
    print(f"{film}: {film.stat().st_size / 1e6:.2f} MB, speech by espeak-ng {espeak.version}")


def mix(spoken: list[Spoken]) -> np.ndarray:
    """Lay speech over the tune, which steps back for it.

    Parameters
    ----------
    spoken : list of Spoken
        The lines of the story, in its order.

    Returns
    -------
    np.ndarray
        Shape (2, N_SAMPLES), float32, within ±1.

    Raises
    ------
    SystemExit
        If two lines overlap, or the sum would clip.
    """
    speech = np.zeros((2, N_SAMPLES))
    talking = np.zeros(N_SAMPLES)
    for (onset, speaker, text), line in zip(STORY, spoken, strict=True):
        first = round(onset * SAMPLE_RATE)
        span = slice(first, first + line.samples.size)
        if talking[span].any() or span.stop > N_SAMPLES:
            raise SystemExit(f"no room for {text!r} at {onset} s; move the lines of the story apart.")
        talking[span] = 1
        level = SPEECH_RMS * np.sqrt(2 / np.mean(line.samples**2))
        add(speech, level * line.samples, onset, SAMPLE_RATE, pan=VOICES[speaker][1])
    bells = np.zeros((2, N_SAMPLES))
    for onset in FLASHES:
        add(bells, bell(90, SAMPLE_RATE), onset, SAMPLE_RATE)
    heard = slice(round(FLASHES[0] * SAMPLE_RATE), round((FLASHES[-1] + FLASH) * SAMPLE_RATE))
    bells *= BELL_RMS / np.sqrt(np.mean(bells[:, heard] ** 2))
    sound = speech + bells + TUNE_RMS * tune(SAMPLE_RATE, N_SAMPLES) * ducking(talking)
    if np.abs(sound).max() > 0.95:
        raise SystemExit(f"the sound would clip (peak {np.abs(sound).max():.2f}); lower SPEECH_RMS.")
    return sound.astype(np.float32)


def ducking(talking: np.ndarray) -> np.ndarray:
    """Return the gain of the tune, shape (n,), from where someone talks, shape (n,), 0 or 1; it falls before a line."""
    reach = round(FADE * SAMPLE_RATE)
    edges = np.flatnonzero(np.diff(talking, prepend=0, append=0)).reshape(-1, 2)
    t = np.arange(talking.size)
    gain = np.ones(talking.size)
    for start, stop in edges:
        away = np.clip(np.maximum(start - t, t - stop) / reach, 0, 1)
        gain = np.minimum(gain, DUCK + (1 - DUCK) * (0.5 - 0.5 * np.cos(np.pi * away)))
    return gain


def write_words(path: Path, spoken: list[Spoken]) -> None:
    """Write onset and duration (seconds on the film's clock), word and speaker, one row a word."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["onset", "duration", "word", "speaker"])
        for (start, speaker, _), line in zip(STORY, spoken, strict=True):
            for word in line.words:
                rows.writerow([f"{start + word.onset:.3f}", f"{word.duration:.3f}", word.text, speaker])


def write_film(path: Path, sound: np.ndarray) -> None:
    """Encode picture and sound.

    Parameters
    ----------
    path : Path
        The film to write, MP4.
    sound : np.ndarray
        Shape (2, N_SAMPLES), float32.
    """
    # Bit-exact muxing writes neither dates nor versions; one thread, because x264's choices depend on their number.
    # Without B-frames the first picture is shown at 0 also by players that ignore edit lists.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as film:
        video = film.add_stream("libx264", rate=PICTURE_RATE, options={"preset": "veryslow", "crf": "18", "bf": "0"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        video.thread_count = 1
        video.gop_size = 2 * PICTURE_RATE
        audio = film.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", options={"flags": "+bitexact"})
        audio.bit_rate = 128_000
        n_shown = 0
        for first in range(0, N_SAMPLES, AAC_FRAME):
            while n_shown < N_PICTURES and n_shown * SAMPLE_RATE <= first * PICTURE_RATE:
                image = av.VideoFrame.from_ndarray(picture(n_shown / PICTURE_RATE), format="rgb24")
                image.pts, image.time_base = n_shown, Fraction(1, PICTURE_RATE)
                film.mux(video.encode(image))
                n_shown += 1
            block = np.ascontiguousarray(sound[:, first : first + AAC_FRAME])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
            film.mux(audio.encode(frame))
        film.mux(video.encode(None))
        film.mux(audio.encode(None))


if __name__ == "__main__":
    main()
