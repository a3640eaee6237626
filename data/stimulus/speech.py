"""Spoken lines from espeak-ng, with the exact time of every word.

The program ``espeak-ng`` does not tell when it says a word; its library does, in the same pass that makes the samples.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from dataclasses import dataclass

import numpy as np
import soxr

NO_ESPEAK = (
    "espeak-ng is missing; install the Debian package espeak-ng (apt install espeak-ng), which brings its library "
    "libespeak-ng."
)

# From espeak-ng's speak_lib.h.
SYNCHRONOUS, PHONEME_EVENTS, DO_NOT_EXIT = 2, 0x0001, 0x8000
RATE, VOLUME = 1, 2
CHARS_UTF8 = 1
LIST_ENDS, WORD, PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Word:
    """One spoken word; ``onset`` and ``duration`` in seconds, on the clock of the line or of the film."""

    onset: float
    duration: float
    text: str


@dataclass(frozen=True)
class Spoken:
    """One line as sound: ``samples`` of shape (n,), float64, peak within ±1, and its words in order."""

    samples: np.ndarray
    words: tuple[Word, ...]


class Espeak:
    """The espeak-ng library, speaking into arrays.

    Parameters
    ----------
    sample_rate : int
        Samples per second of what :meth:`say` returns.

    Raises
    ------
    SystemExit
        If the library or its voices cannot be found.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        try:
            self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        except OSError:
            raise SystemExit(NO_ESPEAK) from None
        self._own_rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS | DO_NOT_EXIT)
        if self._own_rate <= 0:
            raise SystemExit(NO_ESPEAK)
        self._blocks: list[np.ndarray] = []
        self._events: list[tuple[int, int, int, int, str]] = []
        # The library keeps a bare pointer, so the callback must live as long as this object.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self.version = self._version()

    def say(self, text: str, voice: str, words_per_minute: int) -> Spoken:
        """Speak one line.

        Parameters
        ----------
        text : str
            What to say; ASCII.
        voice : str
            A voice of espeak-ng, for example ``"en-us+f3"``.
        words_per_minute : int
            Speed.

        Returns
        -------
        Spoken
            From the first word to the end of the last.

        Raises
        ------
        SystemExit
            If the voice is unknown, or espeak-ng runs two words into one.
        """
        self._blocks.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng has no voice {voice!r}; install the Debian package espeak-ng-data.")
        self._library.espeak_SetParameter(RATE, words_per_minute, 0)
        # Half the library's own volume, at which some vowels clip.
        self._library.espeak_SetParameter(VOLUME, 50, 0)
        data = text.encode()
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        words = self._words(text)
        samples = np.concatenate(self._blocks) / 32768.0
        samples = samples[: round((words[-1].onset + words[-1].duration) * self._own_rate)]
        return Spoken(soxr.resample(samples, self._own_rate, self.sample_rate, quality="VHQ"), words)

    def _take(self, wave: ctypes._Pointer[ctypes.c_short], n_samples: int, events: ctypes._Pointer[_Event]) -> int:
        if wave and n_samples > 0:
            self._blocks.append(np.ctypeslib.as_array(wave, (n_samples,)).copy())
        i = 0
        while (event := events[i]).type != LIST_ENDS:
            name = event.id.string.decode() if event.type == PHONEME else ""
            self._events.append((event.type, event.text_position, event.length, event.sample, name))
            i += 1
        return 0

    def _words(self, text: str) -> tuple[Word, ...]:
        """Words of the line from the events: a word ends where the next begins, or a pause does."""
        found: list[tuple[str, int, int]] = []
        open_word: tuple[str, int] | None = None
        for kind, position, length, sample, name in self._events:
            begins = kind == WORD and length > 0
            if open_word and (begins or (kind == PHONEME and name.startswith("_"))):
                found.append((*open_word, sample))
                open_word = None
            if begins:
                open_word = (text[position - 1 : position - 1 + length], sample)
        said, written = [word for word, _, _ in found], re.findall(r"[A-Za-z']+", text)
        if said != written:
            raise SystemExit(f"espeak-ng gives times for {said} and not for each of {written}; reword the line.")
        return tuple(Word(start / self._own_rate, (end - start) / self._own_rate, word) for word, start, end in found)

    def _version(self) -> str:
        info = self._library.espeak_Info
        info.restype = ctypes.c_char_p
        return info(None).decode()
