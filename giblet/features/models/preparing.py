"""How a model wants its sound or pictures: its own feature extractor or image processor."""

from __future__ import annotations

import logging
from typing import Any

from giblet.codecs.loading import quiet_transformers
from giblet.errors import ModelError
from giblet.features.models.finding import ModelSpec, read_json

log = logging.getLogger(__name__)

# Files that say it; newer versions of transformers put all of a model's into the second.
PREPARATION = ("preprocessor_config.json", "processor_config.json")
_NESTED = {"sound": ("feature_extractor", "audio_processor"), "pictures": ("image_processor", "video_processor")}


def preparation(spec: ModelSpec, what: str) -> dict[str, Any]:
    """Return the settings by which sound or pictures are prepared for a model, without transformers.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    what : {"sound", "pictures"}
        What is to be prepared.

    Returns
    -------
    dict
        What its preprocessor_config.json says; for sound there is a whole ``sampling_rate``.

    Raises
    ------
    ModelError
        If the model takes no such thing.
    """
    files = [read_json(spec.folder / name) for name in PREPARATION if (spec.folder / name).is_file()]
    nested = [file[key] for file in files for key in _NESTED[what] if isinstance(file.get(key), dict)]
    settings = next(iter(nested + files), None)
    if settings is None:
        raise ModelError(
            f"has no {PREPARATION[0]}, so nothing says how this model of type {spec.model_type!r} takes {what}",
            f"name a model of {what}, with all its files",
            spec.folder,
        )
    rate = settings.get("sampling_rate")
    sounds = isinstance(rate, int) and 0 < rate < 1_000_000
    if sounds != (what == "sound"):
        raise ModelError(
            f"its {PREPARATION[0]} is not for {what}, and the model is of type {spec.model_type!r}",
            f"name a model of {what}",
            spec.folder,
        )
    return settings


def feature_extractor(spec: ModelSpec) -> Any:
    """Return what prepares sound for a model.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    transformers.SequenceFeatureExtractor
        Called with a list of arrays and their sampling rate it gives the model's inputs.

    Raises
    ------
    ModelError
        If the installed transformers has none such.
    """
    from transformers import AutoFeatureExtractor

    return _built(spec, AutoFeatureExtractor)


def image_processor(spec: ModelSpec) -> Any:
    """Return what prepares pictures for a model, with Pillow: torchvision's results differ a little, and need it.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    transformers image processor
        Called with a list of pictures it gives ``pixel_values``.

    Raises
    ------
    ModelError
        If the installed transformers has none such.
    """
    from transformers import AutoImageProcessor

    return _built(spec, AutoImageProcessor, backend="pil")


def _built(spec: ModelSpec, auto: Any, **options: Any) -> Any:
    try:
        with quiet_transformers():
            return auto.from_pretrained(str(spec.folder), local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:  # Settings can be wrong in as many ways as there are classes that read them.
        log.debug("reading how %s prepares its input failed", spec.name, exc_info=True)
        raise ModelError(
            f"the installed transformers cannot follow its {PREPARATION[0]} ({type(error).__name__})",
            "save or download the model again, or name another",
            spec.folder,
        ) from error
