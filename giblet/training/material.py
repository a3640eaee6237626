"""The sound of a run: what is trained on, what is kept for validation, and noise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from giblet.errors import ParameterError
from giblet.progress import Progress
from giblet.training.augmentation import Augmentation
from giblet.training.config import CodecTrainingConfig
from giblet.training.corpus import Corpus, CorpusPart
from giblet.training.crops import Crops
from giblet.training.recordings import read_list

# Seconds that a list of recordings must give; a folder must give more, for it is divided.
_LEAST_LISTED = 1.0


@dataclass(frozen=True)
class Material:
    """The sound of a run.

    Attributes
    ----------
    corpora : tuple of Corpus
        All that was read; the first is what is trained on, and validated with where no list says otherwise.
    crops : Crops
        What is trained on.
    validation : CorpusPart
        What is not.
    augmentation : Augmentation
        What is done to crops.
    """

    corpora: tuple[Corpus, ...]
    crops: Crops
    validation: CorpusPart
    augmentation: Augmentation

    @property
    def keys(self) -> list[str]:
        """Digests of all that was read."""
        return [corpus.key for corpus in self.corpora]

    @property
    def rejected(self) -> tuple[tuple[str, str], ...]:
        """Files that cannot be used, and why."""
        return tuple(pair for corpus in self.corpora for pair in corpus.rejected)


def read_material(config: CodecTrainingConfig, folder: Path, progress: Progress) -> Material:
    """Decode the recordings of a run, or find that this was done before.

    Parameters
    ----------
    config : CodecTrainingConfig
        Of the run.
    folder : Path
        The run's, which holds the decoded sound unless the settings say where.
    progress : Progress
        Who watches.

    Returns
    -------
    Material
        The sound.

    Raises
    ------
    ParameterError
        If no recordings are named, or weights are given to none of them.
    MediaError
        If a list cannot be read, or there is no sound or too little.
    """
    data, changes = config.data, config.augmentation
    seed, n_samples = config.run.seed, config.crop_samples

    def corpus(root: Path, **options: Any) -> Corpus:
        rate, channels = config.model.sample_rate, config.model.channels
        place = data.cache or folder / "sound"
        return Corpus.build(root, place, sample_rate=rate, channels=channels, progress=progress, **options)

    def listed(path: Path) -> Corpus:
        files = read_list(path)
        return corpus(Path(os.path.commonpath([file.parent for file in files])), files=files, minimum=_LEAST_LISTED)

    if data.folder is not None:
        whole = corpus(data.folder)
    elif data.files is not None:
        whole = listed(data.files)
    else:
        raise ParameterError("there is no folder of recordings", "give one with --data, or data.folder")
    unmatched = [pattern for pattern in data.weights if not any(fnmatchcase(f.path, pattern) for f in whole.files)]
    if unmatched:
        raise ParameterError(f"no recording's path matches {unmatched[0]!r}", "correct data.weights", data.folder)
    corpora = [whole]
    training: CorpusPart = whole
    validation: CorpusPart
    if data.validation_files is None:
        training, validation = whole.split(data.validation_share, seed)
    else:
        corpora.append(listed(data.validation_files))
        validation = corpora[-1]
    evenly = data.draw == "files"
    crops = Crops(training, n_samples, seed, loudness_rms=data.loudness, weights=data.weights, evenly=evenly)
    noise = None
    if changes.noise_folder is not None and changes.noise > 0:
        corpora.append(corpus(changes.noise_folder))
        noise = Crops(corpora[-1], n_samples, seed + 2)
    augmentation = Augmentation(
        gain_db=changes.gain,
        mix_probability=changes.mixing,
        noise_probability=changes.noise,
        snr_db=changes.snr,
        noise=noise,
    )
    return Material(tuple(corpora), crops, validation, augmentation)
