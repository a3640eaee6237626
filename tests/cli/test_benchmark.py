"""giblet benchmark: what it prints, writes, compares and refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, syllables

from giblet.benchmark import BenchmarkRun


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "talk.wav", syllables(2.4), RATE)
    return tmp_path / "talk.wav"


@pytest.fixture
def relabelled(giblet, talk, tmp_path):
    """Two runs that both say 12 kbps; in the second one it was 1.5."""
    for kbps in (12, 1.5):
        words = ("benchmark", talk, "-b", kbps, "--codec", "tiny", "--jobs", 1, "--listen", 0)
        assert giblet(*words, "-o", tmp_path / f"{kbps:g}")[0] == 0
    for name in ("results.json", "segments.csv"):
        path = tmp_path / "1.5" / name
        text = path.read_text()
        path.write_text(text.replace("1.5kbps", "12kbps").replace('"bandwidth": 1.5', '"bandwidth": 12.0').replace(
            ",tiny,1.5,", ",tiny,12.0,"
        ))  # fmt: skip
    return tmp_path / "12", tmp_path / "1.5"


def test_a_table_for_people_and_a_folder(giblet, talk, tmp_path):
    (tmp_path / "corrupt.mp3").write_bytes(b"no sound")
    soundfile.write(tmp_path / "blip.wav", syllables(0.3), RATE)
    status, out, err = giblet(
        "benchmark", tmp_path, "-b", "1.5,3", "--codec", "tiny", "--jobs", 1, "--segment", 1, "-o", tmp_path / "out"
    )
    assert status == 0
    assert "tiny on 1 file, 2.4 s of sound in 3 segments: 0 silent and left out, 0 music" in out
    for heading in ("STOI", "ESTOI", "PESQ wb", "PESQ nb", "SI-SDR", "SNR", "LSD", "mel", "drift", "counted", "encode"):
        assert heading in out
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("tiny ") and "kbps" in line]
    assert [row[:3] for row in rows] == [["tiny", "1.5", "kbps"], ["tiny", "3", "kbps"]]
    assert {len(row) for row in rows} == {15}
    assert "…" in out
    assert "nan" not in out
    assert err.count("\n") == 2
    assert "corrupt.mp3" in err
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"{tmp_path / 'out' / 'report.html'}" in out
    assert "talk.wav" in page
    run = BenchmarkRun.load(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "sounds").iterdir()) == [
        "01-talk-1.5kbps.flac", "01-talk-3kbps.flac", "01-talk-source.flac",
    ]  # fmt: skip
    assert run.machine["jobs"] == 1


def test_against_finds_the_fall(giblet, relabelled):
    good, bad = relabelled
    status, out, _ = giblet("benchmark", "-o", bad, "--against", good)
    assert status == 1
    assert "fell: talk.wav, tiny" in out
    fell = {line.split(": ")[2].split()[0] for line in out.splitlines() if line.startswith("fell")}
    assert {"stoi", "estoi", "pesq_wb", "pesq_nb", "si_sdr", "mel_distance"} <= fell
    status, out, _ = giblet("benchmark", "-o", good, "--against", bad)
    assert (status, out.splitlines()[-1]) == (0, "quality did not fall beyond tolerance")
    lenient = "stoi=1,estoi=1,pesq_wb=4,pesq_nb=4,si_sdr=99,snr=99"
    words = ("benchmark", "-o", bad, "--against", good, "--tolerance", lenient, "--tolerance", "mel_distance=99")
    assert giblet(*words, "--tolerance", "log_spectral_distance=99")[0] == 0
    status, out, _ = giblet(*words, "--json")
    comparison = json.loads(out)["comparison"]
    assert (status, comparison["fell"]) == (1 if comparison["fell"] else 0, comparison["fell"])
    assert comparison["tolerances"]["stoi"] == 1


def test_measured_again_it_stays_within_tolerance(giblet, talk, relabelled, tmp_path):
    words = ("benchmark", talk, "-b", "12,3", "--codec", "tiny", "--jobs", 1, "--listen", 0, "-o", tmp_path / "new")
    status, out, _ = giblet(*words, "--against", relabelled[0], "--json")
    document = json.loads(out)
    assert (status, document["comparison"]["fell"]) == (0, 0)
    assert document["kind"] == "giblet-benchmark"
    assert "Only the later run has tiny 3 kbps." in document["comparison"]["notes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{talk}"], "--output"),
        (["-o", "{here}/out"], "no file is named"),
        (["{here}/nowhere", "-o", "{here}/out"], "no such file or folder"),
        (["{talk}", "-o", "{here}/no/out"], "folder does not exist"),
        (["{talk}", "-o", "{talk}"], "is a file"),
        (["{talk}", "-o", "{here}"], "something else"),
        (["{talk}", "-o", "{here}/out", "--codec", "tiny", "-b", "24"], "choose one of 1.5, 3, 6, 12"),
        (["{talk}", "-o", "{here}/out", "--codec", "./nowhere"], "no such folder"),
        (["{talk}", "-o", "{here}/out", "--segment", "60"], "1 to 30 s"),
        (["{talk}", "-o", "{here}/out", "--listen", "-1"], "0 for none"),
        (["{talk}", "-o", "{here}/out", "--jobs", "0"], "1 or more"),
        (["{talk}", "-o", "{here}/out", "--device", "warp"], "no device"),
        (["{talk}", "-o", "{here}/out", "--tolerance", "stoi=1"], "--against"),
        (["{talk}", "-o", "{here}/out", "--against", "{here}"], "holds no results.json"),
        (["-o", "{here}/out", "--against", "{here}/old"], "no such folder"),
        (["-o", "{here}/out", "--against", "{here}", "--tolerance", "taste=1"], "no tolerance for 'taste'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(giblet, talk, words, message):
    status, out, err = giblet("benchmark", *(word.format(here=talk.parent, talk=talk) for word in words))
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_silent_film_is_one_sentence(giblet, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * RATE), RATE)
    words = ("benchmark", tmp_path / "silent.wav", "-b", "3", "--codec", "tiny", "--jobs", 1, "-o", tmp_path / "out")
    status, out, err = giblet(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "silent throughout" in err
    assert [path.name for path in tmp_path.iterdir()] == ["silent.wav"]


def test_errors_never_load_the_heavy_libraries(tmp_path, talk):
    code = (
        "import sys\n"
        "from giblet.cli.main import run\n"
        f"for words in (['./no', '-o', 'x'], [{str(talk)!r}, '-o', {str(tmp_path / 'x')!r}, '--codec', './no'],\n"
        f"              ['-o', 'x', '--against', {str(tmp_path)!r}]):\n"
        "    sys.argv = ['giblet', 'benchmark', *words]\n"
        "    try: run()\n"
        "    except SystemExit as end: assert end.code == 2\n"
        "print({'torch', 'transformers', 'librosa', 'scipy', 'pandas', 'zarr', 'xarray'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr.count("\n")) == ("set()\n", 3)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on(giblet, tmp_path, talk, sent):
    words = ["benchmark", str(talk), "-b", "1.5,3,6,12", "--codec", "tiny", "--jobs", "1", "--listen", "1"]
    words += ["-o", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-m", "giblet", *words], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(parts := list(tmp_path.glob(".out.*.benchmark/parts/*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert err.splitlines()[0] == "giblet: what was measured is kept; the same command goes on from there"
    assert not (tmp_path / "out").exists()
    # A mark in what is kept shows that it is used.
    marked = [path for path in parts if "scores" in json.loads(path.read_text())]
    for path in marked:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"decode_seconds": 1e6}))
    assert giblet(*words)[0] == 0
    run = BenchmarkRun.load(tmp_path / "out")
    assert sum(q.decode_real_time_factor < 1e-3 for q in run.files[0].qualities) == len(marked) > 0
    assert not list(tmp_path.glob(".out*"))
