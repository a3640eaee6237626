"""Whole runs, small: they repeat, resume, stop on NaN, and leave a codec that works."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from fabricate import babble
from safetensors.torch import load_file, save_file
from transformers import EncodecModel

from giblet.codecs import encode, load_codec
from giblet.errors import CodecError, GibletError, ParameterError
from giblet.progress import Silent
from giblet.training.configfile import check_config, read_config
from giblet.training.kinds import make_trainee
from giblet.training.trainer import Trainer

SMALL = {
    "model": {
        "filters": 2, "strides": [8, 5, 8], "latent_dim": 8, "lstm_layers": 1, "codebook_size": 16,
        "bandwidths": [0.6, 1.2],
    },
    "data": {"crop": 0.2, "batch": 2, "validation_share": 0.2},
    "quantizer": {"start": 4},
    "losses": {"mel_windows": [128, 512], "overlap": 2, "log_floor_steps": 10},
    "optimizer": {"learning_rate": 1e-3, "warmup": 2, "decay": 0.5},
    "run": {"steps": 10, "validate_every": 10, "checkpoint_every": 5, "log_every": 1, "device": "cpu", "threads": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(4):
        soundfile.write(folder / f"{i}.wav", babble(24_000 * (2 + i))[0], 24_000)
    (folder / "broken.wav").write_bytes(b"RIFF nothing of the kind")
    return folder


def settings(recordings, cache=None, **sections):
    values = {name: dict(value) for name, value in SMALL.items()}
    values["data"] |= {"folder": str(recordings), "cache": None if cache is None else str(cache)}
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section
    if values["run"]["steps"] <= values["quantizer"]["start"]:
        values["quantizer"]["start"] = 0
    return check_config(values)


def losses(folder):
    with (folder / "log.csv").open() as file:
        return {
            (int(row["step"]), row["name"]): float(row["value"])
            for row in csv.DictReader(file)
            if row["name"] != "waiting"
        }


def weights(folder):
    return EncodecModel.from_pretrained(folder / "model").state_dict()


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


def test_a_run_repeats_and_leaves_a_codec(recordings, tmp_path):
    config = settings(recordings, tmp_path / "cache")
    first = Trainer(config, tmp_path / "a").run()
    Trainer(config, tmp_path / "b").run()
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert {"waveform", "mel", "commitment", "gradient_norm"} <= {name for _, name in losses(tmp_path / "a")}
    assert first.steps == 10
    assert 0 <= first.waiting < 1
    assert set(first.mel_distance) == {"0.6 kbps", "1.2 kbps"}
    assert set(first.first_mel_distance) == {"no codes"}
    assert list(tmp_path.glob("a/events.out.tfevents.*"))
    codec = load_codec(tmp_path / "a" / "model")
    codes = encode(codec, babble(24_000), 1.2)
    assert codes.data.shape == (4, 75)
    assert len(np.unique(codes.data)) > 1


@pytest.mark.parametrize("name", ["minutes", "apcodec-tiny"])
def test_no_graph_is_kept_of_the_sound_that_codebooks_begin_with(name):
    small = {"model.codebook_size=8", "data.batch=1", "run.device=cpu"}
    trainee, _ = make_trainee(read_config(name, tuple(small)), "cpu")
    modes = []

    def sounds():
        while True:
            modes.append(torch.is_grad_enabled())
            yield torch.from_numpy(babble(24_000))[None]

    trainee.start_quantizer(sounds())
    assert trainee.quantizes
    assert modes
    assert not any(modes)


def test_another_seed_gives_another_run(recordings, tmp_path):
    for seed in (0, 1):
        config = settings(recordings, tmp_path / "cache", run={"steps": 2, "seed": seed})
        Trainer(config, tmp_path / str(seed)).run()
    assert losses(tmp_path / "0")[1, "mel"] != losses(tmp_path / "1")[1, "mel"]


@pytest.mark.parametrize("stop", [2, 7], ids=["before the quantiser", "after it"])
def test_a_resumed_run_equals_an_uninterrupted_one(recordings, tmp_path, stop):
    config = settings(
        recordings, tmp_path / "cache", run={"validate_every": 5, "checkpoint_every": 1, "log_every": 3},
        adversary={"discriminators": ["ms-stft"], "sizes": {"ms-stft": {"width": 2, "windows": [128]}}, "start": 3},
    )  # fmt: skip
    Trainer(config, tmp_path / "whole").run()
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, tmp_path / "stopped", StopAfter(stop)).run()
    resumed = Trainer(config, tmp_path / "stopped").run()
    assert resumed.first_step == stop
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)


def test_a_decoder_learns_alone_and_sounds_keep_their_codes(recordings, tmp_path):
    Trainer(settings(recordings, tmp_path / "cache"), tmp_path / "start").run()
    alone = {"learns": "decoder", "start_from": str(tmp_path / "start" / "model"), "quantizer": {"start": 0}}
    config = check_config(settings(recordings, tmp_path / "cache").model_dump(mode="json") | alone)
    Trainer(config, tmp_path / "run").run()
    before, after = weights(tmp_path / "start"), weights(tmp_path / "run")
    same = {key for key in before if torch.equal(before[key], after[key])}
    assert {key for key in before if not key.startswith("decoder.")} <= same
    assert not any(key.startswith("decoder.") and key.endswith("bias") for key in same)


def test_a_decoder_alone_needs_codes_to_learn_from():
    with pytest.raises(ParameterError, match="a decoder learns from codes: give start_from"):
        check_config({"learns": "decoder", "quantizer": {"start": 0}})
    with pytest.raises(ParameterError, match="0 for quantizer.start"):
        check_config({"learns": "decoder", "start_from": "tiny"})


def test_a_finished_run_does_nothing_more(recordings, tmp_path):
    config = settings(recordings)
    Trainer(config, tmp_path).run()
    again = Trainer(config, tmp_path).run()
    assert (again.first_step, again.steps) == (10, 10)


def test_training_lowers_the_losses(recordings, tmp_path):
    config = settings(recordings, run={"steps": 60, "validate_every": 60}, quantizer={"start": 10})
    result = Trainer(config, tmp_path).run()
    assert result.mel_distance["1.2 kbps"] < 0.8 * result.first_mel_distance["no codes"]


@pytest.mark.parametrize("balancer", [True, False])
def test_every_loss_and_discriminator_takes_part(recordings, tmp_path, balancer):
    small = {
        "ms-stft": {"width": 2, "windows": [128]},
        "multi-period": {"width": 1, "periods": [2]},
        "multi-scale": {"width": 4, "scales": 1},
        "melgan": {"width": 2, "scales": 1, "n_strided": 1},
    }
    config = settings(
        recordings, losses=SMALL["losses"] | {"stft": 0.5, "stft_windows": [256], "balancer": balancer},
        adversary={"discriminators": list(small), "kind": "least-squares", "update_probability": 1.0, "sizes": small},
        augmentation={"mixing": 0.5, "noise": 0.5}, quantizer={"start": 0}, run={"steps": 2},
    )  # fmt: skip
    Trainer(config, tmp_path).run()
    names = {name for step, name in losses(tmp_path) if step == 2}
    assert {"waveform", "mel", "stft", "commitment", "generator", "feature_matching", "discriminator"} <= names


def test_recorded_noise_is_added(recordings, tmp_path):
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "hum.wav", 0.1 * np.sin(np.arange(24_000 * 12) / 30), 24_000)
    runs = {}
    for name, folder in (("hum", str(noise)), ("hiss", None)):
        always = {"noise": 1.0, "snr": [0.0, 0.0], "noise_folder": folder}
        Trainer(settings(recordings, augmentation=always, run={"steps": 1}), tmp_path / name).run()
        runs[name] = losses(tmp_path / name)[1, "mel"]
    assert runs["hum"] != runs["hiss"]


def test_the_stereo_model_trains(tmp_path):
    for i in range(2):
        soundfile.write(tmp_path / f"{i}.wav", babble(300_000, channels=2).T, 48_000)
    config = settings(
        tmp_path, model={"sample_rate": 48_000, "channels": 2, "causal": False, "normalize": True, "segment": 1.0,
                         "filters": 2, "latent_dim": 8, "lstm_layers": 1, "codebook_size": 16, "bandwidths": [1.2]},
        run={"steps": 6}, data={"crop": 1.0, "batch": 2, "validation_share": 0.2},
    )  # fmt: skip
    Trainer(config, tmp_path / "run").run()
    codec = load_codec(tmp_path / "run" / "model")
    codes = encode(codec, babble(60_000, channels=2), 1.2)
    assert len(codes.segments) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_over_a_run(recordings, tmp_path):
    megabytes = []

    def report(step, distances):
        status = Path("/proc/self/status").read_text()
        megabytes.append(int(status.split("RssAnon:")[1].split()[0]) / 1024)

    adversary = {"discriminators": ["ms-stft"], "sizes": {"ms-stft": {"width": 2, "windows": [128]}}}
    run = {"steps": 300, "validate_every": 100, "checkpoint_every": 100, "log_every": 10}
    Trainer(settings(recordings, run=run, adversary=adversary), tmp_path).run(report)
    assert len(megabytes) == 4
    assert megabytes[3] - megabytes[1] < 15


def test_start_from_keeps_what_was_learnt(recordings, tmp_path):
    Trainer(settings(recordings), tmp_path / "first").run()
    values = settings(recordings, run={"steps": 1}).model_dump(mode="json")
    values["start_from"] = str(tmp_path / "first" / "model")
    trainer = Trainer(check_config(values), tmp_path / "second")
    before, after = weights(tmp_path / "first"), trainer.trainee.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert trainer.run().mel_distance


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"filters": 4}, "other sizes"),
        ({"causal": False}, "use_causal_conv is True"),
        ({"sample_rate": 48_000}, "48000"),
    ],
)
def test_start_from_another_model_is_refused(recordings, tmp_path, other, told):
    Trainer(settings(recordings, run={"steps": 1}), tmp_path / "first").run()
    values = settings(recordings, model=SMALL["model"] | other).model_dump(mode="json")
    values["start_from"] = str(tmp_path / "first" / "model")
    with pytest.raises(ParameterError, match="is no start for the settings' model") as caught:
        Trainer(check_config(values), tmp_path / "second")
    assert told.replace("48000", "sampling_rate is 24000") in str(caught.value)


def test_start_from_weights_that_are_not_complete_is_refused(recordings, tmp_path):
    Trainer(settings(recordings, run={"steps": 1}), tmp_path / "first").run()
    path = tmp_path / "first" / "model" / "model.safetensors"
    tensors = load_file(path)
    del tensors[next(name for name in tensors if "decoder" in name)]
    save_file(tensors, path, metadata={"format": "pt"})
    values = settings(recordings).model_dump(mode="json")
    values["start_from"] = str(path.parent)
    with pytest.raises(CodecError, match="weights are missing"):
        Trainer(check_config(values), tmp_path / "second")


def test_nan_stops_the_run_and_is_named(recordings, tmp_path):
    config = settings(recordings, optimizer={"learning_rate": 1e30})
    with pytest.raises(CodecError, match=r"became NaN or infinite at step \d"):
        Trainer(config, tmp_path).run()
    # What was saved before is still there and whole.
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


def test_other_settings_in_the_folder_of_a_run_are_refused(recordings, tmp_path):
    Trainer(settings(recordings, run={"steps": 1}), tmp_path).run()
    for section in ({"losses": {"mel": 0.5}}, {"run": {"steps": 2, "seed": 1}}):
        with pytest.raises(ParameterError, match="has another " + next(iter(section))):
            Trainer(settings(recordings, quantizer={"start": 0}, **section), tmp_path)
    # More steps and another rate are no other run.
    longer = settings(recordings, run={"steps": 2}, optimizer={"learning_rate": 1e-4})
    assert Trainer(longer, tmp_path).run().first_step == 1


def test_two_processes_do_not_train_in_one_folder(recordings, tmp_path):
    first = Trainer(settings(recordings), tmp_path)
    second = Trainer(settings(recordings), tmp_path)
    refused = []

    def report(step, distances):
        with pytest.raises(ParameterError, match="another process trains in this folder") as caught:
            second.run()
        refused.append(caught)

    first.run(report)
    assert refused
    assert second.run().steps == 10


def test_weights_of_recordings_that_are_not_there(recordings, tmp_path):
    with pytest.raises(ParameterError, match=r"no recording's path matches 'music/\*'"):
        Trainer(settings(recordings, data={"weights": {"music/*": 2}}), tmp_path)


def test_a_crop_too_short_for_a_discriminator_is_told_before_anything_is_read(tmp_path):
    config = settings(tmp_path / "nowhere", adversary={"discriminators": ["ms-stft"], "start": 5}, data={"crop": 0.05})
    with pytest.raises(ParameterError, match=r"ms-stft.*window.*2048"):
        Trainer(config, tmp_path / "run")


def test_unreadable_settings_of_a_run_are_named(recordings, tmp_path):
    (tmp_path / "settings.yaml").write_text("a: [1")
    with pytest.raises(ParameterError, match=r"settings\.yaml: the run's settings cannot be read"):
        Trainer(settings(recordings), tmp_path)


def test_changed_recordings_are_noticed(recordings, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(4):
        soundfile.write(folder / f"{i}.wav", babble(24_000 * 4)[0], 24_000)
    Trainer(settings(folder, run={"steps": 1}), tmp_path / "run").run()
    soundfile.write(folder / "new.wav", babble(24_000)[0], 24_000)
    with pytest.raises(ParameterError, match="recordings have changed"):
        Trainer(settings(folder, run={"steps": 1}), tmp_path / "run")


def test_a_damaged_checkpoint_is_named(recordings, tmp_path):
    Trainer(settings(recordings, run={"steps": 1}), tmp_path).run()
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(CodecError, match=r"checkpoint\.pt.*cannot be read"):
        Trainer(settings(recordings, run={"steps": 1}), tmp_path)


def test_corrupt_files_are_skipped_and_listed(recordings, tmp_path):
    trainer = Trainer(settings(recordings), tmp_path)
    assert [path for path, _ in trainer.corpus.rejected] == ["broken.wav"]
    assert len(trainer.corpus.files) == 4


def test_a_folder_without_sound(tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    with pytest.raises(GibletError) as caught:
        Trainer(settings(tmp_path), tmp_path / "run")
    assert str(tmp_path) in str(caught.value)


def test_a_killed_run_leaves_a_codec_that_loads_and_goes_on(recordings, tmp_path):
    path = tmp_path / "settings.yaml"
    config = settings(recordings, run={"steps": 100_000, "checkpoint_every": 1})
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "giblet", "train", str(path), "-o", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    limit = time.monotonic() + 120
    while not any(step > 8 for step, _ in (losses(run) if (run / "log.csv").exists() else {})):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < limit
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert encode(load_codec(run / "model"), babble(24_000), 1.2).data.shape == (4, 75)
    resumed = Trainer(settings(recordings, run={"steps": 20}), run).run()
    assert 7 < resumed.first_step <= resumed.steps
