"""The result of an evaluation, as tables and as JSON."""

from __future__ import annotations

import importlib.metadata
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from giblet.codecs.quality.usage import BandwidthUse
from giblet.metrics import MEASURES, SegmentScore, bandwidth_table, file_table, json_value, records, score_table

if TYPE_CHECKING:
    import pandas as pd

# Per bandwidth, what stands in the tables beside the measures.
_SPENT = ("n_codebooks", "bits_per_second", "encode_real_time_factor", "decode_real_time_factor")


@dataclass(frozen=True)
class Evaluation:
    """How good a codec is on recordings.

    Attributes
    ----------
    codec : dict
        name, source, fingerprint, sample_rate (Hz), channels, frame_rate (Hz), codebook_size.
    settings : dict
        segment (s), max_seconds (s or None), loudness (root mean square, or None for sound as it is).
    measures : tuple of str
        Measures that were taken, names out of `giblet.metrics.MEASURES`.
    scores : tuple of SegmentScore
        One per segment and bandwidth.
    uses : tuple of BandwidthUse
        One per bandwidth, ascending.
    skipped : tuple of (str, str)
        Files that could not be read, and why.
    """

    codec: dict[str, Any]
    settings: dict[str, Any]
    measures: tuple[str, ...]
    scores: tuple[SegmentScore, ...]
    uses: tuple[BandwidthUse, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the figures are used, a sentence each."""
        notes = ["STOI and PESQ are made for speech; of music they say little."]
        if self.codec["channels"] > 1:
            notes.append(f"Measured on the mean of the {self.codec['channels']} channels.")
        if not {"pesq_wb", "pesq_nb"} <= set(self.measures):
            notes.append("PESQ is missing: install giblet[pesq], with a C compiler.")
        heard = [score for score in self.scores if not score.silent]
        for name in self.measures:
            undefined = sum(math.isnan(getattr(score, name)) for score in heard)
            if undefined:
                notes.append(
                    f"{MEASURES[name].title} is not defined on {undefined} of {len(heard)} scored segments, which are "
                    "too short or hold too little sound."
                )
        return tuple(notes)

    def bandwidths(self) -> pd.DataFrame:
        """Return the mean over segments, then over files, at each bandwidth.

        Returns
        -------
        pandas.DataFrame
            As `giblet.metrics.bandwidth_table`, and n_codebooks, bits_per_second, encode_real_time_factor and
            decode_real_time_factor.
        """
        table = bandwidth_table(self.scores)
        spent = {use.bandwidth: use for use in self.uses}
        for name in _SPENT:
            table[name] = [getattr(spent[bandwidth], name) for bandwidth in table["bandwidth"]]
        return table

    def files(self) -> pd.DataFrame:
        """Return the mean over the segments of each file, as `giblet.metrics.file_table`."""
        return file_table(self.scores)

    def segments(self) -> pd.DataFrame:
        """Return all scores, as `giblet.metrics.score_table`."""
        return score_table(self.scores)

    def _libraries(self) -> tuple[str, ...]:
        return ("pystoi", "soxr", "pesq") if "pesq_wb" in self.measures else ("pystoi", "soxr")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it; a value that is not there is None."""
        codebooks = [
            [{"perplexity": p, "used": u} for p, u in zip(use.perplexity, use.used, strict=True)] for use in self.uses
        ]
        means = {row["bandwidth"]: row for row in records(self.bandwidths())}
        return {
            "kind": "evaluation",
            "codec": self.codec,
            "settings": self.settings,
            "versions": {name: importlib.metadata.version(name) for name in self._libraries()},
            "measures": {name: asdict(MEASURES[name]) for name in self.measures},
            "bandwidths": [
                means[use.bandwidth] | {"n_frames": use.n_frames, "codebooks": json_value(books)}
                for use, books in zip(self.uses, codebooks, strict=True)
            ],
            "files": records(self.files()),
            "segments": records(self.segments()),
            "skipped": [{"file": file, "reason": reason} for file, reason in self.skipped],
            "notes": list(self.notes),
        }
