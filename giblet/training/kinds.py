"""The kinds of codecs that can be trained, each made from its settings."""

from __future__ import annotations

from giblet.training.apcodec.config import APCodecTrainingConfig
from giblet.training.apcodec.objective import APCodecObjective
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
                APCodecTrainee(config.model, config.quantizer, seed, device, teacher),
                APCodecObjective(config.losses, config.model.sizes, adversarial, device),
            )
    raise TypeError(f"{type(config).__name__} are the settings of no codec")
