"""Settings of a training run from YAML, and those that come with giblet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from giblet.codecs.apcodec.original import is_original
from giblet.errors import ParameterError
from giblet.training.apcodec.config import APCodecTrainingConfig
from giblet.training.apcodec.original import settings_of
from giblet.training.config import CodecTrainingConfig
from giblet.training.encodec_config import TrainingConfig
from giblet.training.lm_config import LanguageModelConfig

Config = TypeVar("Config", bound=BaseModel)

KINDS: dict[str, type[CodecTrainingConfig]] = {"encodec": TrainingConfig, "apcodec": APCodecTrainingConfig}


def built_in_configs() -> dict[str, Path]:
    """Return the settings that come with giblet.

    Returns
    -------
    dict of str to Path
        Files by name.
    """
    return {path.stem: path for path in sorted((Path(__file__).parent / "configs").glob("*.yaml"))}


def read_config(path: Path | str, overrides: tuple[str, ...] = ()) -> CodecTrainingConfig:
    """Read the settings of a codec's run.

    Parameters
    ----------
    path : Path or str
        A YAML file, or the name of built-in settings; what it leaves out has its default. Or the config.json of
        APCodec's authors.
    overrides : tuple of str
        Values that replace the file's, such as ``"run.steps=100"``; the value is YAML.

    Returns
    -------
    CodecTrainingConfig
        Valid settings.

    Raises
    ------
    ParameterError
        If the file cannot be read, or a value has no meaning; the message names it.
    MediaError
        If a config.json lists recordings that are not there.
    """
    path = built_in_configs().get(str(path), Path(path))
    values = _values(path, f"give a YAML file, or one of {', '.join(built_in_configs())}")
    if is_original(values):
        values = settings_of(values, path)
    return check_config(_overridden(values, overrides), path)


def read_lm_config(source: Path | str, overrides: tuple[str, ...] = ()) -> LanguageModelConfig:
    """Read the settings of a language model's run.

    Parameters
    ----------
    source : Path or str
        A YAML file; or what `giblet.codecs.load_codec` takes: the codec whose codes are learnt, all else by default.
    overrides : tuple of str
        As in `read_config`.

    Returns
    -------
    LanguageModelConfig
        Valid settings.

    Raises
    ------
    ParameterError
        As `read_config` does.
    """
    path = Path(source) if Path(source).suffix in (".yaml", ".yml") else None
    values = {"codec": str(source)} if path is None else _values(path, "give a YAML file, or a codec")
    return check_lm_config(_overridden(values, overrides), path)


def check_config(values: dict[str, Any], path: Path | None = None) -> CodecTrainingConfig:
    """Turn plain values into settings.

    Parameters
    ----------
    values : dict
        As a YAML file holds them; ``model.kind`` says whose they are, by default EnCodec's.
    path : Path or None
        Where they come from, for the message.

    Returns
    -------
    TrainingConfig or APCodecTrainingConfig
        Valid settings.

    Raises
    ------
    ParameterError
        If a value has no meaning; the message names the first, and how many there are.
    """
    model = values.get("model")
    kind = model.get("kind", "encodec") if isinstance(model, dict) else "encodec"
    if not isinstance(kind, str) or kind not in KINDS:
        raise ParameterError(f"model.kind is {kind!r}", f"choose one of {', '.join(KINDS)}", path)
    return _checked(KINDS[kind], values, path)


def check_lm_config(values: dict[str, Any], path: Path | None = None) -> LanguageModelConfig:
    """Turn plain values into settings of a language model, as `check_config` does."""
    return _checked(LanguageModelConfig, values, path)


def _checked(kind: type[Config], values: dict[str, Any], path: Path | None) -> Config:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first, *others = error.errors()
        name = ".".join(map(str, first["loc"])) or "settings"
        message = first["msg"].removeprefix("Value error, ").strip()
        if first["type"] == "extra_forbidden":
            message = "there is no such setting"
        more = f", and {len(others)} more" if others else ""
        raise ParameterError(
            f"{name} is {first['input']!r}: {message}{more}"
            if not isinstance(first["input"], dict)
            else f"{name}: {message}{more}",
            "correct the settings",
            path,
        ) from error


def _values(path: Path, remedy: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        # YAML takes 1e-5 for a word, and a tab for none of JSON's business.
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ParameterError(f"the settings cannot be read ({error.strerror})", remedy, path) from error
    except json.JSONDecodeError as error:
        raise ParameterError(f"the settings are no JSON in line {error.lineno}", "mend the file", path) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise ParameterError(f"the settings are no YAML{line}", "mend the file", path) from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ParameterError("the settings are no table of names and values", "see docs/training.md", path)
    return values


def _overridden(values: dict[str, Any], overrides: tuple[str, ...]) -> dict[str, Any]:
    for override in overrides:
        _override(values, override)
    return values


def _override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise ParameterError(f"{override!r} sets nothing", "write it as name=value, such as run.steps=100")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ParameterError(f"the value of {override!r} is no YAML", "write it as in a settings file") from None
    *sections, last = name.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ParameterError(f"{section} in {override!r} is a value and no section", "see docs/training.md")
    values[last] = value
