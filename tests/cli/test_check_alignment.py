"""giblet check-alignment: what it says, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from giblet.alignment import convolve
from giblet.encoding.time_check import TimeCheck
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

TR, N_TRS = 2, 200


def onsets():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.gamma(2, 0.2, 1000) * np.repeat(rng.lognormal(0, 0.8, 100), 10))
    return times[times < TR * N_TRS]


def write_bold(folder, series, late, subjects, noise, lengths):
    """Scans of people to whom everything came later than the study says."""
    rng = np.random.default_rng(1)
    for subject, n in zip(subjects, lengths, strict=True):
        clean = convolve(series.moved(late), TRGrid(TR, n))
        clean = (clean - clean.mean()) / clean.std()
        values = 100 + clean + noise * rng.standard_normal((n, 2))
        rows = "".join("\t".join(f"{value:.4f}" for value in row) + "\n" for row in values)
        (folder / f"{subject}.tsv").write_text("left\tright\n" + rows)


@pytest.fixture
def study(tmp_path):
    """Return a function that writes a study of words whose BOLD is late, with a stated onset."""

    def write(late=0.0, onset=0, subjects=7, noise=1.0, lengths=None, **more):
        times = onsets()
        table = "onset,duration,word\n" + "".join(f"{t:.3f},0.1,w\n" for t in times)
        (tmp_path / "words.csv").write_text(table)
        # Words count where they end.
        series = FeatureSeries(np.ones((len(times), 1)), times + 0.1, ("w",), "event", np.zeros(len(times)))
        names = [f"s{i}" for i in range(1, subjects + 1)]
        write_bold(tmp_path, series, late, names, noise, lengths or [N_TRS] * subjects)
        values = {"name": "small", "bold": "{subject}.tsv", "subjects": names, "tr": TR, "onset": onset}
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump({**values, "annotations": "words.csv", **more}))
        return path

    return write


def test_an_error_is_found_and_what_it_says_mends_it(giblet, study, tmp_path):
    path = study(late=5.0)
    status, told, err = giblet("check-alignment", path)
    assert (status, err) == (1, "")
    assert "small: text.word_rate, convolved with spm, against the BOLD of 7 subjects; mean r over 2 targets" in told
    assert "\ngroup: off: the BOLD comes 5 s later than the stimulus says" in told
    assert "raise onset by about 5 s" in told
    assert told.count("◂ peak") == 1
    assert "positive means that the BOLD comes later than the stimulus says" in told
    assert "slower than 128 s" in told
    assert sum(line.startswith("sub-s") for line in told.splitlines()) == 7
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, "onset": 5}))
    status, told, _ = giblet("check-alignment", path)
    assert (status, "\ngroup: aligned: the best lag is 0 s" in told) == (0, True)


def test_json_and_tables(giblet, study, tmp_path):
    path, table, whole = study(), tmp_path / "curve.tsv", tmp_path / "curve.json"
    status, told, _ = giblet("check-alignment", path, "--json", "-o", table, "--max-lag", 6, "--step", "1/2")
    found = json.loads(told)
    assert status == 0
    assert found["group"]["verdict"] == "aligned"
    assert found["group"]["lags"] == list(range(-6, 7))
    assert "positive" in found["reference"]
    assert TimeCheck.from_dict(found).to_dict() == found
    rows = pd.read_csv(table, sep="\t")
    assert set(rows["name"]) == {"group", *(f"sub-s{i}" for i in range(1, 8))}
    assert np.allclose(rows[rows["name"] == "group"]["r"], found["group"]["r"], atol=1e-5)
    assert giblet("check-alignment", path, "-o", whole)[0] == 0
    assert json.loads(whole.read_text())["group"]["lags"][0] == -10
    status, _, err = giblet("check-alignment", path, "-o", whole)
    assert (status, "exists already" in err) == (2, True)
    assert giblet("check-alignment", path, "-o", whole, "-f", "--subjects", "s1,s2", "--targets", "left")[0] == 0
    kept = json.loads(whole.read_text())
    assert [curve["name"] for curve in kept["subjects"]] == ["sub-s1", "sub-s2"]
    assert kept["group"]["n_targets"] == 1


def test_noise_and_single_subjects(giblet, study):
    status, told, _ = giblet("check-alignment", study(noise=1e2))
    assert (status, "\ngroup: inconclusive: at no lag" in told) == (0, True)
    status, told, _ = giblet("check-alignment", study(noise=0.3), "--subjects", "s3")
    assert (status, "\ngroup" in told, "\nsub-s3: aligned" in told) == (0, False, True)


def test_scans_of_different_lengths_are_cut_for_the_group(giblet, study):
    told = giblet("check-alignment", study(lengths=[N_TRS, N_TRS - 3, N_TRS - 1, *[N_TRS] * 4]), "--json")[1]
    found = json.loads(told)
    assert found["group"]["verdict"] == "aligned"
    assert len(found["subjects"]) == 7


def test_those_who_saw_it_at_other_times_are_no_part_of_the_group(giblet, study):
    path = study()
    values = yaml.safe_load(path.read_text())
    subjects = {name: {"onset": 3} if name == "s2" else {} for name in values["subjects"]}
    path.write_text(yaml.safe_dump({**values, "subjects": subjects}))
    status, told, err = giblet("check-alignment", path)
    assert (status, err) == (0, "")
    assert "sub-s2 saw other runs, or at other times, and are not in the group." in told
    # The scan was like all others, but its stimulus is said to have begun 3 s later.
    assert "\nsub-s2: off: the BOLD comes 3 s earlier" in told


def test_sound_is_moved_at_its_own_rate_and_a_built_dataset_knows_it(giblet, study, tmp_path):
    rate, rng = 24_000, np.random.default_rng(3)
    loud = np.repeat(rng.uniform(0.02, 1, N_TRS), TR * rate)
    soundfile.write(tmp_path / "noise.wav", loud * rng.uniform(-0.5, 0.5, len(loud)), rate)
    path = study(stimulus="noise.wav")
    series = FeatureSeries.regular(np.repeat(loud[:: TR * rate], TR)[:, None], 1, ("loudness",))
    write_bold(tmp_path, series, -3, [f"s{i}" for i in range(1, 8)], 0.5, [N_TRS] * 7)
    status, told, err = giblet("check-alignment", path, "--feature", "audio.envelope")
    assert (status, err) == (1, "")
    assert "\ngroup: off: the BOLD comes 3 s earlier than the stimulus says" in told
    out = tmp_path / "built"
    assert giblet("dataset", "build", path, "-o", out, "--features", "audio.envelope,text.word_rate")[0] == 0
    status, again, err = giblet("check-alignment", out)
    assert (status, err) == (1, "")
    assert "\ngroup: off: the BOLD comes 3 s earlier than the stimulus says" in again
    status, _, err = giblet("check-alignment", out, "--feature", "text.word_rate")
    assert (status, "kept TR by TR only, which cannot be moved by less; name the study itself." in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hrf", "boxcar"], "there is no haemodynamic response 'boxcar'"),
        (["--step", "0"], "cannot be swept"),
        (["--max-lag", "ten"], "--max-lag"),
        (["--high-pass", "9"], "high_pass is 9 Hz"),
        (["--feature", "text.nothing"], "text.nothing"),
        (["--feature", "text.word_rate,text.duration"], "more than one feature"),
        (["--feature", "audio.envelope"], "needs a film or sound"),
        (["--targets", "middle"], "there is no target middle; choose from left, right"),
        (["--subjects", "s99"], "there is no subject 's99'"),
        (["-o", "curve.png"], "the ending of curve.png is unknown; name a .tsv or .json file"),
    ],
)
def test_refusals_are_one_sentence(giblet, study, words, message):
    status, told, err = giblet("check-alignment", study(), *words)
    assert (status, told, err.count("\n")) == (2, "", 1)
    assert message in err


def test_short_and_periodic_runs_are_refused(giblet, study, tmp_path):
    status, _, err = giblet("check-alignment", study(lengths=[40] * 7))
    assert (status, err.count("\n")) == (2, 1)
    assert "40 TRs hold 2 whole blocks of 30 s, and 6 are the least" in err
    path = study()
    (tmp_path / "words.csv").write_text("onset,duration,word\n" + "".join(f"{t},0.1,w\n" for t in range(0, 400, 40)))
    status, _, err = giblet("check-alignment", path)
    assert (status, "repeats itself, or turns over, after" in err) == (2, True)
