"""Files through a codec and mel, measured: figures, sounds, warnings; interrupted and resumed; damaged input."""

from __future__ import annotations

import csv
import json
import math
import sys

import laboring
import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, chords, syllables

from giblet.benchmark import BenchmarkRun, Elsewhere, run_benchmark
from giblet.codecs import decode, encode, find_codec
from giblet.errors import MediaError, ParameterError, StoreError
from giblet.kept import keeping
from giblet.media import AudioReader
from giblet.metrics import MEASURES, Pair, cut, score


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "talk.wav", syllables(3.3), RATE)
    return tmp_path / "talk.wav"


@pytest.fixture
def counted(monkeypatch):
    """Names of the segments that are measured, in their order."""
    import giblet.metrics.pool as pool

    done: list[tuple[float, float]] = []
    original = pool.score

    def counting(pair, measures=None):
        done.append((pair.start, pair.duration))
        return original(pair, measures)

    monkeypatch.setattr(pool, "score", counting)
    return done


def test_figures_are_those_of_the_engine_on_the_whole_sound(tiny, talk, tmp_path):
    run = run_benchmark([talk], tmp_path / "out", tiny, [1.5, 6], segment=1.2, listen=3)
    assert [m.key for m in run.methods] == ["1.5kbps", "6kbps"]
    assert BenchmarkRun.load(tmp_path / "out") == run
    with AudioReader(talk, sample_rate=RATE) as reader:
        sound = reader.read().data
    for method in run.methods:
        again = decode(tiny, encode(tiny, sound, method.bandwidth))
        expected = [score(part) for part in cut(Pair(sound, again, RATE), 1.2)]
        found = run.of(str(talk), method)
        assert [s.start for s in found] == pytest.approx([s.start for s in expected])
        for name in MEASURES:
            values = [getattr(s, name) for s in found]
            assert values == pytest.approx([getattr(s, name) for s in expected], rel=1e-3, abs=1e-3), name
        quality = run.files[0].qualities[run.methods.index(method)]
        spoken = [s.stoi for s in expected if not s.music]
        assert quality.measures["stoi"].mean == pytest.approx(np.mean(spoken), abs=1e-4)
        assert quality.measures["snr"].low <= quality.measures["snr"].mean <= quality.measures["snr"].high
        assert quality.bits_per_second == pytest.approx(1000 * method.bandwidth, rel=0.01)
        assert quality.drift.growth_ms == pytest.approx(0, abs=2)
        listened, rate = soundfile.read(tmp_path / "out" / quality.sound, dtype="float32")
        assert (rate, len(listened)) == (RATE, 3 * RATE)
        assert np.abs(listened - again[0, : 3 * RATE]).max() < 1e-3
    assert not list(tmp_path.glob(".*"))


def test_the_first_codebooks_are_the_codes_of_a_lower_bandwidth(tiny, stereo, talk):
    for codec in (tiny, stereo):
        sound = np.repeat(syllables(2.3)[None], codec.channels, axis=0)
        most = encode(codec, sound, codec.bandwidths[-1])
        for bandwidth in codec.bandwidths:
            fewer = encode(codec, sound, bandwidth)
            np.testing.assert_array_equal(most.data[: codec.n_codebooks(bandwidth)], fewer.data)
            assert most.segments == fewer.segments


def test_mel_is_heard_in_step_and_at_the_codecs_rate(tiny, talk, tmp_path):
    run = run_benchmark([talk], tmp_path / "out", tiny, [1.5], mel=True, listen=60)
    codec, mel = run.files[0].qualities
    assert run.methods[1].key == "mel"
    assert mel.measures["stoi"].mean > 0.9 > codec.measures["stoi"].mean
    assert mel.measures["si_sdr"].mean < 0
    assert abs(mel.drift.begin_ms) < 5
    # 2,048 bands, a frame every 512 samples at 22,050 Hz, 32 bits each.
    assert mel.bits_per_second == pytest.approx(2048 * 22_050 / 512 * 32, rel=0.02)
    assert soundfile.info(tmp_path / "out" / mel.sound).frames == round(3.3 * RATE)
    source, heard = (soundfile.read(path)[0] for path in (talk, tmp_path / "out" / mel.sound))
    assert np.std(heard) == pytest.approx(np.std(source), rel=0.1)
    assert run.mel == {"sample_rate": 22_050, "n_mels": 2048, "n_fft": 4096, "hop_length": 512}


def test_a_stereo_codec_is_measured_on_the_mean(stereo, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([syllables(2), syllables(2, seed=5)], axis=1), RATE)
    run = run_benchmark([tmp_path / "a.wav"], tmp_path / "out", stereo, [6], mel=True, listen=1)
    assert "Measured on the mean of the 2 channels." in run.warnings
    assert [soundfile.info(tmp_path / "out" / q.sound).channels for q in run.files[0].qualities] == [2, 1]
    assert run.files[0].channels == 2


def test_silence_is_counted_and_music_left_out_of_speech_measures(tiny, tmp_path):
    parts = [syllables(2), np.zeros(2 * RATE, np.float32), chords(2), syllables(2, seed=1)]
    soundfile.write(tmp_path / "mix.wav", np.concatenate(parts), RATE)
    run = run_benchmark([tmp_path / "mix.wav"], tmp_path / "out", tiny, [3], segment=2, listen=0)
    assert [(s.silent, s.music) for s in run.scores] == [(False, False), (True, False), (False, True), (False, False)]
    quality = run.files[0].qualities[0]
    assert (quality.n_segments, quality.n_silent, quality.n_music) == (4, 1, 1)
    assert quality.measures["stoi"].n == 2
    assert quality.measures["snr"].n == 3
    assert math.isfinite(run.scores[2].stoi)
    assert quality.measures["stoi"].mean == pytest.approx((run.scores[0].stoi + run.scores[3].stoi) / 2)
    assert any(said.startswith("1 of 4 segments is marked as music") for said in run.warnings)
    assert (run.files[0].sound, quality.sound) == (None, None)


def test_nothing_but_music_is_said(tiny, tmp_path):
    soundfile.write(tmp_path / "music.wav", chords(2), RATE)
    run = run_benchmark([tmp_path / "music.wav"], tmp_path / "out", tiny, [3], listen=0)
    assert run.overall[0].measures["stoi"].mean is None
    assert run.overall[0].measures["si_sdr"].mean is not None
    assert any("music.wav has no means of STOI and PESQ" in said for said in run.warnings)
    assert "nan" not in (tmp_path / "out" / "results.json").read_text().lower().replace("nance", "")


def test_short_silent_and_damaged_files(tiny, talk, tmp_path):
    soundfile.write(tmp_path / "second.wav", syllables(1), RATE)
    soundfile.write(tmp_path / "blip.wav", syllables(0.3), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * RATE), RATE)
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    names = ["second.wav", "blip.wav", "silent.wav", "broken.mp4"]
    run = run_benchmark([tmp_path / name for name in names], tmp_path / "out", tiny, [3], listen=0)
    assert [file.name for file in run.files] == ["second.wav", "silent.wav"]
    assert [skipped.file for skipped in run.skipped] == [str(tmp_path / "blip.wav"), str(tmp_path / "broken.mp4")]
    assert run.skipped[0].reason == "lasts 0.30 s, less than 0.5 s"
    assert any("silent.wav is silent throughout" in said for said in run.warnings)
    assert run.files[1].qualities[0].measures["snr"].mean is None
    assert run.overall[0].measures["snr"].n == 1
    for name, message in (("silent.wav", "silent throughout"), ("broken.mp4", "cannot be read|no film|not")):
        with pytest.raises(MediaError, match=message):
            run_benchmark([tmp_path / name], tmp_path / "none", tiny, [3])
    assert not list(tmp_path.glob("*none*"))


def test_what_is_missing_has_a_reason(tiny, tmp_path):
    sound = np.zeros(2 * RATE, np.float32)
    sound[: RATE // 5] = syllables(0.2)
    soundfile.write(tmp_path / "word.wav", sound, RATE)
    run_benchmark([tmp_path / "word.wav"], tmp_path / "out", tiny, [3], listen=0)
    with (tmp_path / "out" / "segments.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["stoi"] == ""
    assert "stoi: too little of it is loud enough" in row["missing"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["files"][0]["qualities"][0]["measures"]["stoi"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert any(said.startswith("STOI is not defined on 1 of 1") for said in results["warnings"])


def test_without_pesq_the_rest_is_measured(tiny, talk, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    run = run_benchmark([talk], tmp_path / "out", tiny, [3], listen=0)
    assert [said for said in run.warnings if "PESQ" in said] == [
        "PESQ is missing: install giblet[pesq], with a C compiler."
    ]
    assert run.overall[0].measures["estoi"].mean > 0
    assert "pesq_wb" not in run.overall[0].measures


def abandon(folder):
    """Make what a run left look as if its process were gone: no process 999999999 can be."""
    (left,) = folder.glob(".out.*.benchmark")
    name = left.name.split("-")
    left.rename(left.with_name("-".join([name[0], "999999999", *name[2:]])))


def test_a_run_that_is_stopped_goes_on(tiny, talk, tmp_path, counted, monkeypatch):
    import giblet.benchmark.recording as module

    def stop_at_mel(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "FromMel", stop_at_mel)
        with pytest.raises(KeyboardInterrupt):
            run_benchmark([talk], tmp_path / "out", tiny, [1.5, 3], mel=True, segment=2, listen=1)
    assert not (tmp_path / "out").exists()
    abandon(tmp_path)
    assert len(counted) == 4
    run = run_benchmark([talk], tmp_path / "out", tiny, [1.5, 3], mel=True, segment=2, listen=1)
    assert len(counted) == 6
    assert len(run.scores) == 6
    assert not list(tmp_path.glob(".out*"))
    fresh = run_benchmark([talk], tmp_path / "other", tiny, [1.5, 3], mel=True, segment=2, listen=1)
    assert [s.stoi for s in fresh.scores] == pytest.approx([s.stoi for s in run.scores], abs=1e-9)


def test_recordings_measured_elsewhere_give_the_same(tiny, talk, tmp_path):
    soundfile.write(tmp_path / "b.wav", syllables(2.1), RATE)
    (tmp_path / "bad.wav").write_bytes(b"no sound" * 99)
    files = [talk, tmp_path / "bad.wav", tmp_path / "b.wav"]
    elsewhere = Elsewhere(laboring.backwards, find_codec("tiny"), "cpu")
    with keeping():
        other = run_benchmark(files, tmp_path / "other", tiny, [1.5, 3], listen=1, elsewhere=elsewhere)
    here = run_benchmark(files, tmp_path / "here", tiny, [1.5, 3], listen=1)
    assert [(s.file, s.method, s.start) for s in other.scores] == [(s.file, s.method, s.start) for s in here.scores]
    for name in ("stoi", "si_sdr", "mel_distance"):
        expected = [getattr(s, name) for s in here.scores]
        assert [getattr(s, name) for s in other.scores] == pytest.approx(expected, rel=1e-6)
    assert other.skipped == here.skipped
    assert [(f.file, f.sha256, f.sound) for f in other.files] == [(f.file, f.sha256, f.sound) for f in here.files]
    for file in here.files:
        assert (tmp_path / "other" / file.sound).read_bytes() == (tmp_path / "here" / file.sound).read_bytes()


def test_what_was_measured_elsewhere_outlives_a_run_that_is_stopped(tiny, talk, tmp_path, counted):
    soundfile.write(tmp_path / "b.wav", syllables(2.1), RATE)
    files = [talk, tmp_path / "b.wav"]

    def stopped(jobs, progress):
        yield next(laboring.backwards(jobs, progress))
        raise KeyboardInterrupt

    def measure(run):
        elsewhere = Elsewhere(run, find_codec("tiny"), "cpu")
        with keeping():
            return run_benchmark(files, tmp_path / "out", tiny, [3], listen=0, elsewhere=elsewhere)

    with pytest.raises(KeyboardInterrupt):
        measure(stopped)
    abandon(tmp_path)
    assert len(measure(laboring.backwards).files) == 2
    # Each once.
    assert [duration for _, duration in counted] == pytest.approx([2.1, 3.3], abs=0.01)


def test_nothing_is_replaced_unasked(tiny, talk, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(StoreError, match="something else"):
        run_benchmark([talk], tmp_path / "mine", tiny, [3], force=True)
    run_benchmark([talk], tmp_path / "out", tiny, [3], listen=0)
    with pytest.raises(StoreError, match="--force"):
        run_benchmark([talk], tmp_path / "out", tiny, [1.5], listen=0)
    (tmp_path / "out" / "report.html").write_text("a page")
    run_benchmark([talk], tmp_path / "out", tiny, [1.5], listen=0, force=True)
    assert BenchmarkRun.load(tmp_path / "out").methods[0].bandwidth == 1.5
    assert not (tmp_path / "out" / "report.html").exists()
    (tmp_path / "out" / "thesis.txt").write_text("words")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        run_benchmark([talk], tmp_path / "out", tiny, [3], force=True)


@pytest.mark.parametrize("wrong", [{"segment": 60}, {"listen": -1}, {"jobs": 0}, {"bandwidths": []}])
def test_settings_that_cannot_be_used(tiny, talk, tmp_path, wrong):
    with pytest.raises(ParameterError):
        run_benchmark([talk], tmp_path / "out", tiny, **wrong)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.realdata
def test_a_download_that_was_cut_short_is_measured_and_said(tiny, realdata, tmp_path):
    run = run_benchmark(
        [realdata / "odd" / "truncated_60pct_bbb.webm"], tmp_path / "out", tiny, [1.5], segment=30, listen=0
    )
    assert run.files[0].duration < 29
    assert any("more sound than it holds" in said for said in run.warnings)


@pytest.mark.slow
@pytest.mark.realdata
def test_more_bits_are_better_on_real_speech(tiny, realdata, tmp_path):
    run = run_benchmark([realdata / "speech" / "librispeech_1272-128104-0000.flac"], tmp_path / "out", tiny, listen=0)
    for name in ("stoi", "estoi", "pesq_wb", "pesq_nb", "mel_distance"):
        means = [quality.measures[name].mean for quality in run.overall]
        assert means == sorted(means, reverse=not MEASURES[name].higher_is_better), name
    assert run.overall[0].n_music == 0
