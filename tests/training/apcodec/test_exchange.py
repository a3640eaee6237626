"""Checkpoints of the authors' program, both ways, by modules registered in the authors' order."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.utils import weight_norm

from giblet.errors import CodecError
from giblet.training.apcodec.exchange import read_training_state, write_checkpoints
from giblet.training.apcodec.original import newest_checkpoints
from giblet.training.configfile import check_config
from giblet.training.kinds import export_trainee, make_trainee, start_trainee
from giblet.training.trainer import Adversary

BINS, WIDTH, INNER, HALF, LATENT, DEPTH = 33, 6, 8, 4, 5, 2
CONFIG = {
    "model": {
        "kind": "apcodec", "sample_rate": 16_000, "n_fft": 64, "window": 40, "hop": 10, "ratio": 4, "width": WIDTH,
        "depth": DEPTH, "inner": INNER, "reduced": HALF, "latent_dim": LATENT, "codebook_dim": LATENT,
        "codebook_size": 16, "n_codebooks": 2,
    },
    "data": {"crop": 0.1},
    "adversary": {"sizes": {
        "multi-period": {"width": 1, "periods": [2, 3]},
        "multi-resolution": {"width": 2, "resolutions": [[64, 10, 40], [32, 10, 20]]},
    }},
    "optimizer": {"epoch": 3},
    "run": {"steps": 50, "threads": 1},
}  # fmt: skip


def normed(*sizes, kind=nn.Conv1d):
    return weight_norm(kind(*sizes))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.dwconv = nn.Conv1d(WIDTH, WIDTH, 7, groups=WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.pwconv1 = nn.Linear(WIDTH, INNER)
        self.grn = nn.Module()
        self.grn.gamma = nn.Parameter(torch.zeros(1, 1, INNER))
        self.grn.beta = nn.Parameter(torch.zeros(1, 1, INNER))
        self.pwconv2 = nn.Linear(INNER, WIDTH)


def add_stacks(module, n_in):
    module.embed_logamp, module.embed_pha = nn.Conv1d(n_in, WIDTH, 7), nn.Conv1d(n_in, WIDTH, 7)
    module.norm_logamp, module.norm_pha = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
    module.convnext_logamp = nn.ModuleList(Block() for _ in range(DEPTH))
    module.convnext_pha = nn.ModuleList(Block() for _ in range(DEPTH))
    module.final_layer_norm_logamp, module.final_layer_norm_pha = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
    module.out_logamp, module.out_pha = nn.Linear(WIDTH, 2 * HALF), nn.Linear(WIDTH, 2 * HALF)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        add_stacks(self, BINS)
        self.AMP_Encoder_downsample_output_conv = normed(2 * HALF, HALF, 7)
        self.PHA_Encoder_downsample_output_conv = normed(2 * HALF, HALF, 7)
        self.latent_output_conv = normed(2 * HALF, LATENT, 7)
        self.quantizer = nn.Module()
        self.quantizer.quantizers = nn.ModuleList()
        for _ in range(2):
            layer = nn.Module()
            layer.in_proj, layer.out_proj = normed(LATENT, LATENT, 1), normed(LATENT, LATENT, 1)
            layer.codebook = nn.Embedding(16, LATENT)
            self.quantizer.quantizers.append(layer)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_input_conv = normed(LATENT, 2 * HALF, 7)
        self.AMP_Decoder_upsample_input_conv = normed(2 * HALF, 2 * HALF, 8, kind=nn.ConvTranspose1d)
        self.PHA_Decoder_upsample_input_conv = normed(2 * HALF, 2 * HALF, 8, kind=nn.ConvTranspose1d)
        add_stacks(self, 2 * HALF)
        self.AMP_Decoder_output_conv = normed(2 * HALF, BINS, 7)
        self.PHA_Decoder_output_R_conv = normed(2 * HALF, BINS, 7)
        self.PHA_Decoder_output_I_conv = normed(2 * HALF, BINS, 7)


class Judges(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.discriminators = nn.ModuleList()
        for _ in range(2):
            judge = nn.Module()
            judge.convs = nn.ModuleList(normed(*layer, kind=nn.Conv2d) for layer in layers[:-1])
            judge.conv_post = normed(*layers[-1], kind=nn.Conv2d)
            self.discriminators.append(judge)


class Theirs:
    """What their program holds, after a step with gradients that tell every parameter from every other."""

    def __init__(self):
        torch.manual_seed(0)
        self.encoder, self.decoder = Encoder(), Decoder()
        periods = [(1, 1), (1, 4), (4, 16), (16, 32)]
        self.mpd = Judges([*((i, o, (5, 1)) for i, o in periods), (32, 32, (5, 1)), (32, 1, (3, 1))])
        self.mrd = Judges([(1, 2, (7, 5)), (2, 2, (5, 3)), (2, 2, (5, 3)), (2, 2, 3), (2, 2, 3), (2, 1, 3)])
        self.generators, self.judges = (self.encoder, self.decoder), (self.mrd, self.mpd)
        self.optim_g, self.optim_d = self.optimizer(self.generators), self.optimizer(self.judges)

    def optimizer(self, modules):
        return torch.optim.AdamW(itertools.chain(*(module.parameters() for module in modules)), 2e-4)

    def step(self):
        for modules, optimizer in ((self.generators, self.optim_g), (self.judges, self.optim_d)):
            for module in modules:
                for parameter in module.parameters():
                    parameter.grad = torch.randn_like(parameter)
            optimizer.step()

    def save(self, folder):
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        for name, module in parts.items():
            torch.save({name: module.state_dict()}, folder / f"{name}_00000006")
        state = {"mpd": self.mpd.state_dict(), "mrd": self.mrd.state_dict(), "steps": 6, "epoch": 2}
        state |= {"optim_g": self.optim_g.state_dict(), "optim_d": self.optim_d.state_dict()}
        torch.save(state, folder / "do_00000006")

    def load(self, folder, number):
        for name, module in (("encoder", self.encoder), ("decoder", self.decoder)):
            module.load_state_dict(torch.load(folder / f"{name}_{number}", weights_only=True)[name])
        state = torch.load(folder / f"do_{number}", weights_only=True)
        self.mpd.load_state_dict(state["mpd"])
        self.mrd.load_state_dict(state["mrd"])
        self.optim_g.load_state_dict(state["optim_g"])
        self.optim_d.load_state_dict(state["optim_d"])
        return state

    def moments(self):
        """Return, by the sorted values of every parameter, what its optimiser remembers."""
        return [
            found
            for modules, optimizer in ((self.generators, self.optim_g), (self.judges, self.optim_d))
            for found in moments(itertools.chain(*(module.parameters() for module in modules)), optimizer)
        ]


def moments(parameters, optimizer):
    return sorted(
        (parameter.sum().item(), *(optimizer.state[parameter][key].sum().item() for key in ("exp_avg", "exp_avg_sq")))
        for parameter in parameters
    )


@pytest.fixture
def ours(tmp_path):
    def ours(**values):
        config = check_config(CONFIG | values)
        trainee, _ = make_trainee(config, "cpu")
        optimizer = torch.optim.AdamW(trainee.parameters(), 2e-4)
        adversary = Adversary(config.adversary, config.optimizer, 1, 0, "cpu", config.crop_samples)
        return SimpleNamespace(config=config, trainee=trainee, optimizer=optimizer, adversary=adversary)

    return ours


def memory(ours):
    return moments(ours.trainee.parameters(), ours.optimizer), moments(
        ours.adversary.discriminators.parameters(), ours.adversary.optimizer
    )


def test_their_training_goes_on_where_it_was(tmp_path, ours):
    theirs = Theirs()
    theirs.step()
    theirs.save(tmp_path)
    mine = ours(start_from=str(tmp_path))
    assert start_trainee(mine.config, mine.trainee, mine.optimizer, mine.adversary) == 7
    generators = moments(itertools.chain(*(m.parameters() for m in theirs.generators)), theirs.optim_g)
    judges = moments(itertools.chain(*(m.parameters() for m in theirs.judges)), theirs.optim_d)
    for found, expected in zip(memory(mine), (generators, judges), strict=True):
        torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-5, atol=1e-6)


def test_what_giblet_writes_loads_in_their_modules(tmp_path, ours):
    mine = ours()
    for parameters, optimizer in (
        (mine.trainee.parameters(), mine.optimizer),
        (mine.adversary.discriminators.parameters(), mine.adversary.optimizer),
    ):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
        optimizer.step()
    write_checkpoints(tmp_path, 7, mine.config, mine.trainee.model, mine.optimizer, mine.adversary)
    assert newest_checkpoints(tmp_path).keys() == {"encoder", "decoder", "do"}
    theirs = Theirs()
    state = theirs.load(tmp_path, "00000007")
    # They go on with step 7, which is in the third epoch of three steps.
    assert (state["steps"], state["epoch"]) == (6, 2)
    found = [*itertools.chain(*memory(mine))]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(theirs.moments()), rtol=1e-5, atol=1e-6)


def test_nothing_is_written_unless_it_is_asked_for(tmp_path, ours):
    mine = ours()
    export_trainee(mine.config, tmp_path, 1, mine.trainee, mine.optimizer, mine.adversary)
    asked = mine.config.model_copy(update={"original_checkpoints": True})
    export_trainee(asked, tmp_path, 0, mine.trainee, mine.optimizer, mine.adversary)
    assert not list(tmp_path.iterdir())
    export_trainee(asked, tmp_path, 1, mine.trainee, mine.optimizer, mine.adversary)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json", "encoder_00000001", "decoder_00000001", "do_00000001",
    }  # fmt: skip


def test_a_state_without_discriminators_in_the_run(tmp_path, ours):
    theirs = Theirs()
    theirs.step()
    theirs.save(tmp_path)
    mine = ours()
    path = newest_checkpoints(tmp_path)["do"]
    assert read_training_state(path, mine.config, mine.trainee.model, mine.optimizer, None) == 7


class Trap:
    def __reduce__(self):
        return print, ("boo",)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"nothing of the kind", "the checkpoint cannot be read"),
        ({"steps": Trap()}, "the checkpoint cannot be read"),
        ({"steps": 3}, "does not fit the settings"),
        ({"steps": 3, "optim_g": {"state": {0: {"exp_avg": torch.ones(1)}}}}, "does not fit the settings"),
    ],
    ids=["noise", "code", "parts", "shapes"],
)
def test_a_damaged_state_is_named_and_nothing_in_it_runs(tmp_path, ours, capsys, content, told):
    path = tmp_path / "do_00000003"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    mine = ours()
    with pytest.raises(CodecError, match=rf"do_00000003: {told}"):
        read_training_state(path, mine.config, mine.trainee.model, mine.optimizer, mine.adversary)
    assert capsys.readouterr().out == ""
