"""Which features there are: what each is, and who makes it. Plug-ins add theirs by entry point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from giblet.errors import MissingExtraError, ParameterError

if TYPE_CHECKING:
    from giblet.features.asking import FeatureRequest
    from giblet.features.streams import FeatureContext

ENTRY_POINTS = "giblet.features"
"""Group of entry points, each naming a `Feature`, by which a plug-in adds its own."""

SOURCES = ("sound", "pictures", "words")


@dataclass(frozen=True)
class Feature:
    """A feature that can be asked for, described before anything of it is loaded.

    Attributes
    ----------
    name : str
        As people write it, without its parts: ``"audio.power"``, ``"audio.hf"``.
    kind : {"categorical", "continuous", "event", "pictures"}
        What may be done with it (see `giblet.features.FeatureSeries`).
    source : {"sound", "pictures", "words"}
        What it is made of.
    rate, dim : str
        Rows per second and columns, for a person: ``"100 Hz"``, ``"of the model"``.
    summary : str
        One line, for a person.
    maker : str
        ``"module:name"`` of what makes it, imported when needed: see `giblet.features.streams`. Empty for features
        that giblet's own extraction makes (codes, latents, frames).
    parts : tuple of str
        What follows the name after colons: ``("MODEL", "LAYER")``.
    options : mapping of str to (bool, int, float or str)
        Names and defaults of what may follow after ``@``: ``audio.power@rate=50``. The default's type is the option's.
    extra : str or None
        The extra of giblet that brings the packages it needs, such as ``"text"``.
    package : str or None
        A module of that extra, whose absence is said before work begins.
    """

    name: str
    kind: str
    source: str
    rate: str
    dim: str
    summary: str
    maker: str = ""
    parts: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    extra: str | None = None
    package: str | None = None

    @property
    def pattern(self) -> str:
        """How the feature is written: ``"audio.hf:MODEL:LAYER"``."""
        return ":".join((self.name, *self.parts))

    def load(self) -> Any:
        """Return what makes the feature.

        Raises
        ------
        MissingExtraError
            If a package is not installed.
        ParameterError
            If a package that is installed does not load, as where a library of the system is missing.
        """
        # Looked for, not imported, which takes seconds with some.
        if self.extra is not None and self.package is not None:
            with self._explained():
                there = find_spec(self.package) is not None
            if not there:
                raise MissingExtraError(self.name, self.extra)
        module, _, name = self.maker.partition(":")
        return getattr(import_module(module), name)

    def make(self, request: FeatureRequest, context: FeatureContext) -> Any:
        """Return what makes the feature as it was asked for.

        Parameters
        ----------
        request : FeatureRequest
            What was asked for.
        context : FeatureContext
            What is known of the film.

        Raises
        ------
        MissingExtraError, ParameterError
            As `load`, and if an option has a value that cannot be used.
        """
        maker = self.load()
        with self._explained():
            return maker(request, context)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            raise ParameterError(
                f"{self.name} cannot be made, for the package {self.package} does not load ({error})",
                f"install what it lacks, or leave {self.name} out",
            ) from error


@cache
def known_features() -> dict[str, Feature]:
    """Return all features by name, those of plug-ins last.

    Returns
    -------
    dict of str to Feature
        Features in the order in which they are listed.

    Raises
    ------
    ParameterError
        If a plug-in's entry point gives no feature, or one of a name that is taken.
    """
    from giblet.features.catalog import CATALOG

    features = {feature.name: feature for feature in CATALOG}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            feature = entry.load()
        except Exception as error:  # Whatever a plug-in's import raises.
            raise ParameterError(
                f"the plug-in {entry.value} cannot be loaded ({error})", "mend it or remove its package"
            ) from error
        if not isinstance(feature, Feature) or feature.name in features or feature.source not in SOURCES:
            raise ParameterError(
                f"the plug-in {entry.value} gives no new feature", "let it name a Feature with a name of its own"
            )
        features[feature.name] = feature
    return features
