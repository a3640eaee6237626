"""Tables of regions, well-made and not."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import io

from giblet.bold import read_bold
from giblet.errors import BoldError, ParameterError

VALUES = np.random.default_rng(3).normal(100, 5, (7, 3)).astype(np.float32)
TEXTS = {
    "blanks.txt": lambda v: "\n".join("   " + "   ".join(f"{x:.7e}" for x in row) for row in v),
    "trailing.txt": lambda v: "".join(" ".join(f"{x:.7e}" for x in row) + "  \r\n" for row in v),
    "tabs.tsv": lambda v: "\n".join("\t".join(f"{x:.7e}" for x in row) for row in v) + "\n\n",
    "commas.csv": lambda v: "\ufeff" + "\n".join(",".join(f"{x:.7e}" for x in row) for row in v),
    "semicolons.csv": lambda v: "\n".join(";".join(f"{x:.7e}" for x in row) for row in v),
}


def text(path, content):
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_text_without_names(tmp_path, name):
    path = text(tmp_path / name, TEXTS[name](VALUES))
    courses = read_bold(path, columns=["LATL", "RATL", "LPTL"], tr=2)
    np.testing.assert_allclose(courses.values, VALUES, rtol=1e-6)
    assert courses.values.dtype == np.float32
    assert courses.targets == ("LATL", "RATL", "LPTL")
    assert courses.space is None
    assert read_bold(path).tr is None
    assert read_bold(path).targets == ("v0", "v1", "v2")
    np.testing.assert_array_equal(read_bold(path, columns=[2, 0]).values, courses.values[:, [2, 0]])


@pytest.mark.parametrize("mark", ["\t", ",", ";", " "])
def test_text_with_names(tmp_path, mark):
    lines = [mark.join(['"LATL"', "RATL", "x-1"]), *(mark.join(f"{x:.7e}" for x in row) for row in VALUES)]
    courses = read_bold(text(tmp_path / "x.txt", "\n".join(lines)), columns=["x-1", "LATL"])
    np.testing.assert_allclose(courses.values, VALUES[:, [2, 0]], rtol=1e-6)
    assert courses.targets == ("x-1", "LATL")
    with pytest.raises(BoldError, match=r"has no column LIFG; choose from LATL, RATL, x-1"):
        read_bold(tmp_path / "x.txt", columns=["LIFG"])


def test_columns_that_only_count_rows_are_left_out(tmp_path):
    import pandas as pd

    table = pd.DataFrame(VALUES, columns=["a", "b", "c"])
    table.to_csv(tmp_path / "pandas.csv")
    # R gives a name to each column but that of the row names, which count from 1.
    table.index += 1
    body = table.to_csv(sep="\t", header=False)
    text(tmp_path / "r.tsv", '"a"\t"b"\t"c"\n' + body)
    for name in ("pandas.csv", "r.tsv"):
        courses = read_bold(tmp_path / name)
        assert courses.targets == ("a", "b", "c")
        np.testing.assert_allclose(courses.values, VALUES, rtol=1e-6)
        assert courses.notes == ("The first column counts the rows and is left out.",)


def test_missing_values_make_a_column_invalid(tmp_path):
    path = text(tmp_path / "x.tsv", "a\tb\tc\td\n1\tn/a\t1\t7\n2\t5\tNaN\t7\n3\t6\t\t7\n")
    courses = read_bold(path)
    assert courses.valid.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(courses.values, [[1, 0, 0, 7], [2, 0, 0, 7], [3, 0, 0, 7]])
    assert courses.notes == (
        "1 of 4 targets never change and are marked as not valid.",
        "2 of 4 targets hold values that are no numbers; they are set to 0 and marked as not valid.",
    )


def test_npy_is_mapped_and_not_read(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, VALUES)
    courses = read_bold(path)
    assert isinstance(courses.values.base, np.memmap) or isinstance(courses.values, np.memmap)
    np.testing.assert_array_equal(courses.values, VALUES)
    detrended = read_bold(path, detrend=True)
    assert abs(detrended.values.mean()) < 1e-4
    np.testing.assert_array_equal(np.load(path), VALUES)
    np.save(path, VALUES.T.astype(np.float64))
    np.testing.assert_array_equal(read_bold(path, transposed=True).values, VALUES)


def test_npy_of_objects_is_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "boom"), "w")

    np.save(tmp_path / "x.npy", np.array([[Bomb()]], object), allow_pickle=True)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "z.pkl").write_bytes(pickle.dumps(Bomb()))
    for name in ("x.npy", "y.npy", "z.pkl"):
        with pytest.raises(BoldError, match=f"{name}: holds Python objects"):
            read_bold(tmp_path / name)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("compress", [False, True])
def test_mat(tmp_path, compress):
    path = tmp_path / "x.mat"
    cell = np.array([[1, "a"]], object)
    io.savemat(path, {"data": VALUES.astype(np.float64), "info": cell, "n": {"a": 1}}, do_compression=compress)
    np.testing.assert_array_equal(read_bold(path).values, VALUES)
    io.savemat(path, {"data": VALUES, "more": VALUES[:4].T})
    with pytest.raises(BoldError, match=r"holds the matrices data, more; say which"):
        read_bold(path)
    np.testing.assert_array_equal(read_bold(path, variable="more", transposed=True).values, VALUES[:4])
    with pytest.raises(BoldError, match="has no matrix info"):
        read_bold(path, variable="info")
    io.savemat(path, {"info": cell})
    with pytest.raises(BoldError, match="holds no matrix of numbers"):
        read_bold(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(600))
    with pytest.raises(BoldError, match="7.3; save it again with the option -v7"):
        read_bold(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a\tb\n", "holds 0 rows"),
        ("1\t2\n", "holds 1 rows"),
        ("1\t2\n1\t2\t3\n", "rows of different length"),
        ("1\t2\n1\n", "rows of different length"),
        ("a\tb\n1\t2\n1\n", "rows of different length"),
        ("a\tb\n1\t2\tx\n", "no number"),
        ("a\tb\tc\n1\t2\n3\t4\n", "names 3 columns and has 2"),
        ("a\ta\n1\t2\n3\t4\n", "names two columns alike"),
        ("1\t2\n3\tx\n", "no number"),
        ("1,5\t2\n3,5\t4\n", "no number"),
        ("\0\0\0\0", "x.tsv: "),
    ],
)
def test_text_that_is_no_table(tmp_path, content, said):
    with pytest.raises(BoldError) as error:
        read_bold(text(tmp_path / "x.tsv", content))
    assert said in str(error.value)
    assert "x.tsv: " in str(error.value)


def test_other_arrays(tmp_path):
    for name, array in {
        "c": np.ones((2, 2), complex),
        "d": np.ones((2, 2, 2)),
        "e": np.zeros((3, 0)),
        "s": np.array([["a"]]),
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(BoldError):
            read_bold(tmp_path / f"{name}.npy")
    np.save(tmp_path / "one.npy", np.arange(5))
    np.testing.assert_array_equal(read_bold(tmp_path / "one.npy").values, np.arange(5.0)[:, None])


def test_columns_that_do_not_fit(tmp_path):
    path = text(tmp_path / "x.txt", TEXTS["blanks.txt"](VALUES))
    for columns, said in [(["a"], "3 columns without names, and 1 names"), ([3], "no column 3"), ([], "has no column")]:
        with pytest.raises(BoldError, match=said):
            read_bold(path, columns=columns)
    with pytest.raises(ParameterError, match="mask means nothing"):
        read_bold(path, mask="epi")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(2, 6), st.integers(1, 5)), elements=st.floats(width=32)),
    st.sampled_from(["\t", ",", " "]),
)
def test_what_was_written_is_read(tmp_path, values, mark):
    path = text(tmp_path / "x.txt", "\n".join(mark.join(map(str, row)) for row in values))
    courses = read_bold(path)
    finite = np.isfinite(values).all(axis=0)
    np.testing.assert_array_equal(courses.values, np.where(finite, values, 0))
    assert (courses.valid == (finite & (values != values[0]).any(axis=0))).all()


@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([".tsv", ".csv", ".txt", ".npy", ".mat"]))
def test_any_bytes_are_read_or_refused(tmp_path, content, ending):
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    try:
        courses = read_bold(path)
    except BoldError as error:
        said = str(error)
    else:
        said = courses.notes[0] if courses.notes else ""
        assert np.isfinite(courses.values).all()
    assert "\n" not in said
