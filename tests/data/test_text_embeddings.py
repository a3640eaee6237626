"""Scenes of a film as embeddings per TR, and back to the scenes."""

from __future__ import annotations

import json
import runpy
import sys
import warnings

import numpy as np
import openpyxl
import pandas as pd
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from language import take_minilm

from giblet.data import TextProcessor
from giblet.errors import AlignmentError, AnnotationError, GibletError, MissingExtraError, ParameterError

SHEET = "fmri/sherlock_annotations/Sherlock_Segments_1000_NN_2017.xlsx"


@pytest.fixture
def one_minilm(monkeypatch):
    return take_minilm(monkeypatch)


@pytest.fixture
def scenes(tmp_path):
    """A small sheet with the headers of the Sherlock sheet, blanks behind some; its clock restarts."""
    book = openpyxl.Workbook()
    book.active.append(
        ["Start Time (s) ", "End Time (s) ", "Start Time (TRs, 1.5s)", "End Time (TRs, 1.5s)",
         "Scene Details - A Level ", "Name - All", "Location", "Camera Angle"]
    )  # fmt: skip
    for row in [
        (0, 3, 1, 2, "A train leaves.", "All", "Station"),
        (3, 4, 3, 3, "It rains.", None, None),
        (4, 4.5, 3, 3, "A dog barks.", None, "Yard"),
        (4.5, 6, 4, 4, None, None, None),
        (0, 3, 5, 6, "Two friends talk of money.", "John, Mary", "Yard"),
        (6, 9, 9, 10, "The end.", None, "Station"),
    ]:
        book.active.append(row)
    book.save(tmp_path / "scenes.xlsx")
    return tmp_path / "scenes.xlsx"


def test_there_and_back(scenes, one_minilm):
    processor = TextProcessor(temporal_mode="average")
    rows, metadata = processor.annotations_to_embeddings(scenes, n_trs=11)
    assert (rows.shape, rows.dtype) == ((11, 384), np.float32)
    texts = [
        "A train leaves.; All; Station", "It rains.", "A dog barks.; Yard", None,
        "Two friends talk of money.; John, Mary; Yard", "The end.; Station",
    ]  # fmt: skip
    assert metadata.attrs["texts"] == texts
    assert list(metadata.columns) == [
        "tr_index", "start_time", "end_time", "n_segments_contributing", "segment_indices",
    ]  # fmt: skip
    # The second part begins with volume 5, at 6 s.
    assert metadata["segment_indices"].tolist() == [[0], [0], [1, 2], [], [4], [4], [], [], [5], [5], []]
    assert metadata["n_segments_contributing"].tolist() == [1, 1, 2, 0, 1, 1, 0, 0, 1, 1, 0]
    by_hand = one_minilm.encode([text or "" for text in texts])
    np.testing.assert_allclose(rows[[0, 4, 8]], by_hand[[0, 4, 5]], atol=2e-6)
    np.testing.assert_allclose(rows[2], (2 * by_hand[1] + by_hand[2]) / 3, atol=2e-6)
    np.testing.assert_array_equal(rows[[3, 6, 7, 10]], rows[[2, 5, 5, 9]])
    back = processor.embeddings_to_text(rows, metadata)
    assert back == [texts[k] for k in (0, 0, 1, 1, 4, 4, 4, 4, 5, 5, 5)]
    best = processor.embeddings_to_text(rows[2:3], metadata, top_k=2)
    assert best == [[texts[1], texts[2]]]
    # What was sliced, or written and read again, leads back as well, also with another processor.
    noise = np.random.default_rng(0).standard_normal(rows.shape) * 0.02
    again = pd.DataFrame(metadata[4:])
    again.attrs = json.loads(json.dumps(metadata.attrs))
    assert TextProcessor().embeddings_to_text((rows + noise)[4:], again) == back[4:]
    assert TextProcessor().embeddings_to_text(np.zeros((1, 384)), metadata) == [""]
    assert TextProcessor().embeddings_to_text(np.zeros((1, 384)), metadata, top_k=2) == [[]]


def test_side_by_side(scenes, one_minilm):
    processor = TextProcessor()
    rows, metadata = processor.annotations_to_embeddings(scenes, 11, text_columns=["Scene Details - A Level"])
    assert rows.shape == (11, 3 * 384)
    by_hand = one_minilm.encode(["It rains.", "A dog barks."])
    np.testing.assert_allclose(rows[2, :768], by_hand.ravel(), atol=2e-6)
    assert not rows[2, 768:].any()
    assert processor.embeddings_to_text(rows, metadata)[2] in ("It rains.", "A dog barks.")
    assert set(processor.embeddings_to_text(rows, metadata, top_k=2)[2]) == {"It rains.", "A dog barks."}
    # The last two of those in the last two TRs.
    rows, metadata = TextProcessor(max_annotations_per_tr=2, temporal_window=2).annotations_to_embeddings(scenes, 4)
    assert metadata["segment_indices"].tolist() == [[0], [0], [1, 2], [1, 2]]
    rows, metadata = TextProcessor(max_annotations_per_tr=1).annotations_to_embeddings(scenes, 4, start=1.5)
    assert metadata["segment_indices"].tolist() == [[0], [2], [], [4]]
    assert processor.get_embedding_info() == {
        "model_name": "minilm", "embedding_dim": 384, "output_dim": 1152, "tr": 1.5, "aggregation": "mean",
        "gap_fill": "forward_fill", "temporal_mode": "concatenate", "max_annotations_per_tr": 3, "temporal_window": 1.0,
        "device": "auto",
    }  # fmt: skip


def test_annotations_as_they_are_read(scenes):
    processor = TextProcessor()
    table = processor.load_annotations(scenes)
    assert {"Scene Details - A Level", "Name - All", "Location", "Start Time (s)", "End Time (s)"} <= set(table)
    assert table["Start Time (s)"].tolist() == [0, 3, 4, 4.5, 6, 12]
    assert table["End Time (s)"].tolist() == [3, 4, 4.5, 6, 9, 15]
    joined = processor.combine_text_columns(table, ["Location", "Name - All"], separator=" | ")
    assert joined.fillna("–").tolist() == ["Station | All", "–", "Yard", "–", "Yard | John, Mary", "Station"]
    assert processor.combine_text_columns(pd.DataFrame({"text": ["x ", "", None], "n": 1})).isna().tolist() == [
        False, True, True,
    ]  # fmt: skip
    with pytest.raises(AnnotationError, match=r"scenes.xlsx: none of its events has a text; choose other text_columns"):
        processor.annotations_to_embeddings(scenes, 4, text_columns=["Camera Angle"])
    with pytest.raises(AnnotationError, match="scenes.xlsx: there is no column 'Place'; choose from 'onset'"):
        processor.combine_text_columns(table, ["Place"])
    with pytest.raises(ParameterError, match="columns of texts are 'Location'; give a list"):
        processor.combine_text_columns(table, "Location")


EVENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), min_size=1, max_size=10)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 4), st.sampled_from([0.5, 1, 2]), st.sampled_from(["forward_fill", "zero"]))
def test_what_a_tr_holds(events, most, window, gap_fill):
    """In half seconds, with TRs of 1 s, in no order."""
    vectors = np.random.default_rng(0).standard_normal((len(events), 2)).astype(np.float32)
    onsets, durations = np.array(events, float).T / 2
    table = pd.DataFrame({"Start Time (s)": onsets, "End Time (s)": onsets + durations})
    processor = TextProcessor(tr=1, max_annotations_per_tr=most, temporal_window=window, gap_fill=gap_fill)
    rows, metadata = processor.align_to_trs(table, vectors, 20)
    assert rows.shape == (20, 2 * most)
    before = np.zeros(2 * most)
    for tr, row in enumerate(rows):
        begin, end = tr + 1 - window, tr + 1
        going = [
            number
            for number in np.argsort(onsets, kind="stable")
            if (onsets[number] < end and onsets[number] + durations[number] > begin)
            or (durations[number] == 0 and begin <= onsets[number] < end)
        ][-most:]
        assert metadata["segment_indices"][tr] == going
        expected = np.zeros(2 * most)
        expected[: 2 * len(going)] = vectors[going].ravel()
        if not going and gap_fill == "forward_fill":
            expected = before
        np.testing.assert_array_equal(row, expected)
        before = expected


def test_by_default_there_are_as_many_trs_as_events_reach_into():
    table = pd.DataFrame({"onset": [0, 4], "duration": [1, 1.2]})
    rows, metadata = TextProcessor(tr=1, temporal_mode="average").align_to_trs(table, np.eye(2))
    assert rows.tolist() == [[1, 0]] * 4 + [[0, 1]] * 2
    assert metadata["end_time"].iloc[-1] == 6
    with pytest.raises(AlignmentError, match="holds nothing from the first TR on"):
        TextProcessor().align_to_trs(table, np.eye(2), start=60)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"aggregation": "median"}, "aggregation is 'median'"),
        ({"gap_fill": "spline"}, "gap_fill is 'spline'"),
        ({"temporal_mode": "stack"}, "temporal_mode is 'stack'; choose from concatenate, average"),
        ({"max_annotations_per_tr": 0}, "max_annotations_per_tr is 0"),
        ({"max_annotations_per_tr": 1.5}, "max_annotations_per_tr is 1.5"),
        ({"temporal_window": 0}, "temporal_window is 0 TRs"),
        ({"model_name": 1.5}, "model_name is 1.5; give a name or a folder; the TR is called tr"),
        ({"tr": 0}, "the TR is 0 s"),
        ({"at": "end"}, "at is 'end'"),
    ],
)
def test_parameters_that_cannot_be(arguments, told):
    with pytest.raises(ParameterError, match=told):
        TextProcessor(**arguments)


def test_arrays_that_do_not_fit(one_minilm):
    processor, table = TextProcessor(), pd.DataFrame({"onset": [0.0, 1], "duration": [1.0, 1], "text": ["a", "b"]})
    metadata = pd.DataFrame({"tr_index": [0]})
    with pytest.raises(ParameterError, match="the metadata hold no texts"):
        processor.embeddings_to_text(np.ones((1, 384)), metadata)
    metadata.attrs["texts"] = ["a", "b"]
    for embeddings, top_k, told in [
        (np.ones((1, 100)), 1, r"embeddings have the shape \(1, 100\); give rows of 384 columns, or a multiple"),
        (np.ones(384), 1, "embeddings have the shape"),
        (np.full((1, 384), np.nan), 1, "not finite"),
        (np.ones((1, 384)), 0, "top_k is 0"),
    ]:
        with pytest.raises(ParameterError, match=told):
            processor.embeddings_to_text(embeddings, metadata, top_k)
    for events, embeddings, told in [
        (table, np.ones((3, 2)), r"there are 2 events and embeddings of shape \(3, 2\)"),
        (table, np.full((2, 2), np.nan), "an embedding or a time is missing"),
        (table.assign(onset=np.nan), np.ones((2, 2)), "an embedding or a time is missing"),
        (table[["text"]], np.ones((2, 2)), "has no column called onset or start"),
    ]:
        with pytest.raises(GibletError, match=told):
            processor.align_to_trs(events, embeddings, 2)


def test_what_is_not_installed_is_named_before_anything_is_read(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    processor = TextProcessor()
    with pytest.raises(MissingExtraError, match=r"pip install 'giblet\[text\]'"):
        processor.annotations_to_embeddings(tmp_path / "nothing.xlsx", 3)


@pytest.fixture(scope="module")
def restart(realdata, tmp_path_factory):
    """Rows 460 to 499 of the Sherlock sheet; its clock restarts at row 484."""
    path = tmp_path_factory.mktemp("sheets") / "part.xlsx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of what openpyxl leaves out.
        rows = list(openpyxl.load_workbook(realdata / SHEET, read_only=True).worksheets[0].values)
    book = openpyxl.Workbook()
    for row in (rows[0], *rows[459:499]):
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.realdata
@pytest.mark.parametrize("mode", ["average", "concatenate"])
def test_scenes_at_the_restart_of_the_real_sheet(restart, mode, one_minilm):
    processor = TextProcessor(temporal_mode=mode)
    rows, metadata = processor.annotations_to_embeddings(restart, n_trs=60, start=1350)
    assert_come_back(processor, rows, metadata)
    assert metadata["n_segments_contributing"].iloc[-30:].min() >= 1
    # Row 484, the first of the second part, begins with volume 947.
    first = next(tr for tr, numbers in enumerate(metadata["segment_indices"]) if 22 in numbers)
    assert metadata["start_time"][first] == 946 * 1.5


@pytest.mark.slow
@pytest.mark.realdata
def test_the_real_sheet(realdata, one_minilm):
    processor = TextProcessor(temporal_mode="average")
    rows, metadata = processor.annotations_to_embeddings(realdata / SHEET, n_trs=1976)
    assert rows.shape == (1976, 384)
    assert (metadata["n_segments_contributing"] == 0).sum() == 2
    assert_come_back(processor, rows, metadata)


def test_the_example_of_the_sheet(scenes, monkeypatch, capsys, one_minilm):
    monkeypatch.setattr(sys, "argv", ["sherlock_text.py", str(scenes)])
    runpy.run_path(str(PROJECT / "examples" / "sherlock_text.py"), run_name="__main__")
    average, *lines = capsys.readouterr().out.splitlines()
    assert average == "average: embeddings (1976, 384), TRs by their number of scenes: 1969 of 0, 6 of 1, 1 of 2"
    assert lines[0] == "  noise 0: back to a scene that is on in 100.0% of TRs of 1, 100.0% of TRs of 2"
    assert lines[4].startswith("concatenate: embeddings (1976, 1152)")
    assert lines[5] == lines[0]


def assert_come_back(processor, rows, metadata):
    """TRs of one scene come back to it, also with as much noise as there is signal."""
    texts = metadata.attrs["texts"]
    alone = (metadata["n_segments_contributing"] == 1).to_numpy()
    scene = [texts[numbers[0]] for numbers in metadata["segment_indices"][alone]]
    assert processor.embeddings_to_text(rows[alone], metadata) == scene
    noise = np.random.default_rng(0).standard_normal(rows.shape) / np.sqrt(384)
    heard = processor.embeddings_to_text(rows[alone] + noise[alone], metadata)
    assert np.mean([a == b for a, b in zip(heard, scene, strict=True)]) > 0.99
