from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.codecs import load_codec
from giblet.codecs.quality import evaluate_codec, recordings, sound_files, usage
from giblet.errors import CodecError, MediaError, ParameterError

RATE = 24_000


@pytest.fixture
def folder(tmp_path):
    """Two recordings at different rates, a corrupt one, and files that are no sound."""
    place = tmp_path / "recordings"
    (place / "deeper").mkdir(parents=True)
    soundfile.write(place / "a.wav", babble(RATE * 3)[0], RATE)
    soundfile.write(place / "deeper" / "b.FLAC", babble(16_000 * 2, 2).T, 16_000)
    (place / "corrupt.wav").write_bytes(b"RIFF nothing")
    (place / "notes.txt").write_text("hello")
    (place / ".hidden.wav").write_bytes(b"")
    return place


def test_folders_are_searched_and_files_taken_as_they_are(folder):
    inside = ["a.wav", "corrupt.wav", "deeper/b.FLAC"]
    assert [path.relative_to(folder).as_posix() for path in sound_files([folder])] == inside
    assert sound_files([folder / "notes.txt", folder / "a.wav", folder])[:2] == [folder / "notes.txt", folder / "a.wav"]
    assert len(sound_files([folder / "a.wav", folder])) == 3
    with pytest.raises(MediaError, match="no such file or folder"):
        sound_files([folder / "nowhere"])
    (folder / "empty").mkdir()
    with pytest.raises(MediaError, match=r"empty: holds no sound files"):
        sound_files([folder / "empty"])


def test_what_a_codec_gives_and_spends(folder, tiny):
    found = evaluate_codec(tiny, [folder], segment=2)
    assert [use.bandwidth for use in found.uses] == [1.5, 3.0, 6.0, 12.0]
    assert [len(use.perplexity) for use in found.uses] == [2, 4, 8, 16]
    for use in found.uses:
        assert use.bits_per_second == pytest.approx(use.bandwidth * 1000, rel=0.01)
        assert use.encode_real_time_factor > 0
        assert use.decode_real_time_factor > 0
        assert all(1 <= value <= use.n_frames for value in use.perplexity)
        assert all(0 < share <= 1 for share in use.used)
    table = found.bandwidths()
    assert table.n_files.tolist() == [2] * 4
    assert table.n_segments.tolist() == [3] * 4
    assert table.seconds.tolist() == [pytest.approx(5, abs=0.01)] * 4
    assert table.si_sdr.is_monotonic_increasing
    assert table.mel_distance.is_monotonic_decreasing
    assert [name for name, _ in found.skipped] == [str(folder / "corrupt.wav")]


def test_the_json_form_is_complete_and_has_no_nan(folder, tiny):
    blip = np.zeros(RATE)
    blip[: RATE // 5] = babble(RATE // 5)[0]
    soundfile.write(folder / "blip.wav", blip, RATE)
    found = evaluate_codec(tiny, [folder], [3.0, 1.5, 3.0])
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [row["bandwidth"] for row in document["bandwidths"]] == [1.5, 3.0]
    assert len(document["bandwidths"][1]["codebooks"]) == 4
    assert document["codec"]["fingerprint"] == tiny.fingerprint
    files = {(row["file"], row["bandwidth"]): row for row in document["files"]}
    assert len(files) == 6
    row = files[str(folder / "blip.wav"), 3.0]
    assert row["stoi"] is None
    assert isinstance(row["si_sdr"], float)
    assert sum(row["n_segments"] for row in document["files"]) == len(document["segments"])
    assert any("STOI is not defined on 2 of" in note for note in document["notes"])
    means = [row["si_sdr"] for row in document["files"] if row["bandwidth"] == 3.0]
    assert document["bandwidths"][1]["si_sdr"] == pytest.approx(np.mean(means))


def test_a_clip_too_short_to_measure_is_left_out_and_listed(folder, tiny):
    soundfile.write(folder / "click.wav", babble(RATE // 5)[0], RATE)
    found = evaluate_codec(tiny, [folder], [3.0])
    assert {Path(score.file).name for score in found.scores} == {"a.wav", "b.FLAC"}
    assert (str(folder / "click.wav"), "lasts 0.20 s, less than 0.5 s") in found.skipped


def test_only_the_beginning_and_at_one_loudness(tmp_path, tiny):
    path = tmp_path / "a.wav"
    soundfile.write(path, babble(RATE * 6)[0], RATE)
    short = evaluate_codec(tiny, [path], [3.0], max_seconds=2.5)
    assert [score.duration for score in short.scores] == [2.5]
    soundfile.write(tmp_path / "quiet.wav", babble(RATE * 6)[0] / 8, RATE, subtype="FLOAT")
    loud, quiet = (
        evaluate_codec(tiny, [tmp_path / name], [3.0], loudness=0.1, max_seconds=2.5) for name in ("a.wav", "quiet.wav")
    )
    assert loud.scores[0].si_sdr == pytest.approx(quiet.scores[0].si_sdr, abs=0.2)
    assert loud.settings == {"segment": 10.0, "max_seconds": 2.5, "loudness": 0.1}


def test_long_recordings_are_coded_in_pieces_without_gaps(tmp_path, tiny, monkeypatch):
    path = tmp_path / "long.wav"
    sound = babble(RATE * 8)[0]
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    monkeypatch.setattr(recordings, "PIECE", 2.0)
    pieces = list(recordings.read_pieces(path, 1, RATE))
    assert len(pieces) == 4
    assert np.array_equal(np.concatenate(pieces, axis=1)[0], sound)
    found = evaluate_codec(tiny, [path], [3.0], segment=30)
    starts = [score.start for score in found.scores]
    assert starts == pytest.approx(np.cumsum([0.0] + [score.duration for score in found.scores[:-1]]))
    assert sum(score.duration for score in found.scores) == pytest.approx(8)


def test_stereo_codecs_are_measured_on_the_mean(tmp_path, stereo):
    path = tmp_path / "a.wav"
    soundfile.write(path, babble(48_000 * 2, 2).T, 48_000)
    found = evaluate_codec(stereo, [path], [3.0, 6.0])
    assert len(found.scores) == 2
    assert all(math.isfinite(score.si_sdr) for score in found.scores)
    assert any("mean of the 2 channels" in note for note in found.notes)
    assert found.uses[0].bits_per_second > 3000


def test_silence_is_counted_and_never_measured(tmp_path, tiny):
    sound = babble(RATE * 4)[0]
    sound[: RATE * 2] = 0
    soundfile.write(tmp_path / "half.wav", sound, RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE * 2), RATE)
    found = evaluate_codec(tiny, [tmp_path], [3.0], segment=2)
    assert [score.silent for score in found.scores] == [True, False, True]
    row = found.bandwidths().iloc[0]
    assert (row.n_segments, row.n_silent) == (3, 2)
    assert row.si_sdr == found.scores[1].si_sdr
    with pytest.raises(MediaError, match=r"silent\.wav: is silent throughout.*loudness"):
        evaluate_codec(tiny, [tmp_path / "silent.wav"], [3.0])


def test_what_cannot_be_read_is_said(folder, tiny):
    with pytest.raises(MediaError, match=r"corrupt\.wav: "):
        evaluate_codec(tiny, [folder / "corrupt.wav"])
    with pytest.raises(MediaError, match="no other of the 2 recordings"):
        evaluate_codec(tiny, [folder / "corrupt.wav", folder / "notes.txt"])


def test_a_recording_that_breaks_off_is_left_out(folder, tiny):
    broken = babble(RATE * 3)[0]
    broken[-100:] = np.nan
    soundfile.write(folder / "broken.wav", broken, RATE, subtype="FLOAT")
    found = evaluate_codec(tiny, [folder], [3.0])
    assert {score.file.rsplit("/", 1)[1] for score in found.scores} == {"a.wav", "b.FLAC"}
    assert any("no numbers" in reason for _, reason in found.skipped)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_seconds": 0}, "ask for 0.5 s or more"),
        ({"segment": 31}, "1 to 30 s"),
        ({"loudness": 0}, "between 0 and 1"),
        ({"jobs": 0}, "1 or more"),
        ({"bandwidths": []}, "name one or more"),
    ],
)
def test_settings_out_of_range_are_refused(folder, tiny, settings, message):
    with pytest.raises(ParameterError, match=message):
        evaluate_codec(tiny, [folder], **settings)


def test_a_bandwidth_that_is_not_offered_is_refused(folder, tiny):
    with pytest.raises(CodecError, match="choose one of"):
        evaluate_codec(tiny, [folder], [24.0])


def test_a_codec_that_decodes_to_nan_is_said_to_be_broken(folder, tiny, monkeypatch):
    monkeypatch.setattr("giblet.codecs.quality.run.decode", lambda codec, codes: np.full((1, codes.length), np.nan))
    with pytest.raises(CodecError, match="no numbers at 3 kbps"):
        evaluate_codec(tiny, [folder / "a.wav"], [3.0])


def test_without_pesq_its_columns_are_empty_and_that_is_said(folder, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    found = evaluate_codec(tiny, [folder], [3.0])
    assert found.bandwidths().pesq_wb.isna().all()
    assert any("giblet[pesq]" in note for note in found.notes)
    assert found.to_dict()["bandwidths"][0]["pesq_wb"] is None
    assert not any("PESQ wb is not defined" in note for note in found.notes)


def test_perplexity_is_the_number_of_entries_used_equally():
    assert usage.perplexity(np.array([5, 5, 5, 5, 0])) == pytest.approx(4)
    assert usage.perplexity(np.array([7, 0, 0])) == 1
    assert 1 < usage.perplexity(np.array([99, 1])) < 2


def test_progress_ends_with_the_seconds_of_sound(folder, tiny):
    class Watcher:
        total, done, ended = None, 0.0, False

        def begin(self, stage, total):
            self.total = total

        def advance(self, seconds):
            self.done += seconds

        def end(self):
            self.ended = True

    watcher = Watcher()
    evaluate_codec(tiny, [folder], [1.5, 3.0], progress=watcher)
    assert watcher.total == pytest.approx(5)
    assert watcher.done == pytest.approx(5, abs=0.01)
    assert watcher.ended


@pytest.mark.realdata
@pytest.mark.slow
def test_the_published_figures_of_the_first_weights_are_found(realdata):
    weights = realdata.parent / "codec-seed"
    if not weights.is_dir():
        pytest.skip("the weights lie in codec-seed beside the real recordings")
    names = (
        "librispeech_1272-128104-0000.flac",
        "librispeech_198-209-0000.hq.ogg",
        "ljspeech_LJ001-0001.wav",
        "cmu_arctic_slt_a0007_16k.wav",
    )
    found = evaluate_codec(
        load_codec(weights, "cpu"),
        [realdata / "speech" / name for name in names],
        max_seconds=12,
        segment=12,
        loudness=0.06,
    ).bandwidths()
    assert found.n_segments.tolist() == [4] * 4
    assert found.stoi.to_numpy() == pytest.approx([0.753, 0.814, 0.846, 0.852], abs=0.01)
    assert found.pesq_wb.to_numpy() == pytest.approx([1.23, 1.42, 1.54, 1.58], abs=0.03)
