from __future__ import annotations

import json
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from giblet.errors import MediaError, ParameterError
from giblet.training.corpus import Corpus
from giblet.training.recordings import find_recordings

RATE = 8000


def write_wav(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((sound.shape[0], 2, rate, 0, "NONE", "NONE"))
        file.writeframes(np.rint(sound.T * 32767).astype("<i2").tobytes())
    return path


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    return np.tile(0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate), (channels, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good files of 6, 4 and 2 s, and much that is no sound."""
    root = tmp_path / "recordings"
    write_wav(root / "b" / "six.wav", tone(6))
    write_wav(root / "a" / "four.WAV", tone(4, 300))
    write_wav(root / "two.wav", tone(2, 200, channels=2, rate=16_000), rate=16_000)
    write_wav(root / ".hidden.wav", tone(5))
    write_wav(root / ".cache" / "other.wav", tone(5))
    (root / "README.txt").write_text("no sound")
    (root / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no sound either")
    (root / "b" / "broken.mp3").write_bytes(b"no sound at all")
    (root / "b" / "empty.flac").write_bytes(b"")
    return root


def build(folder: Path, cache: Path, **options) -> Corpus:
    return Corpus.build(folder, cache, sample_rate=RATE, **options)


class Watcher:
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.seconds = 0.0

    def begin(self, stage: str, total: float | None) -> None:
        self.stages.append(stage)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def end(self) -> None:
        pass


def test_finds_sound_in_sorted_order_and_lists_what_is_broken(folder):
    found = find_recordings(folder)
    assert [file.path.relative_to(folder).as_posix() for file in found.files] == ["a/four.WAV", "b/six.wav", "two.wav"]
    assert [file.sample_rate for file in found.files] == [8000, 8000, 16_000]
    assert found.duration == pytest.approx(12)
    rejected = {path.name: problem for path, problem in found.rejected}
    assert set(rejected) == {"broken.mp3", "empty.flac"}
    assert "empty" in rejected["empty.flac"]


def test_follows_links_but_not_in_circles(folder, tmp_path):
    elsewhere = write_wav(tmp_path / "elsewhere" / "linked.wav", tone(1)).parent
    (folder / "c").symlink_to(elsewhere)
    (folder / "circle").symlink_to(folder)
    assert sum(file.path.name == "linked.wav" for file in find_recordings(folder).files) == 1
    assert len(find_recordings(folder).files) == 4


@pytest.mark.parametrize("call", [find_recordings, lambda folder: build(folder, folder / ".decoded")])
def test_says_what_a_folder_lacks(call, tmp_path):
    with pytest.raises(MediaError, match=r"nowhere: there is no such folder"):
        call(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match=r"file: is no folder"):
        call(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match=r"empty: holds no recordings; name a folder"):
        call(tmp_path / "empty")
    write_wav(tmp_path / "short" / "one.wav", tone(1))
    with pytest.raises(MediaError, match=r"short: holds only 1.0 s of sound in 1 files; add recordings: 10 s"):
        call(tmp_path / "short")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "noise.wav").write_bytes(b"noise")
    with pytest.raises(MediaError, match=r"holds no recordings \(1 cannot be read, such as noise.wav: is not"):
        call(tmp_path / "broken")


def test_length_that_no_header_states_is_counted(tmp_path, realdata):
    shutil.copy(realdata / "odd" / "no_duration.webm", tmp_path)
    (file,) = find_recordings(tmp_path, minimum=1).files
    assert file.duration_s == pytest.approx(build(tmp_path, tmp_path / ".c", minimum=1).duration, abs=0.01)


def test_decodes_every_file_at_one_rate(folder, tmp_path):
    corpus = build(folder, tmp_path / "cache")
    assert [file.path for file in corpus.files] == ["a/four.WAV", "b/six.wav", "two.wav"]
    assert [file.n_samples for file in corpus.files] == [4 * RATE, 6 * RATE, 2 * RATE]
    assert corpus.duration == 12
    assert corpus.n_samples == 12 * RATE
    assert [path for path, _ in corpus.rejected] == ["b/broken.mp3", "b/empty.flac"]
    for number, expected in enumerate([tone(4, 300), tone(6), tone(2, 200)]):
        sound = corpus.sound(number)
        assert sound.dtype == np.float32
        assert sound.shape == expected.shape
        # The last file was resampled; its edges ring.
        np.testing.assert_allclose(sound[:, 200:-200], expected[:, 200:-200], atol=2e-3)
        assert corpus.files[number].rms == pytest.approx(0.4 / 2**0.5, rel=0.01)


def test_channels(folder, tmp_path):
    corpus = build(folder, tmp_path / "cache", channels=2)
    sound = corpus.sound(0)
    assert sound.shape == (2, 4 * RATE)
    np.testing.assert_array_equal(sound[0], sound[1])
    with pytest.raises(ParameterError, match="3 channels"):
        build(folder, tmp_path / "cache", channels=3)


def test_a_stretch_is_what_lies_there(folder, tmp_path):
    corpus = build(folder, tmp_path / "cache", channels=2)
    whole = corpus.sound(1)
    np.testing.assert_array_equal(corpus.sound(1, 1001, 500), whole[:, 1001:1501])
    np.testing.assert_array_equal(corpus.sound(1, 47_000, 5000), whole[:, 47_000:])


def test_a_second_build_decodes_nothing(folder, tmp_path):
    first, second = Watcher(), Watcher()
    corpus = build(folder, tmp_path / "cache", progress=first)
    again = build(folder, tmp_path / "cache", progress=second)
    assert first.stages == ["looking for recordings", "decoding recordings"]
    assert first.seconds == pytest.approx(24)
    assert second.stages == []
    assert (again.key, again.files, again.rejected) == (corpus.key, corpus.files, corpus.rejected)


def test_the_key_is_of_contents_names_and_rate_not_of_place_and_time(folder, tmp_path):
    corpus = build(folder, tmp_path / "cache")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    watcher = Watcher()
    assert build(copy, tmp_path / "cache", progress=watcher).key == corpus.key
    assert watcher.stages == []
    assert Corpus.build(folder, tmp_path / "cache", sample_rate=4000).key != corpus.key
    (copy / "two.wav").rename(copy / "zwei.wav")
    assert build(copy, tmp_path / "cache").key != corpus.key


def test_a_changed_file_is_decoded_again(folder, tmp_path):
    corpus = build(folder, tmp_path / "cache")
    state = (folder / "two.wav").stat()
    write_wav(folder / "two.wav", -tone(2, 200, channels=2, rate=16_000), rate=16_000)
    assert (folder / "two.wav").stat().st_size == state.st_size
    os.utime(folder / "two.wav", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    changed = build(folder, tmp_path / "cache")
    assert changed.key != corpus.key
    np.testing.assert_allclose(changed.sound(2), -corpus.sound(2), atol=1e-4)


def test_unchanged_files_are_not_read_again(folder, tmp_path, monkeypatch):
    build(folder, tmp_path / "cache")

    def refuse(*_):
        raise AssertionError("a file was read")

    monkeypatch.setattr("hashlib.file_digest", refuse)
    build(folder, tmp_path / "cache")


def test_a_file_that_breaks_while_decoding_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    import giblet.training.decoded as decoded

    class Breaking(decoded.AudioReader):
        def __iter__(self):
            for number, block in enumerate(super().__iter__()):
                if self.path.endswith("six.wav") and number == 3:
                    raise MediaError("breaks off", "mend it", self.path)
                yield block

    monkeypatch.setattr(decoded, "AudioReader", Breaking)
    corpus = build(folder, tmp_path / "cache", minimum=5)
    assert ("b/six.wav", "breaks off") in corpus.rejected
    assert [(file.path, file.start) for file in corpus.files] == [("a/four.WAV", 0), ("two.wav", 4 * RATE)]
    np.testing.assert_allclose(corpus.sound(1)[:, 200:-200], tone(2, 200)[:, 200:-200], atol=2e-3)
    with pytest.raises(MediaError, match=r"holds only 6.0 s of sound in 2 files \(3 cannot be read"):
        build(folder, tmp_path / "cache", minimum=10)


def test_an_interrupted_build_leaves_nothing_that_counts(folder, tmp_path, monkeypatch):
    import giblet.training.corpus as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build(folder, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["digests.json"]
    assert build(folder, tmp_path / "cache").duration == 12


def test_the_cache_may_lie_among_the_recordings(folder):
    first = build(folder, folder / "decoded")
    shutil.copy(folder / "two.wav", folder / "decoded" / "trap.wav")
    assert build(folder, folder / "decoded").key == first.key


def test_a_damaged_cache_is_said(folder, tmp_path):
    build(folder, tmp_path / "cache")
    (samples,) = (tmp_path / "cache").glob("*/samples.i16")
    with samples.open("rb+") as file:
        file.truncate(1000)
    with pytest.raises(MediaError, match="damaged; delete this folder"):
        build(folder, tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_said(folder, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(MediaError, match=r"taken: cannot hold the decoded sound \(File exists\)"):
        build(folder, tmp_path / "taken")


def test_reading_a_stretch_does_not_load_the_file(tmp_path):
    """Of a corpus of 2 GB, of which nearly all is a hole, a stretch is read at once and in little memory."""
    resource = pytest.importorskip("resource")
    place = tmp_path / "decoded"
    place.mkdir()
    n_samples = 10**9
    with (place / "samples.i16").open("wb") as file:
        file.seek(2 * n_samples - 2)
        file.write(b"\xff\x7f")
    stretch = {"path": "long.wav", "start": 0, "n_samples": n_samples, "rms": 0.1}
    index = {"key": "k", "sample_rate": RATE, "channels": 1, "files": [stretch], "rejected": []}
    (place / "index.json").write_text(json.dumps(index))
    corpus = Corpus(place)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert corpus.sound(0, n_samples - 5, 5)[0].tolist() == [0, 0, 0, 0, 1]
    for offset in range(0, n_samples - 10**6, 10**7):
        corpus.sound(0, offset, 10**6)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


def test_split_takes_whole_files_and_the_same_each_time(tmp_path):
    for number in range(20):
        write_wav(tmp_path / "many" / f"{number:02d}.wav", tone(1 + number % 3))
    corpus = build(tmp_path / "many", tmp_path / "cache")
    training, validation = corpus.split(0.25, seed=1)
    assert sorted([*training.files, *validation.files], key=lambda file: file.start) == list(corpus.files)
    assert 0.15 < validation.duration / corpus.duration <= 0.25
    assert [file.path for file in corpus.split(0.25, seed=1)[1].files] == [file.path for file in validation.files]
    assert corpus.split(0.25, seed=2)[1].files != validation.files
    number = corpus.files.index(validation.files[0])
    np.testing.assert_array_equal(validation.sound(0), corpus.sound(number))
    for share in (0, 1, -1):
        with pytest.raises(ParameterError, match="share between 0 and 1"):
            corpus.split(share, seed=1)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_split_leaves_sound_on_either_side(tmp_path, share):
    write_wav(tmp_path / "two" / "a.wav", tone(6))
    write_wav(tmp_path / "two" / "b.wav", tone(7))
    training, validation = build(tmp_path / "two", tmp_path / "cache").split(share, seed=0)
    assert training.duration + validation.duration == 13
    assert min(training.duration, validation.duration) >= 2


def test_split_holds_out_no_mere_click(tmp_path):
    for number, seconds in enumerate((4, 4, 4, 0.025)):
        write_wav(tmp_path / "some" / f"{number}.wav", tone(seconds))
    corpus = build(tmp_path / "some", tmp_path / "cache")
    for seed in range(5):
        training, validation = corpus.split(0.1, seed)
        assert validation.duration == pytest.approx(2)
        assert training.duration == pytest.approx(10.025)
        assert [file.path for file in training.files] == [file.path for file in corpus.files]


def test_split_cuts_a_single_file(tmp_path):
    write_wav(tmp_path / "one" / "a.wav", tone(20))
    corpus = build(tmp_path / "one", tmp_path / "cache")
    training, validation = corpus.split(0.1, seed=0)
    assert (training.duration, validation.duration) == (18, 2)
    np.testing.assert_array_equal(np.concatenate([training.sound(0), validation.sound(0)], axis=1), corpus.sound(0))


@pytest.mark.realdata
def test_formats_of_all_kinds(realdata, tmp_path):
    corpus = Corpus.build(realdata / "speech", tmp_path, sample_rate=24_000)
    assert not corpus.rejected
    assert {Path(file.path).suffix for file in corpus.files} == {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".g722"}
    assert corpus.duration > 60
