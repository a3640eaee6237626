"""Models of transformers: found by name or folder and told apart, without loading them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from giblet.codecs.hub import hub_answers
from giblet.codecs.weights import weight_shapes
from giblet.errors import CodecError, ModelError

# In the order in which transformers looks for them; an index lists the files that the weights are spread over.
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")

# Keys by which configurations give the number of layers and the width of their hidden states.
_DEPTH = ("encoder_layers", "num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTH = ("hidden_size", "d_model", "n_embd", "dim", "embed_dim")


@dataclass(frozen=True)
class ModelSpec:
    """What is known of a model before its weights are read.

    Attributes
    ----------
    name : str
        What people call it.
    folder : Path
        Where its files lie.
    config : mapping
        Its config.json, or the part of it that describes the encoder meant.
    weights : tuple of Path
        Files of its weights.
    within : str or None
        Which part of config.json `config` is, None for all.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    within: str | None = None

    @property
    def model_type(self) -> str:
        """What transformers calls its architecture: ``"wav2vec2"``."""
        return str(self.config.get("model_type", "unknown"))

    @property
    def revision(self) -> str | None:
        """Commit of the hub that its files come from, None for a folder of one's own."""
        return self.folder.name if self.folder.parent.name == "snapshots" else None

    @property
    def n_layers(self) -> int:
        """Layers; there is one hidden state more."""
        return self._number(_DEPTH, "layers")

    @property
    def hidden_size(self) -> int:
        """Columns of a hidden state."""
        return self._number(_WIDTH, "columns")

    def part(self, *names: str) -> ModelSpec:
        """Return the same model with the configuration of one of its encoders.

        Parameters
        ----------
        *names : str
            Names of parts of config.json, such as ``"vision_config"``; the first that there is counts.

        Returns
        -------
        ModelSpec
            As asked; the same where the model has none of the parts.
        """
        found = [name for name in names if isinstance(self.config.get(name), dict)]
        return replace(self, config=self.config[found[0]], within=found[0]) if found else self

    def fingerprint(self, *others: str) -> str:
        """Return the SHA-256 of configuration and weights.

        Parameters
        ----------
        *others : str
            Names of further files of the folder that values depend on, such as ``"preprocessor_config.json"``; those
            that there are count.

        Returns
        -------
        str
            Hexadecimal digest.

        Raises
        ------
        ModelError
            If a file cannot be read.
        """
        sha = hashlib.sha256()
        extra = (self.folder / name for name in sorted(others))
        for path in (self.folder / "config.json", *self.weights, *(path for path in extra if path.is_file())):
            try:
                with path.open("rb") as file:
                    sha.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
            except OSError as error:
                raise ModelError(f"cannot be read ({error.strerror})", "check its permissions", path) from None
        return sha.hexdigest()

    def _number(self, keys: tuple[str, ...], what: str) -> int:
        # A config.json may leave out what its type's default is, which only transformers knows.
        for config in (lambda: self.config, self._completed):
            values = [config().get(key) for key in keys]
            found = [value for value in values if isinstance(value, int) and value > 0]
            if found:
                return found[0]
        raise ModelError(f"its config.json does not say how many {what} it has", "name another model", self.folder)

    def _completed(self) -> Mapping[str, Any]:
        from transformers import AutoConfig

        try:
            config = AutoConfig.from_pretrained(str(self.folder), local_files_only=True, trust_remote_code=False)
        except Exception:  # A configuration can be wrong in as many ways as there are models.
            return {}
        return dict((config if self.within is None else getattr(config, self.within)).to_dict())


def find_model(source: str | os.PathLike[str]) -> ModelSpec:
    """Find a model by name.

    Parameters
    ----------
    source : str or os.PathLike
        A folder saved by transformers, or the name of a model on the Hugging Face hub, which is downloaded if it is
        not in the local cache.

    Returns
    -------
    ModelSpec
        Its configuration and where its files lie.

    Raises
    ------
    ModelError
        If there is no such model, or its files are missing or damaged.
    """
    text = os.fspath(source)
    try:
        folder = Path(text).expanduser().resolve()
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, RuntimeError, ValueError) as error:  # Names that no file system takes, and users there are not.
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"cannot be looked for ({reason})", "check the name", path=text) from error
    if is_folder:
        return read_spec(folder, folder.name)
    if is_there:
        raise ModelError("is no folder of a model", f"name a folder with config.json and {WEIGHTS[0]}", path=text)
    if text.startswith((".", "/", "~")) or text.endswith("/") or len(Path(text).parts) > 2 or _is_path(text):
        raise ModelError("there is no such folder", "check the name of the model's folder", path=text)
    return read_spec(_hub_folder(text), text)


def read_spec(folder: Path, name: str) -> ModelSpec:
    """Read what there is to know of a model in transformers' format.

    Parameters
    ----------
    folder : Path
        Folder with config.json and the weights.
    name : str
        As in `ModelSpec`.

    Returns
    -------
    ModelSpec
        Configuration and files of weights.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    """
    config = read_json(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise ModelError("its config.json names no model_type", "name a folder saved by transformers", folder)
    return ModelSpec(name, folder, config, _weights(folder))


def read_json(path: Path) -> dict[str, Any]:
    """Return an object of a model's JSON file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        What it holds.

    Raises
    ------
    ModelError
        If the file is missing or holds no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"has no {path.name}", "name a folder saved by transformers, complete", path.parent) from None
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", "check the folder and its permissions", path) from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ModelError("holds no JSON object", "save or download the model again", path)
    return value


def _weights(folder: Path) -> tuple[Path, ...]:
    first = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if first is None:
        raise ModelError(f"has no {WEIGHTS[0]}", "save or download the model again, with its weights", folder)
    files = (first,)
    if first.suffix == ".json":
        spread = read_json(first).get("weight_map")
        names = set(spread.values()) if isinstance(spread, dict) else set()
        if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ModelError("names no files of weights", "save or download the model again", first)
        files = tuple(folder / name for name in sorted(names))
    for path in files:
        if not path.is_file():
            raise ModelError(f"has no {path.name}", "save or download the model again, with its weights", folder)
        if path.suffix == ".safetensors":
            try:
                weight_shapes(path)
            except CodecError as error:
                raise ModelError(error.problem, error.remedy, path) from error
    return files


def _is_path(name: str) -> bool:
    # On the hub a model is called owner/name; where owner is a folder here, a path was meant.
    return "/" in name and Path(name).parent.is_dir()


def _hub_folder(name: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    unavailable = ModelError(
        f"there is no folder {name!r} and no such model in the local cache, and it could not be downloaded",
        "connect to the network once, or name a folder saved by transformers",
    )
    # The hub's client takes long to load, so what can be said without it comes first.
    if not Path(HF_HUB_CACHE, f"models--{name.replace('/', '--')}").is_dir() and not hub_answers():
        raise unavailable
    from huggingface_hub import list_repo_files, snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        try:
            folder = Path(snapshot_download(name, local_files_only=True))
            if any((folder / weights).is_file() for weights in WEIGHTS):
                return folder
        except OSError:
            pass
        if not hub_answers():
            raise unavailable
        kind = "safetensors" if any(file.endswith(".safetensors") for file in list_repo_files(name)) else "bin"
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.model", f"*model*.{kind}"]))
    except (OSError, HFValidationError) as error:
        raise unavailable from error
