"""Reading a store: native rate, any TR, fewer codebooks, latents; no model needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import TRWindows, to_trs, tr_windows
from giblet.data.metadata import ENCODEC, MEL, SEGMENT_COLUMNS, tr_table
from giblet.data.request import TRRequest
from giblet.data.stored import BUILT_IN_PARTS, StoredFeatures
from giblet.errors import ParameterError
from giblet.timeline import Seconds, TRGrid

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_TIMES = ("start_time", "end_time")
_MEANINGLESS = {
    "categorical": ("category labels, and the mean of labels", "pool audio.latents instead"),
    "pictures": ("pictures, and the mean of pictures", "take video.luminance, for instance"),
}


def open_store(path: str | os.PathLike[str]) -> FeatureStore:
    """Open a store that `extract` wrote.

    Parameters
    ----------
    path : str or os.PathLike
        Its directory, or its URL.

    Returns
    -------
    FeatureStore
        The store; arrays are read when they are needed.

    Raises
    ------
    StoreError
        If there is no valid store of features.
    """
    return FeatureStore(path)


def stored_grid(
    provenance: Mapping[str, Any], path: str, tr: Seconds | None, start: Seconds | None, max_trs: int | None
) -> TRGrid:
    """Return the TRs of a store's view.

    Parameters
    ----------
    provenance : mapping
        Of the store.
    path : str
        The store, for the message.
    tr, start, max_trs
        As in `FeatureStore.tr_view`.

    Returns
    -------
    TRGrid
        At least one window.

    Raises
    ------
    AlignmentError, ParameterError
        If the TRs do not fit.
    """
    asked = TRRequest.from_dict(provenance["view"])
    request = TRRequest.asked(
        tr=asked.tr if tr is None else tr,
        start=asked.start if start is None else start,
        max_trs=asked.max_trs if max_trs is None and tr is None and start is None else max_trs,
    )
    # Silence that fills a last TR belongs to the grid it was made for; other grids end with the film.
    same = (request.tr, request.start) == (asked.tr, asked.start)
    duration = Fraction(provenance["duration_with_padding" if same else "duration"])
    return request.grid(duration, path)


class FeatureStore(StoredFeatures):
    """Features of one film (see `open_store`): at native rate, and for each TR.

    Parameters
    ----------
    path : str or os.PathLike
        Its directory, or its URL.
    """

    def tr_view(
        self,
        feature: str = "audio.codes",
        *,
        tr: Seconds | None = None,
        start: Seconds | None = None,
        max_trs: int | None = None,
        bandwidth: float | None = None,
        frame_policy: str = "floor",
        pool: str | None = None,
    ) -> xr.DataArray:
        """Return a feature as one array per TR.

        Parameters
        ----------
        feature : str
            One of `features`. Latents are there wherever codes are.
        tr, start : float or str, optional
            Seconds; default those of the extraction.
        max_trs : int, optional
            At most so many TRs; default as many as were extracted.
        bandwidth : float, optional
            Kilobits per second, at most that of the store.
        frame_policy : {"floor", "ceil"}
            As in `giblet.data.AudioProcessor`.
        pool : {"mean"}, optional
            Average a continuous feature over all frames that start in the TR, none left out.

        Returns
        -------
        xarray.DataArray
            Codes: int64 (tr, codebook, column). Latents: float32 (tr, latent, column), pooled (tr, latent). Mel:
            float32 (tr, mel_band, column), pooled (tr, mel_band). Others: float32 (tr, dim, column), pooled
            (tr, dim); events are summed and features of words averaged whether asked or not. Pictures: uint8
            (tr, column, height, width, channel). The columns of `metadata` are coordinates of tr, but for those that
            hold a tuple.

        Raises
        ------
        StoreError, CodecError, ParameterError, AlignmentError
            If the store has no such feature or bandwidth, or the TRs do not fit.
        """
        import xarray as xr

        if pool not in (None, "mean"):
            raise ParameterError(f"pool is {pool!r}", "choose mean, or none")
        kind = self.kind(feature)
        if pool and kind in ("categorical", "pictures"):
            what, remedy = _MEANINGLESS[kind]
            raise ParameterError(f"{feature} are {what} means nothing", remedy)
        if kind == "event" or self._rate(feature) is None:
            return self._summed(feature, self._grid(tr, start, max_trs))
        windows, grid = self._windows(feature, tr, start, max_trs, "ceil" if pool else frame_policy)
        values, rows_dim = self._values(feature, bandwidth, int(windows.columns.max()) + 1)
        table = self._table(feature, windows, grid, bandwidth)
        coords = {name: ("tr", column.to_numpy()) for name, column in table.items() if name not in SEGMENT_COLUMNS}
        cut = values[windows.columns] if kind == "pictures" else windows.cut(values)
        if kind == "pictures":
            return xr.DataArray(
                cut, dims=("tr", "column", "height", "width", "channel"), coords=coords, name=feature,
                attrs={"kind": kind, "tr_seconds": float(grid.tr)},
            )  # fmt: skip
        if pool:
            there = np.arange(cut.shape[2]) < windows.n_frames[:, None, None]
            cut = cut.mean(axis=2, where=there, dtype=np.float64).astype(np.float32)
        elif feature == "audio.codes":
            cut = cut.astype(np.int64)
        return xr.DataArray(
            cut, dims=("tr", rows_dim) if pool else ("tr", rows_dim, "column"), coords=coords, name=feature,
            attrs={"kind": kind, "tr_seconds": float(grid.tr)},
        )  # fmt: skip

    def metadata(
        self,
        feature: str = "audio.codes",
        *,
        tr: Seconds | None = None,
        start: Seconds | None = None,
        max_trs: int | None = None,
        bandwidth: float | None = None,
        frame_policy: str = "floor",
    ) -> pd.DataFrame:
        """Return the table that belongs to a TR view.

        Parameters
        ----------
        feature, tr, start, max_trs, bandwidth, frame_policy
            As in `tr_view`.

        Returns
        -------
        pandas.DataFrame
            As `giblet.data.metadata.tr_table` describes it; `AudioProcessor.features_to_audio` takes it.
        """
        windows, grid = self._windows(feature, tr, start, max_trs, frame_policy)
        return self._table(feature, windows, grid, bandwidth)

    def _windows(
        self, feature: str, tr: Seconds | None, start: Seconds | None, max_trs: int | None, frame_policy: str
    ) -> tuple[TRWindows, TRGrid]:
        layout, indices = self._frames(feature)
        grid = self._grid(tr, start, max_trs)
        return tr_windows(layout, indices, grid, frame_policy), grid

    def _summed(self, feature: str, grid: TRGrid) -> xr.DataArray:
        import xarray as xr

        times = {name: [float(grid.window(i)[k]) for i in range(grid.n_trs)] for k, name in enumerate(_TIMES)}
        coords = {"tr_index": ("tr", np.arange(grid.n_trs)), **{name: ("tr", at) for name, at in times.items()}}
        return xr.DataArray(
            to_trs(self._stored_series(feature), grid).astype(np.float32), dims=("tr", "dim"), coords=coords,
            name=feature, attrs={"kind": self.kind(feature), "tr_seconds": float(grid.tr)},
        )  # fmt: skip

    def _grid(self, tr: Seconds | None, start: Seconds | None, max_trs: int | None) -> TRGrid:
        return stored_grid(self.provenance, self.path, tr, start, max_trs)

    def _table(self, feature: str, windows: TRWindows, grid: TRGrid, bandwidth: float | None) -> pd.DataFrame:
        duration = Fraction(self.provenance["duration"])
        if feature == "audio.mel":
            return tr_table(windows, grid, MEL, 0, duration, reference=self._part("mel")["reference"])
        if feature not in BUILT_IN_PARTS:
            return tr_table(windows, grid, feature, 0, duration)
        codes = self.codes(bandwidth)
        return tr_table(
            windows, grid, ENCODEC, codes.data.shape[0], duration,
            segments=codes.segments, layout=codes.layout, fingerprint=self._part("codec")["fingerprint"],
        )  # fmt: skip
