"""The training loop."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from giblet.codecs.loading import pick_device
from giblet.errors import CodecError, ParameterError
from giblet.progress import SILENT, Progress, stage
from giblet.training.adversary import Adversary
from giblet.training.checkpoints import load_checkpoint, replace_file, save_checkpoint
from giblet.training.config import CodecTrainingConfig
from giblet.training.configfile import check_config
from giblet.training.crops import Loader, prepare
from giblet.training.kinds import export_trainee, make_trainee, start_trainee
from giblet.training.material import read_material
from giblet.training.ownership import sole_owner
from giblet.training.runlog import Means, RunLog
from giblet.training.schedule import learning_rate
from giblet.training.validation import Validation

log = logging.getLogger(__name__)

_SETTINGS = "settings.yaml"

# What may differ when a run goes on: where things lie, how long it takes, how fast it learns.
_FREE = (
    "data.folder", "data.files", "data.validation_files", "data.cache", "augmentation.noise_folder", "optimizer",
    "start_from", "original_checkpoints", "run.steps", "run.device", "run.folder", "run.threads", "run.log_every",
    "run.validate_every", "run.checkpoint_every",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes
    ----------
    folder : Path
        The codec in ``model``, ``checkpoint.pt``, ``settings.yaml``, ``log.csv`` and TensorBoard's events.
    steps : int
        Steps done in all.
    first_step : int
        Where this call began.
    seconds : float
        Time that its steps took.
    sound_seconds : float
        Sound that went through.
    waiting : float
        Share of the time that was spent waiting for sound.
    mel_distance : dict of str to float
        Last validation, by bandwidth such as ``"3 kbps"``.
    first_mel_distance : dict of str to float
        First validation of the run, before any step: ``"no codes"`` where there were no codebooks yet.
    losses, first_losses : dict of str to float
        Every loss on held-out sound at the highest bandwidth, by name, at the last validation and the first.
    """

    folder: Path
    steps: int
    first_step: int
    seconds: float
    sound_seconds: float
    waiting: float
    mel_distance: dict[str, float]
    first_mel_distance: dict[str, float]
    losses: dict[str, float]
    first_losses: dict[str, float]


class Trainer:
    """Trains a codec in a folder, or goes on with the run that lies there.

    Parameters
    ----------
    config : CodecTrainingConfig
        What to do; ``data.folder`` must be given.
    folder : Path
        Where the run lies.
    progress : Progress
        Who watches.

    Attributes
    ----------
    step : int
        Steps done.
    corpus : Corpus
        The recordings.
    held_out : float
        Seconds of sound that are validated with.
    rejected : tuple of (str, str)
        Files that cannot be used, and why.

    Raises
    ------
    ParameterError
        If there is no data folder, the device is absent, or the run in the folder has other settings.
    MediaError
        If there is no sound, or too little.
    CodecError
        If a checkpoint is damaged.
    """

    def __init__(self, config: CodecTrainingConfig, folder: Path, progress: Progress = SILENT) -> None:
        self.config = config
        self.folder = folder
        self._progress = progress
        _check_same_run(config, folder)
        state = load_checkpoint(folder)
        self._device = pick_device(config.run.device)
        # Everything that settings can be wrong about comes before the recordings, which may take an hour to decode.
        self._build()
        self.step = start_trainee(config, self.trainee, self._optimizer, self._adversary) if state is None else 0
        self._material = read_material(config, folder, progress)
        self.corpus = self._material.corpora[0]
        self.held_out = self._material.validation.duration
        self.rejected = self._material.rejected
        self._validation = Validation(self._material.validation, config, self._device)
        self._means = Means()
        self._first_mel_distance: dict[str, float] = {}
        self._first_losses: dict[str, float] = {}
        if state is not None:
            self._resume(state)

    def _build(self) -> None:
        config = self.config
        self.trainee, self._objective = make_trainee(config, self._device)
        self._adversary = (
            Adversary(
                config.adversary,
                config.optimizer,
                config.model.channels,
                config.run.seed,
                self._device,
                config.crop_samples,
            )
            if config.adversary.discriminators
            else None
        )
        self._optimizer = torch.optim.AdamW(
            self.trainee.parameters(),
            lr=config.optimizer.learning_rate,
            betas=config.optimizer.betas,
            weight_decay=config.optimizer.weight_decay,
        )

    def run(self, report: Callable[[int, dict[str, float]], None] | None = None) -> TrainingResult:
        """Train until the last step.

        Parameters
        ----------
        report : callable, optional
            Told the step and the mel distances of each validation.

        Returns
        -------
        TrainingResult
            How it ended. Also when it is interrupted, the folder holds the last checkpoint and its model.

        Raises
        ------
        CodecError
            If a loss becomes NaN or infinite: says which, at which step.
        ParameterError
            If another process trains in the folder.
        """
        config = self.config
        run = config.run
        threads = torch.get_num_threads()
        torch.set_num_threads(run.threads or threads)
        self.folder.mkdir(parents=True, exist_ok=True)
        first_step, seconds_per_step = self.step, config.data.batch * config.data.crop
        began = time.perf_counter()
        try:
            with (
                sole_owner(self.folder),
                RunLog(self.folder, first_step, config.model.sample_rate) as run_log,
                stage(self._progress, f"training from step {first_step}", (run.steps - first_step) * seconds_per_step),
                Loader(self._material.crops, self._material.augmentation, config.data.batch, first_step) as loader,
            ):
                if not self._first_mel_distance:
                    if config.start_from is None:
                        self.trainee.start(self._more_sound(0))
                    self._first_mel_distance = self._validate(run_log, report)
                    self._first_losses = self._validation.losses
                    self._save()
                settings = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
                replace_file(self.folder / _SETTINGS, lambda path: path.write_text(settings, encoding="utf-8"))
                for step, batch in itertools.islice(loader, max(0, run.steps - first_step)):
                    self._means.add(self._train(step, batch.to(self._device)))
                    self.step = step + 1
                    self._progress.advance(seconds_per_step)
                    if self.step % run.log_every == 0 or self.step == run.steps:
                        waiting = loader.waited / max(time.perf_counter() - began, 1e-9)
                        run_log.figures(self.step, self._means.take() | {"waiting": waiting})
                    if self.step % run.validate_every == 0 or self.step == run.steps:
                        self._validate(run_log, report)
                    if self.step % run.checkpoint_every == 0 or self.step == run.steps:
                        self._save()
                seconds, waited = time.perf_counter() - began, loader.waited
        finally:
            torch.set_num_threads(threads)
        return TrainingResult(
            self.folder,
            self.step,
            first_step,
            seconds,
            (self.step - first_step) * seconds_per_step,
            waited / max(seconds, 1e-9),
            self._validation.mel_distance,
            self._first_mel_distance,
            self._validation.losses,
            self._first_losses,
        )

    def _train(self, step: int, sound: Tensor) -> dict[str, float]:
        config = self.config
        if step >= config.quantizer.start and not self.trainee.quantizes:
            self.trainee.start_quantizer(self._more_sound(step))
        rate = learning_rate(config.optimizer, step, config.run.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        made = self.trainee.reconstruct(sound, step)
        losses = self._objective.losses(sound, made, step)
        if self._adversary and step >= config.adversary.start:
            losses |= self._adversary.losses(sound, made.sound)
        figures = losses | made.penalties
        _check_finite(figures, step)
        self._optimizer.zero_grad(set_to_none=True)
        try:
            self._objective.backward(losses, made)
        except FloatingPointError as error:
            raise _diverged(str(error), step) from error
        parameters = list(self.trainee.parameters())
        norm = torch.nn.utils.clip_grad_norm_(parameters, config.optimizer.clip or float("inf"))
        _check_finite({"gradient": norm}, step)
        self._optimizer.step()
        if self._adversary and step >= config.adversary.start:
            try:
                figures |= self._adversary.update(sound, made.sound, step, rate)
            except FloatingPointError as error:
                raise _diverged(str(error), step) from error
        return {name: float(value.detach()) for name, value in figures.items()} | {
            "gradient_norm": float(norm),
            "learning_rate": rate,
        }

    def _more_sound(self, step: int) -> Iterator[Tensor]:
        for more in itertools.count():
            # No step is negative, so these crops are as random as any and met here only.
            sound = prepare(self._material.crops, self._material.augmentation, self.config.data.batch, -1 - step - more)
            yield torch.from_numpy(sound)

    def _validate(self, run_log: RunLog, report: Callable[[int, dict[str, float]], None] | None) -> dict[str, float]:
        distances = self._validation.run(self.trainee, self._objective, self._adversary, self.step)
        run_log.validation(self.step, distances, self._validation.losses, self._validation.examples)
        if report is not None:
            report(self.step, distances)
        return distances

    def _save(self) -> None:
        self.trainee.save(self.folder / "model")
        save_checkpoint(
            self.folder,
            {
                "step": self.step,
                "corpora": self._material.keys,
                "model": self.trainee.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "objective": self._objective.state_dict(),
                "adversary": self._adversary.state_dict() if self._adversary else {},
                "means": self._means.sums,
                "first_mel_distance": self._first_mel_distance,
                "first_losses": self._first_losses,
            },
        )
        export_trainee(self.config, self.folder, self.step, self.trainee, self._optimizer, self._adversary)
        log.debug("checkpoint of step %d in %s", self.step, self.folder)

    def _resume(self, state: dict[str, Any]) -> None:
        if state["corpora"] != self._material.keys:
            raise ParameterError(
                "the recordings have changed since this run began",
                "begin in another folder, with start_from to keep what was learnt",
                self.folder,
            )
        self.trainee.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        for group in self._optimizer.param_groups:
            group |= {"betas": self.config.optimizer.betas, "weight_decay": self.config.optimizer.weight_decay}
        self._objective.load_state_dict(state["objective"])
        if self._adversary:
            self._adversary.load_state_dict(state["adversary"])
        self.step = state["step"]
        self._means.sums = state["means"]
        self._first_mel_distance = state["first_mel_distance"]
        self._first_losses = state.get("first_losses", {})


def _check_finite(figures: dict[str, Tensor], step: int) -> None:
    if torch.stack([value.detach().reshape(()) for value in figures.values()]).isfinite().all():
        return
    name = next(name for name, value in figures.items() if not value.isfinite())
    raise _diverged(f"{name} became NaN or infinite", step)


def _diverged(what: str, step: int) -> CodecError:
    return CodecError(
        f"{what} at step {step}",
        "go on from the last checkpoint with a lower optimizer.learning_rate, or with optimizer.clip",
    )


def _check_same_run(config: CodecTrainingConfig, folder: Path) -> None:
    path = folder / _SETTINGS
    if not path.exists():
        return
    try:
        before = check_config(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError("the run's settings cannot be read", "remove this file to go on", path) from error
    changed = _difference(before.model_dump(mode="json"), config.model_dump(mode="json"))
    changed = [name for name in changed if not any(f"{name}.".startswith(f"{free}.") for free in _FREE)]
    if changed:
        raise ParameterError(
            f"the run in this folder has another {changed[0]}", "use the same settings, or another folder", folder
        )


def _difference(before: Any, after: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [
            found
            for key in keys
            for found in _difference(before.get(key), after.get(key), f"{name}.{key}" if name else str(key))
        ]
    return [] if before == after else [name]
