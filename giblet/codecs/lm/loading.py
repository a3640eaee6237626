"""Finding the language model that belongs to a codec."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from giblet.codecs.catalog import find_codec
from giblet.codecs.lm.checkpoints import META_CHECKPOINTS, load_meta_model
from giblet.codecs.lm.files import read_model
from giblet.codecs.weights import file_fingerprint
from giblet.errors import CodecError

if TYPE_CHECKING:
    from giblet.codecs.lm.meta import MetaModel
    from giblet.codecs.lm.own import OwnModel

FOLDER = "lm"
"""Where a codec's folder holds its language model."""

_META = {f"facebook/{name}": name for name in META_CHECKPOINTS} | {name: name for name in META_CHECKPOINTS}


def load_language_model(
    codec: str | os.PathLike[str], path: str | os.PathLike[str] | None = None
) -> OwnModel | MetaModel:
    """Load the language model of a codec, ready for `giblet.formats`; nothing is downloaded.

    Parameters
    ----------
    codec : str or os.PathLike
        What `giblet.codecs.load_codec` takes, or the name of one of Meta's codecs in .ecdc files, such as
        ``"encodec_24khz"``.
    path : str or os.PathLike, optional
        The model: a folder that `giblet train --lm` made, or one of Meta's checkpoints. By default ``lm`` in the
        codec's folder, and torch hub's cache for Meta's.

    Returns
    -------
    OwnModel or MetaModel
        A `giblet.formats.arithmetic.CodeModel`. Meta's is to be trusted on one machine only.

    Raises
    ------
    CodecError
        If the codec has no language model here, or the one that is named does not belong to it or is damaged.
    """
    name = _META.get(os.fspath(codec))
    if name is not None and (path is None or not Path(path).is_dir()):
        return load_meta_model(name, path)
    spec = find_codec(codec if name is None else f"facebook/{name}")
    if path is None and (spec.folder is None or not (spec.folder / FOLDER).is_dir()):
        raise CodecError(
            f"the codec {spec.name} has no language model", "code without it, or train one with giblet train --lm"
        )
    folder = Path(path) if path is not None else Path(spec.folder or "", FOLDER)
    return read_model(folder, file_fingerprint(spec))
