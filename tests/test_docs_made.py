"""What scripts make for the documentation is what they would make now, and is true."""

from __future__ import annotations

import re
import runpy

import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from giblet.errors import GibletError

DOCS = PROJECT / "docs"
FIGURES = sorted(path.stem.removeprefix("plot_") for path in (DOCS / "figures").glob("plot_*.py"))


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), float)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_the_pictures_are_those_that_the_scripts_draw(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    draw = runpy.run_path(str(DOCS / "figures" / "make.py"))["draw"]
    draw(DOCS / "figures" / f"plot_{name}.py", tmp_path / "drawn.png")
    drawn, kept = pixels(tmp_path / "drawn.png"), pixels(DOCS / "images" / f"{name}.png")
    # Another processor moves a spectrogram by a shade, another matplotlib a letter by a pixel.
    assert drawn.shape == kept.shape, "run make figures"
    assert np.abs(drawn - kept).mean() < 4, "run make figures"


def test_every_picture_is_shown_and_has_a_script():
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    assert {path.stem for path in (DOCS / "images").iterdir()} == set(FIGURES)
    assert all(f"](images/{name}.png)" in pages for name in FIGURES)


@pytest.fixture(scope="module")
def page():
    return (DOCS / "errors.md").read_text(encoding="utf-8")


def test_the_list_of_errors_is_that_of_the_source(page):
    assert runpy.run_path(str(DOCS / "list_errors.py"))["page"]() == page, "run python docs/list_errors.py"


def listed(page: str, name: str) -> list[tuple[str, str]]:
    """Return the patterns of the messages and remedies of a class of errors."""
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*) \| (.*) \|$", section, flags=re.MULTILINE)
    plain = ([re.sub(r"\\(.)", r"\1", part) for part in row] for row in rows)
    return [tuple(re.escape(part).replace("…", ".*") for part in row) for row in plain]


def mistakes(folder):
    """Return ways to go wrong in every part of the package."""
    from giblet.alignment import convolve, reconcile, to_trs
    from giblet.annotations import read_annotations
    from giblet.bold import read_bold
    from giblet.codecs import find_codec
    from giblet.data import AudioProcessor, MultimodalDataset, extract, find_study, open_store
    from giblet.features import FeatureSeries, ask_features
    from giblet.formats import open_container
    from giblet.timeline import TRGrid

    film = PROJECT / "data" / "sample_stimulus.mp4"
    for name, content in {
        "empty.txt": b"", "codes.ecdc": b"ECDC\x00\x00\x00\x00\x05{\"m\"", "words.csv": b"a,b\n1,2\n",
        "x.pkl": b"x", "study.yaml": b"bold: nothing\nunknown: 1\n", "film.mp4": b"no film",
    }.items():  # fmt: skip
        (folder / name).write_bytes(content)
    codes = FeatureSeries.regular(np.zeros((300, 1), int), 75, ("c",), kind="categorical")
    grid = TRGrid("1.5", 2)
    return [
        lambda: to_trs(codes, grid),
        lambda: convolve(codes, grid, "spm"),
        lambda: convolve(codes, grid, "sp"),
        lambda: reconcile(grid, stimulus_duration=1, n_volumes=2),
        lambda: TRGrid("-1", 2),
        lambda: TRGrid("often", 2),
        lambda: find_codec("tiny").n_codebooks(24),
        lambda: find_codec("titanic"),
        lambda: AudioProcessor(frame_policy="round"),
        lambda: AudioProcessor(codec="tiny").audio_to_features(folder / "none.mp4"),
        lambda: AudioProcessor(codec="tiny").audio_to_features(folder / "film.mp4"),
        lambda: AudioProcessor(codec="tiny", tr=40).audio_to_features(film),
        lambda: AudioProcessor(codec="tiny").features_to_audio(np.zeros((0, 4, 112), int), folder / "x.wav"),
        lambda: extract(film, folder / "empty.txt", codec="tiny"),
        lambda: extract(film, folder / "x.giblet", features="audio.nothing", codec="tiny"),
        lambda: open_store(folder),
        lambda: open_store(folder / "nowhere"),
        lambda: open_container(folder / "codes.ecdc"),
        lambda: open_container(folder / "empty.txt"),
        lambda: read_annotations(folder / "words.csv"),
        lambda: read_annotations(folder / "empty.txt"),
        lambda: read_bold(folder / "x.pkl"),
        lambda: read_bold(folder / "empty.txt"),
        lambda: ask_features("audio.power@rte=5"),
        lambda: find_study(folder / "study.yaml").raise_errors(),
        lambda: MultimodalDataset(PROJECT / "data", split="exam"),
    ]


def test_what_is_raised_stands_on_the_page(page, tmp_path):
    missing, n_raised = [], 0
    for mistake in mistakes(tmp_path):
        with pytest.raises(GibletError) as caught:
            mistake()
        error, n_raised = caught.value, n_raised + 1
        kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, GibletError)]
        rows = [row for kind in [*kinds, "Problem"] if f"\n## {kind}\n" in page for row in listed(page, kind)]
        problem, remedy = (" ".join(part.split()) for part in (error.problem, error.remedy))
        if not any(re.fullmatch(a, problem) and re.fullmatch(b, remedy) for a, b in rows if {a, b} != {".*"}):
            missing.append(f"{kinds[0]}: {problem}; {remedy}")
    assert n_raised == 26
    assert not missing
