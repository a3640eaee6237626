"""The page of a store says what the store holds, and is one file."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fabricate import babble
from report.pages import Page

from giblet.codecs import decode, encode
from giblet.data import extract, open_store
from giblet.errors import GibletError, MediaError, ParameterError, StoreError
from giblet.report import write_report

from .conftest import RATE


def clips(page):
    """Return the sounds of a page, in order."""
    import io

    texts = re.findall(r'(?s)<script type="text/plain" class="flac">(.*?)</script>', page.source)
    return [soundfile.read(io.BytesIO(base64.b64decode(text)))[0] for text in texts]


@pytest.fixture(scope="module")
def page(store, place):
    page = Page(write_report(store, place / "page.html"))
    page.check()
    return page


def test_it_tells_the_film_its_trs_and_codec(page):
    assert page.all("h1")
    assert "6.00 s, 4 TRs of 1.5 s, tiny at 3 kbps" in page.text
    assert "A TR of 1.5 s has 112.5 frames of audio.codes" in page.text
    assert "All 6.0 s of the film" in page.text
    assert page.text.count("talk.wav") >= 2


def test_codebooks_are_those_of_the_store(page, store):
    codes = open_store(store).codes().data
    (table,) = [table for table in page.tables if table[0][0] == "Codebook"]
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "4"]
    for row, used in zip(table[1:], codes, strict=True):
        counts = np.bincount(used)
        shares = counts[counts > 0] / counts.sum()
        entropy = -(shares * np.log2(shares)).sum()
        assert row[1:3] == [f"{entropy:.2f}", f"{2**entropy:.0f}"]
        assert row[3].startswith(f"{len(np.unique(used))} (")


def test_every_feature_is_listed_and_drawn(page):
    (table,) = [table for table in page.tables if table[0][0] == "Feature"]
    assert [row[:4] for row in table[1:]] == [
        ["audio.codes", "categorical", "75.00", "4"],
        ["audio.power", "continuous", "100.00", "1"],
        ["audio.envelope@bands=8", "continuous", "100.00", "8"],
        ["text.word_rate", "event", "— (rows have times of their own)", "1"],
    ]
    drawn = [figure["aria-label"] for figure in page.all("div", role="img")]
    assert any(label.startswith("audio.power") for label in drawn)
    assert any(label.startswith("text.word_rate") and "from 1 to 1" in label for label in drawn)
    assert any(image["alt"].startswith("audio.envelope@bands=8: 8 columns") for image in page.all("img"))


def test_what_is_heard_is_the_film_and_what_each_bandwidth_keeps(page, store, tiny):
    source, least, most = clips(page)
    before = babble(6 * RATE)[0]
    np.testing.assert_allclose(source, np.clip(before, -1, 1), atol=1e-4)
    store = open_store(store)
    for heard, kbps in ((least, 1.5), (most, 3)):
        np.testing.assert_allclose(heard, np.clip(decode(tiny, store.codes(kbps))[0], -1, 1), atol=1e-4)
    titles = [audio["data-title"] for audio in page.all("audio")]
    assert titles == ["Source", "1.5 kbps", "3 kbps"]
    assert len(page.having("version")) == 3


def test_a_stretch_in_the_middle_is_the_same_sound(store, film, tiny, tmp_path):
    page = Page(write_report(store, tmp_path / "page.html", at=2.5, listen=1.25, bandwidths=[3]))
    assert "1.2 s from 0:02.5 on of the film" in page.text
    source, heard = clips(page)
    assert len(source) == len(heard) == 30_000
    np.testing.assert_allclose(source, np.clip(babble(6 * RATE)[0], -1, 1)[60_000:90_000], atol=1e-4)
    whole = decode(tiny, open_store(store).codes(3))[0, 60_000:90_000]
    # The decoder's memory of what came before fades.
    assert np.abs(heard - np.clip(whole, -1, 1)).max() < 1e-3
    (player,) = page.having("player")
    assert (float(player["data-start"]), float(player["data-seconds"])) == (2.5, 1.25)


@pytest.mark.parametrize("at", [0, 30_000, 100_000])
def test_a_stretch_of_a_codec_with_segments(stereo, at):
    from giblet.codecs import decode_blocks
    from giblet.data.rebuild import placed
    from giblet.report.sounds import excerpt

    codes = encode(stereo, babble(150_000, 2), 6.0)
    part, lead = excerpt(codes, at, at + 40_000)
    heard = np.concatenate(list(placed(decode_blocks(stereo, part), -lead, 40_000, 2)), axis=1)
    np.testing.assert_allclose(heard, decode(stereo, codes)[:, at : at + 40_000], atol=2e-5)


def test_a_long_film_is_heard_from_a_decoder_that_has_forgotten_its_beginning(tiny):
    from giblet.codecs import decode_blocks
    from giblet.data.rebuild import placed
    from giblet.report.sounds import excerpt

    codes = encode(tiny, babble(12 * RATE), 3.0)
    part, lead = excerpt(codes, 9 * RATE, 10 * RATE)
    assert lead >= 4 * RATE
    assert part.data.shape[1] < codes.data.shape[1] * 0.6
    heard = np.concatenate(list(placed(decode_blocks(tiny, part), -lead, RATE, 1)), axis=1)
    np.testing.assert_allclose(heard, decode(tiny, codes)[:, 9 * RATE : 10 * RATE], atol=1e-3)


def test_without_sounds_nothing_is_decoded(store, tmp_path, monkeypatch):
    monkeypatch.setattr("giblet.report.store.load_codec", lambda *_: pytest.fail("loaded"))
    page = Page(write_report(store, tmp_path / "page.html", listen=0))
    page.check()
    assert not page.all("audio")
    assert len(page.source) < 200_000


def test_a_codec_that_is_gone_is_said_and_the_page_goes_on(store, tmp_path, film):
    moved = tmp_path / "moved.giblet"
    shutil.copytree(store, moved)
    manifest = json.loads((moved / "manifest.json").read_text())
    manifest["provenance"]["codec"]["source"] = str(tmp_path / "gone")
    (moved / "manifest.json").write_text(json.dumps(manifest))
    page = Page(write_report(moved, tmp_path / "page.html", film=film))
    page.check()
    assert "The codes are not heard, for their codec cannot be had" in page.text
    assert [audio["data-title"] for audio in page.all("audio")] == ["Source"]
    page = Page(write_report(moved, tmp_path / "page.html", codec="tiny", bandwidths=[1.5], listen=1, force=True))
    assert "is not beside the store" in page.text
    assert [audio["data-title"] for audio in page.all("audio")] == ["1.5 kbps"]


def test_a_film_of_that_name_that_is_another_is_not_taken(store, tmp_path, sound):
    shutil.copytree(store, tmp_path / "talk.giblet")
    other = sound(babble(RATE)[0], "talk.wav")
    page = Page(write_report(tmp_path / "talk.giblet", tmp_path / "page.html", listen=0.5, bandwidths=[3]))
    assert "talk.wav beside the store is another film" in page.text
    assert [audio["data-title"] for audio in page.all("audio")] == ["3 kbps"]
    with pytest.raises(MediaError, match=r"is not the film that .* was made from \(talk.wav\)"):
        write_report(store, tmp_path / "other.html", film=other)
    assert not (tmp_path / "other.html").exists()


def test_a_silent_film(sound, tiny, tmp_path):
    extract(sound(np.zeros(3 * RATE)), tmp_path / "silent.giblet", codec=tiny, features="audio.codes,audio.power")
    page = Page(write_report(tmp_path / "silent.giblet", tmp_path / "page.html", bandwidths=[3]))
    page.check()
    assert "silent" in page.text
    assert "audio.power, full scale squared over time: from 0 to 0." in [
        figure["aria-label"] for figure in page.all("div", role="img")
    ]


def test_a_clip_of_a_second(sound, tiny, tmp_path):
    path = sound(babble(RATE)[0])
    extract(path, tmp_path / "short.giblet", codec=tiny, tr=0.4, features="audio.codes")
    page = Page(write_report(tmp_path / "short.giblet", tmp_path / "page.html"))
    page.check()
    assert "The last 0.20 s fill no TR" in page.text
    assert [len(clip) for clip in clips(page)] == [RATE] * 3


def test_silence_that_fills_a_tr_is_told(sound, tiny, tmp_path):
    extract(sound(babble(RATE)[0]), tmp_path / "padded.giblet", codec=tiny, incomplete="pad")
    page = Page(write_report(tmp_path / "padded.giblet", tmp_path / "page.html", listen=0))
    page.check()
    assert "The last TR ends with 0.50 s of silence that the film does not have" in page.text
    assert page.having("padding")


def test_a_mel_spectrogram_alone(sound, tmp_path):
    extract(sound(babble(2 * RATE)[0]), tmp_path / "mel.giblet", features="audio.mel")
    page = Page(write_report(tmp_path / "mel.giblet", tmp_path / "page.html"))
    page.check()
    assert [audio["data-title"] for audio in page.all("audio")] == ["Source", "mel + Griffin-Lim"]
    source, mel = clips(page)
    assert len(source) == len(mel) == 44_100
    assert 0.5 < np.std(mel) / np.std(source) < 1.5
    # Its loudest part, the glide, stays where it is.
    spectra = [np.abs(np.fft.rfft(sound[20_000:36_384])) for sound in (source, mel)]
    assert abs(int(spectra[0].argmax()) - int(spectra[1].argmax())) < 60
    assert not [table for table in page.tables if table[0][0] == "Codebook"]


def test_words_alone(film, words, tmp_path):
    extract(film, tmp_path / "words.giblet", features="text.word_rate", annotations=words)
    page = Page(write_report(tmp_path / "words.giblet", tmp_path / "page.html"))
    page.check()
    assert not page.all("audio")
    assert "text.word_rate" in page.text
    with pytest.raises(ParameterError, match="no sound to listen to"):
        write_report(tmp_path / "words.giblet", tmp_path / "other.html", at=1)


def test_codes_from_a_container(film, tiny, tmp_path):
    from giblet.transcoding import codes_to_store, sound_to_codes

    sound_to_codes(film, tmp_path / "talk.ecdc", tiny, 3.0)
    codes_to_store(tmp_path / "talk.ecdc", tmp_path / "talk.giblet")
    page = Page(write_report(tmp_path / "talk.giblet", tmp_path / "page.html", listen=1, bandwidths=[3]))
    page.check()
    assert [audio["data-title"] for audio in page.all("audio")] == ["3 kbps"]


def test_names_cannot_smuggle_anything_in(sound, tiny, tmp_path, store):
    name = "<img src=x onerror=alert(1)>\n'\"&amp;{{ 7*7 }}\u202e.wav"
    path = sound(babble(2 * RATE)[0], name)
    evil = tmp_path / "evil.giblet"
    extract(path, evil, codec=tiny, features="audio.codes,audio.power")
    manifest = json.loads((evil / "manifest.json").read_text())
    manifest["provenance"]["view"]["tr"] = "3/2"
    manifest["provenance"]["codec"]["name"] = "</script><script>alert(2)</script><!--"
    manifest["provenance"]["series"]["audio.power"]["about"]["units"] = "</svg><script src=//evil.example>"
    manifest["provenance"]["extra</dt><script>"] = {"<b>": ["javascript:alert(3)", "\udcff\x00\x1b[31m"]}
    (evil / "manifest.json").write_text(json.dumps(manifest))
    page = Page(write_report(evil, tmp_path / "page.html", listen=0))
    page.check()
    assert len(page.scripts) == 1
    assert "alert" not in page.scripts[0]
    assert not page.all("img", src="x")
    assert "{{ 7*7 }}" in page.text
    assert "49" not in [piece for piece in page.text.split() if "alert" in piece]
    assert "\x1b" not in page.source
    assert "\u202e" not in page.source
    ours = page.scripts[0]
    import hashlib

    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_gaps_and_losses_are_told_and_drawn(store, tmp_path):
    changed = tmp_path / "changed.giblet"
    shutil.copytree(store, changed)
    manifest = json.loads((changed / "manifest.json").read_text())
    manifest["provenance"]["sound"] |= {
        "gaps": [[2.0, 0.25], [4.0, -0.1]], "corrupt_packets": 3, "offset": 0.0213, "picture_start": 0.0,
        "announced_duration": 9.0, "ended": True,
    }  # fmt: skip
    (changed / "manifest.json").write_text(json.dumps(manifest))
    page = Page(write_report(changed, tmp_path / "page.html", listen=0))
    page.check()
    for sentence in (
        "2 gaps in the sound were mended (+0.250 s at 0:02.0, -0.100 s at 0:04.0)",
        "3 damaged packets of the sound were skipped.",
        "The sound starts 21.3 ms after the first picture; silence stands in its place.",
        "3.00 s of the 9.00 s of sound that the file announces are missing at its end.",
        "The beginning: sound starts 21 ms after the first picture",
    ):
        assert sentence in page.text
    assert page.having("missing")
    assert page.having("gap")
    assert len(page.all("li", **{"class": "serious"})) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"at": 7.0}, "--at is 7 s, and the sound lasts 6.00 s"),
        ({"at": -1.0}, "--at is -1 s"),
        ({"listen": float("nan")}, "--listen is nan s"),
        ({"bandwidths": [5]}, "holds no 5 kbps of tiny"),
        ({"film": "gone.mp4"}, "there is no such film"),
        ({"output": "page.pdf"}, "let its name end in .html"),
        ({"output": "gone/page.html"}, "its folder does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_left(store, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GibletError) as error:
        write_report(store, **arguments)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unless_asked(store, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(MediaError, match="exists already"):
        write_report(store, page, listen=0)
    assert page.read_text() == "mine"
    write_report(store, page, listen=0, force=True)
    assert Page(page).all("h1")
    with pytest.raises(StoreError):
        write_report(store, Path(store) / "page.html", listen=0)


def test_a_damaged_store_is_told(store, tmp_path):
    broken = tmp_path / "broken.giblet"
    shutil.copytree(store, broken)
    for chunk in (broken / "audio.power" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"\x00nothing")
    with pytest.raises(StoreError, match="is damaged"):
        write_report(broken, tmp_path / "page.html", listen=0)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("content", [None, "a file", {}, {"manifest.json": "{}"}, {"results.json": "{}"}])
def test_what_is_none_of_the_three(tmp_path, content):
    place = tmp_path / "place"
    if isinstance(content, str):
        place.write_text(content)
    elif content is not None:
        place.mkdir()
        for name, text in content.items():
            (place / name).write_text(text)
    with pytest.raises(GibletError) as error:
        write_report(place, tmp_path / "page.html")
    assert str(error.value).startswith(str(place))
    assert "\n" not in str(error.value)
