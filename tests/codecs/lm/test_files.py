"""Folders with a language model, some of them hostile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from fabricate import random_encodec
from safetensors.numpy import load_file, save_file

from giblet.codecs.lm import load_language_model, read_model, save_model
from giblet.codecs.weights import file_fingerprint
from giblet.errors import CodecError

FRAMES = np.random.default_rng(0).integers(0, 50, (3, 20))


@pytest.fixture
def folder(tmp_path, models):
    save_model(tmp_path / "m", models.SMALL, models.network().whole_numbers(), "some codec", "f" * 64, {"steps": 3})
    return tmp_path / "m"


def rewrite(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_a_model_comes_back_as_it_was(folder, models):
    model = read_model(folder, "f" * 64)
    assert model.fingerprint == models.own().fingerprint
    np.testing.assert_array_equal(model.start(3).intervals(FRAMES), models.own().start(3).intervals(FRAMES))
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}


def test_saving_again_replaces_it(folder, models):
    save_model(folder, models.SMALL, models.network(seed=1).whole_numbers(), "some codec", "f" * 64, {})
    assert read_model(folder).fingerprint == models.own(seed=1).fingerprint


def test_a_model_of_another_codec_is_refused(folder):
    with pytest.raises(CodecError, match="language model of the codec 'some codec' or of another version"):
        read_model(folder, "e" * 64)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "type None"),
        ("{}", "type None"),
        ("{", "damaged"),
        ("[" * 100_000, "damaged"),
        ("\udcff", "damaged"),
        ('{"model_type": "encodec"}', "type 'encodec'"),
        ('{"model_type": "giblet-language-model", "version": 2}', "another version"),
        ('{"model_type": "giblet-language-model", "version": 1}', "sizes that fit no model"),
    ],
    ids=range(8),
)
def test_a_config_of_something_else_is_an_error(folder, text, reason):
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CodecError, match=reason):
        read_model(folder)


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 0}, {"width": -1}, {"width": 1e9}, {"width": 10**30}, {"layers": 13}, {"n_entries": "50"},
        {"head": True}, {"n_codebooks": None}, {"more": 1},
        {"n_codebooks": 128, "n_entries": 32_768, "width": 4096},
    ],
    ids=str,
)  # fmt: skip
def test_sizes_are_not_believed(folder, sizes):
    shape = json.loads((folder / "config.json").read_text())["shape"]
    rewrite(folder, shape=shape | sizes)
    began = time.perf_counter()
    with pytest.raises(CodecError, match="sizes that fit no model"):
        read_model(folder)
    assert time.perf_counter() - began < 1


def test_sizes_that_the_weights_do_not_have_are_an_error(folder):
    shape = json.loads((folder / "config.json").read_text())["shape"]
    rewrite(folder, shape=shape | {"head": 4000, "channels": 4000, "width": 4000, "n_codebooks": 2})
    with pytest.raises(CodecError, match="do not fit"):
        read_model(folder)


def change(folder, **arrays):
    weights = load_file(folder / "model.safetensors") | arrays
    save_file({name: values for name, values in weights.items() if values is not None}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"start": None}, "do not fit, such as start"),
        ({"more": np.zeros(1, np.int8)}, "do not fit, such as more"),
        ({"start": np.zeros(13, np.int32)}, "do not fit, such as start"),
        ({"start": np.zeros(12, np.float32)}, "float32 and not int32"),
        ({"start": np.full(12, np.nan, np.float32)}, "float32 and not int32"),
        ({"time.scale": np.full(24, 2**31 - 1, np.int32)}, "too large for exact"),
        ({"input.scale": np.full(12, -(2**31), np.int32)}, "too large for exact"),
        (
            {"table.write": np.full((3, 8), 2**31 - 1, np.int32), "input.scale": np.full(12, 2**20, np.int32)},
            "too large for exact",
        ),
        ({"table.read": np.full((3, 8), -(2**31), np.int32)}, "too large for exact"),
    ],
    ids=range(9),
)
def test_weights_that_are_none_of_such_a_model_are_an_error(folder, arrays, reason):
    change(folder, **arrays)
    with pytest.raises(CodecError, match=reason) as caught:
        read_model(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("length", [0, 5, 100, 3000])
def test_truncated_weights_are_an_error(folder, length):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CodecError, match="cannot be read"):
        read_model(folder)


def test_what_is_not_there_is_an_error(folder, tmp_path):
    with pytest.raises(CodecError, match=r"has no config\.json"):
        read_model(tmp_path / "nothing")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CodecError, match="cannot be read"):
        read_model(folder)


def test_the_model_in_a_codecs_folder_is_found(tmp_path, models):
    codec = tmp_path / "codec"
    random_encodec(num_filters=2, hidden_size=8).save_pretrained(codec)
    with pytest.raises(CodecError, match="codec codec has no language model"):
        load_language_model(codec)
    from giblet.codecs import find_codec

    arrays = models.network().whole_numbers()
    save_model(codec / "lm", models.SMALL, arrays, "codec", file_fingerprint(find_codec(codec)), {})
    assert load_language_model(codec).fingerprint == models.own().fingerprint
    shutil.move(codec / "lm", tmp_path / "elsewhere")
    assert load_language_model(codec, tmp_path / "elsewhere").fingerprint == models.own().fingerprint
    save_model(codec / "lm", models.SMALL, arrays, "codec", "0" * 64, {})
    with pytest.raises(CodecError, match="or of another version of it"):
        load_language_model(codec)


def test_our_models_need_no_torch(folder):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from giblet.codecs.lm import read_model\n"
        "read_model(Path(sys.argv[1])).start(2).cdf([])\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
