"""Which packages hold recordings, under which licence, and which of their files are wanted.

Left out on purpose: what a synthesiser said, what is badly clipped or muffled (nothing above 4 kHz), bare noises, the
few files that the project tests with, and every voice made from LibriSpeech, LJSpeech or CMU ARCTIC.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

MIRRORS = {
    "bookworm": ("http://deb.debian.org/debian", "main", ("binary-all", "binary-amd64")),
    "xenial": ("http://archive.ubuntu.com/ubuntu", "universe", ("binary-amd64",)),
}
"""Address, section and indices of each release; Ubuntu still serves Debian's voices of GCompris, Debian does not."""


@dataclass(frozen=True)
class Source:
    """A package with recordings.

    Attributes
    ----------
    package : str
        Its name.
    kind : {"speech", "music"}
        What is recorded.
    language : str
        Language codes, "many" where there are more than a few.
    licence : str
        Licence of the recordings, by the package's copyright file.
    include, exclude : tuple of str
        Patterns for the paths of sound files; one of the first must match, none of the second.
    suite : str
        Release that has the package, one of `MIRRORS`.
    """

    package: str
    kind: str
    language: str
    licence: str
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    suite: str = "bookworm"

    def wants(self, name: str) -> bool:
        """Return whether the sound file of this path is wanted."""
        return any(fnmatch(name, p) for p in self.include) and not any(fnmatch(name, p) for p in self.exclude)


def _asterisk(language: str, licence: str) -> Source:
    unwanted = ("*/demo-congrats.g722", "*/silence/*", "*/beep*")
    return Source(f"asterisk-core-sounds-{language}-g722", "speech", language, licence, exclude=unwanted)


def _gcompris(language: str) -> Source:
    return Source(f"gcompris-sound-{language}", "speech", language, "GPL-2+", suite="xenial")


def _childsplay(language: str) -> Source:
    return Source(f"childsplay-alphabet-sounds-{language}", "speech", language, "GPL-2", suite="xenial")


_GCOMPRIS = """
af ar ast bg br cs da de el en eo es eu fi fr gd he hi hu id it kn lt mr nb nl pa pt ptbr ru sk sl so sr sv th tr ur
zhcn"""

_CHILDSPLAY = "bg ca de el en-gb es fr it nb nl pt ro ru sl sv"

SOURCES = (
    _asterisk("en", "CC-BY-SA-3.0"),
    _asterisk("es", "CC-BY-SA-3.0"),
    _asterisk("fr", "CC-BY-SA-3.0"),
    _asterisk("it", "CC-BY-3.0"),
    _asterisk("ru", "CC-BY-3.0"),
    Source("festvox-ru", "speech", "ru", "BSD-like", exclude=("*/ru_0275.wav",)),
    Source("fillets-ng-data-cs", "speech", "cs", "GPL-2"),
    Source(
        "tuxpaint-stamps-default", "speech", "many", "GPL-2",
        include=("*_desc.*", "*_desc_*"), exclude=("*_desc_es.*", "*_desc_ca.*"),
    ),
    Source(
        "klettres-data", "speech", "many", "GPL-2+",
        exclude=("*/klettres/ml/*", "*/klettres/tn/*", "*/klettres/es/*", "*/klettres/nb/*"),
    ),
    Source(
        "ktuberling-data", "speech", "many", "GPL-2+",
        exclude=("*avis-recherche*", "*/sounds/ru/*", "*/sounds/nn/*"),
    ),
    Source("hedgewars-data", "speech", "many", "GFDL-1.3", include=("*/voices/*",), exclude=("*/Robot/*",)),
    Source(
        "nexuiz-data", "speech", "en", "GPL-2+",
        include=("sound/tutorial/*", "sound/player/*/coms/*", "sound/announcer/male/*"),
    ),
    Source("gcin-voice", "speech", "zh", "GPL-3 or LGPL-3; CC-BY-3"),
    Source("kajongg", "speech", "many", "GPL-2+"),
    Source("planetblupi-common", "speech", "en fr", "GPL-3+"),
    Source("qabcs-data", "speech", "uk en", "GPL-3+", include=("*/abcs/uk/*", "*/abcs/en/*")),
    *(_gcompris(language) for language in _GCOMPRIS.split()),
    *(_childsplay(language) for language in _CHILDSPLAY.split()),
    Source("wesnoth-1.16-music", "music", "", "GPL-2+; CC-BY-SA-4.0"),
    Source("warzone2100-music", "music", "", "GPL-2+"),
    Source("colobot-common-sounds", "music", "", "GPL-3+", include=("*/music/*",)),
    Source("asterisk-moh-opsound-g722", "music", "", "CC-BY-SA-3.0"),
    Source("sonic-pi-samples", "music", "", "CC0"),
)  # fmt: skip
