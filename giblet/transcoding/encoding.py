"""Sound to containers."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from giblet.codecs import as_bandwidth
from giblet.data.checks import check_file
from giblet.formats import create_container
from giblet.media import AudioReader
from giblet.progress import SILENT, Progress, stage
from giblet.transcoding.blocks import BlockCutter
from giblet.transcoding.models import find, header_of, language_model, loaded, with_model
from giblet.transcoding.names import CODE_ENDINGS, check_place_of
from giblet.transcoding.result import Transcoding

log = logging.getLogger(__name__)


def sound_to_codes(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    codec: Any = "facebook/encodec_24khz",
    bandwidth: float = 6.0,
    *,
    lm: Any = False,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Encode a sound file into a container, at flat memory.

    Channels are mixed before the rate is changed, as Meta's tool does. The sound of a film is put on the film's clock.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file or film.
    output : str or os.PathLike
        An .ecdc, .nac or .txt file.
    codec : str, os.PathLike, transformers.EncodecModel or Codec
        As in `giblet.codecs.load_codec`.
    bandwidth : float
        Kilobits per second.
    lm : bool, str, os.PathLike or CodeModel
        Whether to code with a language model, which only .ecdc files can be: True for the one of the codec, or where
        it lies (`giblet.codecs.lm.load_language_model`).
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``.
    force : bool
        Replace a file that is there; the input is never replaced.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Transcoding
        What was written.

    Raises
    ------
    MediaError, CodecError, ParameterError, FormatError
        If the sound, the codec, a setting or the output cannot be used. Nothing is left behind then.
    """
    # Whatever can be said without the codec's weights comes first.
    check_file(path)
    check_place_of(output, path, CODE_ENDINGS, force)
    found = find(codec, device)
    header = header_of(found, bandwidth := as_bandwidth(bandwidth))
    model = language_model(lm, header, found.source, path)
    rate = header.layout.sample_rate
    with AudioReader(path, channels=found.channels, sample_rate=rate) as reader:
        ready = loaded(found, device)
        encoder, cut, length = ready.encoder(bandwidth), BlockCutter(), 0
        with (
            create_container(output, with_model(header_of(ready, bandwidth), model), model, force) as writer,
            stage(progress, f"encoding {Path(path).name}", reader.duration_hint),
        ):
            for samples in reader:
                for block in cut(encoder.push(samples), encoder.segments):
                    writer.write(block)
                length += samples.shape[1]
                progress.advance(samples.shape[1] / rate)
            for block in cut(encoder.finish(), encoder.segments):
                writer.write(block)
            writer.finish(length)
    log.debug("%s → %s: %d samples, %s", path, output, length, writer.header)
    return Transcoding(Path(output), writer.header)
