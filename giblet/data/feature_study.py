"""Many stores as one: the films of a study, opened when they are asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from giblet.data.store import FeatureStore, open_store
from giblet.errors import ParameterError, StoreError, StudyError, printable
from giblet.store import Listed, as_place, find_stores, is_url, verify
from giblet.store.manifest import ForeignError, parse_manifest
from giblet.store.remote import each
from giblet.timeline import Seconds

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def open_study(places: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> FeatureStudy:
    """Open all stores of a study; they are listed, and nothing in them is read.

    Parameters
    ----------
    places : str, os.PathLike or iterable of them
        A folder or a URL below which the stores lie, or the stores themselves.

    Returns
    -------
    FeatureStudy
        The films.

    Raises
    ------
    StoreError, MissingExtraError
        If a place cannot be read.
    StudyError
        If there is no store.
    """
    if isinstance(places, (str, os.PathLike)):
        listed = find_stores(places)
        if not listed:
            raise StudyError("holds no store", "name what giblet extract wrote", places)
        return FeatureStudy(listed)
    given = list(dict.fromkeys(as_place(place) for place in places))
    if not given:
        raise StudyError("no store is named", "name a folder, a URL, or stores")
    parts = [str(place).rstrip("/").split("/") for place in given]
    # As many folders in front as tell all of them apart.
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]).strip("/") for part in parts]
        if len(set(names)) == len(names):
            break
    return FeatureStudy({name: Listed(place) for name, place in zip(names, given, strict=True)})


class FeatureStudy(Mapping[str, FeatureStore]):
    """The films of a study (see `open_study`): each a `FeatureStore`, and all as one lazy dataset.

    Manifests are read when they are first needed, arrays when they are computed. What is no store is passed over; a
    store whose manifest is damaged is left out with a warning, and named by `damaged`.

    Parameters
    ----------
    listed : mapping
        Names of films to what `giblet.store.find_stores` found.

    Attributes
    ----------
    listed : dict
        As given.
    """

    def __init__(self, listed: Mapping[str, Listed]) -> None:
        self.listed = dict(listed)

    def __getitem__(self, film: str) -> FeatureStore:
        if film not in self.listed:
            raise KeyError(film)
        return open_store(self.listed[film].place)

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifests)

    def __len__(self) -> int:
        return len(self.manifests)

    def __contains__(self, film: object) -> bool:
        return film in self.manifests

    def __repr__(self) -> str:
        return f"FeatureStudy({len(self.listed)} stores)"

    @property
    def manifests(self) -> dict[str, dict[str, Any]]:
        """What each store of features says of itself, by film."""
        return self._read[0]

    @property
    def damaged(self) -> dict[str, str]:
        """Films whose store is damaged, each with what is wrong."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        sound, damaged = {}, {}
        texts = self._texts()
        for film, listed in self.listed.items():
            text = texts[film]
            try:
                if text is None:
                    raise StoreError("there is no store", "check its name", listed.place)
                manifest = parse_manifest(text, listed.place)
            except ForeignError:
                continue
            except StoreError as error:
                damaged[film] = error.problem
            else:
                if "view" in manifest["provenance"] and "features" in manifest["provenance"]:
                    sound[film] = manifest
        if damaged:
            names = ", ".join(printable(film) for film in list(damaged)[:5]) + (", …" if len(damaged) > 5 else "")
            warnings.warn(f"{len(damaged)} damaged stores are left out: {names}", stacklevel=4)
        return sound, damaged

    def _texts(self) -> dict[str, bytes | None]:
        from giblet.store.reader import manifest_text

        known = {film: listed.manifest for film, listed in self.listed.items()}
        missing = [film for film, text in known.items() if text is None]
        far = [film for film in missing if is_url(self.listed[film].place)]
        read = each(lambda film: manifest_text(self.listed[film].place), far)
        read |= {film: manifest_text(self.listed[film].place) for film in missing if film not in read}
        return known | read

    def verify(self) -> dict[str, list[str]]:
        """Read everything, and return the names of files that are not as they were written, by film.

        Films whose store is sound are left out; of a store without a valid manifest, that is the file.
        """
        wrong = {film: verify(self.listed[film].place) for film in self.manifests}
        return {film: ["manifest.json"] for film in self.damaged} | {
            film: files for film, files in wrong.items() if files
        }

    def table(self) -> pd.DataFrame:
        """Return one row per film: store, features, number of TRs, TR and duration in seconds, name of the file."""
        import pandas as pd

        rows = {
            film: {
                "store": str(self.listed[film].place),
                "features": tuple(about["features"]),
                "n_trs": int(about["n_trs"]),
                "tr": float(Fraction(about["view"]["tr"])),
                "duration": float(Fraction(about["duration"])),
                "file": about["film"]["name"],
            }
            for film, about in self._provenance().items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("film")

    @property
    def features(self) -> tuple[str, ...]:
        """Features that all films hold, in the order of the first film."""
        held = [about["features"] for about in self._provenance().values()]
        return tuple(name for name in (held[0] if held else ()) if all(name in others for others in held))

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
        """Return a feature of all films as one array, TR after TR and film after film, read when it is computed.

        Parameters
        ----------
        feature, tr, start, max_trs, bandwidth, frame_policy, pool
            As in `FeatureStore.tr_view`; by default each film's own start, and the TR that all share.

        Returns
        -------
        xarray.DataArray
            As of one film, on dask, one block per film. ``tr`` is indexed by ``film`` and ``tr_index``, so that
            ``view.sel(film="talk")`` is one film's; ``start_time`` and ``end_time`` in seconds on the film's clock.

        Raises
        ------
        StoreError, CodecError, ParameterError, AlignmentError
            If a store has no such feature or bandwidth, or the TRs do not fit.
        StudyError
            If films differ in TR, codec, or shape of the feature, so that they make no single array.
        MissingExtraError
            If dask is not installed.
        """
        from giblet.data.study_views import View, study_view

        view = View(feature, tr, start, max_trs, bandwidth, frame_policy, pool)
        return study_view(view, self._places(), self.manifests)

    def dataset(self, features: Iterable[str] | None = None, **options: Any) -> xr.Dataset:
        """Return several features of all films as one dataset, read when it is computed.

        Parameters
        ----------
        features : iterable of str, optional
            Their names; default all that every film holds.
        **options
            As in `tr_view`.

        Returns
        -------
        xarray.Dataset
            A `tr_view` of each, on the same TRs. Dimensions other than ``tr`` are called after their feature.

        Raises
        ------
        GibletError
            As `tr_view`.
        """
        import xarray as xr

        names = self.features if features is None else tuple(features)
        if not names:
            raise ParameterError("the films have no feature in common", "name the features")
        views = {}
        for name in names:
            view = self.tr_view(name, **options)
            views[name] = view.rename({dim: f"{name}.{dim}" for dim in view.dims if dim != "tr"})
        return xr.Dataset(views)

    @property
    def tree(self) -> xr.DataTree:
        """The arrays of all films at native rate, one node per film, on dask, read when they are computed."""
        from giblet.data.study_views import study_tree

        return study_tree(self._places(), self.manifests)

    def _places(self) -> dict[str, str]:
        return {film: str(self.listed[film].place) for film in self.manifests}

    def _provenance(self) -> dict[str, dict[str, Any]]:
        return {film: manifest["provenance"] for film, manifest in self.manifests.items()}
