"""`AudioProcessor`: sound of a film ↔ one array per fMRI volume."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import join_windows, tr_windows
from giblet.codecs import Codec, as_bandwidth, load_codec, look_at_codec, usual_bandwidth
from giblet.data.checks import DEFAULT_BANDWIDTH
from giblet.data.encoding import FilmCodes
from giblet.data.mel import FilmMel, MelSettings, reference_for_level
from giblet.data.metadata import ENCODEC, MEL, read_table, tr_table
from giblet.data.rebuild import placed, rows_from_zero, sound_of, unflatten, write_sound
from giblet.data.request import TRRequest
from giblet.data.sound import TRSound, look_at_sound
from giblet.errors import AlignmentError, ParameterError
from giblet.progress import SILENT, Progress
from giblet.spectral import mel_to_audio
from giblet.timeline import TRGrid, whole

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

DEFAULT_CODEC = "facebook/encodec_24khz"


class AudioProcessor:
    """Turns the sound of a film into features per TR, and features back into sound.

    Parameters
    ----------
    use_encodec : bool
        True: codes of a neural codec. False: a mel spectrogram, for older work.
    encodec_bandwidth : float, optional
        Kilobits per second; the 24 kHz EnCodec offers 1.5, 3, 6, 12, 24 (2, 4, 8, 16, 32 codebooks). Default 3, or
        the largest of a codec that does not offer 3.
    sample_rate, n_mels, n_fft, hop_length : int
        Mel spectrogram: Hz, bands, window and step in samples.
    tr : float
        Repetition time, seconds. A float means the decimal that it prints as.
    device : str
        ``"cpu"``, ``"cuda"``, or ``"auto"``: CUDA where it is.
    codec : str, os.PathLike, transformers.EncodecModel or Codec
        Hub name, a folder saved by transformers, ``"tiny"``, or a codec in memory.
    frame_policy : {"floor", "ceil"}
        ``"floor"``: floor(frame rate · tr) columns; the frame that some TRs hold more is dropped, and held over when
        sound is made again. ``"ceil"``: nothing is dropped; a spare column repeats the last frame, and ``n_frames``
        in the metadata says how many are real.
    incomplete : {"drop", "pad"}
        A last TR that the sound does not fill is left out, or silence is encoded to fill it.

    Attributes
    ----------
    use_encodec, encodec_bandwidth, sample_rate, n_mels, n_fft, hop_length, tr, device, frame_policy, incomplete
        As given.
    codec : Codec
        The codec, loaded at first use.

    Raises
    ------
    ParameterError, CodecError
        If a parameter has a value that cannot be used; there is no silent fallback to another codec or to mel.

    Examples
    --------
    >>> processor = AudioProcessor(encodec_bandwidth=3.0, codec="tiny")
    >>> features, metadata = processor.audio_to_features("data/sample_stimulus.mp4", max_trs=10)
    >>> features.shape, features.dtype
    ((10, 4, 112), dtype('int64'))
    """

    def __init__(
        self,
        use_encodec: bool = True,
        encodec_bandwidth: float | None = None,
        sample_rate: int = 22_050,
        n_mels: int = 2048,
        n_fft: int = 4096,
        hop_length: int = 512,
        tr: float = 1.5,
        device: str = "cpu",
        codec: Any = DEFAULT_CODEC,
        frame_policy: str = "floor",
        incomplete: str = "drop",
    ) -> None:
        TRRequest.asked(tr=tr, incomplete=incomplete)
        if frame_policy not in ("floor", "ceil"):
            raise ParameterError(f"the frame policy {frame_policy!r} is unknown", "choose floor or ceil")
        self.use_encodec = use_encodec
        self.tr = tr
        self.device = device
        self.frame_policy = frame_policy
        self.incomplete = incomplete
        self.mel = MelSettings(sample_rate, n_mels, n_fft, hop_length)
        self.sample_rate, self.n_mels, self.n_fft, self.hop_length = sample_rate, n_mels, n_fft, hop_length
        self._source = codec
        self._codec: Codec | None = None
        self.encodec_bandwidth = DEFAULT_BANDWIDTH if encodec_bandwidth is None else as_bandwidth(encodec_bandwidth)
        if use_encodec:
            found = look_at_codec(codec)
            self.encodec_bandwidth = usual_bandwidth(found.bandwidths, encodec_bandwidth, DEFAULT_BANDWIDTH)
            found.n_codebooks(self.encodec_bandwidth)

    @property
    def codec(self) -> Codec:
        """The codec, loaded at first use."""
        if self._codec is None:
            self._codec = load_codec(self._source, self.device)
        return self._codec

    def audio_to_features(
        self,
        audio_source: str | os.PathLike[str],
        max_trs: int | None = None,
        from_video: bool = True,
        tr_length: float | None = None,
        *,
        start: float = 0.0,
        audio_track: int | None = None,
        partial: bool = False,
        progress: Progress = SILENT,
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Turn the sound of a film into one array per TR.

        Parameters
        ----------
        audio_source : str or os.PathLike
            Film or sound file.
        max_trs : int, optional
            At most so many TRs.
        from_video : bool
            True: time zero is the first displayed picture; a file without pictures counts from its first sound.
            False: time zero is the first sound, even where there are pictures.
        tr_length : float, optional
            Repetition time in seconds, instead of the processor's.
        start : float
            Start of the first TR on the film's clock, seconds.
        audio_track : int, optional
            Which sound track, counted from 0; default the first.
        partial : bool
            Take what is there of a sound that ends before the file says it does.
        progress : Progress
            Told of the seconds done.

        Returns
        -------
        features : ndarray
            Codes: int64 (n_trs, n_codebooks, n_columns), 112 columns at 75 frames/s and TR 1.5 s. Mel: float32
            (n_trs, n_mels, n_columns), dB.
        metadata : pandas.DataFrame
            One row per TR (see `giblet.data.metadata.tr_table` for the columns).

        Raises
        ------
        MediaError, AlignmentError, CodecError, ParameterError
            If the file has no sound that can be read, the sound fills no TR or ends early, or codec and bandwidth
            do not fit.
        """
        request = TRRequest.asked(
            tr=self.tr if tr_length is None else tr_length,
            start=start,
            max_trs=max_trs,
            incomplete=self.incomplete,
            partial=partial,
        )
        look_at_sound(audio_source, request, audio_track, picture_clock=from_video)
        if self.use_encodec:
            return self._codes(FilmCodes(
                audio_source, self.codec, self.encodec_bandwidth, request,
                track=audio_track, picture_clock=from_video, progress=progress,
            ))  # fmt: skip
        return self._mel(FilmMel(
            audio_source, self.mel, request, track=audio_track, picture_clock=from_video, progress=progress
        ))  # fmt: skip

    def _codes(self, film: FilmCodes) -> tuple[np.ndarray, pd.DataFrame]:
        codes = film.collect()
        grid = film.sound.grid
        windows = tr_windows(codes.layout, codes.indices, grid, self.frame_policy)
        features = windows.cut(codes.data).astype(np.int64)
        log.debug("features %s int64, %d frames at native rate", features.shape, codes.data.shape[1])
        return features, tr_table(
            windows, grid, ENCODEC, codes.data.shape[0], film.sound.duration,
            segments=codes.segments, layout=codes.layout, fingerprint=self.codec.fingerprint,
        )  # fmt: skip

    def _mel(self, film: FilmMel) -> tuple[np.ndarray, pd.DataFrame]:
        values = film.collect()
        grid = film.sound.grid
        windows = tr_windows(self.mel.layout, np.arange(values.shape[1]), grid, self.frame_policy)
        features = windows.cut(values)
        log.debug("features %s float32", features.shape)
        return features, tr_table(windows, grid, MEL, 0, film.sound.duration, reference=film.reference)

    def features_to_audio(
        self,
        features: np.ndarray,
        output_path: str | os.PathLike[str],
        metadata: pd.DataFrame | None = None,
        n_codebooks: int | None = None,
        frames_per_tr: int | None = None,
        *,
        force: bool = True,
        progress: Progress = SILENT,
    ) -> None:
        """Turn features back into sound, every TR at its own time.

        Parameters
        ----------
        features : ndarray
            Integers (n_trs, n_codebooks, n_columns): codes. Integers (n_trs, n_codebooks · n_columns): codes in the
            older flat form. Floats (n_trs, n_mels, n_columns): mel, dB.
        output_path : str or os.PathLike
            A .wav or .flac file; its folder is made where it is missing.
        metadata : pandas.DataFrame, optional
            The rows that belong to the features; any slice decodes in step. Without it the features begin at TR 0
            and have the processor's TR.
        n_codebooks : int, optional
            Decode with the first so many codebooks; for flat features, how many they hold.
        frames_per_tr : int, optional
            Columns per TR of flat features.
        force : bool
            Replace a file that is there.
        progress : Progress
            Told of the seconds done.

        Raises
        ------
        CodecError, AlignmentError, ParameterError, MediaError
            If the features are not what they should be or the file cannot be written.
        """
        features = np.asarray(features)
        if not features.size:
            raise AlignmentError("the features hold no TR", "give at least one")
        if features.dtype.kind in "iu" and self.use_encodec:
            self._write_codes(features, output_path, metadata, n_codebooks, frames_per_tr, force, progress)
        elif features.dtype.kind == "f" and not self._looks_like_codes(features):
            self._write_mel(features, output_path, metadata, force, progress)
        else:
            raise ParameterError(
                f"features of shape {features.shape} and type {features.dtype} are not what this processor makes",
                "give codes as integers (use_encodec=True), or mel as floats",
            )

    def _looks_like_codes(self, features: np.ndarray) -> bool:
        return self.use_encodec and features.shape[1:2] != (self.mel.n_mels,) and bool((features % 1 == 0).all())

    def _write_codes(
        self,
        features: np.ndarray,
        output_path: str | os.PathLike[str],
        metadata: pd.DataFrame | None,
        n_codebooks: int | None,
        frames_per_tr: int | None,
        force: bool,
        progress: Progress,
    ) -> None:
        layout = self.codec.layout
        if features.ndim == 2:
            width = frames_per_tr
            if width is None and metadata is not None and "n_frames" in metadata:
                width = metadata["n_frames"].max()
            if width is None:
                width = int(layout.frame_rate * self._grid(1).tr)
            features = unflatten(features, n_codebooks, width)
        if features.ndim != 3:
            raise ParameterError(
                f"codes have shape {features.shape}", "give (n_trs, n_codebooks, n_columns), or the older flat form"
            )
        if n_codebooks is not None:
            n_codebooks = whole(n_codebooks, "the number of codebooks")
            if not 1 <= n_codebooks <= features.shape[1]:
                raise ParameterError(
                    f"{n_codebooks} codebooks are asked for and the features hold {features.shape[1]}", "ask for fewer"
                )
            features = features[:, :n_codebooks]
        n_trs = len(features)
        if metadata is None:
            rows = rows_from_zero(layout, n_trs, features.shape[2], self._grid(n_trs))
        else:
            rows = read_table(metadata, n_trs, layout, ENCODEC, self.codec.fingerprint)
        blocks, n_samples = sound_of(self.codec, features, rows)
        write_sound(
            blocks, output_path, layout.sample_rate, self.codec.channels,
            force=force, progress=progress, total=n_samples / layout.sample_rate,
        )  # fmt: skip

    def _write_mel(
        self,
        features: np.ndarray,
        output_path: str | os.PathLike[str],
        metadata: pd.DataFrame | None,
        force: bool,
        progress: Progress,
    ) -> None:
        if features.ndim != 3 or features.shape[1] != self.mel.n_mels:
            raise ParameterError(
                f"mel features have shape {features.shape}",
                f"give (n_trs, {self.mel.n_mels}, n_columns), or set n_mels to what they were made with",
            )
        layout, n_trs = self.mel.layout, len(features)
        if metadata is None:
            rows = rows_from_zero(layout, n_trs, features.shape[2], self._grid(n_trs))
        else:
            rows = read_table(metadata, n_trs, layout, MEL)
        joined = join_windows(features, layout, rows.bounds, rows.n_frames)
        lead = int(layout.starts(joined.indices[:1])[0]) - joined.first
        n_samples = joined.stop - joined.first
        sound = mel_to_audio(
            (joined.values[:, i : i + 512] for i in range(0, joined.values.shape[1], 512)),
            self.mel.sample_rate,
            self.mel.n_fft,
            self.mel.hop_length,
            reference=self._reference(joined.values, metadata),
        )
        write_sound(
            placed((block[None] for block in sound), lead, n_samples, 1), output_path, self.mel.sample_rate, 1,
            force=force, progress=progress, total=n_samples / self.mel.sample_rate,
        )  # fmt: skip

    def _reference(self, values: np.ndarray, metadata: pd.DataFrame | None) -> float:
        if metadata is not None and "reference" in metadata:
            return float(metadata["reference"].iloc[0])
        return reference_for_level(values, self.mel)

    def _grid(self, n_trs: int) -> TRGrid:
        return TRGrid(TRRequest.asked(tr=self.tr).tr, n_trs)

    def get_audio_info(self, audio_source: str | os.PathLike[str], from_video: bool = True) -> dict[str, Any]:
        """Measure the sound of a film, at the rate the processor works at.

        Parameters
        ----------
        audio_source : str or os.PathLike
            Film or sound file.
        from_video : bool
            As in `audio_to_features`.

        Returns
        -------
        dict
            sample_rate (Hz), duration (s, on the film's clock), samples, n_trs (full TRs).

        Raises
        ------
        MediaError
            If the file has no sound that can be read.
        """
        rate = self.mel.sample_rate
        if self.use_encodec:
            rate = (self._codec or look_at_codec(self._source)).layout.sample_rate
        request = TRRequest.asked(tr=self.tr, partial=True)
        sound = TRSound(audio_source, request, rate, 1, lambda stop: stop, picture_clock=from_video)
        for _ in sound:
            pass
        return {
            "sample_rate": rate,
            "duration": sound.n_samples / rate,
            "samples": sound.n_samples,
            "n_trs": TRGrid.covering(sound.film_duration, request.tr).n_trs,
        }
