"""Stores behind URLs on the command line."""

from __future__ import annotations

import json

import pytest
import soundfile
from cloud import CREDENTIALS, s3_server


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
