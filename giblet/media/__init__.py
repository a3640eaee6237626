"""A path becomes blocks of samples on the film's clock; samples become a file, or the sound of a film."""

from giblet.media.folders import find_sound_files
from giblet.media.mux import FILM_ENDINGS, check_picture, replace_sound
from giblet.media.probe import FilmClock, MediaInfo, film_clock, picture_start
from giblet.media.reader import AudioReader, ClockReport
from giblet.media.samples import AudioSamples
from giblet.media.writer import SOUND_ENDINGS, SoundWriter

__all__ = [
    "FILM_ENDINGS",
    "SOUND_ENDINGS",
    "AudioReader",
    "AudioSamples",
    "ClockReport",
    "FilmClock",
    "MediaInfo",
    "SoundWriter",
    "check_picture",
    "film_clock",
    "find_sound_files",
    "picture_start",
    "replace_sound",
]
