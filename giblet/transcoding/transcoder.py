"""One command between sound, containers and stores: names say what becomes of what."""

from __future__ import annotations

from typing import Any

from giblet.codecs import Codec, CodecSpec, as_bandwidth, usual_bandwidth
from giblet.codecs.loading import check_device
from giblet.data.checks import check_file
from giblet.data.rebuild import make_folder
from giblet.errors import ParameterError
from giblet.formats import open_container
from giblet.media import AudioReader
from giblet.progress import SILENT, Progress
from giblet.store import check_output, read_manifest
from giblet.transcoding.decoding import codes_to_sound, sound_to_sound
from giblet.transcoding.encoding import sound_to_codes
from giblet.transcoding.models import find, find_maker, header_of, language_model, lm_source, loaded
from giblet.transcoding.moving import codes_to_codes
from giblet.transcoding.names import CODES, OUTPUT_ENDINGS, SOUND, STORE, Job, check_place_of, kind_of
from giblet.transcoding.result import Transcoding
from giblet.transcoding.stores import codes_to_store, store_to_codes

DEFAULT_CODEC = "facebook/encodec_24khz"
DEFAULT_BANDWIDTH = 6.0


class Transcoder:
    """Runs jobs with the same settings, and loads each codec once.

    Parameters
    ----------
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        What encodes sound, `DEFAULT_CODEC` by default; what made the codes, by default the codec they lead to.
    bandwidth : float, optional
        Kilobits per second, by default `DEFAULT_BANDWIDTH`, or the largest of a codec that does not offer it; of stores
        at most theirs, which is the default.
    lm : bool
        Whether .ecdc files are coded with the language model of the codec.
    rescale : bool
        Whether decoded sound is made quieter as a whole rather than clipped.
    device : str
        As in `giblet.codecs.load_codec`.
    force : bool
        Replace files and stores that are there; inputs are never replaced.

    Raises
    ------
    ParameterError
        If bandwidth or device cannot be.
    """

    def __init__(
        self,
        codec: Any = None,
        bandwidth: float | None = None,
        *,
        lm: bool = False,
        rescale: bool = False,
        device: str = "auto",
        force: bool = False,
    ) -> None:
        check_device(device)
        self.codec = codec
        self.bandwidth = None if bandwidth is None else as_bandwidth(bandwidth)
        self.lm = lm
        self.rescale = rescale
        self.device = device
        self.force = force
        self._encoding_codec = DEFAULT_CODEC if codec is None else codec
        self._loaded: dict[str | None, Codec] = {}

    def check(self, job: Job) -> None:
        """Raise what `run` would raise, as far as it is known without weights or samples.

        Parameters
        ----------
        job : Job
            From `giblet.transcoding.plan`.

        Raises
        ------
        GibletError
            If input, output and settings do not fit.
        """
        source, output = kind_of(job.source), kind_of(job.output)
        if source == SOUND:
            check_file(job.source)
            AudioReader(job.source).close()
        elif source == CODES and self.bandwidth is not None:
            raise ParameterError("its bandwidth was chosen when it was encoded", "leave -b out", job.source)
        header = open_container(job.source).header if source == CODES else None
        if source == STORE:
            read_manifest(job.source)
        if output == STORE:
            check_output(job.output, self.force)
        else:
            check_place_of(job.output, job.source, OUTPUT_ENDINGS, self.force, job.makes_folder)
        if output != CODES and source != CODES and STORE in (source, output):
            command = "extract" if source == SOUND else "reconstruct"
            raise ParameterError("is not what giblet codec makes of this input", f"use giblet {command}", job.output)
        if self.lm and output == CODES and job.output.suffix.lower() != ".ecdc":
            raise ParameterError("only .ecdc files are entropy coded", "leave --lm out, or write .ecdc", job.output)
        wants_lm = self.lm and output == CODES
        if source == SOUND:
            found = find(self._encoding_codec, self.device)
            language_model(wants_lm, header_of(found, self._encoding_bandwidth(found)), found.source)
        elif header is not None and output == SOUND:
            find_maker(header, self.codec, job.source, self.device)
        elif header is not None and (wants_lm or header.entropy_coded):
            language_model(True, header, lm_source(header, self.codec, job.source), job.source)

    def run(self, job: Job, progress: Progress = SILENT) -> Transcoding:
        """Do a job.

        Parameters
        ----------
        job : Job
            From `giblet.transcoding.plan`.
        progress : Progress
            Told of the seconds done.

        Returns
        -------
        Transcoding
            What was written.

        Raises
        ------
        GibletError
            If input, output and settings do not fit. Nothing is left behind then.
        """
        if job.makes_folder:
            make_folder(job.output)
        path, output = job.source, job.output
        more: dict[str, Any] = {"force": self.force, "progress": progress}
        match kind_of(path), kind_of(output):
            case "sound", "codes":
                encoder = self._encoder()
                return sound_to_codes(path, output, encoder, self._encoding_bandwidth(encoder), lm=self.lm, **more)
            case "sound", _:
                encoder = self._encoder()
                return sound_to_sound(
                    path, output, encoder, self._encoding_bandwidth(encoder), rescale=self.rescale, **more
                )
            case "codes", "sound":
                maker = find_maker(open_container(path).header, self.codec, path, self.device)
                return codes_to_sound(path, output, self._ready(maker), rescale=self.rescale, **more)
            case "codes", "codes":
                return codes_to_codes(path, output, lm=self.lm, codec=self.codec, **more)
            case "codes", _:
                return codes_to_store(path, output, codec=self.codec, **more)
            case _:
                return store_to_codes(path, output, self.bandwidth, lm=self.lm, **more)

    def _encoding_bandwidth(self, found: CodecSpec | Codec) -> float:
        return usual_bandwidth(found.bandwidths, self.bandwidth, DEFAULT_BANDWIDTH)

    def _encoder(self) -> Codec:
        return self._ready(find(self._encoding_codec, self.device))

    def _ready(self, found: CodecSpec | Codec) -> Codec:
        if not isinstance(found, CodecSpec):
            return found
        if found.source not in self._loaded:
            self._loaded[found.source] = loaded(found, self.device)
        return self._loaded[found.source]
