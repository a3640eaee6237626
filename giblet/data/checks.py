"""What can be said about films and settings at once, before anything heavy is loaded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from giblet.alignment import n_columns
from giblet.codecs import CodecSpec, look_at_codec, usual_bandwidth
from giblet.codecs.loading import check_device
from giblet.data.request import TRRequest
from giblet.errors import MediaError
from giblet.features import ask_features
from giblet.timeline import TRGrid

# Kilobits per second where nobody says it and the codec offers it.
DEFAULT_BANDWIDTH = 3.0


def check_file(path: str | os.PathLike[str]) -> None:
    """Raise unless something that could be a film or sound file lies at a path.

    Parameters
    ----------
    path : str or os.PathLike
        The path. Only its entry is looked at, nothing is read.

    Raises
    ------
    MediaError
        If nothing is there, it is a folder, a pipe or a device, it is empty, or it may not be read.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise MediaError("there is no such file", "check the name", path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"cannot be read ({reason})", "check the name and its permissions", path) from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError("is a folder", "name a film or sound file", path)
    if not stat.S_ISREG(status.st_mode):
        raise MediaError("is a pipe or a device and no file", "save the film or sound as a file first", path)
    if status.st_size == 0:
        raise MediaError("is empty (0 bytes)", "copy or download it again", path)
    if not os.access(path, os.R_OK):
        raise MediaError("may not be read", "give yourself the right to read it", path)


def check_settings(
    features: str | Iterable[str], request: TRRequest, codec: Any, bandwidth: Any, device: str
) -> tuple[float, CodecSpec | None]:
    """Raise if features cannot be extracted with these settings from any film.

    Parameters
    ----------
    features : str or iterable of str
        Names.
    request : TRRequest
        The TRs wanted.
    codec : str, os.PathLike, transformers.EncodecModel or Codec
        As in `giblet.codecs.load_codec`; not loaded, but looked for on the disk and on the hub if it is a name.
    bandwidth : number, str or None
        Kilobits per second; None for 3, or the largest of a codec that does not offer 3.
    device : str
        As in `giblet.codecs.load_codec`.

    Returns
    -------
    bandwidth : float
        The same, as a number.
    spec : CodecSpec or None
        What is known of the codec; None for one that is loaded already, or that the features do not need.

    Raises
    ------
    CodecError, ParameterError, AlignmentError
        If there is no such codec, bandwidth or device, or a TR is shorter than a frame.
    """
    check_device(device)
    names = {asked.feature.name for asked in ask_features(features)}
    one_tr, spec = TRGrid(request.tr, 0), None
    kbps = usual_bandwidth((DEFAULT_BANDWIDTH,), bandwidth, DEFAULT_BANDWIDTH)
    if {"audio.codes", "audio.latents"} & names:
        found = look_at_codec(codec)
        kbps = usual_bandwidth(found.bandwidths, bandwidth, DEFAULT_BANDWIDTH)
        if isinstance(codec, (str, os.PathLike)):
            spec = cast("CodecSpec", found)
            spec.n_codebooks(kbps)
            n_columns(spec.layout, one_tr, "floor")
    if "audio.mel" in names:
        from giblet.data.mel import MelSettings

        n_columns(MelSettings().layout, one_tr, "floor")
    return kbps, spec
