"""From decoded frames to arrays with the wanted number of channels, at one rate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import av.error
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler

from giblet.errors import MediaError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame


class Mixer:
    """Turn the decoded frames of a sound track into float32 arrays.

    One or two channels become mono as their plain mean, mono becomes stereo by doubling, and more than two channels
    are first mixed down to stereo by ITU-R BS.775 (centre and surrounds at -3 dB, no low-frequency effects, no scaling
    of the sum).

    Parameters
    ----------
    channels : int or None
        1, 2, or None for the channels of the first frame.
    first : av.AudioFrame
        First frame of the track, whose rate and channels hold for all.
    path : str or os.PathLike
        The file's name, for the messages.

    Attributes
    ----------
    channels : int
        Number of channels that come out.
    """

    def __init__(self, channels: int | None, first: AudioFrame, path: str | os.PathLike[str]) -> None:
        self.channels = first.layout.nb_channels if channels is None else channels
        self._as_it_is = channels is None
        self._rate = first.sample_rate
        self._layout = first.layout.name
        self._path = path
        self._kind: tuple[str, str, int] | None = None
        self._converter = AudioResampler()

    def __call__(self, frame: AudioFrame) -> npt.NDArray[np.float32]:
        """Return one frame's sound.

        Parameters
        ----------
        frame : av.AudioFrame
            The next decoded frame.

        Returns
        -------
        numpy.ndarray, shape (channels, n_samples), float32
            Its sound, in front of it what a conversion of the rate had kept back before.

        Raises
        ------
        MediaError
            If the channels cannot be mixed, or samples are no numbers.
        """
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        frames: list[AudioFrame | None] = []
        try:
            if kind != self._kind:
                # Tracks may change their format on the way; what the old converter still holds belongs before.
                frames += self._converter.resample(None)
                self._kind = kind
                self._converter = AudioResampler("fltp", self._target(frame), self._rate)
            frames += self._converter.resample(frame)
        except (av.error.FFmpegError, ValueError) as error:
            problem = f"has sound whose channels ({frame.layout.name}) cannot be mixed"
            raise MediaError(problem, "convert it to stereo", self._path) from error
        # A converter that has nothing to convert answers None when it is flushed.
        parts = [self._mix(part.to_ndarray().astype(np.float32, copy=False)) for part in frames if part is not None]
        sound = np.concatenate(parts, axis=1) if parts else np.zeros((self.channels, 0), np.float32)
        if not np.isfinite(sound).all():
            raise MediaError(
                "holds samples that are no numbers (NaN or infinite)", "export its sound again", self._path
            )
        return sound

    def _target(self, frame: AudioFrame) -> str:
        """Return the layout that a frame is converted to."""
        if self._as_it_is:
            return self._layout
        return frame.layout.name if frame.layout.nb_channels <= 2 else "stereo"

    def _mix(self, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return sound of shape (channels in, n_samples) with the wanted number of channels."""
        if len(sound) == self.channels:
            return sound
        if self.channels == 1:
            return sound.mean(axis=0, keepdims=True, dtype=np.float32)
        return np.repeat(sound, self.channels, axis=0)
