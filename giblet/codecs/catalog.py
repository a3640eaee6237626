"""Finding codecs and reading their parameters, without loading them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from giblet.codecs.apcodec.original import is_original
from giblet.codecs.apcodec.spec import APCodecSpec
from giblet.codecs.encodec.spec import DEFAULTS, WEIGHTS, EncodecSpec
from giblet.codecs.hub import hub_answers
from giblet.codecs.spec import CodecSpec, as_bandwidth, usual_bandwidth
from giblet.errors import CodecError

__all__ = ["DEFAULTS", "CodecSpec", "as_bandwidth", "find_codec", "is_built_in", "read_spec", "usual_bandwidth"]

PRETRAINED = Path(__file__).parent / "pretrained"


def find_codec(source: str | os.PathLike[str]) -> CodecSpec:
    """Find a codec by name.

    Parameters
    ----------
    source : str or os.PathLike
        ``"tiny"``, a folder saved by transformers or giblet, one with config.json and checkpoints of APCodec's
        authors, or the name of a model on the Hugging Face hub.

    Returns
    -------
    CodecSpec
        Its parameters and where its files lie.

    Raises
    ------
    CodecError
        If there is no such codec, or it is none that giblet runs.
    """
    text = os.fspath(source)
    if is_built_in(text):
        return read_spec(PRETRAINED / text, name=text, source=text)
    try:
        folder = Path(text).expanduser().resolve()
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, RuntimeError) as error:  # Names that no file system takes, and users that there are not.
        reason = getattr(error, "strerror", None) or error
        raise CodecError(f"cannot be looked for ({reason})", "check the name", path=text) from error
    if is_folder:
        return read_spec(folder, name=folder.name, source=str(folder))
    if is_there:
        raise CodecError("is no folder of a codec", f"name a folder with config.json and {WEIGHTS[0]}", path=text)
    no_folder = CodecError("there is no such folder", "check the name of the codec's folder", path=text)
    n_parts = len(Path(text).parts)
    if text.startswith((".", "/", "~")) or text.endswith("/") or n_parts > 2:
        raise no_folder
    if n_parts == 1:
        raise CodecError(
            f"there is no built-in codec and no folder {text!r}",
            "use --codec tiny, or name a folder saved by transformers, or a model of the hub as owner/name",
        )
    try:
        return read_spec(_hub_folder(text), name=text, source=text)
    except CodecError as error:
        # On the hub a codec is called owner/name; where owner is a folder here, a path was meant.
        raise no_folder if Path(text).parent.is_dir() else error from None


def is_built_in(name: str) -> bool:
    """Tell whether a codec of this name comes with giblet."""
    return name in (folder.name for folder in PRETRAINED.iterdir())


def read_spec(folder: Path, name: str, source: str) -> CodecSpec:
    """Read the parameters of a codec.

    Parameters
    ----------
    folder : Path
        Folder with config.json and the weights.
    name, source : str
        As in `CodecSpec`.

    Returns
    -------
    CodecSpec
        Its parameters.

    Raises
    ------
    CodecError
        If a file is missing, does not describe a codec that giblet runs, or holds damaged weights.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CodecError("has no config.json", "name a folder saved by transformers", path=folder) from None
    except OSError as error:
        raise CodecError(
            f"its config.json cannot be read ({error.strerror})", "check the folder and its permissions", path=folder
        ) from None
    except (ValueError, RecursionError):
        raise CodecError("its config.json cannot be read", "save the model again", path=folder) from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind == EncodecSpec.kind:
        return EncodecSpec.read(folder, config, name, source)
    if kind == APCodecSpec.kind or (isinstance(config, dict) and is_original(config)):
        return APCodecSpec.read(folder, config, name, source)
    raise CodecError(f"holds a model of type {kind!r}", "name a folder with an EnCodec or an APCodec", path=folder)


def _hub_folder(name: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    unavailable = CodecError(
        f"there is no folder {name!r} and no such codec in the local cache, and it could not be downloaded",
        "connect to the network once, or name a folder saved by transformers, or use --codec tiny",
    )
    # The hub's client takes long to load, so what can be said without it comes first.
    if not Path(HF_HUB_CACHE, f"models--{name.replace('/', '--')}").is_dir() and not hub_answers():
        raise unavailable
    from huggingface_hub import snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        for weights in WEIGHTS:
            cached = try_to_load_from_cache(name, weights)
            if isinstance(cached, str) and Path(cached).with_name("config.json").is_file():
                return Path(cached).parent
        if not hub_answers():
            raise unavailable
        return Path(snapshot_download(name, allow_patterns=["config.json", WEIGHTS[0]]))
    except (OSError, HFValidationError) as error:
        raise unavailable from error
