"""Files of weights, read without torch."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from fabricate import STEREO_CONFIG, random_encodec
from safetensors.numpy import load_file, save_file

from giblet.codecs import find_codec, load_codec
from giblet.codecs.weights import digest, file_fingerprint, weight_shapes
from giblet.errors import CodecError

SMALL = {"num_filters": 2, "hidden_size": 8}


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "codec"
    random_encodec(**SMALL).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("config", [SMALL, SMALL | {"pad_mode": "constant"}, STEREO_CONFIG])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_the_file_tells_the_fingerprint_of_the_loaded_codec(tmp_path, config, dtype):
    import torch

    random_encodec(**config).to(getattr(torch, dtype)).save_pretrained(tmp_path)
    assert file_fingerprint(find_codec(tmp_path)) == load_codec(tmp_path, "cpu").fingerprint


def test_so_it_does_for_files_from_before_weights_were_parametrized(saved):
    weights = load_file(saved / "model.safetensors")
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): values
        for name, values in weights.items()
    }
    assert old.keys() != weights.keys()
    fingerprint = load_codec(saved, "cpu").fingerprint
    save_file(old, saved / "model.safetensors", {"format": "pt"})
    assert file_fingerprint(find_codec(saved)) == fingerprint == load_codec(saved, "cpu").fingerprint


def test_so_it_does_for_tiny_without_torch(tiny):
    code = (
        "import sys\n"
        "from giblet.codecs.catalog import find_codec\n"
        "from giblet.codecs.weights import file_fingerprint\n"
        "print(file_fingerprint(find_codec('tiny')), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tiny.fingerprint} False\n"


def test_any_weight_changes_it_and_what_only_training_uses_does_not(saved):
    before = file_fingerprint(find_codec(saved))
    weights = load_file(saved / "model.safetensors")
    weights["quantizer.layers.0.codebook.cluster_size"] += 1
    save_file(weights, saved / "model.safetensors", {"format": "pt"})
    assert file_fingerprint(find_codec(saved)) == before
    weights["encoder.layers.0.conv.bias"][0] += 1e-3
    save_file(weights, saved / "model.safetensors", {"format": "pt"})
    assert file_fingerprint(find_codec(saved)) != before


def test_files_that_only_loading_can_tell_have_none(saved):
    import torch
    from safetensors.torch import save_file as save_tensors

    from giblet.codecs.encodec.spec import EncodecSpec

    tensors = {"a": torch.zeros(3, dtype=torch.bfloat16)}
    save_tensors(tensors, saved / "model.safetensors")
    assert file_fingerprint(find_codec(saved)) is None
    shutil.move(saved / "model.safetensors", saved / "pytorch_model.bin")
    assert file_fingerprint(find_codec(saved)) is None
    assert file_fingerprint(EncodecSpec("in memory", None, None, {})) is None


def test_the_digest_is_that_of_the_loaded_model(stereo_model, stereo):
    tensors = ((name, tensor.numpy()) for name, tensor in sorted(stereo_model.state_dict().items()))
    assert digest(stereo_model.config.to_dict(), tensors) == stereo.fingerprint


def test_shapes_come_from_the_header(saved):
    assert weight_shapes(saved / "model.safetensors")["quantizer.layers.3.codebook.embed"] == (1024, 8)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"\0" * 50,
        lambda data: data[:4],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"[" + data[9:],
        lambda data: data.replace(b'"data_offsets":[0,', b'"data_offsets":[4,', 1),
    ],
)
def test_a_damaged_file_is_refused_before_it_is_loaded(saved, damage):
    weights = saved / "model.safetensors"
    data = weights.read_bytes()
    assert damage(data) != data
    weights.write_bytes(damage(data))
    with pytest.raises(CodecError, match=r"weights cannot be read \(.+\); save or download"):
        find_codec(saved)
