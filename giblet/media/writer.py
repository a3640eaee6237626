"""Sound files, written block by block."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import soundfile

from giblet.errors import MediaError, ParameterError
from giblet.media.publishing import Publication

logger = logging.getLogger(__name__)

# Ending of the name: format, and the subtypes it may have, the first by default.
_FORMATS = {
    ".wav": ("WAV", ("PCM_16", "PCM_24", "FLOAT")),
    ".flac": ("FLAC", ("PCM_16", "PCM_24")),
    ".ogg": ("OGG", ("VORBIS",)),
}
SOUND_ENDINGS = tuple(_FORMATS)
# Of integers: full scale, the integers that soundfile takes them from, and by how much these are larger.
_INTEGERS = {"PCM_16": (2**15, np.int16, 1), "PCM_24": (2**23, np.int32, 2**8)}
_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}

# A WAV file counts its bytes in 32 bits. RF64 is the same with 64, but older programs cannot read it.
_MOST_WAV_BYTES = 2**32 - 2**16


class SoundWriter:
    """Write a sound file in blocks; it appears under its name when it is complete.

    Values beyond -1 to 1 are clipped, but for the subtype ``FLOAT``. A WAV file that outgrows 4 GB goes on as RF64.

    Parameters
    ----------
    path : str or os.PathLike
        Name of the file, which ends in .wav, .flac or .ogg.
    sample_rate : int
        Samples per second and channel.
    channels : int
        Number of channels.
    subtype : str, optional
        Kind of samples: ``"PCM_16"`` (default of .wav and .flac), ``"PCM_24"``, ``"FLOAT"`` (.wav) or ``"VORBIS"``
        (.ogg).
    force : bool, optional
        Whether to replace a file of that name.

    Raises
    ------
    MediaError
        If the ending or subtype is unknown, the name is taken, or the file cannot be written.

    Examples
    --------
    >>> with SoundWriter("sound.flac", 24000, channels=1) as writer:  # doctest: +SKIP
    ...     writer.write(np.zeros((1, 24000), np.float32))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str | None = None,
        force: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        ending = Path(path).suffix.lower()
        if ending not in _FORMATS:
            problem = f"sound cannot be written with the ending {ending!r}" if ending else "its name has no ending"
            raise MediaError(problem, f"end the name in {', '.join(_FORMATS)}", path)
        self._format, subtypes = _FORMATS[ending]
        self.subtype = subtypes[0] if subtype is None else subtype
        if self.subtype not in subtypes:
            raise MediaError(f"{ending} cannot hold {subtype}", f"choose {' or '.join(subtypes)}", path)
        self.sample_rate = sample_rate
        self.channels = channels
        self._bytes = 0
        self._publication = Publication(path, force)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._publication)
            self._file = self._open()
            stack.callback(lambda: self._file.close())
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)
        logger.debug("%s: %d channels at %d Hz, %s", self.path, self.channels, self.sample_rate, self.subtype)

    def write(self, samples: npt.NDArray[np.float32]) -> None:
        """Append sound.

        Parameters
        ----------
        samples : numpy.ndarray, shape (channels, n_samples), float32
            The next samples.

        Raises
        ------
        ParameterError
            If the shape does not fit, or samples are no numbers.
        MediaError
            If the file cannot be written.
        """
        if samples.ndim != 2 or len(samples) != self.channels:
            raise ParameterError(
                f"sound of shape {samples.shape} does not fit {self.channels} channels",
                "give an array of shape (channels, n_samples)",
                self.path,
            )
        if not np.isfinite(samples).all():
            raise ParameterError("the sound to write holds NaN or infinite values", "mend it first", self.path)
        if self._format == "WAV":
            self._bytes += samples.size * _BYTES[self.subtype]
            if self._bytes > _MOST_WAV_BYTES:
                self._widen()
        try:
            # libsndfile's Vorbis encoder overflows its stack when it is given minutes at once.
            for begin in range(0, samples.shape[1], self.sample_rate):
                self._file.write(self._encoded(samples[:, begin : begin + self.sample_rate].T))
        except soundfile.LibsndfileError as error:
            raise self._failure(error) from error

    def _encoded(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.generic]:
        """Return samples in the file's own numbers, so that what is read is what was written, rounded."""
        if self.subtype == "FLOAT":
            return samples
        if self.subtype not in _INTEGERS:
            return samples.clip(-1, 1)
        scale, dtype, step = _INTEGERS[self.subtype]
        return (np.rint(samples * np.float64(scale)).clip(-scale, scale - 1) * step).astype(dtype)

    def _open(self) -> soundfile.SoundFile:
        try:
            return soundfile.SoundFile(
                self._publication.temporary, "w", self.sample_rate, self.channels, self.subtype, format=self._format
            )
        except soundfile.LibsndfileError as error:
            raise self._failure(error) from error

    def _widen(self) -> None:
        """Go on as RF64 with what was written as WAV."""
        logger.debug("%s outgrows WAV and goes on as RF64", self.path)
        self._format = "RF64"
        self._file.close()
        narrow = self._publication.temporary.with_suffix(".narrow")
        self._publication.temporary.rename(narrow)
        try:
            self._file = self._open()
            dtype = "float32" if self.subtype == "FLOAT" else "int32"
            for block in soundfile.blocks(narrow, blocksize=2**20, dtype=dtype, always_2d=True):
                self._file.write(block)
        finally:
            narrow.unlink()

    def _failure(self, error: soundfile.LibsndfileError) -> MediaError:
        return MediaError(
            f"cannot be written ({error.error_string.rstrip('.')})", "check the space and rights on the disk", self.path
        )
