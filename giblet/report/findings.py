"""What to know about a store before it is used, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from giblet.data.outcome import Extraction
from giblet.data.store import FeatureStore
from giblet.report.axes import clock
from giblet.timeline import TRGrid

# Gaps that are told one by one.
MOST_GAPS = 5
# Seconds below which a shift is that of one sample or of rounding.
_NOTHING = 5e-4


@dataclass(frozen=True)
class Finding:
    """What to know.

    Attributes
    ----------
    sentence : str
        It.
    serious : bool
        Whether something is lost or wrong.
    """

    sentence: str
    serious: bool = False


def findings(store: FeatureStore, grid: TRGrid) -> list[Finding]:
    """Return what was found when a store was made.

    Parameters
    ----------
    store : FeatureStore
        The store.
    grid : TRGrid
        Its TRs.

    Returns
    -------
    list of Finding
        None where nothing stands out.
    """
    about = store.provenance
    said = list(_about_sound(store))
    done = Extraction(store.path, True, about)
    frame = Fraction(1, 25)
    if "codec" in about or "mel" in about:
        feature, rate = _framed(store)
        frame = 1 / rate
        per_tr = rate * grid.tr
        if per_tr.denominator != 1:
            said.append(Finding(
                f"A TR of {float(grid.tr):g} s has {float(per_tr):g} frames of {feature}: a view of TRs has "
                f"{int(per_tr)} columns, so that in some TRs one frame is dropped, unless frame_policy is ceil. "
                "Nothing drifts, for each window is cut at its exact time."
            ))  # fmt: skip
    if done.unused > frame:
        said.append(Finding(f"The last {done.unused:.2f} s fill no TR and are in none."))
    if done.padding > frame:
        said.append(
            Finding(f"The last TR ends with {done.padding:.2f} s of silence that the film does not have (padding).")
        )
    held = {name: series["held"] for name, series in about.get("series", {}).items() if series.get("held")}
    if held:
        rows = ", ".join(f"{_counted(n, 'row')} of {name}" for name, n in held.items())
        said.append(Finding(f"The pictures end before the sound, so the last rows repeat the last picture: {rows}."))
    return said


def _framed(store: FeatureStore) -> tuple[str, Fraction]:
    """Return the feature that TRs are cut of, and its frames per second."""
    if "codec" in store.provenance:
        return "audio.codes", store.layout.frame_rate
    mel = store.provenance["mel"]
    return "audio.mel", Fraction(mel["sample_rate"], mel["hop_length"])


def _about_sound(store: FeatureStore) -> Iterator[Finding]:
    sound = store.provenance["sound"]
    if sound is None:
        return
    offset, gaps = sound["offset"], sound.get("gaps", [])
    if sound.get("picture_start") is not None and abs(offset) > _NOTHING:
        yield Finding(
            f"The sound starts {abs(offset) * 1000:.1f} ms {'after' if offset > 0 else 'before'} the first picture; "
            + ("silence stands in its place." if offset > 0 else "what comes before the picture was cut.")
        )
    if gaps:
        listed = ", ".join(f"{size:+.3f} s at {clock(at, True)}" for at, size in gaps[:MOST_GAPS])
        more = f" and {len(gaps) - MOST_GAPS} more" if len(gaps) > MOST_GAPS else ""
        yield Finding(
            f"{_counted(len(gaps), 'gap')} in the sound {'was' if len(gaps) == 1 else 'were'} mended ({listed}{more}): "
            "silence was inserted (+) or sound dropped (-), so that what follows is on time.",
            serious=True,
        )
    for number, kind in ((sound.get("empty_packets", 0), "empty"), (sound.get("corrupt_packets", 0), "damaged")):
        if number:
            yield Finding(
                f"{_counted(number, f'{kind} packet')} of the sound {'was' if number == 1 else 'were'} skipped.",
                serious=kind == "damaged",
            )
    missing = missing_seconds(store)
    if missing:
        yield Finding(
            f"{missing:.2f} s of the {sound['announced_duration']:.2f} s of sound that the file announces are missing "
            "at its end.",
            serious=True,
        )
    if sound.get("n_tracks", 1) > 1:
        yield Finding(f"Sound track {sound['track']} of {sound['n_tracks']} was used, counted from 0.")
    if sound.get("source_channels", 1) > 2:
        yield Finding(f"Its {sound['source_channels']} channels were mixed down.")


def missing_seconds(store: FeatureStore) -> float:
    """Return the seconds of sound that the film announces and does not hold; 0 where nobody knows."""
    sound = store.provenance["sound"]
    if sound is None or "ended" not in sound:
        return 0.0
    return Extraction(store.path, True, store.provenance).missing


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
