"""Models found by folder and by name, and what is said of those that cannot be had."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from giblet.errors import ModelError, ParameterError
from giblet.features.models import find_model, load_model

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def copied(model, tmp_path):
    """A model of pictures that a test may damage."""
    return Path(shutil.copytree(model("vit"), tmp_path / "vit"))


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_tells_what_it_holds(model):
    spec = find_model(model("whisper"))
    assert (spec.name, spec.model_type, spec.n_layers, spec.hidden_size) == ("whisper", "whisper", 3, 16)
    assert spec.weights == (model("whisper") / "model.safetensors",)
    assert spec.revision is None
    assert len(spec.fingerprint()) == 64


def test_of_several_encoders_one_is_meant(model):
    spec = find_model(model("clip"))
    assert spec.part("vision_config").n_layers == 3
    assert spec.part("audio_config") is spec


def test_what_a_configuration_leaves_out_comes_from_transformers(copied):
    (copied / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    spec = find_model(copied)
    assert spec.said_layers is None
    assert (spec.n_layers, spec.hidden_size) == (12, 768)
    (copied / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": {}}))
    assert find_model(copied).part("vision_config").hidden_size == 768
    (copied / "config.json").write_text(json.dumps({"model_type": "nothing known"}))
    with pytest.raises(ModelError, match="does not say how many layers"):
        _ = find_model(copied).n_layers


def test_the_fingerprint_is_that_of_all_that_values_depend_on(copied):
    first = find_model(copied).fingerprint("preprocessor_config.json", "absent.json")
    assert find_model(copied).fingerprint("preprocessor_config.json") == first
    change_json(copied / "preprocessor_config.json", image_mean=[0.1, 0.2, 0.3])
    second = find_model(copied).fingerprint("preprocessor_config.json")
    weights = load_file(copied / "model.safetensors")
    weights["vit.embeddings.cls_token"] += 1e-3
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    third = find_model(copied).fingerprint("preprocessor_config.json")
    change_json(copied / "config.json", layer_norm_eps=1e-3)
    fourth = find_model(copied).fingerprint("preprocessor_config.json")
    assert len({first, second, third, fourth}) == 4


def test_weights_spread_over_files_are_one_model(model, tmp_path):
    whole = load_model(find_model(model("hubert")), "cpu")
    whole.save_pretrained(tmp_path, max_shard_size="20kB")
    spec = find_model(tmp_path)
    assert len(spec.weights) > 1
    loaded = load_model(spec, "cpu").state_dict()
    assert all((loaded[name] == values).all() for name, values in whole.state_dict().items())
    spec.weights[1].unlink()
    with pytest.raises(ModelError, match=f"has no {spec.weights[1].name}; save or download"):
        find_model(tmp_path)


def test_an_index_leads_nowhere_else(copied):
    (copied / "model.safetensors").unlink()
    index = copied / "model.safetensors.index.json"
    for spread in ({"a": "../model.safetensors"}, {}, [], {"a": 1}, None):
        index.write_text(json.dumps({"weight_map": spread}))
        with pytest.raises(ModelError, match="names no files of weights"):
            find_model(copied)


def test_old_files_load_and_run_nothing(copied, tmp_path):
    import torch

    whole = load_model(find_model(copied), "cpu")
    weights = copied / "model.safetensors"
    torch.save(whole.state_dict(), copied / "pytorch_model.bin")
    weights.unlink()
    loaded = load_model(find_model(copied), "cpu").state_dict()
    assert all((loaded[name] == values).all() for name, values in whole.state_dict().items() if "pooler" not in name)

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was run"),)

    (copied / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Hostile()}, 2))
    with pytest.raises(ModelError, match=r"vit: the weights cannot be read \(\w+\); save or download the model again"):
        load_model(find_model(copied), "cpu")
    torch.save({"a": Hostile()}, copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match="weights cannot be read"):
        load_model(find_model(copied), "cpu")
    assert not (tmp_path / "was run").exists()


def test_old_files_of_normed_weights_load(model, tmp_path):
    """As those of HuBERT and WavLM on the hub, which name the two parts of a normed weight as torch once did."""
    import torch

    folder = Path(shutil.copytree(model("wavlm"), tmp_path / "wavlm"))
    whole = load_model(find_model(folder), "cpu").state_dict()
    head = "encoder.pos_conv_embed.conv."
    named = {f"{head}parametrizations.weight.original{k}": f"{head}weight_{part}" for k, part in enumerate("gv")}
    torch.save({named.get(name, name): values for name, values in whole.items()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = load_model(find_model(folder), "cpu").state_dict()
    assert loaded.keys() == whole.keys() >= named.keys()
    assert all((loaded[name] == values).all() for name, values in whole.items())


def test_code_that_comes_with_a_model_is_not_run(copied, tmp_path):
    (copied / "theirs.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'was run')!r})\n")
    change_json(
        copied / "config.json",
        model_type="theirs",
        auto_map={"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"},
    )
    with pytest.raises(ModelError, match="weights cannot be read"):
        load_model(find_model(copied), "cpu")
    assert not (tmp_path / "was run").exists()


def test_weights_that_hidden_states_need_may_not_lack(copied):
    weights = load_file(copied / "model.safetensors")
    assert not any("pooler" in name for name in weights), "the model was saved with another head"
    load_model(find_model(copied), "cpu")
    del weights["vit.embeddings.cls_token"]
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing or misshapen, the first embeddings\.cls_token"):
        load_model(find_model(copied), "cpu")
    weights["vit.embeddings.cls_token"] = np.zeros((1, 1, 15), np.float32)
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="weights"):
        load_model(find_model(copied), "cpu")


def test_what_only_another_part_lacks_does_not_matter(model, tmp_path):
    folder = Path(shutil.copytree(model("whisper"), tmp_path / "whisper"))
    weights = load_file(folder / "model.safetensors")
    kept = {name: values for name, values in weights.items() if not name.startswith("decoder.")}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    load_model(find_model(folder), "cpu", lambda model: model.get_encoder())
    with pytest.raises(ModelError, match=r"first decoder\."):
        load_model(find_model(folder), "cpu")


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:100], lambda data: data[:-1], lambda data: b"\xff" * 8 + data[8:]]
)
def test_damaged_weights_are_refused_before_they_are_loaded(copied, damage):
    weights = copied / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(ModelError, match=r"model\.safetensors: the weights cannot be read \(.+\); save or download"):
        find_model(copied)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "holds no JSON object"),
        ("[]", "holds no JSON object"),
        ("{}", "names no model_type"),
        ('{"model_type": 3}', "names no model_type"),
        ("[" * 100_000, "holds no JSON object"),
        ("\0", "holds no JSON object"),
    ],
)
def test_configurations_that_are_none(copied, text, message):
    (copied / "config.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        find_model(copied)


def test_folders_that_are_not_there_or_hold_no_model(copied):
    for name in ("/no/such/folder", "./none", "~/none/at all", "a/b/c", "none/", f"{copied}/none"):
        with pytest.raises(ModelError, match="there is no such folder; check the name"):
            find_model(name)
    with pytest.raises(ModelError, match="is no folder of a model"):
        find_model(copied / "config.json")
    with pytest.raises(ModelError, match="cannot be looked for"):
        find_model("a\0b")
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        find_model(copied)
    (copied / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        find_model(copied)


def test_a_name_that_the_hub_cannot_answer(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ModelError,
        match="there is no folder 'openai/whisper-none' and no such model in the local cache, and it could not be "
        "downloaded; connect to the network once, or name a folder",
    ):
        find_model("openai/whisper-none")


def test_a_model_in_the_cache_of_the_hub_needs_no_network(model, tmp_path, monkeypatch):
    repository = tmp_path / "models--owner--tiny"
    shutil.copytree(model("vit"), repository / "snapshots" / SHA)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(SHA)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    spec = find_model("owner/tiny")
    assert (spec.name, spec.revision) == ("owner/tiny", SHA)
    assert spec.fingerprint() == find_model(model("vit")).fingerprint()
    load_model(spec, "cpu")
    (repository / "snapshots" / SHA / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="could not be downloaded"):
        find_model("owner/tiny")


def test_what_is_downloaded_is_one_kind_of_weights(model, monkeypatch):
    asked = {}

    def download(name, local_files_only=False, allow_patterns=None):
        if local_files_only:
            raise OSError
        asked[name] = allow_patterns
        return str(model("vit"))

    files = {"owner/new": ["model.safetensors", "pytorch_model.bin"], "owner/old": ["pytorch_model.bin"]}
    monkeypatch.setattr("giblet.features.models.finding.hub_answers", lambda: True)
    monkeypatch.setattr("huggingface_hub.list_repo_files", files.__getitem__)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert find_model("owner/new").name == "owner/new"
    assert find_model("owner/old").n_layers == 3
    assert [patterns[-1] for patterns in asked.values()] == ["*model*.safetensors", "*model*.bin"]


def test_devices_that_are_not_there(model):
    with pytest.raises(ParameterError, match="there is no device 'gpu'"):
        load_model(find_model(model("vit")), "gpu")


def test_wrong_names_and_layers_are_answered_without_torch(model):
    asked = ["audio.hf:/none:1", f"audio.hf:{model('hubert')}:9", f"audio.hf:{model('bert')}:1"]
    asked += [f"video.hf:{model('clip')}:4", f"video.hf:{model('hubert')}:1"]
    code = (
        "import sys\n"
        "from giblet.errors import GibletError\n"
        "from giblet.features.asking import ask_features\n"
        "from giblet.features.streams import FeatureContext\n"
        f"for name in {asked}:\n"
        "    (request,) = ask_features(name)\n"
        "    try:\n        request.feature.load()(request, FeatureContext())\n"
        "    except GibletError as error:\n        print(error)\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert answers[0] == "/none: there is no such folder; check the name of the model's folder."
    assert len(answers) == 6
    assert answers[-1] == "set()"
