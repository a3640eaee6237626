"""Films and sound files from strangers."""

from __future__ import annotations

import os

import av
import av.error

from giblet.errors import MediaError
from giblet.media.containers import NOT_MEDIA, NOT_MEDIA_REMEDY

# FFmpeg also opens lists of other files and of addresses (HLS, DASH, concat, SDP), and would show what is in them.
_PLAIN = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpeg,mpegts,ogg,tta,w64,wav,"
    "webm,wv"
)


def check_plain(path: str | os.PathLike[str]) -> None:
    """Raise unless a file is a film or sound that holds all of itself, and leads to no other file or address.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Raises
    ------
    MediaError
        If it is anything else.
    """
    options = {"format_whitelist": _PLAIN, "protocol_whitelist": "file"}
    try:
        av.open(os.path.abspath(path), options=options, metadata_errors="replace").close()  # noqa: PTH100
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise MediaError(NOT_MEDIA, NOT_MEDIA_REMEDY, path) from error
