"""Times that BIDS sidecars state, checked against each other and against the header."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from giblet.data.layouts.findings import Findings
from giblet.data.layouts.headers import Header
from giblet.errors import ParameterError
from giblet.timeline import exact

# Seconds by which two statements of a TR may differ: they were rounded.
ROUNDING = Fraction(1, 10_000)
# Seconds by which volumes may come early or late: scanners count in milliseconds.
JITTER = Fraction(1, 500)
# Seconds; more is a mistake of unit.
LONGEST_TR = 100


def read_timing(metadata: Mapping[str, Any], path: Path, header: Header | None, findings: Findings) -> dict[str, Any]:
    """Return the times in a scan's metadata.

    Parameters
    ----------
    metadata : mapping
        Fields of the BIDS specification, as JSON holds them.
    path : pathlib.Path
        The scan, for messages.
    header : Header or None
        What its header says, None if unknown.
    findings : Findings
        Gets a problem for each field that makes no sense or contradicts another.

    Returns
    -------
    dict
        What can be used of RepetitionTime, StartTime and SliceTiming, as Fractions of a second, and of
        SliceTimingCorrected; a VolumeTiming of equal steps gives a RepetitionTime.
    """
    tr = _repetition_time(metadata, path, header, findings)
    for field in ("NumberOfVolumesDiscardedByScanner", "NumberOfVolumesDiscardedByUser"):
        count = metadata.get(field, 0)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            findings.warn(path, f"{field} is {count!r:.40}", "give a whole number in its sidecar")
        elif count:
            # The specification: "the onsets … refer to the beginning of … the first volume in the … imaging file".
            said = f"{path.name}: {field} is {count}; BIDS counts onsets from the first stored volume all the same."
            findings.note(said)
    corrected = metadata.get("SliceTimingCorrected")
    if corrected is not None and not isinstance(corrected, bool):
        findings.warn(path, f"SliceTimingCorrected is {corrected!r:.40}", "write true or false in its sidecar")
        corrected = None
    offset = _start_time(metadata, path, tr, corrected, findings)
    slices = _slice_timing(metadata, path, tr, header, findings)
    found = {
        "RepetitionTime": tr,
        "StartTime": offset,
        "SliceTiming": slices or None,
        "SliceTimingCorrected": corrected,
    }
    return {field: value for field, value in found.items() if value is not None}


def _repetition_time(
    metadata: Mapping[str, Any], path: Path, header: Header | None, findings: Findings
) -> Fraction | None:
    tr = _seconds(metadata, "RepetitionTime", path, findings)
    if tr is not None and not 0 < tr <= LONGEST_TR:
        findings.error(path, f"RepetitionTime is {float(tr):g} s", "give seconds above 0 in its sidecar")
        return None
    step = _volume_step(metadata, path, header, findings)
    if tr is not None and step is not None and abs(tr - step) > ROUNDING:
        findings.warn(
            path,
            f"RepetitionTime is {float(tr):g} s but VolumeTiming has a volume every {float(step):g} s",
            "keep the right one of the two in its sidecar; RepetitionTime is used",
        )
    tr = step if tr is None else tr
    stated = None if header is None else header.tr
    if tr is None and "RepetitionTime" not in metadata and "VolumeTiming" not in metadata:
        findings.warn(path, "no sidecar states its RepetitionTime", "add it to the sidecar; the header's is taken")
    elif tr is not None and stated is not None and abs(tr - stated) > ROUNDING:
        findings.warn(
            path,
            f"its header says a TR of {float(stated):g} s and its sidecar {float(tr):g} s",
            "correct the wrong one; the sidecar's is used",
        )
    return tr


def _volume_step(metadata: Mapping[str, Any], path: Path, header: Header | None, findings: Findings) -> Fraction | None:
    if "VolumeTiming" not in metadata:
        return None
    times = _times(metadata, "VolumeTiming", path, findings)
    if len(times) < 2:
        return None
    steps = [after - before for before, after in pairwise(times)]
    if min(steps) <= 0 or max(steps) - min(steps) > JITTER:
        findings.error(
            path,
            f"VolumeTiming has volumes {float(min(steps)):g} to {float(max(steps)):g} s apart",
            "use runs with one repetition time",
        )
        return None
    if header is not None and header.n_volumes != len(times):
        problem = f"VolumeTiming lists {len(times)} volumes and the image has {header.n_volumes}"
        findings.warn(path, problem, "correct its sidecar")
    return (times[-1] - times[0]) / (len(times) - 1)


def _start_time(
    metadata: Mapping[str, Any], path: Path, tr: Fraction | None, corrected: bool | None, findings: Findings
) -> Fraction | None:
    start = _seconds(metadata, "StartTime", path, findings)
    if start is None:
        if corrected and "StartTime" not in metadata:
            findings.warn(
                path,
                "slice timing was corrected, but no sidecar says to what time (StartTime)",
                "add StartTime; it is half of the TR for most programs",
            )
        return None
    if start < 0 or (tr is not None and start >= tr):
        within = "" if tr is None else f" and the TR {float(tr):g} s"
        findings.error(path, f"StartTime is {float(start):g} s{within}", "give a time within the TR in its sidecar")
        return None
    if corrected is False and start:
        findings.warn(
            path,
            f"StartTime is {float(start):g} s but SliceTimingCorrected is false",
            "correct its sidecar; StartTime is not used",
        )
        return None
    return start


def _slice_timing(
    metadata: Mapping[str, Any], path: Path, tr: Fraction | None, header: Header | None, findings: Findings
) -> tuple[Fraction, ...]:
    if "SliceTiming" not in metadata:
        return ()
    times = _times(metadata, "SliceTiming", path, findings)
    if times and (min(times) < 0 or (tr is not None and max(times) >= tr)):
        within = "" if tr is None else f", outside the TR of {float(tr):g} s"
        latest = f"SliceTiming reaches from {float(min(times)):g} to {float(max(times)):g} s{within}"
        findings.warn(path, latest, "give seconds in its sidecar; it is not used")
        return ()
    direction = str(metadata.get("SliceEncodingDirection", "k"))
    axis = "ijk".find(direction[:1])
    if axis < 0 or direction[1:] not in ("", "-"):
        findings.warn(path, f"SliceEncodingDirection is {direction!r:.40}", "write i, j or k, with - for backwards")
        return ()
    if header is not None and header.shape and times and header.shape[axis] != len(times):
        problem = f"SliceTiming lists {len(times)} slices and the image has {header.shape[axis]}"
        findings.warn(path, problem, "correct its sidecar; it is not used")
        return ()
    # Times of a negative direction begin with the last slice.
    return times[::-1] if direction.endswith("-") else times


def _seconds(metadata: Mapping[str, Any], field: str, path: Path, findings: Findings) -> Fraction | None:
    value = metadata.get(field)
    if value is None:
        return None
    try:
        return _number(value)
    except ParameterError:
        findings.error(path, f"{field} is {value!r:.40}", "give seconds, as a number, in its sidecar")
        return None


def _times(metadata: Mapping[str, Any], field: str, path: Path, findings: Findings) -> tuple[Fraction, ...]:
    values = metadata[field]
    try:
        if not isinstance(values, list):
            raise ParameterError("it is no list", "give a list")
        return tuple(map(_number, values))
    except ParameterError:
        findings.warn(path, f"{field} is {values!r:.40}", "give a list of seconds in its sidecar; it is not used")
        return ()


def _number(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterError("it is no number", "give a number")
    return exact(value)
