"""What a store holds, at native rate; no model needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.codecs import Codes, Segment, as_bandwidth
from giblet.data.request import TRRequest
from giblet.data.series_arrays import read_series
from giblet.errors import CodecError, GibletError, ParameterError, StoreError
from giblet.features import FeatureSeries, ask_features, latents
from giblet.store import as_place, open_described
from giblet.timeline import FrameLayout

if TYPE_CHECKING:
    import xarray as xr


# Features that the store keeps in a way of their own, and the part of the provenance that tells of them.
BUILT_IN_PARTS = {"audio.codes": "codec", "audio.latents": "codec", "audio.mel": "mel"}

# Ten minutes at 75 frames per second, which is a chunk on disk.
_FRAMES_AT_ONCE = 75 * 600


class StoredFeatures:
    """Features of one film, at the rate they were made at.

    Parameters
    ----------
    path : str or os.PathLike
        Its directory, or its URL.

    Attributes
    ----------
    path : str
        As given.
    provenance : dict
        Film, sound, codec and settings that the features came from.
    dataset : xarray.Dataset
        All arrays at native rate, labelled, read lazily.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(as_place(path))
        self.dataset: xr.Dataset
        self.dataset, manifest = open_described(path)
        self.provenance: dict[str, Any] = manifest["provenance"]
        try:
            self._request = TRRequest.from_dict(self.provenance["view"])
            self.features: tuple[str, ...] = tuple(self.provenance["features"])
        except (KeyError, TypeError) as error:
            raise StoreError(
                "is a store, but not of features of a film", "name one that extract wrote", path
            ) from error

    def __repr__(self) -> str:
        return f"FeatureStore({self.path!r}: {', '.join(self.features)} of {self.provenance['film']['name']})"

    def kind(self, feature: str) -> str:
        """Return what may be done with a feature (see `giblet.features.FeatureSeries`).

        Raises
        ------
        StoreError
            If the store does not hold it.
        """
        if feature in BUILT_IN_PARTS:
            self._part(BUILT_IN_PARTS[feature])
            return "categorical" if feature == "audio.codes" else "continuous"
        return str(self._about(feature)["kind"])

    def about(self, feature: str) -> dict[str, Any]:
        """Return what is known of a feature of sound, pictures or words: units, definition, past and future, ….

        Raises
        ------
        StoreError
            If the store does not hold it.
        """
        return dict(self._about(feature)["about"])

    @property
    def layout(self) -> FrameLayout:
        """Sample rate and frame grid of the codes."""
        codec = self._part("codec")
        return FrameLayout(codec["sample_rate"], codec["hop"], codec["segment"], codec["stride"])

    def codes(self, bandwidth: float | None = None) -> Codes:
        """Return the codes at native rate, as decoding takes them.

        Parameters
        ----------
        bandwidth : float, optional
            Kilobits per second, at most that of the store.

        Returns
        -------
        Codes
            The codes, in memory.

        Raises
        ------
        StoreError, CodecError
            If the store holds no codes, or not the bandwidth.
        """
        layout = self.layout
        values = np.ascontiguousarray(self._read(self.dataset["codes"])[: self.n_codebooks(bandwidth)])
        return Codes(values, self.segments, layout, self.provenance["codes"]["n_samples"])

    def code_blocks(self, bandwidth: float | None = None) -> Iterator[np.ndarray]:
        """Read the codes at flat memory.

        Parameters
        ----------
        bandwidth : float, optional
            Kilobits per second, at most that of the store.

        Yields
        ------
        ndarray of int16, shape (n_codebooks, k)
            Frames in their order; `segments` tells to which segments they belong.

        Raises
        ------
        StoreError, CodecError
            If the store holds no codes, or not the bandwidth.
        """
        self._part("codec")
        codes = self.dataset["codes"][: self.n_codebooks(bandwidth)]
        for first in range(0, codes.sizes["frame"], _FRAMES_AT_ONCE):
            yield self._read(codes[:, first : first + _FRAMES_AT_ONCE])

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The codec's frame grids."""
        self._part("codec")
        data = self.dataset
        scales = data["segment_scale"].values.tolist() if "segment_scale" in data else [None] * data.sizes["segment"]
        return tuple(
            Segment(int(start), int(frames), scale)
            for start, frames, scale in zip(
                data["segment_start"].values, data["segment_frames"].values, scales, strict=True
            )
        )

    def latents(self, bandwidth: float | None = None) -> xr.DataArray:
        """Return the sum of the code vectors at native rate.

        Parameters
        ----------
        bandwidth : float, optional
            Kilobits per second, at most that of the store.

        Returns
        -------
        xarray.DataArray of float32, dims (frame, latent)
            Continuous: these may be averaged, filtered and convolved. Coordinate ``time`` in seconds.
        """
        import xarray as xr

        codes = self.codes(bandwidth)
        if "codebooks" not in self.dataset:
            raise StoreError(
                "holds no code vectors, for it was made of a container without its codec",
                "make it again and give the codec (codec=)",
                self.path,
            )
        values = latents(codes.data, self._read(self.dataset["codebooks"]))
        return xr.DataArray(
            values, dims=("frame", "latent"), coords={"time": ("frame", self.dataset["time"].values)},
            name="audio.latents", attrs={"kind": self.kind("audio.latents")},
        )  # fmt: skip

    def native(
        self, feature: str = "audio.codes", bandwidth: float | None = None
    ) -> tuple[np.ndarray, FrameLayout, np.ndarray]:
        """Return a feature at its own rate, with where its frames lie in time.

        Parameters
        ----------
        feature : str
            As in `tr_view`.
        bandwidth : float, optional
            Kilobits per second, at most that of the store.

        Returns
        -------
        values : ndarray, shape (n_rows, n_frames)
            Codes int16, others float32.
        layout : FrameLayout
            The grid of frames.
        indices : ndarray of int64, shape (n_frames,)
            Each frame's place in it.

        Raises
        ------
        StoreError, CodecError, ParameterError
            If the store has no such feature or bandwidth, or the feature has no even rate.
        """
        layout, indices = self._frames(feature)
        values, _ = self._values(feature, bandwidth, len(indices))
        return values, layout, indices

    def series(self, feature: str, bandwidth: float | None = None) -> FeatureSeries:
        """Return a feature as a series that can be filtered, convolved or delayed.

        Parameters
        ----------
        feature, bandwidth
            As in `native`.

        Returns
        -------
        FeatureSeries
            One row for each frame; where segments overlap, for each frame that stands for its time alone.

        Raises
        ------
        StoreError, CodecError, ParameterError
            As in `native`; pictures are no series.
        """
        if feature not in BUILT_IN_PARTS:
            return self._stored_series(feature)
        values, layout, indices = self.native(feature, bandwidth)
        owned = layout.owned(indices)
        times = layout.starts(indices[owned]) / layout.sample_rate
        names = tuple(f"{feature}.{i}" for i in range(len(values)))
        durations = np.full(len(times), layout.hop / layout.sample_rate)
        return FeatureSeries(values[:, owned].T, times, names, self.kind(feature), durations)

    def _frames(self, feature: str) -> tuple[FrameLayout, np.ndarray]:
        if feature == "audio.mel":
            mel = self._part("mel")
            return FrameLayout(mel["sample_rate"], mel["hop_length"]), np.arange(self.dataset.sizes["mel_frame"])
        if feature in BUILT_IN_PARTS:
            return self.layout, self.codes().indices
        rate = self._rate(feature)
        if rate is None:
            raise ParameterError(f"{feature} has no even rate", "take its series, or its view per TR")
        n_rows = self.dataset[self._about(feature)["array"]].shape[0]
        return FrameLayout(rate.numerator, rate.denominator), np.arange(n_rows)

    def _values(self, feature: str, bandwidth: float | None, stop: int) -> tuple[np.ndarray, str]:
        if feature == "audio.mel":
            return self._read(self.dataset["mel"][:, :stop]), "mel_band"
        if feature == "audio.codes":
            return self.codes(bandwidth).data, "codebook"
        if feature == "audio.latents":
            return self.latents(bandwidth).values.T, "latent"
        values = self._read(self.dataset[self._about(feature)["array"]][:stop])
        return (values if self.kind(feature) == "pictures" else values.T), "dim"

    def _rate(self, feature: str) -> Fraction | None:
        """Return rows per second of a stored series, None where rows have times of their own."""
        if feature in BUILT_IN_PARTS:
            return self._frames(feature)[0].frame_rate
        rate = self._about(feature)["rate"]
        return None if rate is None else Fraction(rate)

    def _stored_series(self, feature: str) -> FeatureSeries:
        about, data = self._about(feature), self.dataset
        if about["kind"] == "pictures":
            raise ParameterError(f"{feature} are pictures and no series", "take the view per TR")
        array = about["array"]
        durations = self._read(data[f"{array}.duration"]) if f"{array}.duration" in data else None
        return read_series(feature, about, self._read(data[array]), self._read(data[f"{array}.time"]), durations)

    def _about(self, feature: str) -> dict[str, Any]:
        series: dict[str, dict[str, Any]] = self.provenance.get("series", {})
        if feature not in series:
            ask_features(feature)
            raise StoreError(
                f"holds no {feature}, but {', '.join(self.features)}", f"extract with --features {feature}", self.path
            )
        return series[feature]

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the codebooks of a bandwidth in kbps, or all that there are.

        Raises
        ------
        StoreError, CodecError
            If the store holds no codes, or not the bandwidth.
        """
        codec = self._part("codec")
        if bandwidth is None:
            return int(self.dataset.sizes["codebook"])
        bandwidth = as_bandwidth(bandwidth)
        if f"{bandwidth:g}" not in codec["codebooks"]:
            raise CodecError(
                f"it holds no {bandwidth:g} kbps of {codec['name']}",
                f"choose one of {', '.join(codec['codebooks'])}, or extract again with a larger bandwidth",
                self.path,
            )
        return int(codec["codebooks"][f"{bandwidth:g}"])

    def _read(self, array: xr.DataArray) -> np.ndarray:
        try:
            return np.asarray(array.values)
        except GibletError:
            raise
        except Exception as error:  # Which errors damaged chunks raise is nowhere promised.
            raise StoreError("is damaged", "extract it again with --force", self.path) from error

    def _part(self, name: str) -> Any:
        if name not in self.provenance:
            wanted = "audio.mel" if name == "mel" else "audio.codes"
            raise StoreError(f"holds no {wanted}", f"extract with --features {wanted}", self.path)
        return self.provenance[name]
