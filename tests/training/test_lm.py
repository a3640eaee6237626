"""Training of language models: what they learn, and that runs repeat and resume."""

from __future__ import annotations

import csv
import itertools
import json

import numpy as np
import pytest
import soundfile
import torch
from fabricate import STEREO_CONFIG, babble, random_encodec

from giblet.codecs import encode, load_codec
from giblet.codecs.lm import load_language_model
from giblet.codecs.lm.network import Network
from giblet.codecs.lm.own import OwnModel
from giblet.codecs.lm.shape import Shape
from giblet.errors import CodecError, ParameterError
from giblet.formats.arithmetic import RANGE_BITS
from giblet.progress import Silent
from giblet.training.configfile import check_lm_config
from giblet.training.corpus import Corpus
from giblet.training.lm import LanguageModelTrainer
from giblet.training.lm_codes import CodeCorpus, CodePart, Frames

SMALL = {
    "model": {"width": 8, "channels": 8, "layers": 2, "head": 8},
    "data": {"frames": 16, "batch": 2, "validation_share": 0.2},
    "run": {
        "steps": 6, "validate_every": 3, "checkpoint_every": 1, "log_every": 1, "device": "cpu", "threads": 1,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(5):
        soundfile.write(folder / f"{i}.wav", babble(24_000 * (2 + i))[0], 24_000)
    return folder


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec")
    random_encodec(num_filters=2, hidden_size=8, target_bandwidths=[1.5, 3.0], num_lstm_layers=1).save_pretrained(
        folder
    )
    return folder


def settings(recordings, codec, cache=None, **sections):
    values = {name: dict(value) for name, value in SMALL.items()} | {"codec": str(codec)}
    values["data"] |= {"folder": str(recordings), "cache": None if cache is None else str(cache)}
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section
    return check_lm_config(values)


def figures(folder):
    with (folder / "log.csv").open() as file:
        return {(int(row["step"]), row["name"]): float(row["value"]) for row in csv.DictReader(file)}


class StopAfter(Silent):
    """Ctrl-C after so many steps."""

    def __init__(self, steps):
        self.left, self.training = steps, False

    def begin(self, stage, total):
        self.training = stage.startswith("training")

    def advance(self, seconds):
        if self.training:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


def test_a_run_repeats_and_leaves_a_model_of_its_codec(recordings, codec, tmp_path):
    config = settings(recordings, codec, tmp_path / "cache")
    result = LanguageModelTrainer(config, tmp_path / "a").run()
    LanguageModelTrainer(config, tmp_path / "b").run()
    assert figures(tmp_path / "a") == figures(tmp_path / "b")
    assert {"gradient_norm", "validation bits/1.5 kbps", "validation bits/3 kbps", "coded bits/3 kbps"} <= {
        name for _, name in figures(tmp_path / "a")
    }
    assert list((tmp_path / "a").glob("events.out.tfevents.*"))
    models = [load_language_model(codec, tmp_path / run / "model") for run in "ab"]
    assert models[0].fingerprint == models[1].fingerprint
    assert (models[0].n_codebooks, models[0].n_entries) == (4, 1024)
    assert result.steps == 6
    assert {bandwidth: len(bits) for bandwidth, bits in result.bits.items()} == {1.5: 2, 3.0: 4}
    # The codes of a codec that is not trained are not used evenly, which the model knows before it learns.
    assert 0.05 < result.saving[3.0] == pytest.approx(1 - np.mean(result.bits[3.0]) / 10)
    about = json.loads((tmp_path / "a" / "model" / "config.json").read_text())["about"]
    np.testing.assert_allclose(about["bits_per_code"]["3"], result.bits[3.0], atol=1e-4)


def test_what_it_reports_is_what_coding_takes(recordings, codec, tmp_path):
    config = settings(recordings, codec, tmp_path / "cache", run={"steps": 1})
    trainer = LanguageModelTrainer(config, tmp_path / "run")
    bits = trainer.run().bits[1.5]
    model = load_language_model(codec, tmp_path / "run" / "model")
    _, validation = trainer.corpus.split(0.2, 0)
    costs, loaded = [], load_codec(codec, "cpu")
    for number in range(len(validation.files)):
        low, high = model.start(2).intervals(encode(loaded, validation.sound(number), 1.5).data)
        costs.append(RANGE_BITS - np.log2(high - low))
    np.testing.assert_allclose(bits, np.concatenate(costs, 1).mean(1), rtol=1e-9)


@pytest.mark.parametrize("stop", [1, 4])
def test_a_resumed_run_equals_an_uninterrupted_one(recordings, codec, tmp_path, stop):
    config = settings(recordings, codec, tmp_path / "cache")
    LanguageModelTrainer(config, tmp_path / "whole").run()
    with pytest.raises(KeyboardInterrupt):
        LanguageModelTrainer(config, tmp_path / "stopped", StopAfter(stop)).run()
    resumed = LanguageModelTrainer(config, tmp_path / "stopped").run()
    assert resumed.first_step == stop
    assert figures(tmp_path / "stopped") == figures(tmp_path / "whole")
    models = [load_language_model(codec, tmp_path / run / "model") for run in ("whole", "stopped")]
    assert models[0].fingerprint == models[1].fingerprint


def test_a_run_with_other_settings_is_another_run(recordings, codec, tmp_path):
    LanguageModelTrainer(settings(recordings, codec, tmp_path / "cache", run={"steps": 1}), tmp_path / "run").run()
    for change in ({"model": {"head": 9}}, {"optimizer": {"learning_rate": 1.0}}, {"run": {"seed": 1}}):
        with pytest.raises(ParameterError, match="other settings"):
            LanguageModelTrainer(settings(recordings, codec, tmp_path / "cache", **change), tmp_path / "run")
    more = settings(recordings, codec, tmp_path / "cache", run={"steps": 2})
    assert LanguageModelTrainer(more, tmp_path / "run").run().first_step == 1


def test_a_bandwidth_limits_what_the_model_codes(recordings, codec, tmp_path):
    config = settings(recordings, codec, data={"bandwidth": 1.5}, run={"steps": 1})
    assert set(LanguageModelTrainer(config, tmp_path).run().bits) == {1.5}
    assert load_language_model(codec, tmp_path / "model").n_codebooks == 2
    with pytest.raises(CodecError, match="no bandwidth of 2 kbps"):
        LanguageModelTrainer(settings(recordings, codec, data={"bandwidth": 2}), tmp_path / "other")


def test_a_loss_that_becomes_nan_stops_the_run(recordings, codec, tmp_path):
    trainer = LanguageModelTrainer(settings(recordings, codec), tmp_path)
    trainer._network.bias.data[0, :] = torch.nan
    with pytest.raises(CodecError, match="became NaN or infinite at step 0"):
        trainer.run()


@pytest.mark.parametrize("values", [{"model": {"width": 0}}, {"run": {"sleep": 1}}, {"data": {"frames": "many"}}])
def test_settings_without_meaning_are_refused(values):
    with pytest.raises(ParameterError, match=r"model\.width is 0|run\.sleep|data\.frames is 'many'"):
        check_lm_config(values)


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(ParameterError, match="no folder of recordings"):
        LanguageModelTrainer(check_lm_config({}), tmp_path)


def test_codes_are_made_once_and_are_those_of_each_file(recordings, codec, tmp_path):
    loaded = load_codec(codec, "cpu")
    corpus = Corpus.build(recordings, tmp_path, sample_rate=24_000)
    codes = CodeCorpus.build(corpus, loaded, 3.0, tmp_path)
    for number, frames in enumerate(codes.sequences):
        expected = encode(loaded, corpus.sound(number), 3.0).data
        np.testing.assert_array_equal(codes.codes[frames.row : frames.row + frames.n_frames].T, expected)
    made = (tmp_path / f"codes-{codes.key[:16]}" / "codes.i16").stat().st_mtime_ns
    CodeCorpus.build(corpus, loaded, 3.0, tmp_path)
    assert (tmp_path / f"codes-{codes.key[:16]}" / "codes.i16").stat().st_mtime_ns == made
    assert CodeCorpus.build(corpus, loaded, 1.5, tmp_path).codes.shape[1] == 2
    training, validation = (codes.part(part.files) for part in corpus.split(0.3, 0))
    rows = np.concatenate([np.arange(run.row, run.row + run.n_frames) for run in (*training.runs, *validation.runs)])
    assert sorted(rows) == list(range(len(codes.codes)))


def test_a_single_file_is_cut_in_two_and_segments_are_sequences(tmp_path):
    soundfile.write(tmp_path / "one.wav", babble(48_000 * 12, 2).T, 48_000)
    codec = load_codec(random_encodec(**STEREO_CONFIG), "cpu")
    corpus = Corpus.build(tmp_path, tmp_path / "cache", sample_rate=48_000, channels=2)
    codes = CodeCorpus.build(corpus, codec, 3.0, tmp_path / "cache")
    assert {frames.n_frames for frames in codes.sequences[:-1]} == {150}
    assert len(codes.sequences) == 13
    training, validation = (codes.part(part.files) for part in corpus.split(0.25, 0))
    n_frames = [sum(run.n_frames for run in part.runs) for part in (training, validation)]
    assert sum(n_frames) == len(codes.codes)
    assert n_frames[1] == pytest.approx(450, abs=10)


def test_stretches_know_where_sequences_end():
    codes = np.arange(10, dtype=np.int16)[:, None]
    part = CodePart(codes, [Frames("a", 0, 0, 3), Frames("b", 0, 5, 5)], {"b": 0.0})
    drawn, sequence = part.draw(0, 0, 50, 4)
    assert drawn.shape == (50, 1, 5)
    rows = [0, 1, 2, 5, 6, 7, 8, 9]
    for item, where in zip(drawn[:, 0], sequence, strict=True):
        first = rows.index(item[0])
        assert item.tolist() == [rows[(first + i) % 8] for i in range(5)]
        # Only "a" is drawn, and one frame lies in front.
        assert item[1] in (0, 1, 2)
        same = np.diff(where) == 0
        assert same.tolist() == [b == a + 1 for a, b in itertools.pairwise(item)]
    np.testing.assert_array_equal(part.draw(0, 0, 50, 4)[0], drawn)
    assert (part.draw(0, 1, 50, 4)[0] != drawn).any()
    with pytest.raises(ParameterError, match="weights leave no sound"):
        CodePart(codes, [Frames("a", 0, 0, 3)], {"*": 0.0})


def markov(n_frames, seed):
    """Codes whose entropy is known: 2 bits for the first codebook, 1 for the second, whatever is not seen."""
    rng = np.random.default_rng(seed)
    first = np.cumsum(rng.choice([1, 3, 7, 12], n_frames)) % 16
    second = (5 * first + rng.integers(0, 2, n_frames)) % 16
    return np.stack([first, second]).astype(np.int16)


def test_it_learns_a_source_down_to_its_entropy():
    torch.manual_seed(0)
    shape = Shape(2, 16, width=16, channels=24, layers=2, head=24)
    network = Network(shape, np.random.default_rng(0).standard_normal((2, 16, 16)).astype(np.float32))
    optimizer = torch.optim.AdamW(network.parameters(), lr=8e-3, betas=(0.9, 0.98), weight_decay=0)
    part = CodePart(np.ascontiguousarray(markov(20_000, 0).T), [Frames("a", 0, 0, 20_000)], {})
    for step in range(300):
        codes, sequence = part.draw(0, step, 8, 64)
        optimizer.param_groups[0]["lr"] = 8e-3 * (1 - step / 300)
        loss = network.bits(torch.from_numpy(codes), torch.from_numpy(sequence)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    low, high = OwnModel(shape, network.whole_numbers()).start(2).intervals(markov(2000, 1))
    bits = (RANGE_BITS - np.log2(high - low)).mean(axis=1)
    # Four bits each without the model.
    np.testing.assert_allclose(bits, [2, 1], atol=0.15)
