"""Names of features as people write them: ``audio.hf:MODEL:LAYER@window=8``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from giblet.errors import ParameterError
from giblet.features.registry import Feature, known_features


@dataclass(frozen=True)
class FeatureRequest:
    """A feature as somebody asked for it.

    Attributes
    ----------
    feature : Feature
        Which.
    parts : tuple of str
        What followed the name after colons, as many as the feature has.
    options : mapping of str to (bool, int, float or str)
        All of the feature's options, as asked or by default.
    """

    feature: Feature
    parts: tuple[str, ...] = ()
    options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", {**self.feature.options, **(self.options or {})})

    @property
    def name(self) -> str:
        """The one way to write it: options that are not the default, in order of their names."""
        defaults = self.feature.options
        given = {name: value for name, value in sorted((self.options or {}).items()) if value != defaults[name]}
        return ":".join((self.feature.name, *self.parts)) + "".join(
            f"@{name}={str(value).removesuffix('.0') if isinstance(value, float) else value}"
            for name, value in given.items()
        )

    def named(self, *parts: str) -> str:
        """Return the name that the same request has with other parts, as one of several layers has."""
        return FeatureRequest(self.feature, parts, self.options).name

    def option(self, name: str) -> Any:
        """Return the value of an option."""
        return (self.options or {})[name]


def ask_features(names: str | Iterable[str]) -> tuple[FeatureRequest, ...]:
    """Return what features people ask for, each once, in the registry's order.

    Parameters
    ----------
    names : str or iterable of str
        Names, or one text with commas between them.

    Returns
    -------
    tuple of FeatureRequest
        The requests.

    Raises
    ------
    ParameterError
        If a name is unknown or incomplete, an option is unknown or no value of its type, or there is no name.
    """
    try:
        wanted = [str(name).strip() for name in (names.split(",") if isinstance(names, str) else names)]
    except TypeError:
        raise ParameterError(f"features are {names!r}", "give names; giblet features lists them") from None
    requests = {request.name: request for request in map(_request, wanted)}
    if not requests:
        raise ParameterError("there is no feature named", "name some; giblet features lists them")
    order = list(known_features())
    return tuple(sorted(requests.values(), key=lambda request: order.index(request.feature.name)))


def _request(text: str) -> FeatureRequest:
    whole, *options = text.split("@")
    name, *parts = whole.split(":")
    feature = known_features().get(name)
    if feature is None:
        near = get_close_matches(name, known_features(), 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ParameterError(f"there is no feature {name!r}", f"{hint}giblet features lists those that there are")
    # A folder's name may hold colons; what comes last does not.
    n_parts = len(feature.parts)
    if n_parts and len(parts) > n_parts:
        parts = [":".join(parts[: len(parts) - n_parts + 1]), *parts[len(parts) - n_parts + 1 :]]
    if len(parts) != n_parts or not all(parts):
        raise ParameterError(f"{text!r} is not how the feature is written", f"write {feature.pattern}")
    return FeatureRequest(feature, tuple(parts), dict(_option(feature, option) for option in options))


def _option(feature: Feature, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if name not in feature.options or not equals:
        known = ", ".join(f"@{option}={default}" for option, default in feature.options.items())
        raise ParameterError(
            f"{feature.name} has no option {text!r}", f"choose from {known}" if known else "leave it out, there is none"
        )
    default = feature.options[name]
    if isinstance(default, bool):
        if value.lower() in ("true", "false"):
            return name, value.lower() == "true"
    else:
        try:
            return name, type(default)(value)
        except ValueError:
            pass
    kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
    raise ParameterError(f"{feature.name} was given {text!r}", f"give {kind}, such as @{name}={default}")
