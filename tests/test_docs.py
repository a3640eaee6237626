"""What the README and the pages in docs/ show works as written.

All Python blocks of a page run one after the other in a folder of their own, with data/ in it. What stands in a comment
behind ``print(…)``, or in comment lines right below it, must be printed in this order; … stands for anything.
"""

from __future__ import annotations

import re
import shlex
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bold.fabricated import brain, write_fmriprep_confounds, write_mask, write_nifti, write_sidecar
from conftest import PROJECT

DOCS = PROJECT / "docs"
MADE = ("_build", "_templates", "gallery", "generated", "notebooks")
PAGES = {
    path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8")
    for path in [PROJECT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if not set(path.relative_to(PROJECT).parts) & set(MADE)
}
NEEDED = {"docs/features_pictures.md": ("moten", "scenedetect")}

NOT_RUN = {
    ("docs/encodec/integration.md", 'device="cuda"'): "needs a GPU",
    ("docs/encodec/integration.md", 'codec="facebook/encodec_24khz"'): "fetches models from the Hugging Face hub",
    ("docs/features_models.md", "openai/whisper-base:2+4"): "fetches a model from the Hugging Face hub",
}
"""Blocks that cannot run here, by something that stands in them, and why."""


def blocks(page: str, *languages: str) -> list[str]:
    """Return the fenced blocks of a page in any of these languages, but those that cannot run."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    skipped = [part for there, part in NOT_RUN if there == page]
    return [text for language, text in found if language in languages and not any(part in text for part in skipped)]


def promises(block: str) -> list[str]:
    """Return the lines that a block says it prints."""
    found, below = [], False
    for line in block.splitlines():
        told = re.match(r"^ *print\(.*\)(?:  # (.*))?$", line)
        if told and told[1]:
            found.append(told[1])
        elif below and line.startswith("# "):
            found.append(line[2:])
        below = (told is not None and not told[1]) or (below and line.startswith("# "))
    return found


@pytest.fixture(scope="module")
def stored_film(tmp_path_factory, sample_film):
    from giblet.data import extract

    store = tmp_path_factory.mktemp("stored") / "film.giblet"
    extract(sample_film, store, codec="tiny", bandwidth=3.0)
    return store


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder that a page's blocks run in."""
    (tmp_path / "data").symlink_to(PROJECT / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def given(request, place, monkeypatch):
    """Put the files there that a page takes for granted."""

    def put(page: str) -> None:
        if page in ("README.md", "docs/report.md", "docs/store.md"):
            (place / "film.giblet").symlink_to(request.getfixturevalue("stored_film"))
        elif page == "docs/formats.md":
            soundfile.write("talk.wav", 0.1 * np.random.default_rng(0).standard_normal(48_000), 24_000)
        elif page == "docs/bold.md":
            put_scans()
        elif page == "docs/studies.md":
            put_study(page, place)
            monkeypatch.setenv("FILMS", str(place / "films"))

    return put


def put_scans() -> None:
    for i in (1, 2, 3):
        volumes, inside = brain(120, seed=i)
        path = write_nifti(f"sub-0{i}_task-film_bold.nii.gz", volumes, tr=1.5)
        write_sidecar(path, RepetitionTime=1.5, StartTime=0.75, SliceTimingCorrected=True)
    write_mask("sub-01_mask.nii.gz", inside)
    write_fmriprep_confounds("sub-01_task-film_desc-confounds_timeseries.tsv", 120, jump=111)
    write_nifti("old_scan.nii", brain(5)[0].astype(np.int16), tr=2000.0)


def put_study(page: str, place: Path) -> None:
    (described,) = blocks(page, "yaml")
    (place / "study.yaml").write_text(described, encoding="utf-8")
    files = ["films/first.mp4", "films/second.mp4", "films/words.TextGrid"]
    files += [f"masks/s{i}.nii.gz" for i in (1, 2, 3)]
    files += [f"bold/s{i}_{run}.nii.gz" for i in (1, 2, 3) for run in ("first", "second")]
    for name in files:
        file = place / "films" / "experiment" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_the_python_blocks_print_what_they_say(page, given, capsys):
    for package in NEEDED.get(page, ()):
        pytest.importorskip(package, exc_type=ImportError)
    given(page)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            exec(compile(block, page, "exec"), names)
        shown = iter(capsys.readouterr().out.splitlines())
        for promise in promises(block):
            pattern = re.escape(promise).replace("…", ".*")
            assert any(re.fullmatch(pattern, line) for line in shown), f"not printed: {promise}"


def test_every_block_that_is_left_out_is_there():
    for page, part in NOT_RUN:
        assert page not in PAGES or part in PAGES[page]


def commands(page: str) -> list[tuple[str, bool]]:
    """Return the command lines of a page, and whether each stands in a block of its own."""
    lines = [line for block in blocks(page, "", "bash", "sh", "console") for line in block.splitlines()]
    lines += re.findall(r"^    (giblet .*)$", PAGES[page], flags=re.MULTILINE)
    whole = [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("giblet ")]
    parts = re.findall(
        r"(?<!`)`(giblet [^`]+)`", re.sub(r"^```.*?^```", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    )
    return [(line, True) for line in whole] + [(" ".join(part.split()), False) for part in parts]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_command_lines_are_understood(page):
    from typer.main import get_command

    from giblet.cli.app import app

    for line, whole in commands(page):
        command, words = get_command(app), shlex.split(line.translate(str.maketrans("[]", "  ")), comments=True)[1:]
        while hasattr(command, "commands") and words and not words[0].startswith("-"):
            name = words.pop(0)
            if name.isupper():
                break
            assert name in command.commands, f"there is no command {name}: {line}"
            command = command.commands[name]
        else:
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            used = {word.split("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)} - {"-h", "--help"}
            assert used <= options, f"unknown options {used - options}: {line}"
            if whole and not {"-h", "--help"} & set(words):
                # Raises where an option lacks its value.
                command.make_parser(command.context_class(command)).parse_args(words)


def anchors(text: str) -> set[str]:
    """Return the names of a page's headings, as forges and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_the_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            file = (PROJECT / page).parent / path if path else PROJECT / page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def resolved(name: str) -> object:
    """Return what a dotted name stands for."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            fields = getattr(found, "__dataclass_fields__", {})
            found = fields[part] if part in fields else getattr(found, part)
        return found
    raise ImportError(name)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/errors.md"])
def test_the_names_of_the_package_are_there(page):
    names = re.findall(r"`(giblet(?:\.\w+)+)(?:\([^`]*\))?`", PAGES[page])
    # Of stores, folders and the extension that a package may offer, the last is a name as well.
    for name in set(names) - {"giblet.yaml"}:
        resolved(name)


def test_the_reference_lists_what_can_be_imported():
    table = re.search(r":toctree: generated\n\n(.*?)```", PAGES["docs/api.md"], flags=re.DOTALL)[1]
    modules = table.split()
    assert {"giblet.data", "giblet.bold", "giblet.training"} <= set(modules)
    for name in modules:
        module = import_module(name)
        for member in getattr(module, "__all__", ()):
            assert getattr(module, member) is not None


def test_the_index_names_pages_that_are_there():
    trees = re.findall(r"```{toctree}\n(.*?)```", PAGES["docs/index.md"], flags=re.DOTALL)
    named = {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}
    plain = {name for name in named if "*" not in name and name != "gallery/index"}
    assert all((DOCS / f"{name}.md").is_file() for name in plain)
    # Pages in docs/ itself are taken in any case, those of folders only by name.
    assert {page[5:-3] for page in PAGES if page.count("/") > 1} <= named
