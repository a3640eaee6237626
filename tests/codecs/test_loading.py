"""Finding and loading codecs, and what is said when that fails."""

from __future__ import annotations

import json
import shutil
import socket

import numpy as np
import pytest
import torch
from fabricate import random_encodec

from giblet.codecs import check_codes, find_codec, load_codec
from giblet.codecs.loading import check_device
from giblet.errors import CodecError, ParameterError


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "a codec"
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("kbps", "books"), [(1.5, 2), (3, 4), (6, 8), (12, 16), (24, 32)])
def test_bandwidths_of_the_24_khz_model(saved, kbps, books):
    assert find_codec(saved).n_codebooks(kbps) == books


def test_a_saved_folder_loads(saved):
    codec = load_codec(saved, "cpu")
    assert (codec.name, codec.layout.sample_rate, codec.layout.hop, codec.channels) == ("a codec", 24_000, 320, 1)
    assert codec.codebooks(4).shape == (4, 1024, 8)


def test_the_fingerprint_is_of_the_weights_and_not_of_the_file(saved, tmp_path):
    codec = load_codec(saved, "cpu")
    from transformers import EncodecModel

    model = EncodecModel.from_pretrained(saved)
    model.save_pretrained(tmp_path / "again", max_shard_size="100GB")
    assert load_codec(tmp_path / "again", "cpu").fingerprint == codec.fingerprint
    change(tmp_path / "again", pad_mode="constant")
    assert load_codec(tmp_path / "again", "cpu").fingerprint != codec.fingerprint
    with torch.no_grad():
        model.encoder.layers[0].conv.bias[0] += 1e-3
    assert load_codec(model, "cpu").fingerprint != codec.fingerprint


def test_tiny_is_small_and_offers_its_bandwidths(tiny):
    spec = find_codec("tiny")
    assert spec.bandwidths == (1.5, 3.0, 6.0, 12.0)
    assert sum(file.stat().st_size for file in spec.folder.iterdir()) < 6_000_000


def test_loading_prints_nothing(capfd):
    load_codec("tiny", "cpu")
    assert capfd.readouterr() == ("", "")


def test_a_codec_that_cannot_be_had_names_three_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CodecError, match="network.*folder.*tiny"):
        load_codec("someone/no-such-codec")


def test_a_codec_in_the_local_cache_needs_no_network(monkeypatch, tmp_path, saved):
    # The layout that the hub's client keeps its downloads in.
    cached = tmp_path / "models--some--codec"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    shutil.copytree(saved, cached / "snapshots" / ("0" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    import huggingface_hub

    found = huggingface_hub.try_to_load_from_cache("some/codec", "model.safetensors", cache_dir=tmp_path)
    assert isinstance(found, str)
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache",
        lambda name, file, original=huggingface_hub.try_to_load_from_cache: original(name, file, cache_dir=tmp_path),
    )  # fmt: skip
    assert load_codec("some/codec", "cpu").name == "some/codec"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "cannot be read"),
        (lambda f: (f / "config.json").write_text('{"model_type": "dac"}'), "type 'dac'"),
        (lambda f: (f / "config.json").write_text("[]"), "type None"),
        (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\0" * 50), "weights cannot be read"),
        (lambda f: change(f, upsampling_ratios="x"), "fit no EnCodec"),
        (lambda f: change(f, codebook_size=0), "fit no EnCodec"),
        (lambda f: forget(f, "encoder.layers.0.conv.bias"), "1 weights are missing or misshapen"),
        (lambda f: change(f, num_filters=4), "weights"),
    ],
)  # fmt: skip
def test_damaged_folders_are_told_apart(saved, damage, message):
    damage(saved)
    with pytest.raises(CodecError, match=message):
        load_codec(saved, "cpu")


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def forget(folder, name):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    save_file({key: value for key, value in tensors.items() if key != name}, folder / "model.safetensors")


def test_a_pickle_in_place_of_weights_is_never_run(saved, tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    (saved / "model.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CodecError):
        load_codec(saved, "cpu")
    assert not (tmp_path / "trapped").exists()


def test_untrained_codebooks_are_refused():
    from transformers import EncodecConfig, EncodecModel

    with pytest.raises(CodecError, match="codebooks .* are zero"):
        load_codec(EncodecModel(EncodecConfig(num_filters=2, hidden_size=8)), "cpu")


def test_wrong_bandwidth_device_and_object(tiny):
    with pytest.raises(CodecError, match="no bandwidth of 24 kbps; choose one of 1.5, 3, 6, 12"):
        tiny.encoder(24.0)
    for name in ("warp", "cuda:x", "cuda:", "CPU", ""):
        with pytest.raises(ParameterError, match="no device .*use auto, cpu, cuda, cuda:N"):
            load_codec("tiny", name)
    with pytest.raises(CodecError, match="is no codec"):
        load_codec(3)


@pytest.mark.parametrize("name", ["./not", "../not", "~/not", "/not/there", "not/there/", "not/even/there", "here/not"])
def test_a_mistyped_folder_is_not_looked_for_on_the_hub(monkeypatch, tmp_path, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CodecError, match=f"{name}: there is no such folder"):
        find_codec(name)


def test_names_that_can_be_none_are_explained():
    for name, message in [
        ("tinny", "no built-in codec and no folder 'tinny'"),
        ("./" + "x" * 300, "File name too long"),
        ("~nobody-of-this-name/codec", "cannot be looked for"),
    ]:
        with pytest.raises(CodecError, match=message):
            find_codec(name)


def test_cuda_is_refused_without_torch_where_that_was_installed_without(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.9.0+cpu")
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ParameterError, match="installed without CUDA; use auto or cpu"):
            check_device(name)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.9.0")
    for name in ("auto", "cpu", "cuda", "cuda:12", "mps"):
        check_device(name)


def test_codes_from_outside_are_checked():
    good = np.arange(8).reshape(2, 4)
    assert check_codes(good, 1024, 4, "c").dtype == np.int16
    for bad, message in [
        (good + 1020, "code 1027 is outside 0…1023"),
        (good - 1, "code -1"),
        (good / 2, "float64"),
        (np.zeros((5, 3), int), "5 codebooks"),
    ]:
        with pytest.raises(CodecError, match=message):
            check_codes(bad, 1024, 4, "c")
