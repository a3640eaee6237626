"""The config.json of APCodec's authors: what it asks for, what it gets wrong, and a run of it."""

from __future__ import annotations

import json

import pytest
import soundfile
from fabricate import babble

from giblet.errors import GibletError
from giblet.training.configfile import read_config
from giblet.training.recordings import read_list

BRANCHES = {
    f"{tag}_{part}": value
    for tag in ("AMP", "PHA")
    for part, value in {
        "Encoder_channel": 256, "Encoder_resblock_kernel_sizes": [3, 7, 11], "Encoder_input_conv_kernel_size": 7,
        "Encoder_resblock_dilation_sizes": [[1, 3, 5]], "Encoder_output_downconv_kernel_size": 7,
        "Decoder_channel": 256, "Decoder_resblock_kernel_sizes": [3, 7, 11], "Decoder_input_upconv_kernel_size": 16,
        "Decoder_resblock_dilation_sizes": [[1, 3, 5]],
    }.items()
}  # fmt: skip
ORIGINAL = {
    "input_training_wav_list": "train.scp", "input_validation_wav_list": "valid.scp", "test_input_wavs_dir": "test",
    "test_wav_output_dir": "output", "batch_size": 2, "learning_rate": 2e-4, "adam_b1": 0.8, "adam_b2": 0.99,
    "lr_decay": 0.999, "seed": 1234, "training_epochs": 3100, "stdout_interval": 5, "checkpoint_interval": 5000,
    "summary_interval": 100, "validation_interval": 4000, "checkpoint_path": "cp",
    "checkpoint_file_load_Encoder": "cp/encoder_01000000", "checkpoint_file_load_Decoder": "cp/decoder_01000000",
    **BRANCHES, "AMP_Decoder_output_conv_kernel_size": 7, "PHA_Decoder_output_R_conv_kernel_size": 7,
    "PHA_Decoder_output_I_conv_kernel_size": 7, "latent_output_conv_kernel_size": 7, "latent_input_conv_kernel_size": 7,
    "ratio": 8, "latent_dim": 32, "segment_size": 7960, "num_mels": 80, "n_fft": 1024, "hop_size": 40, "win_size": 320,
    "num_mels_for_loss": 80, "sampling_rate": 48000, "num_workers": 4,
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    (tmp_path / "sound").mkdir()
    for i in range(6):
        soundfile.write(tmp_path / "sound" / f"{i}.wav", babble(48_000 + 9_000 * i)[0], 48_000)
    (tmp_path / "train.scp").write_text("".join(f"{tmp_path}/sound/{i}.wav\r\n" for i in range(5)) + "\n")
    (tmp_path / "valid.scp").write_text("sound/5.wav")
    return tmp_path


@pytest.fixture
def config(place):
    def config(**values):
        # With tabs, as JSON may have and YAML not.
        (place / "config.json").write_text(json.dumps(ORIGINAL | values, indent="\t"))
        return place / "config.json"

    return config


def test_every_key_has_its_setting(config, place):
    found = read_config(config())
    assert (found.data.files, found.data.validation_files) == (place / "train.scp", place / "valid.scp")
    assert (found.data.batch, found.crop_samples, found.data.draw, found.data.loudness) == (2, 7960, "files", None)
    optimizer = found.optimizer
    assert (optimizer.learning_rate, optimizer.betas, optimizer.weight_decay) == (2e-4, (0.8, 0.99), 0.01)
    # Five files make two batches of two.
    assert (optimizer.gamma, optimizer.epoch, found.run.steps) == (0.999, 2, 6200)
    run = found.run
    assert (run.seed, run.checkpoint_every, run.validate_every, run.log_every) == (1234, 5000, 4000, 100)
    assert run.folder == place / "cp"
    assert found.model.sizes.to_dict() | {"width": 256, "depth": 8, "latent_dim": 32} == found.model.sizes.to_dict()
    assert found.adversary.discriminators == ("multi-period", "multi-resolution")
    assert found.original_checkpoints
    assert found.start_from is None


def test_keys_without_a_use_are_named_in_a_warning(config, caplog):
    read_config(config(dropout=0.1))
    told = "\n".join(caplog.messages)
    for key in ("PHA_Decoder_resblock_kernel_sizes", "dropout", "num_workers", "stdout_interval"):
        assert key in told
    assert "lr_decay" not in told


def test_newer_checkpoints_are_gone_on_from(config, place):
    (place / "cp").mkdir()
    for part in ("encoder", "decoder", "do"):
        (place / "cp" / f"{part}_00000005").write_bytes(b"")
    assert read_config(config()).start_from == str(place / "cp")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"input_training_wav_list": "nowhere.scp"}, "nowhere.scp: the list of recordings cannot be read"),
        ({"input_validation_wav_list": "bad.scp"}, "bad.scp: lists a.wav and 1 more files, not to be found"),
        ({"input_validation_wav_list": "empty.scp"}, "empty.scp: lists no recordings"),
        ({"input_training_wav_list": "sound/1.wav"}, "1.wav: the list of recordings is no text"),
        ({"input_training_wav_list": 3}, "input_training_wav_list is 3"),
        ({"segment_size": 8000}, "segment_size is 8000.*such as 7960"),
        ({"num_mels": 64}, "num_mels is 64 and num_mels_for_loss 80"),
        ({"batch_size": "2"}, "batch_size is '2'"),
        ({"PHA_Encoder_channel": 128}, "PHA_Encoder_channel is 128"),
        ({"lr_decay": 1.5}, "optimizer.gamma is 1.5"),
        ({"batch_size": 0}, "data.batch is 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(config, place, values, told):
    (place / "bad.scp").write_text("a.wav\nb.wav\nsound/1.wav\n")
    (place / "empty.scp").write_text("\n")
    with pytest.raises(GibletError, match=told) as caught:
        read_config(config(**values))
    assert "\n" not in str(caught.value)


def test_a_key_is_missing(place):
    values = {key: value for key, value in ORIGINAL.items() if key != "lr_decay"}
    (place / "config.json").write_text(json.dumps(values))
    with pytest.raises(GibletError, match=r"config\.json: lr_decay is missing"):
        read_config(place / "config.json")


def test_json_that_is_none_is_refused(place):
    (place / "config.json").write_text('{\n"seed": }')
    with pytest.raises(GibletError, match=r"config\.json: the settings are no JSON in line 2"):
        read_config(place / "config.json")


def test_a_list_is_seen_from_the_working_directory_first(place, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    monkeypatch.chdir(other)
    assert read_list(place / "valid.scp") == (place / "sound" / "5.wav",)
    (other / "sound").mkdir()
    (other / "sound" / "5.wav").write_bytes(b"")
    assert read_list(place / "valid.scp") == (other / "sound" / "5.wav",)


def test_their_command_trains(config, place, capsys, monkeypatch):
    from giblet.cli import app

    small = [
        "model.width=8", "model.inner=8", "model.depth=1", "model.n_fft=320", "model.hop=160", "model.ratio=2",
        "original_checkpoints=false", "run.steps=2", "run.threads=1",
        "adversary.sizes={multi-period: {width: 1}, multi-resolution: {width: 1, resolutions: [[128, 64, 128]]}}",
    ]  # fmt: skip
    words = ["train", str(config()), "--json", *(word for name in small for word in ("--set", name))]
    app.app(words, standalone_mode=False)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["steps"], told["files"]) == (2, 5)
    assert told["model"] == str(place / "cp" / "model")
    assert told["losses"].keys() == told["first_losses"].keys() >= {"phase", "codebook", "feature_matching"}
