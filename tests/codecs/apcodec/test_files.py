"""Folders of APCodec: giblet's, and those of its authors."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from fabricate import babble, random_apcodec
from torch.nn import functional

from giblet.codecs import encode, find_codec, load_codec
from giblet.codecs.apcodec.checkpoints import load_model, original_name, save_model
from giblet.codecs.weights import file_fingerprint
from giblet.errors import CodecError

# What stands in the authors' config.json.
ORIGINAL = {
    "input_training_wav_list": "train.scp", "input_validation_wav_list": "valid.scp", "test_input_wavs_dir": "in",
    "test_wav_output_dir": "out", "batch_size": 16, "learning_rate": 0.0002, "adam_b1": 0.8, "adam_b2": 0.99,
    "lr_decay": 0.999, "seed": 1234, "training_epochs": 3100, "stdout_interval": 5, "checkpoint_interval": 5000,
    "summary_interval": 100, "validation_interval": 5000, "checkpoint_path": "cp_Encoder_Decoder",
    "checkpoint_file_load_Encoder": "cp_Encoder_Decoder/encoder_01000000",
    "checkpoint_file_load_Decoder": "cp_Encoder_Decoder/decoder_01000000",
    **{f"{a}_{b}_channel": 256 for a in ("AMP", "PHA") for b in ("Encoder", "Decoder")},
    **{f"{a}_{b}_resblock_kernel_sizes": [3, 7, 11] for a in ("AMP", "PHA") for b in ("Encoder", "Decoder")},
    **{f"{a}_{b}_resblock_dilation_sizes": [[1, 3, 5]] * 3 for a in ("AMP", "PHA") for b in ("Encoder", "Decoder")},
    **{f"{a}_Encoder_{b}_kernel_size": 7 for a in ("AMP", "PHA") for b in ("input_conv", "output_downconv")},
    **{f"{a}_Decoder_input_upconv_kernel_size": 16 for a in ("AMP", "PHA")},
    "AMP_Decoder_output_conv_kernel_size": 7, "PHA_Decoder_output_R_conv_kernel_size": 7,
    "PHA_Decoder_output_I_conv_kernel_size": 7, "latent_output_conv_kernel_size": 7, "latent_input_conv_kernel_size": 7,
    "ratio": 8, "latent_dim": 32, "segment_size": 7960, "num_mels": 80, "n_fft": 1024, "hop_size": 40, "win_size": 320,
    "num_mels_for_loss": 80, "sampling_rate": 48000, "num_workers": 4,
}  # fmt: skip
AUTHORS = {
    "width": 256, "depth": 8, "inner": 512, "reduced": 128, "latent_dim": 32, "codebook_dim": 32, "codebook_size": 1024,
}  # fmt: skip


@pytest.fixture(scope="module")
def large():
    return random_apcodec(**AUTHORS)


def authors_folder(folder, model, config=ORIGINAL, place="cp_Encoder_Decoder"):
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    weights = {original_name(name): value for name, value in model.state_dict().items()}
    for part in ("encoder", "decoder"):
        mine = {name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(part)}
        torch.save({part: mine}, folder / place / f"{part}_01000000")
    return folder


def hollow_folder(folder, config, place="cp_Encoder_Decoder"):
    """Make the same with checkpoints that hold nothing."""
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    for part in ("encoder", "decoder"):
        (folder / place / f"{part}_01000000").touch()
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory, large):
    return authors_folder(tmp_path_factory.mktemp("APCodec"), large)


@pytest.fixture
def saved(tmp_path, networks):
    save_model(networks, tmp_path / "mine")
    return tmp_path / "mine"


def authors_forward(weights, sound):
    """The authors' networks by their weights' own names, written anew with plain functions."""

    def conv(part, name, x, **more):
        weight = weights[part].get(f"{name}.weight")
        if weight is None:
            v = weights[part][f"{name}.weight_v"]
            weight = weights[part][f"{name}.weight_g"] * v / v.flatten(1).norm(dim=1)[:, None, None]
        return functional.conv1d(x, weight, weights[part][f"{name}.bias"], **more)

    def linear(part, name, x):
        return functional.linear(x, weights[part][f"{name}.weight"], weights[part][f"{name}.bias"])

    def norm(part, name, x):
        return functional.layer_norm(
            x, x.shape[-1:], weights[part][f"{name}.weight"], weights[part][f"{name}.bias"], 1e-6
        )

    def branch(part, name, x):
        x = norm(part, f"norm_{name}", conv(part, f"embed_{name}", x, padding=3).mT).mT
        for i in range(8):
            block = f"convnext_{name}.{i}"
            y = norm(part, f"{block}.norm", conv(part, f"{block}.dwconv", x, padding=3, groups=256).mT)
            y = functional.gelu(linear(part, f"{block}.pwconv1", y))
            length = y.square().sum(1, keepdim=True).sqrt()
            y = weights[part][f"{block}.grn.gamma"] * y * length / (length.mean(-1, keepdim=True) + 1e-6) + (
                weights[part][f"{block}.grn.beta"] + y
            )
            x = x + linear(part, f"{block}.pwconv2", y).mT
        return linear(part, f"out_{name}", norm(part, f"final_layer_norm_{name}", x.mT)).mT

    window = torch.hann_window(320)
    seen = torch.stft(sound, 1024, 40, 320, window, center=True, return_complex=True)
    inputs = {"logamp": torch.log(seen.abs() + 1e-5), "pha": torch.atan2(seen.imag, seen.real)}
    tags = {"logamp": "AMP", "pha": "PHA"}
    both = [
        conv("encoder", f"{tags[name]}_Encoder_downsample_output_conv", branch("encoder", name, x), stride=8, padding=3)
        for name, x in inputs.items()
    ]
    left = conv("encoder", "latent_output_conv", torch.cat(both, 1), padding=3)
    codes, total = [], 0
    for q in range(4):
        name = f"quantizer.quantizers.{q}"
        book = weights["encoder"][f"{name}.codebook.weight"]
        given = functional.normalize(conv("encoder", f"{name}.in_proj", left), dim=1)
        codes.append(torch.cdist(given.mT, functional.normalize(book)[None]).argmin(-1))
        part = conv("encoder", f"{name}.out_proj", book[codes[-1]].mT)
        left, total = left - part, total + part
    x = conv("decoder", "latent_input_conv", total, padding=3)
    out = {}
    for name, tag in tags.items():
        up, v = f"{tag}_Decoder_upsample_input_conv", weights["decoder"][f"{tag}_Decoder_upsample_input_conv.weight_v"]
        weight = weights["decoder"][f"{up}.weight_g"] * v / v.flatten(1).norm(dim=1)[:, None, None]
        y = functional.conv_transpose1d(x, weight, weights["decoder"][f"{up}.bias"], stride=8, padding=4)
        out[name] = branch("decoder", name, y)
    amplitude = conv("decoder", "AMP_Decoder_output_conv", out["logamp"], padding=3).exp()
    real, imaginary = (conv("decoder", f"PHA_Decoder_output_{p}_conv", out["pha"], padding=3) for p in "RI")
    phase = torch.atan2(imaginary, real)
    spectrum = torch.complex(amplitude * phase.cos(), amplitude * phase.sin())
    return torch.stack(codes, 1), torch.istft(spectrum, 1024, 40, 320, window, center=True)


@torch.no_grad()
def test_the_authors_files_do_what_their_program_does(original, large):
    sound = torch.from_numpy(babble(9_700))
    weights = {
        part: torch.load(original / "cp_Encoder_Decoder" / f"{part}_01000000", weights_only=True)[part]
        for part in ("encoder", "decoder")
    }
    codes, heard = authors_forward(weights, sound)
    model = load_model(find_codec(original))
    found = model.encode(sound)
    assert found.shape == codes.shape == (1, 4, 31)
    assert (found == codes).float().mean() > 0.99
    assert heard.shape == (1, 31 * 320 - 40)
    mine = model.decode(codes)[:, : heard.shape[1]]
    assert 10 * torch.log10(heard.square().mean() / (heard - mine).square().mean()) > 60


def test_they_hold_every_weight_under_the_authors_names(original, large):
    names = {original_name(name) for name in large.state_dict()}
    assert len(names) == len(large.state_dict())
    for name in (
        "encoder.convnext_logamp.7.grn.gamma", "encoder.PHA_Encoder_downsample_output_conv.weight_g",
        "encoder.quantizer.quantizers.3.codebook.weight", "encoder.quantizer.quantizers.0.in_proj.weight_v",
        "decoder.final_layer_norm_pha.bias", "decoder.out_logamp.weight", "decoder.norm_logamp.weight",
        "decoder.AMP_Decoder_upsample_input_conv.weight_v", "decoder.convnext_pha.0.pwconv2.bias",
    ):  # fmt: skip
        assert name in names
    loaded = load_model(find_codec(original)).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in large.state_dict().items())


def test_both_kinds_of_folder_are_one_codec(original, large, tmp_path):
    save_model(large, tmp_path)
    codec = load_codec(original, "cpu")
    assert codec.fingerprint == load_codec(tmp_path, "cpu").fingerprint == file_fingerprint(find_codec(tmp_path))
    assert file_fingerprint(find_codec(original)) is None
    assert (codec.layout.sample_rate, codec.layout.hop, codec.bandwidths, codec.n_codebooks()) == (
        48_000,
        320,
        (6.0,),
        4,
    )


def test_a_saved_folder_loads(saved, networks, codec):
    loaded = load_codec(saved, "cpu")
    assert (loaded.name, loaded.source) == ("mine", str(saved))
    assert loaded.fingerprint == codec.fingerprint == file_fingerprint(find_codec(saved))
    assert (encode(loaded, babble(4000), 3.6).data == encode(codec, babble(4000), 3.6).data).all()
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_half_precision_is_enough_to_store(saved, networks):
    from safetensors.torch import load_file, save_file

    weights = load_file(saved / "model.safetensors")
    save_file({name: value.half() for name, value in weights.items()}, saved / "model.safetensors", {"format": "pt"})
    assert load_codec(saved, "cpu").fingerprint == file_fingerprint(find_codec(saved))


def test_a_codec_offers_what_it_was_trained_for(tmp_path, networks):
    save_model(networks, tmp_path, bandwidths=(0.9, 3.6))
    assert find_codec(tmp_path).bandwidths == (0.9, 3.6)
    assert [find_codec(tmp_path).n_codebooks(kbps) for kbps in (0.9, 3.6, None)] == [1, 4, 4]
    codec = load_codec(tmp_path, "cpu")
    assert encode(codec, babble(4000), 0.9).data.shape == (1, 13)


def test_keys_that_mean_nothing_are_named_once(tmp_path, caplog):
    folder = hollow_folder(tmp_path, ORIGINAL | {"resblock": 1})
    with caplog.at_level(logging.WARNING, "giblet"):
        spec, _ = find_codec(folder), find_codec(folder)
    assert len(caplog.messages) == len(spec.notes) == 2
    dead, unknown = spec.notes
    assert re.search("change nothing.*AMP_Decoder_resblock_dilation_sizes.*PHA_Encoder_input_conv_kernel_size", dead)
    assert unknown.endswith("passed over: resblock")
    assert "batch_size" not in dead + unknown


@pytest.mark.parametrize("place", [".", "cp_Encoder_Decoder", "elsewhere"])
def test_checkpoints_are_found_where_they_lie(tmp_path, place):
    config = dict(ORIGINAL)
    if place == "elsewhere":
        config |= {
            f"checkpoint_file_load_{part.title()}": f"elsewhere/{part}_01000000" for part in ("encoder", "decoder")
        }
    folder = hollow_folder(tmp_path, config, place)
    assert [path.name for path in find_codec(folder).weight_files] == ["encoder_01000000", "decoder_01000000"]


def test_the_newest_checkpoints_count_where_none_is_named(tmp_path):
    config = {key: value for key, value in ORIGINAL.items() if "checkpoint" not in key}
    folder = hollow_folder(tmp_path, config, ".")
    for part in ("encoder", "decoder"):
        (folder / f"{part}_01005000").touch()
    assert [path.name for path in find_codec(folder).weight_files] == ["encoder_01005000", "decoder_01005000"]


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: change(f, width=17), "misshapen or unknown"),
        (lambda f: change(f, kernel=4), "fits no APCodec: kernel is even"),
        (lambda f: change(f, bandwidths=[2.0]), "bandwidths are .2.0.; list some of 0.9, 1.8, 2.7, 3.6"),
        (lambda f: change(f, bandwidths="x"), "bandwidths are 'x'"),
        (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\0" * 50), "weights cannot be read"),
    ],
)
def test_damaged_folders(saved, damage, message):
    damage(saved)
    with pytest.raises(CodecError, match=message):
        load_codec(saved, "cpu")


class Trap:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return (open, (self.place, "w"))


def place_of(folder, part="encoder"):
    """Return where a checkpoint lay."""
    place = folder / "cp_Encoder_Decoder" / f"{part}_01000000"
    place.unlink()
    return place


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: place_of(f), "no checkpoint of the encoder; put encoder_XXXXXXXX beside config.json"),
        (lambda f: place_of(f, "decoder"), "no checkpoint of the decoder"),
        (lambda f: place_of(f).write_bytes(b"x" * 99), "encoder_01000000: the weights cannot be read"),
        (lambda f: place_of(f).write_bytes(pickle.dumps(Trap(str(f / "trapped")), 2)), "the weights cannot be read"),
        (lambda f: torch.save({"generator": {}}, place_of(f)), "no weights of an APCodec's encoder"),
        (lambda f: torch.save({"encoder": {"x": 1}}, place_of(f)), "no weights of an APCodec's encoder"),
        (lambda f: torch.save({"encoder": {}}, place_of(f)), r"\d+ weights are missing.*AMP_Encoder_downsample"),
        (lambda f: change(f, n_fft=512), "misshapen or unknown"),
        (lambda f: change(f, PHA_Encoder_channel=128), "PHA_Encoder_channel is 128; giblet knows"),
        (lambda f: change(f, AMP_Decoder_input_upconv_kernel_size=8), "AMP_Decoder_input_upconv_kernel_size is 8"),
        (lambda f: change(f, latent_dim="x"), "latent_dim is 'x'"),
        (lambda f: change(f, ratio=None), "ratio"),
        (lambda f: (f / "config.json").write_text('{"AMP_Encoder_channel": 256}'), "is missing; give the config"),
    ],
)
def test_damaged_checkpoints(tmp_path, original, damage, message):
    folder = tmp_path / "APCodec"
    shutil.copytree(original, folder, copy_function=os.link)
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(ORIGINAL))
    damage(folder)
    with pytest.raises(CodecError, match=message):
        load_codec(folder, "cpu")
    assert not (folder / "trapped").exists()


def test_an_encodec_is_no_apcodec(saved):
    from giblet.codecs.loading import load_model as load_encodec

    with pytest.raises(CodecError, match="model of type 'apcodec'; name a folder with an EnCodec"):
        load_encodec(find_codec(saved))
    assert not np.isnan(load_codec(saved, "cpu").codebooks()).any()
