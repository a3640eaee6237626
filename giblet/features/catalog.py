"""The features that come with giblet, in the order in which they are listed."""

from __future__ import annotations

from giblet.features.registry import Feature

_HERE = "giblet.features"

CATALOG = (
    Feature("audio.codes", "categorical", "sound", "of the codec", "codebooks", "codes of a neural codec"),
    Feature("audio.latents", "continuous", "sound", "of the codec", "of the codec", "sums of the code vectors"),
    Feature("audio.mel", "continuous", "sound", "43.07 Hz", "2048", "mel spectrogram, dB below the loudest moment"),
    # Low-level sound.
    Feature(
        "audio.power", "continuous", "sound", "100 Hz", "1", "mean square of the sound",
        f"{_HERE}.sound.power:Power", options={"rate": 100.0},
    ),
    Feature(
        "audio.envelope", "continuous", "sound", "100 Hz", "1 or bands", "amplitude envelope, Hilbert or gammatone",
        f"{_HERE}.sound.envelope:envelope", options={"rate": 100.0, "bands": 0},
    ),
    Feature(
        "audio.f0", "continuous", "sound", "43.07 Hz", "3", "pitch by pYIN: Hz (0 unvoiced), voiced, its probability",
        f"{_HERE}.sound.pitch:Pitch", options={"fmin": 65.0, "fmax": 600.0},
    ),
    Feature(
        "audio.centroid", "continuous", "sound", "43.07 Hz", "1", "spectral centroid, Hz",
        f"{_HERE}.sound.centroid:Centroid",
    ),
    Feature(
        "audio.onset", "continuous", "sound", "43.07 Hz", "1", "onset strength: spectral flux of the mel bands",
        f"{_HERE}.sound.onset:Onset", options={"floor": -50.0},
    ),
    Feature(
        "audio.hf", "continuous", "sound", "10 Hz", "of the model", "layers of a transformers audio model",
        f"{_HERE}.models.audio:AudioModel", ("MODEL", "LAYER"), {"window": 16.0, "stride": 0.1, "batch": 8},
    ),
    # Words.
    Feature(
        "text.word_rate", "event", "words", "per word", "1", "an impulse of 1 for every word",
        f"{_HERE}.words:WordRate", options={"at": "offset"},
    ),
    Feature(
        "text.duration", "event", "words", "per word", "1", "how long each word lasts, s",
        f"{_HERE}.words:WordDuration", options={"at": "offset"},
    ),
    Feature(
        "text.frequency", "event", "words", "per word", "1", "Zipf frequency of each word",
        f"{_HERE}.text.frequency:WordFrequency", options={"at": "offset", "language": "en"},
        extra="text", package="wordfreq",
    ),
    Feature(
        "text.embedding", "continuous", "words", "4 Hz", "of the model", "embedding of the sentence or scene going on",
        f"{_HERE}.text.embedding:Embedding", ("MODEL",),
        {"rate": 4.0, "columns": "", "aggregation": "mean", "gap_fill": "forward_fill", "normalize": False},
        "text", "sentence_transformers",
    ),
    Feature(
        "text.hf", "event", "words", "per word", "of the model", "layers of a language model for each word in context",
        f"{_HERE}.text.context:LanguageModel", ("MODEL", "LAYER"),
        {"context": 20, "at": "offset", "tokens": "mean", "batch": 16},
    ),
    # Pictures.
    Feature(
        "video.frames", "pictures", "pictures", "of the film", "90 × 160 × 3", "the pictures themselves",
        f"{_HERE}.vision.frames:Frames", options={"rate": 0.0},
    ),
    Feature(
        "video.luminance", "continuous", "pictures", "of the film", "1", "mean luminance, CIE L*",
        f"{_HERE}.vision.luminance:Luminance", options={"rate": 0.0},
    ),
    Feature(
        "video.contrast", "continuous", "pictures", "of the film", "1", "root-mean-square contrast of the luminance",
        f"{_HERE}.vision.luminance:Contrast", options={"rate": 0.0},
    ),
    Feature(
        "video.motion_energy", "continuous", "pictures", "of the film", "2530", "spatio-temporal Gabor energies",
        f"{_HERE}.vision.motion:MotionEnergy", options={"rate": 0.0}, extra="video", package="moten",
    ),
    Feature(
        "video.cuts", "event", "pictures", "of the film", "1", "an impulse of 1 at every shot cut",
        f"{_HERE}.vision.cuts:Cuts", options={"threshold": 27.0}, extra="video", package="scenedetect",
    ),
    Feature(
        "video.hf", "continuous", "pictures", "2 Hz", "of the model", "layers of a transformers image or video model",
        f"{_HERE}.models.video:VideoModel", ("MODEL", "LAYER"),
        {"rate": 2.0, "step": 0.125, "pool": "cls", "batch": 8},
    ),
)  # fmt: skip
