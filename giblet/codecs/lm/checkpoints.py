"""Meta's checkpoints of language models: where they lie, and whether they are what they are called."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import CodecError

if TYPE_CHECKING:
    from giblet.codecs.lm.meta import MetaModel

# Larger than either, smaller than what fills a memory.
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class MetaCheckpoint:
    """A language model that Meta published.

    Attributes
    ----------
    name : str
        Of the file; ends in the first digits of its SHA-256.
    n_codebooks : int
        Codebooks that it knows.
    frame_rate : float
        Of its codec, in Hz.
    """

    name: str
    n_codebooks: int
    frame_rate: float

    @property
    def url(self) -> str:
        """Where it can be downloaded."""
        return f"https://dl.fbaipublicfiles.com/encodec/v0/{self.name}"

    @property
    def cached(self) -> Path:
        """Where torch hub keeps it, downloaded or not."""
        # torch's own rule; loading torch takes seconds, and that the file is missing can be said before.
        cache = os.environ.get("TORCH_HOME", Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch"))
        hub = sys.modules["torch"].hub.get_dir() if "torch" in sys.modules else Path(cache, "hub").expanduser()
        return Path(hub, "checkpoints", self.name)


META_CHECKPOINTS = {
    "encodec_24khz": MetaCheckpoint("encodec_lm_24khz-1608e3c0.th", 32, 75),
    "encodec_48khz": MetaCheckpoint("encodec_lm_48khz-7add9fc3.th", 16, 150),
}
"""By the name that the codec has in .ecdc files."""


def load_meta_model(codec: str, path: str | os.PathLike[str] | None = None) -> MetaModel:
    """Load one of Meta's language models; nothing is downloaded.

    Parameters
    ----------
    codec : {"encodec_24khz", "encodec_48khz"}
        The codec whose codes shall be coded.
    path : str or os.PathLike, optional
        The checkpoint, whose name ends in the first 8 digits of its SHA-256; torch hub's cache by default.

    Returns
    -------
    MetaModel
        The model.

    Raises
    ------
    CodecError
        If the file is absent, is not what its name says, or holds no such model.
    """
    checkpoint = META_CHECKPOINTS.get(codec)
    if checkpoint is None:
        raise CodecError(f"Meta has no language model for {codec!r}", f"use one of {', '.join(META_CHECKPOINTS)}")
    place = checkpoint.cached if path is None else Path(path)
    digest = _checked_digest(place, checkpoint)

    import torch

    from giblet.codecs.lm.meta import MetaModel, MetaNetwork, past_frames

    unfit = CodecError(f"holds no language model of {codec}", f"download {checkpoint.url} again", place)
    try:
        state = torch.load(place, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise unfit from error
    with torch.device("meta"):
        network = MetaNetwork(checkpoint.n_codebooks)
    if not _fits(state, network.state_dict()):
        raise unfit
    network.load_state_dict(state, assign=True)
    return MetaModel(network, past_frames(checkpoint.frame_rate), digest)


def _checked_digest(place: Path, checkpoint: MetaCheckpoint) -> str:
    hint = re.search(r"-([0-9a-f]{8})\.th$", place.name)
    if hint is None:
        raise CodecError(
            "its name does not end in the first 8 digits of its SHA-256",
            f"give it the name that it was published under, {checkpoint.name}",
            place,
        )
    try:
        with place.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.file_digest(file, "sha256").hexdigest() if size <= _MOST_BYTES else ""
    except FileNotFoundError:
        raise CodecError(
            "the language model of this codec is not there",
            f"download {checkpoint.url} and put it there, or name the file, or code without it",
            place,
        ) from None
    except OSError as error:
        raise CodecError(f"cannot be read ({error.strerror})", "check the file and its permissions", place) from error
    if not digest.startswith(hint[1]):
        raise CodecError("is not what its name says: its SHA-256 is another", f"download {checkpoint.url} again", place)
    return digest


def _fits(state: Any, wanted: dict[str, Any]) -> bool:
    import torch

    return (
        isinstance(state, dict)
        and state.keys() == wanted.keys()
        and all(
            isinstance(value, torch.Tensor)
            and value.dtype == torch.float32
            and value.layout == torch.strided
            and value.shape == wanted[name].shape
            and bool(value.isfinite().all())
            for name, value in state.items()
        )
    )
