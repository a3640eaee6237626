"""Many stores as one array on dask: shapes from what manifests say, values when they are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import n_columns
from giblet.codecs import as_bandwidth
from giblet.data.store import open_store, stored_grid
from giblet.data.stored import BUILT_IN_PARTS
from giblet.errors import CodecError, MissingExtraError, ParameterError, StoreError, StudyError, printable
from giblet.store import open_group
from giblet.store.arrays import default_chunk
from giblet.timeline import FrameLayout, Seconds, TRGrid

if TYPE_CHECKING:
    import xarray as xr


_TIME = ("frame", "row")


@dataclass(frozen=True)
class View:
    """What of each film is wanted: the arguments of `giblet.data.FeatureStore.tr_view`."""

    feature: str
    tr: Seconds | None
    start: Seconds | None
    max_trs: int | None
    bandwidth: float | None
    frame_policy: str
    pool: str | None


@dataclass(frozen=True)
class _Form:
    """What a feature looks like in one film; where forms differ, films make no single array."""

    kind: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    tr: Fraction
    made_by: str


def study_view(view: View, places: Mapping[str, str], manifests: Mapping[str, Mapping[str, Any]]) -> xr.DataArray:
    """Return a feature of all films as one array (see `giblet.data.FeatureStudy.tr_view`).

    Parameters
    ----------
    view : View
        What is wanted.
    places : mapping
        Films to paths or URLs of their stores.
    manifests : mapping
        Films to what their stores say.

    Returns
    -------
    xarray.DataArray
        On dask, one block per film.

    Raises
    ------
    GibletError
        As `giblet.data.FeatureStudy.tr_view`.
    """
    da = _dask()
    import pandas as pd
    import xarray as xr

    films = list(places)
    if not films:
        raise StudyError("there is no store of features", "extract films first")
    times = view.tr, view.start, view.max_trs
    grids = [stored_grid(manifests[film]["provenance"], places[film], *times) for film in films]
    forms = [_form(view, manifests[film], places[film], grid) for film, grid in zip(films, grids, strict=True)]
    for film, form in zip(films, forms, strict=True):
        if form != forms[0]:
            raise StudyError(*_difference(view.feature, (films[0], forms[0]), (film, form)))
    form, lengths = forms[0], [grid.n_trs for grid in grids]
    values = da.map_blocks(
        _block, places=[places[film] for film in films], view=view, lengths=lengths,
        chunks=(tuple(lengths), *((length,) for length in form.shape)), dtype=form.dtype,
        meta=np.empty((0,) * (1 + len(form.shape)), form.dtype),
    )  # fmt: skip
    numbers = np.concatenate([np.arange(length) for length in lengths])
    levels: list[Any] = [films, np.arange(max(lengths))]
    codes: list[Any] = [np.repeat(np.arange(len(films)), lengths), numbers]
    index = pd.MultiIndex(levels=levels, codes=codes, names=("film", "tr_index"))
    edges = _edges(grids)
    coords = xr.Coordinates.from_pandas_multiindex(index, "tr")
    return xr.DataArray(
        values, dims=("tr", *form.dims), coords=coords, name=view.feature,
        attrs={"kind": form.kind, "tr_seconds": float(form.tr)},
    ).assign_coords(
        start_time=("tr", np.concatenate([edge[:-1] for edge in edges])),
        end_time=("tr", np.concatenate([edge[1:] for edge in edges])),
    )  # fmt: skip


def study_tree(places: Mapping[str, str], manifests: Mapping[str, Mapping[str, Any]]) -> xr.DataTree:
    """Return the arrays of all films at native rate (see `giblet.data.FeatureStudy.tree`).

    Parameters
    ----------
    places, manifests
        As in `study_view`.

    Returns
    -------
    xarray.DataTree
        A node per film, arrays on dask.

    Raises
    ------
    MissingExtraError
        If dask is not installed.
    """
    _dask()
    import xarray as xr

    return xr.DataTree.from_dict({f"/{film}": _film(places[film], manifests[film]) for film in places})


def _dask() -> Any:
    try:
        import dask.array as da
    except ImportError as error:
        raise MissingExtraError("a study as one dataset", "cloud") from error
    return da


def _block(places: Sequence[str], view: View, lengths: Sequence[int], block_id: tuple[int, ...]) -> np.ndarray:
    number = block_id[0]
    values = open_store(places[number]).tr_view(**asdict(view)).values
    if len(values) != lengths[number]:
        raise StoreError("was replaced after the study was opened", "open the study again", places[number])
    return np.asarray(values)


def _form(view: View, manifest: Mapping[str, Any], place: str, grid: TRGrid) -> _Form:
    """Say what `FeatureStore.tr_view` will return for one film, without opening its arrays."""
    about, arrays, feature = manifest["provenance"], manifest["arrays"], view.feature
    if view.pool not in (None, "mean"):
        raise ParameterError(f"pool is {view.pool!r}", "choose mean, or none")
    if feature not in BUILT_IN_PARTS:
        return _form_of_series(view, about, arrays, place, grid)
    part = about.get(BUILT_IN_PARTS[feature])
    if part is None:
        raise StoreError(f"holds no {feature}", f"extract with --features {feature}", place)
    if feature == "audio.mel":
        layout, rows, made_by = FrameLayout(part["sample_rate"], part["hop_length"]), arrays["mel"]["shape"][0], "mel"
    else:
        layout = FrameLayout(part["sample_rate"], part["hop"], part["segment"], part["stride"])
        made_by = f"{part['name']} {part['fingerprint']}"
        rows = _codebooks(view.bandwidth, part, arrays, place)
        if feature == "audio.latents":
            if "codebooks" not in arrays:
                raise StoreError("holds no code vectors", "make it again and give the codec (codec=)", place)
            rows = arrays["codebooks"]["shape"][2]
    kind = "categorical" if feature == "audio.codes" else "continuous"
    dim = {"audio.codes": "codebook", "audio.latents": "latent", "audio.mel": "mel_band"}[feature]
    return _framed(view, kind, (dim,), (rows,), "int64" if kind == "categorical" else "float32", layout, grid, made_by)


def _form_of_series(view: View, about: Mapping[str, Any], arrays: Mapping[str, Any], place: str, grid: TRGrid) -> _Form:
    series = about.get("series", {}).get(view.feature)
    if series is None:
        raise StoreError(f"holds no {view.feature}", f"extract with --features {view.feature}", place)
    shape, kind, made_by = tuple(arrays[series["array"]]["shape"][1:]), series["kind"], str(series["columns"])
    if kind == "event" or series["rate"] is None:
        return _Form(kind, ("dim",), shape, "float32", grid.tr, made_by)
    rate = Fraction(series["rate"])
    layout = FrameLayout(rate.numerator, rate.denominator)
    if kind == "pictures" and not view.pool:
        columns = n_columns(layout, grid, view.frame_policy)
        dims = ("column", "height", "width", "channel")
        dtype = arrays[series["array"]]["dtype"]
        return _Form(kind, dims, (columns, *shape), dtype, grid.tr, made_by)
    return _framed(view, kind, ("dim",), shape, "float32", layout, grid, made_by)


def _framed(
    view: View, kind: str, dims: tuple[str, ...], shape: tuple[int, ...], dtype: str, layout: FrameLayout,
    grid: TRGrid, made_by: str,
) -> _Form:  # fmt: skip
    if view.pool:
        if kind in ("categorical", "pictures"):
            raise ParameterError(f"the mean of {view.feature} means nothing", "leave pool out")
        return _Form(kind, dims, shape, dtype, grid.tr, made_by)
    columns = n_columns(layout, grid, view.frame_policy)
    return _Form(kind, (*dims, "column"), (*shape, columns), dtype, grid.tr, made_by)


def _codebooks(bandwidth: float | None, codec: Mapping[str, Any], arrays: Mapping[str, Any], place: str) -> int:
    if bandwidth is None:
        return int(arrays["codes"]["shape"][0])
    kbps = f"{as_bandwidth(bandwidth):g}"
    if kbps not in codec["codebooks"]:
        raise CodecError(
            f"it holds no {kbps} kbps of {codec['name']}", f"choose one of {', '.join(codec['codebooks'])}", place
        )
    return int(codec["codebooks"][kbps])


def _difference(feature: str, one: tuple[str, _Form], other: tuple[str, _Form]) -> tuple[str, str]:
    """Return problem and remedy for two films that do not fit together."""
    names = f"{printable(one[0])} and {printable(other[0])}"
    if one[1].tr != other[1].tr:
        return f"{names} have TRs of {float(one[1].tr):g} and {float(other[1].tr):g} s", "give one for all (tr=)"
    if one[1].made_by != other[1].made_by:
        return f"{feature} of {names} were made differently", "extract them with the same codec and settings"
    return (
        f"{feature} of {names} has shapes {one[1].shape} and {other[1].shape} per TR",
        "give a bandwidth that both have, or extract them with the same settings",
    )


def _edges(grids: Sequence[TRGrid]) -> list[np.ndarray]:
    """Return the edges of the windows of each grid; those that begin alike are worked out once."""
    longest: dict[tuple[Fraction, Fraction], TRGrid] = {}
    for grid in grids:
        known = longest.setdefault((grid.tr, grid.start), grid)
        if grid.n_trs > known.n_trs:
            longest[grid.tr, grid.start] = grid
    known_edges = {begin: grid.edges for begin, grid in longest.items()}
    return [known_edges[grid.tr, grid.start][: grid.n_trs + 1] for grid in grids]


class _Stored:
    """One array of a store as dask takes it: nothing is opened before values are asked for."""

    def __init__(self, place: str, name: str, shape: Sequence[int], dtype: str) -> None:
        self._place, self._name = place, name
        self.shape, self.dtype, self.ndim = tuple(shape), np.dtype(dtype), len(shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        array = open_group(self._place)[self._name]
        if array.shape != self.shape:
            raise StoreError("was replaced after the study was opened", "open the study again", self._place)
        return np.asarray(array[index])


def _film(place: str, manifest: Mapping[str, Any]) -> xr.Dataset:
    import dask.array as da
    import xarray as xr

    variables = {}
    for name, about in manifest["arrays"].items():
        array = _Stored(place, name, about["shape"], about["dtype"])
        chunks: Any = array.shape
        if array.ndim and max(array.shape):
            # Along time, as on the disk.
            axis = next((i for i, dim in enumerate(about["dims"]) if dim.endswith(_TIME)), 0)
            chunks = list(array.shape)
            chunks[axis] = default_chunk(array.shape, axis, array.dtype)
        # Without meta, dask would ask for a part of length zero.
        meta = np.empty((0,) * array.ndim, array.dtype)
        variables[name] = (about["dims"], da.from_array(array, chunks=tuple(chunks), name=False, meta=meta))
    # An index would be read at once.
    coords = {name: value for name, value in variables.items() if value[0] == [name]}
    data = {name: value for name, value in variables.items() if name not in coords}
    return xr.Dataset(data, xr.Coordinates(coords, indexes={}), {"store": place, **manifest["provenance"]["film"]})
