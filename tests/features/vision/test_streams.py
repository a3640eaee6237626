"""What holds for all features of pictures, however they come."""

from __future__ import annotations

import sys
import warnings
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from features.vision.films import feature_of, maker, rows_of, write_pictures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.errors import MissingExtraError, ParameterError
from giblet.features import known_features
from giblet.features.vision import motion

NAMES = ("video.luminance", "video.contrast", "video.motion_energy", "video.cuts")
PACKAGES = {"video.motion_energy": "moten", "video.cuts": "scenedetect"}

needed = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def _installed(request):
    name = request.node.callspec.params.get("name")
    if name in PACKAGES and "without" not in request.node.name:
        pytest.importorskip(PACKAGES[name], exc_type=ImportError)


def pictures(n):
    """Return pictures of shots of 17 that drift."""
    rng = np.random.default_rng(0)
    shots = [np.kron(rng.integers(0, 256, (9, 16, 3)), np.ones((6, 6, 1))).astype(np.uint8) for _ in range(1 + n // 17)]
    return np.stack([np.roll(shots[k // 17], k, axis=1) for k in range(n)])


@needed
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(1, 75), data=st.data())
def test_rows_are_the_same_however_the_pictures_are_cut(name, n, data, monkeypatch):
    monkeypatch.setattr(motion, "_TOGETHER", 16)
    monkeypatch.setattr(motion.MotionEnergy, "size", (32, 18))
    whole = pictures(n)[:, ::3, ::3]
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=6)))
    rows = rows_of(maker(name, 24), whole)
    assert len(rows) == n
    np.testing.assert_array_equal(rows_of(maker(name, 24), *np.split(whole, cuts)), rows)


@needed
def test_output_and_rows_fit_the_registry(name):
    made = maker(name, Fraction(30000, 1001))
    (output,) = made.outputs
    feature = known_features()[name]
    assert (
        (output.name, output.kind, output.rate)
        == (name, feature.kind, made.rate)
        == (
            name,
            feature.kind,
            Fraction(30000, 1001),
        )
    )
    assert str(len(output.columns)) == feature.dim
    assert {"units", "definition", "past", "future"} <= output.about.keys()
    rows = rows_of(made, pictures(20))
    assert rows.dtype == np.float32
    assert rows.shape == (20, len(output.columns))


@needed
@pytest.mark.parametrize("level", [0, 255])
def test_empty_pictures_give_finite_rows_and_no_warning(name, level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = rows_of(maker(name), np.full((20, 54, 96, 3), level, np.uint8))
    assert np.isfinite(rows).all()


@needed
def test_there_is_a_row_for_every_beginning_before_the_end(name, tmp_path):
    film = write_pictures(tmp_path / "film.mkv", pictures(30), 24)
    assert len(feature_of(film, name, end=1)) == 24
    longer = feature_of(film, name, end=Fraction(61, 24))
    assert len(longer) == 61
    assert np.isfinite(longer).all()


@pytest.mark.parametrize("name", PACKAGES)
def test_without_the_extra_it_names_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(MissingExtraError, match=rf"{name} needs packages .* pip install 'giblet\[video\]'"):
        maker(name)


@pytest.mark.parametrize("name", PACKAGES)
def test_without_a_library_of_the_system_it_says_which(name, monkeypatch):
    class Broken:
        def find_spec(self, package, *rest):
            if package == PACKAGES[name]:
                raise ImportError("libGL.so.1: cannot open shared object file")

    for module in [module for module in sys.modules if module.partition(".")[0] == PACKAGES[name]]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ParameterError, match=r"does not load \(libGL.so.1: cannot open"):
        maker(name)


@needed
def test_the_makers_module_needs_none_of_its_packages_to_be_imported(name, monkeypatch):
    for package in (*PACKAGES.values(), "cv2"):
        monkeypatch.setitem(sys.modules, package, None)
    module, _, maker_name = known_features()[name].maker.partition(":")
    monkeypatch.delitem(sys.modules, module, raising=False)
    imported: ModuleType = __import__(module, fromlist=[maker_name])
    assert hasattr(imported, maker_name)
