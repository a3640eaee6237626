"""The page of a benchmark gives its figures, marks music and silence, and says why a value is missing."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, run_of, scores, syllables, written
from fabricate import babble
from report.pages import Page

from giblet.benchmark import BenchmarkRun, Method, Skipped
from giblet.benchmark.result import RESULTS
from giblet.benchmark.summary import interval
from giblet.errors import FormatError, ParameterError
from giblet.metrics import MEASURES
from giblet.report import write_report
from giblet.report.checks import BENCHMARK


def page_of(run, tmp_path, **arguments):
    written(run, tmp_path / "run")
    page = Page(write_report(tmp_path / "run", tmp_path / "page.html", **arguments))
    page.check()
    return page


def rows(page):
    """Return the tables of quality, by method: measures → text of the cell."""
    return [
        {row[0]: dict(zip(table[0][1:], row[1:], strict=True)) for row in table[1:]}
        for table in page.tables
        if table[0][0] == "Method"
    ]


def test_figures_are_those_of_the_result(tmp_path):
    run = run_of(scores(0.8), warnings=("Something to know.",), skipped=(Skipped("b/gone.wav", "is no sound"),))
    page = page_of(run, tmp_path)
    overall, file = (table["tiny 6 kbps"] for table in rows(page))
    for name, measure in MEASURES.items():
        found = run.overall[0].measures[name]
        (heading,) = [h for h in overall if h.split(" ↑")[0].split(" ↓")[0] == measure.title]
        shown = [float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+", overall[heading])]
        assert shown == pytest.approx([found.mean, found.low, found.high], abs=0.51 * 10**-measure.digits)
        assert file[heading] == overall[heading]
        assert ("↑" in heading) == measure.higher_is_better
    assert file["Drift ms"] == "0.5"
    assert overall["Bits kbit/s"] == "6.00"
    assert "Something to know." in page.text
    assert "gone.wav was not measured: is no sound." in page.text
    alts = [figure["aria-label"] for figure in page.all("div", role="img")]
    assert f"STOI by bandwidth: 6 kbps {run.overall[0].measures['stoi'].mean:.3f}." in alts
    assert any(alt.startswith("STOI of a.wav over time, 6 segments, 1 methods: from 0.800 to 0.850") for alt in alts)
    assert "0" * 64 in page.text
    assert BENCHMARK == RESULTS


def test_missing_values_say_why(tmp_path):
    segments = [
        dataclasses.replace(score, pesq_wb=math.nan, missing="pesq_wb: no speech is found") for score in scores(0.8, 2)
    ]
    page = page_of(run_of(segments, growth=None), tmp_path)
    (overall, file) = (table["tiny 6 kbps"] for table in rows(page))
    assert overall["PESQ wb ↑ MOS"] == "— (no speech is found)"
    assert overall["STOI ↑"] == "0.805"
    assert file["Drift ms"].startswith("— (it takes two segments")
    titles = [element["title"] for element in page.having("nothing")]
    assert "no speech is found" in titles


def test_music_and_silence_are_marked(tmp_path):
    segments = scores(0.8, 6)
    silent = [dataclasses.replace(segments[0], silent=True, **dict.fromkeys([*MEASURES, "drift_ms"], math.nan))]
    music = [dataclasses.replace(score, music=True) for score in segments[1:4]]
    segments = [*silent, *music, *segments[4:]]
    run = run_of(segments)
    counts = {"n_silent": 1, "n_music": 3}
    file = run.files[0]
    file = dataclasses.replace(file, qualities=(dataclasses.replace(file.qualities[0], **counts),))
    run = dataclasses.replace(run, files=(file,), overall=(dataclasses.replace(run.overall[0], **counts),))
    page = page_of(run, tmp_path)
    assert "6 segments, 1 silent, 3 marked as music" in page.text
    # Three segments of ten seconds from 10 s on, of sixty: from a sixth to four sixths.
    (music, *_), (silent, *_) = (
        [p["d"] for p in page.all("path") if p.get("class") == kind] for kind in ("music", "silent")
    )
    numbers = [float(x) for x in re.findall(r"[MH]([\d.]+)", music)]
    assert (min(numbers), max(numbers)) == pytest.approx((1000 / 6, 4000 / 6), abs=0.1)
    assert [float(x) for x in re.findall(r"[MH]([\d.]+)", silent)][:2] == pytest.approx([0, 1000 / 6], abs=0.1)


def test_a_benchmark_of_music_alone_has_no_stoi_and_says_so(tmp_path):
    segments = [dataclasses.replace(score, music=True) for score in scores(0.8, 3)]
    run = run_of(segments)
    measures = {name: interval(name, [segments]) for name in MEASURES}
    quality = dataclasses.replace(run.overall[0], n_music=3, measures=measures)
    file = dataclasses.replace(run.files[0], qualities=(quality,))
    page = page_of(dataclasses.replace(run, overall=(quality,), files=(file,)), tmp_path)
    (overall, _) = (table["tiny 6 kbps"] for table in rows(page))
    assert overall["STOI ↑"].startswith("— (all that is not silent is marked as music")
    assert not any(f["aria-label"].startswith("STOI by bandwidth") for f in page.all("div", role="img"))


def test_several_bandwidths_and_mel_are_told_apart(tmp_path):
    methods = (
        Method("1.5kbps", "tiny 1.5 kbps", "tiny", 1.5, 2),
        Method("6kbps", "tiny 6 kbps", "tiny", 6.0, 8),
        Method("mel", "mel + Griffin-Lim", "mel", None, None),
    )
    by_method = [
        [dataclasses.replace(s, method=m.name, bandwidth=m.bandwidth) for s in scores(quality)]
        for m, quality in zip(methods, (0.6, 0.8, 0.9), strict=True)
    ]
    run = run_of(by_method[1])
    qualities = tuple(
        dataclasses.replace(run.overall[0], method=m.key, measures={name: interval(name, [part]) for name in MEASURES})
        for m, part in zip(methods, by_method, strict=True)
    )
    run = dataclasses.replace(
        run, methods=methods, overall=qualities, scores=tuple(s for part in by_method for s in part),
        files=(dataclasses.replace(run.files[0], qualities=qualities),), mel={"n_mels": 2048},
    )  # fmt: skip
    page = page_of(run, tmp_path)
    assert list(rows(page)[0]) == ["tiny 1.5 kbps", "tiny 6 kbps", "mel + Griffin-Lim"]
    alts = [figure["aria-label"] for figure in page.all("div", role="img")]
    assert "STOI by bandwidth: 1.5 kbps 0.625, 6 kbps 0.825, mel + Griffin-Lim 0.925." in alts
    kinds = {path["class"] for path in page.all("path") if path["class"].startswith("line")}
    assert {"line s0", "line s5", "line other"} <= kinds


def test_sounds_of_a_real_run_are_heard(tiny, tmp_path):
    from giblet.benchmark import run_benchmark

    soundfile.write(tmp_path / "talk.wav", syllables(3.3), RATE)
    run = run_benchmark([tmp_path / "talk.wav"], tmp_path / "run", tiny, [1.5, 6], segment=1.2, listen=2)
    page = Page(write_report(tmp_path / "run", tmp_path / "run" / "report.html"))
    page.check()
    assert [audio["data-title"] for audio in page.all("audio")] == ["Source", "tiny 1.5 kbps", "tiny 6 kbps"]
    assert "The first 2.0 s of 3.30 s" in page.text
    assert rows(page)[0]["tiny 6 kbps"]["STOI ↑"].startswith(f"{run.overall[1].measures['stoi'].mean:.3f}")
    # The page does not make the folder another one's.
    assert BenchmarkRun.load(tmp_path / "run") == run
    run_benchmark([tmp_path / "talk.wav"], tmp_path / "run", tiny, [1.5], segment=3, listen=0, force=True)
    page = Page(write_report(tmp_path / "run", tmp_path / "page.html"))
    assert not page.all("audio")
    assert "kept no sounds" in page.text


def test_a_damaged_sound_is_told(tmp_path):
    (tmp_path / "run" / "sounds").mkdir(parents=True)
    run = run_of(scores(0.8))
    file = dataclasses.replace(run.files[0], sound="sounds/a.flac")
    (tmp_path / "run" / "sounds" / "a.flac").write_bytes(b"no sound")
    run = dataclasses.replace(run, files=(file,))
    run.segments().to_csv(tmp_path / "run" / "segments.csv", index=False)
    (tmp_path / "run" / "results.json").write_text(run.to_json())
    with pytest.raises(FormatError, match=r"a.flac: is damaged; measure again"):
        write_report(tmp_path / "run", tmp_path / "page.html")
    soundfile.write(tmp_path / "run" / "sounds" / "a.flac", babble(RATE)[0] * np.float32(0.5), RATE)
    assert Page(write_report(tmp_path / "run", tmp_path / "page.html")).all("audio")


def test_names_cannot_smuggle_anything_in(tmp_path):
    name = "x</script><script>alert(1)</script><img src=q onerror=alert(1)>\udcff.wav"
    run = run_of(scores(0.8, file=name), warnings=("</li><script>alert(2)</script>",))
    run = dataclasses.replace(run, files=(dataclasses.replace(run.files[0], name=name),), machine={"<b>": "</dd>"})
    (tmp_path / "run").mkdir()
    run.segments().to_csv(tmp_path / "run" / "segments.csv", index=False, errors="surrogateescape")
    (tmp_path / "run" / "results.json").write_text(run.to_json())
    page = Page(write_report(tmp_path / "run", tmp_path / "page.html"))
    page.check()
    assert not page.all("img", src="q")
    assert "<script>alert(1)</script>" in page.text


def test_options_of_stores_are_refused(tmp_path):
    written(run_of(scores(0.8)), tmp_path / "run")
    with pytest.raises(ParameterError, match="--at is for stores, and this is a benchmark"):
        write_report(tmp_path / "run", tmp_path / "page.html", at=3)
