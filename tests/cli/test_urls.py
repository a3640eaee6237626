"""Stores behind URLs on the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cloud import CREDENTIALS, s3_server

from giblet.data import open_study


@pytest.fixture(scope="module")
def bucket():
    with s3_server("films") as url:
        yield url


def test_a_film_goes_to_a_bucket_and_comes_back(giblet, clip, bucket, tmp_path):
    url = f"{bucket}/pilot/a clip"
    extract = ("extract", clip, "-o", url, "--codec", "tiny", "--features", "audio.codes,audio.power")
    status, out, err = giblet(*extract)
    assert status == 0, err
    assert f"a clip.wav → {url}" in out
    status, out, _ = giblet(*extract)
    assert (status, "was there already" in out) == (0, True)
    status, _, err = giblet(*extract, "--tr", "2")
    assert (status, "other settings" in err) == (2, True)
    status, out, _ = giblet(*extract, "--tr", "2", "--force", "--json")
    assert (status, json.loads(out)["store"]) == (0, url)
    status, out, _ = giblet("info", url, "--json")
    about = json.loads(out)
    assert (about["kind"], about["path"], about["view"]["tr"]) == ("store", url, "2")
    status, out, err = giblet("reconstruct", url, "-o", tmp_path / "back.wav")
    assert status == 0, err
    assert soundfile.info(tmp_path / "back.wav").frames == 24_000 * 4
    status, out, err = giblet("report", url, "-o", tmp_path / "page.html")
    assert status == 0, err
    assert "is not beside the store" in (tmp_path / "page.html").read_text()


def test_several_films_lie_below_a_url(giblet, clip, tmp_path):
    other = tmp_path / "other.wav"
    other.write_bytes(clip.read_bytes())
    status, _, err = giblet("extract", clip, other, "-o", f"memory://{tmp_path.name}/", "--features", "audio.power")
    assert status == 0, err
    for name in ("a clip", "other"):
        assert giblet("info", f"memory://{tmp_path.name}/{name}")[0] == 0


def test_a_folder_goes_to_a_bucket_by_workers_and_is_opened_as_one(giblet, clip, bucket, tmp_path):
    (tmp_path / "films" / "a b").mkdir(parents=True)
    for name in ("one.wav", "a b/zwei ü.wav"):
        (tmp_path / "films" / name).write_bytes(clip.read_bytes())
    url = f"{bucket}/study"
    extract = ("extract", tmp_path / "films", "-o", url, "--features", "audio.power", "--tr", "0.5", "--json")
    status, out, err = giblet(*extract, "--workers", "1", "--no-cache")
    assert status == 0, err
    assert sorted(json.loads(line)["store"] for line in out.splitlines()) == [f"{url}/a b/zwei ü", f"{url}/one"]
    # What is there is seen without workers, too.
    (tmp_path / "films" / "new.wav").write_bytes(clip.read_bytes()[:-2000])
    status, out, _ = giblet(*extract, "--workers", "1", "--cache", tmp_path / "cache")
    states = {Path(one["film"]).name: one["state"] for one in map(json.loads, out.splitlines())}
    assert (status, states) == (0, {"one.wav": "hit", "zwei ü.wav": "hit", "new.wav": "done"})
    study = open_study(url)
    assert sorted(study) == ["a b/zwei ü", "new", "one"]
    dataset = study.dataset()
    assert dataset["audio.power"].sizes["tr"] == sum(about["provenance"]["n_trs"] for about in study.manifests.values())
    both = [dataset["audio.power"].sel(film=film).values for film in ("one", "a b/zwei ü")]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_within_seconds(tmp_path, bucket, sent, status):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    soundfile.write(tmp_path / "hour.wav", np.tile(minute, 60), 8000)
    for place in (f"{bucket}/stopped {status}", str(tmp_path / "stopped")):
        words = ["extract", str(tmp_path / "hour.wav"), "-o", place, "--features", "audio.envelope", "--no-cache"]
        process = subprocess.Popen([sys.executable, "-m", "giblet", *words], stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while not begun(place):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(sent)
        assert process.wait(20) == status
        assert time.monotonic() - began < 5
        said = process.stderr.read()
        assert "interrupted; nothing half-written was left behind" in said
        assert "Traceback" not in said
        assert not begun(place)
    assert [path.name for path in tmp_path.iterdir()] == ["hour.wav"]


def begun(place):
    """Tell whether anything lies at a place, or a hidden folder beside it."""
    if "://" not in place:
        return bool(list(Path(place).parent.glob(f".{Path(place).name}.*")))
    import s3fs

    return bool(s3fs.S3FileSystem(use_listings_cache=False).find(place))


def test_errors_are_one_line_and_show_no_credentials(giblet, clip, bucket):
    for words in (
        ("extract", clip, "-o", "s3://no-such-bucket/x", "--features", "audio.power"),
        ("info", "s3://no-such-bucket/x"),
        ("info", f"{bucket}/none"),
        ("reconstruct", f"{bucket}/none", "-o", "x.wav"),
        ("report", f"{bucket}/none"),
        ("info", "nonsense://x"),
    ):
        status, out, err = giblet(*words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert not any(secret in err for secret in CREDENTIALS.values())
