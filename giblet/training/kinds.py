"""The kinds of codecs that can be trained: made from settings, begun from weights, and saved as others save them."""

from __future__ import annotations

from pathlib import Path

import torch

from giblet.training.adversary import Adversary
from giblet.training.apcodec.config import APCodecTrainingConfig
from giblet.training.apcodec.exchange import read_training_state, write_checkpoints
from giblet.training.apcodec.objective import APCodecObjective
from giblet.training.apcodec.original import newest_checkpoints
from giblet.training.apcodec.teacher import load_teacher
from giblet.training.apcodec.trainee import APCodecTrainee
from giblet.training.config import CodecTrainingConfig
from giblet.training.encodec import EncodecTrainee
from giblet.training.encodec_config import TrainingConfig
from giblet.training.objective import EncodecObjective
from giblet.training.trainee import Objective, Trainee


def make_trainee(config: CodecTrainingConfig, device: str) -> tuple[Trainee, Objective]:
    """Make the codec of a run, untrained, and what it is judged by.

    Parameters
    ----------
    config : TrainingConfig or APCodecTrainingConfig
        Of the run.
    device : str
        Where it runs.

    Returns
    -------
    Trainee, Objective
        Of the kind that the settings are.

    Raises
    ------
    TypeError
        If the settings are of no known kind.
    """
    adversary, seed = config.adversary, config.run.seed
    adversarial = {"generator": adversary.generator, "feature_matching": adversary.feature_matching}
    adversarial = adversarial if adversary.discriminators else {}
    match config:
        case TrainingConfig():
            decoder_only = config.learns == "decoder"
            return (
                EncodecTrainee(config.model, config.quantizer, seed, device, decoder_only=decoder_only),
                EncodecObjective(config.losses, config.model.sample_rate, adversarial, device),
            )
        case APCodecTrainingConfig():
            teacher = None
            if config.teacher is not None:
                teacher = load_teacher(config.teacher, config.model.sizes, device)
                adversarial |= config.teacher.weights
            return (
                APCodecTrainee(config.model, config.quantizer, seed, device, teacher, linear_start=config.linear_start),
                APCodecObjective(config.losses, config.model.sizes, adversarial, device),
            )
    raise TypeError(f"{type(config).__name__} are the settings of no codec")


def start_trainee(
    config: CodecTrainingConfig,
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    adversary: Adversary | None,
) -> int:
    """Begin where ``start_from`` says.

    Parameters
    ----------
    config : CodecTrainingConfig
        Of the run.
    trainee : Trainee
        Its codec.
    optimizer : Optimizer
        Of the codec.
    adversary : Adversary or None
        Of the run.

    Returns
    -------
    int
        Steps that are done: 0, unless checkpoints of APCodec's authors are gone on from.

    Raises
    ------
    CodecError
        If there is nothing of that name, or it is damaged.
    ParameterError
        If it is of another size.
    """
    if config.start_from is None:
        return 0
    trainee.load(config.start_from)
    if isinstance(config, APCodecTrainingConfig) and isinstance(trainee, APCodecTrainee):
        state = newest_checkpoints(Path(config.start_from)).get("do")
        if state is not None:
            return read_training_state(state, config, trainee.model, optimizer, adversary)
    return 0


def export_trainee(
    config: CodecTrainingConfig,
    folder: Path,
    step: int,
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    adversary: Adversary | None,
) -> None:
    """Write the checkpoints of APCodec's authors where settings ask for them.

    Parameters
    ----------
    config : CodecTrainingConfig
        Of the run.
    folder : Path
        The run's.
    step : int
        Steps done.
    trainee, optimizer, adversary
        As in `start_trainee`.
    """
    if not (isinstance(config, APCodecTrainingConfig) and isinstance(trainee, APCodecTrainee)):
        return
    # As there, what has learnt nothing is not written.
    if config.original_checkpoints and step:
        write_checkpoints(folder, step, config, trainee.model, optimizer, adversary)
