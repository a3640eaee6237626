"""How stimulus and BOLD are brought together, as one checked value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from giblet.alignment import check_delays, check_hrf
from giblet.codecs import look_at_codec, usual_bandwidth
from giblet.errors import ParameterError
from giblet.features import ask_features
from giblet.timeline import Seconds, exact, whole

if TYPE_CHECKING:
    from giblet.data.study import Study

SERVING = ("split_by", "splits", "gap", "mode")
"""What a study may state that decides how a dataset is served, and not what it holds."""
PLACE = "cache"
"""What a study may state that decides where a dataset is kept."""
FILTERS = ("mean", "lanczos", "last")


@dataclass(frozen=True)
class DatasetSettings:
    """What decides the arrays of a dataset; how they are split and served is none of its business.

    Attributes
    ----------
    features : tuple of str or None
        Names (see `giblet.features.known_features`); None for those that the study has files for.
    use_encodec : bool
        Whether the sound is given as codes where `features` is None, or as a mel spectrogram.
    codec : str
        As in `giblet.codecs.load_codec`.
    bandwidth : float
        Kilobits per second; by default the largest of a codec that does not offer 3.
    tr : fractions.Fraction or None
        Repetition time, seconds; None for that of the scans.
    max_trs : int or None
        At most so many TRs of each run.
    hrf : str or None
        Haemodynamic response that continuous features and events are convolved with (see `giblet.alignment.hrf`).
    codes_delay : fractions.Fraction or None
        Seconds by which codes and pictures are delayed; None for the peak of the HRF, and 0 without one.
    delays : tuple of fractions.Fraction
        Delays in seconds instead of an HRF; every feature is there once for each.
    filter : {"mean", "lanczos", "last"} or None
        How continuous features come to TRs where there is no HRF; None leaves them at their own rate, unless there are
        delays, which need "mean".
    frame_skip : int
        Every so-manieth picture is taken.
    trim : tuple of int
        TRs left out at the beginning and at the end of each run.
    normalize_fmri : bool
        Whether each target is z-scored per subject and run.
    word_at : {"offset", "onset", "midpoint"}
        The moment of a word that counts.
    tier, sheet : str or None
        Of annotations, as in `giblet.annotations.read_annotations`.
    """

    features: tuple[str, ...] | None = None
    use_encodec: bool = True
    codec: str = "facebook/encodec_24khz"
    bandwidth: float = 3.0
    tr: Fraction | None = None
    max_trs: int | None = None
    hrf: str | None = None
    codes_delay: Fraction | None = None
    delays: tuple[Fraction, ...] = ()
    filter: str | None = None
    frame_skip: int = 2
    trim: tuple[int, int] = (0, 0)
    normalize_fmri: bool = True
    word_at: str = "offset"
    tier: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        if self.hrf is not None:
            object.__setattr__(self, "hrf", check_hrf(self.hrf))
        object.__setattr__(self, "delays", check_delays(self.delays, self.hrf))
        if self.filter not in (None, *FILTERS):
            raise ParameterError(f"there is no filter {self.filter!r}", f"choose from {', '.join(FILTERS)}")
        if self.max_trs is not None and self.max_trs < 1:
            raise ParameterError(f"max_trs is {self.max_trs}", "ask for 1 or more")
        if self.frame_skip < 1:
            raise ParameterError(f"frame_skip is {self.frame_skip}", "give 1 for every picture, 2 for every second, …")
        if min(self.trim) < 0:
            raise ParameterError(f"trim is {list(self.trim)}", "give numbers of TRs, 0 or more")
        if self.word_at not in ("offset", "onset", "midpoint"):
            raise ParameterError(f"word_at is {self.word_at!r}", "choose offset, onset or midpoint")

    @classmethod
    def asked(
        cls,
        *,
        features: str | Iterable[str] | None = None,
        tr: Seconds | None = None,
        max_trs: int | None = None,
        apply_hrf: bool = False,
        hrf: str = "spm",
        codes_delay: Seconds | None = None,
        delays: Iterable[Seconds] = (),
        frame_skip: int = 2,
        trim: Iterable[int] = (0, 0),
        **others: Any,
    ) -> DatasetSettings:
        """Return the settings for values as people write them (see the class for the parameters).

        Raises
        ------
        ParameterError
            If a value cannot be used.
        """
        start, end = (whole(count, "trim") for count in trim)
        bandwidth, codec = others.pop("bandwidth", None), others.get("codec", cls.codec)
        # Only what depends on the codec is a reason to look for it.
        offered = (cls.bandwidth,) if codec == cls.codec or bandwidth is not None else look_at_codec(codec).bandwidths
        return cls(
            features=None if features is None else tuple(request.name for request in ask_features(features)),
            tr=None if tr is None else exact(tr, "the TR"),
            max_trs=None if max_trs is None else whole(max_trs, "max_trs"),
            hrf=hrf if apply_hrf else None,
            codes_delay=None if codes_delay is None else exact(codes_delay, "codes_delay"),
            delays=tuple(exact(delay, "a delay") for delay in delays),
            frame_skip=whole(frame_skip, "frame_skip"),
            trim=(start, end),
            bandwidth=usual_bandwidth(offered, bandwidth, cls.bandwidth),
            **others,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in JSON types, times as exact text."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in plain.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DatasetSettings:
        """Return the settings that `to_dict` described."""
        hrf = values["hrf"]
        return cls.asked(**{**values, "apply_hrf": hrf is not None, "hrf": hrf})


def asked_settings(study: Study, asked: Mapping[str, Any]) -> DatasetSettings:
    """Return what was asked for, and what the study states where nothing was.

    Raises
    ------
    ParameterError
        If a value cannot be used.
    """
    stated = {name: value for name, value in study.settings.items() if name not in (*SERVING, PLACE)}
    if "hrf" in stated and not asked.get("delays"):
        stated.setdefault("apply_hrf", True)
    if asked.get("apply_hrf"):
        stated.pop("delays", None)
    return checked_settings({**stated, **asked})


def checked_settings(asked: Mapping[str, Any]) -> DatasetSettings:
    """Return the settings for values by name, as `DatasetSettings.asked` does.

    Raises
    ------
    ParameterError
        If a value cannot be used, or there is no such setting.
    """
    try:
        return DatasetSettings.asked(**asked)
    except TypeError as error:
        unknown = re.search(r"argument '(\w+)'", str(error))
        if unknown is None:
            raise
        raise ParameterError(f"there is no setting {unknown[1]}", "see docs/datasets.md for their names") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
