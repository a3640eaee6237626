"""Training of language models over the codes of a codec."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from giblet.codecs.lm.files import save_model
from giblet.codecs.lm.network import Network
from giblet.codecs.lm.own import OwnModel
from giblet.codecs.lm.shape import Shape
from giblet.codecs.loading import load_codec, pick_device
from giblet.errors import CodecError, ParameterError
from giblet.formats.arithmetic import RANGE_BITS
from giblet.progress import SILENT, Progress, stage
from giblet.training.checkpoints import load_checkpoint, save_checkpoint
from giblet.training.corpus import Corpus
from giblet.training.crops import generator
from giblet.training.lm_codes import CodeCorpus
from giblet.training.lm_config import LanguageModelConfig
from giblet.training.runlog import RunLog
from giblet.training.schedule import learning_rate

log = logging.getLogger(__name__)

# Frames that validation looks at: enough for a stable figure.
_VALIDATION_FRAMES = 8192
# What random numbers are for (see giblet.training.crops).
_DEPTH, _ORDER = 4, 5


@dataclass(frozen=True)
class LanguageModelResult:
    """How a run ended.

    Attributes
    ----------
    folder : Path
        The language model in ``model``, ``checkpoint.pt``, ``settings.yaml``, ``log.csv`` and TensorBoard's events.
    steps : int
        Steps done in all.
    first_step : int
        Where this call began.
    seconds : float
        Time that its steps took.
    n_frames : int
        Frames of codes that were learnt from.
    bits : dict of float to tuple of float
        Bits per code of each codebook on held-out sound, by bandwidth in kbps, as the model in whole numbers codes it.
    saving : dict of float to float
        Share of the bits that it saves, by bandwidth in kbps.
    """

    folder: Path
    steps: int
    first_step: int
    seconds: float
    n_frames: int
    bits: dict[float, tuple[float, ...]]
    saving: dict[float, float]


class LanguageModelTrainer:
    """Trains a language model in a folder, or goes on with the run that lies there.

    Parameters
    ----------
    config : LanguageModelConfig
        What to do; ``data.folder`` must be given.
    folder : Path
        Where the run lies.
    progress : Progress
        Who watches.

    Attributes
    ----------
    corpus : Corpus
        The recordings.
    held_out : float
        Seconds of them that are kept for validation.
    step : int
        Steps done so far.

    Raises
    ------
    ParameterError
        If there is no data folder, the device is absent, or the run in the folder has other settings.
    MediaError
        If there is no sound, or too little.
    CodecError
        If the codec cannot be had, does not offer the bandwidth, or a checkpoint is damaged.
    """

    def __init__(self, config: LanguageModelConfig, folder: Path, progress: Progress = SILENT) -> None:
        if config.data.folder is None:
            raise ParameterError("there is no folder of recordings", "give one with --data, or data.folder")
        state = load_checkpoint(folder)
        self.config, self.folder = config, folder
        self._progress = progress
        self._device = pick_device(config.run.device)
        self._codec = codec = load_codec(config.codec, config.run.device)
        bandwidth = config.data.bandwidth or codec.bandwidths[-1]
        n_codebooks = codec.n_codebooks(bandwidth)
        self._bandwidths = tuple(b for b in codec.bandwidths if b <= bandwidth)
        cache = config.data.cache or folder / "sound"
        self.corpus = Corpus.build(
            config.data.folder,
            cache,
            sample_rate=codec.layout.sample_rate,
            channels=codec.channels,
            progress=progress,
        )
        codes = CodeCorpus.build(self.corpus, codec, bandwidth, cache, progress)
        self._identity = {
            "codes": codes.key,
            "settings": config.model_dump(
                mode="json", exclude={"codec": True, "run": True, "data": {"folder", "cache"}}
            ),
            "seed": config.run.seed,
        }
        training, validation = self.corpus.split(config.data.validation_share, config.run.seed)
        self.held_out = validation.duration
        self._training = codes.part(training.files, config.data.weights)
        self._validation = codes.part(validation.files)
        self._shape = Shape(n_codebooks, codec.codebook_size, **config.model.model_dump())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed)
            self._network = Network(self._shape, codec.codebooks(n_codebooks))
        often = torch.from_numpy(self._training.counts(codec.codebook_size) + 0.5).float()
        self._network.bias.data.copy_((often / often.sum(1, keepdim=True)).log())
        self._network.to(self._device)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(),
            lr=config.optimizer.learning_rate,
            betas=config.optimizer.betas,
            weight_decay=config.optimizer.weight_decay,
        )
        self.step = 0
        if state is not None:
            self._resume(state)

    def run(self) -> LanguageModelResult:
        """Train until the last step, and write the model in whole numbers.

        Returns
        -------
        LanguageModelResult
            How it ended. An interrupted run goes on from its last checkpoint.

        Raises
        ------
        CodecError
            If the loss becomes NaN or infinite.
        """
        config, run = self.config, self.config.run
        threads = torch.get_num_threads()
        torch.set_num_threads(run.threads or threads)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "settings.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        first_step = self.step
        frames_per_step = config.data.batch * config.data.frames
        seconds_per_step = float(frames_per_step / self._codec.layout.frame_rate)
        began = time.perf_counter()
        try:
            with (
                RunLog(self.folder, first_step, self._codec.layout.sample_rate) as run_log,
                stage(self._progress, f"training from step {first_step}", (run.steps - first_step) * seconds_per_step),
            ):
                for step in range(first_step, run.steps):
                    figures = self._train(step)
                    self.step = step + 1
                    self._progress.advance(seconds_per_step)
                    if self.step % run.log_every == 0 or self.step == run.steps:
                        run_log.figures(self.step, figures)
                    if self.step % run.validate_every == 0 or self.step == run.steps:
                        run_log.figures(self.step, self._validate())
                    if self.step % run.checkpoint_every == 0 or self.step == run.steps:
                        self._save()
                seconds = time.perf_counter() - began
                bits = self._export()
                run_log.figures(
                    self.step, {f"coded bits/{b:g} kbps": float(np.mean(found)) for b, found in bits.items()}
                )
        finally:
            torch.set_num_threads(threads)
        full = math.log2(self._codec.codebook_size)
        return LanguageModelResult(
            self.folder,
            self.step,
            first_step,
            seconds,
            (self.step - first_step) * frames_per_step,
            bits,
            {bandwidth: 1 - float(np.mean(found)) / full for bandwidth, found in bits.items()},
        )

    def _train(self, step: int) -> dict[str, float]:
        config, data = self.config, self.config.data
        codes, sequence = self._training.draw(config.run.seed, step, data.batch, data.frames)
        # One model serves all bandwidths, so it learns to do without the upper codebooks.
        bandwidth = self._bandwidths[generator(config.run.seed, _DEPTH, step).integers(len(self._bandwidths))]
        rate = learning_rate(config.optimizer, step, config.run.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        codes = codes[:, : self._codec.n_codebooks(bandwidth)]
        loss = self._network.bits(torch.from_numpy(codes).to(self._device), torch.from_numpy(sequence).to(self._device))
        loss = loss.mean()
        self._optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), config.optimizer.clip or float("inf"))
        if not (loss.isfinite() and norm.isfinite()):
            raise CodecError(
                f"the loss became NaN or infinite at step {step}",
                "go on from the last checkpoint with a lower optimizer.learning_rate",
            )
        self._optimizer.step()
        return {
            f"bits/{bandwidth:g} kbps": float(loss.detach()),
            "gradient_norm": float(norm),
            "learning_rate": rate,
        }

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Return the mean bits per code on held-out sound, by bandwidth."""
        data, found = self.config.data, {}
        for bandwidth in self._bandwidths:
            costs = []
            for i in range(max(1, _VALIDATION_FRAMES // (data.batch * data.frames))):
                codes, sequence = self._validation.draw(self.config.run.seed, i, data.batch, data.frames)
                codes = codes[:, : self._codec.n_codebooks(bandwidth)]
                costs.append(
                    self._network.bits(
                        torch.from_numpy(codes).to(self._device), torch.from_numpy(sequence).to(self._device)
                    ).mean()
                )
            found[f"validation bits/{bandwidth:g} kbps"] = float(torch.stack(costs).mean())
        return found

    def _export(self) -> dict[float, tuple[float, ...]]:
        """Write the model in whole numbers, and return what it needs for held-out sound."""
        arrays = self._network.whole_numbers()
        model = OwnModel(self._shape, arrays)
        bits = {b: self._coded_bits(model, self._codec.n_codebooks(b)) for b in self._bandwidths}
        about = {"steps": self.step, "bits_per_code": {f"{b:g}": [round(x, 4) for x in bits[b]] for b in bits}}
        save_model(self.folder / "model", self._shape, arrays, self._codec.name, self._codec.fingerprint, about)
        log.debug("language model of step %d in %s: %s", self.step, self.folder, about)
        return bits

    def _coded_bits(self, model: OwnModel, n_codebooks: int) -> tuple[float, ...]:
        total, n_frames = np.zeros(n_codebooks), 0
        runs = self._validation.runs
        # In random order, for neighbours are alike.
        for number in generator(self.config.run.seed, _ORDER, 0).permutation(len(runs)):
            run = runs[number]
            frames = self._validation.codes[run.row : run.row + min(run.n_frames, _VALIDATION_FRAMES - n_frames)]
            low, high = model.start(n_codebooks).intervals(frames[:, :n_codebooks].T)
            total += (RANGE_BITS - np.log2(high - low)).sum(axis=1)
            n_frames += len(frames)
            if n_frames >= _VALIDATION_FRAMES:
                break
        return tuple((total / n_frames).tolist())

    def _save(self) -> None:
        save_checkpoint(
            self.folder,
            {
                "step": self.step,
                "identity": self._identity,
                "network": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
        )
        log.debug("checkpoint of step %d in %s", self.step, self.folder)

    def _resume(self, state: dict[str, Any]) -> None:
        if state.get("identity") != self._identity:
            raise ParameterError(
                "the run in this folder has other settings, another codec or other recordings",
                "use the same again, or another folder",
                self.folder,
            )
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
