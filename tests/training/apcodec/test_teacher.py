"""A streaming APCodec learns from one that hears the whole clip."""

from __future__ import annotations

import csv
import math

import pytest
import soundfile
import torch
from fabricate import SMALL_APCODEC, babble, random_apcodec

from giblet.codecs import encode, load_codec
from giblet.codecs.apcodec.spectrum import Spectrum, analyse
from giblet.codecs.apcodec.streaming import StreamingEngine
from giblet.errors import CodecError, ParameterError
from giblet.training.apcodec.config import APCodecTeacherSection, APCodecTrainingConfig
from giblet.training.apcodec.objective import APCodecObjective
from giblet.training.apcodec.teacher import Answer, Teacher, load_teacher
from giblet.training.apcodec.trainee import APCodecTrainee
from giblet.training.configfile import check_config, read_config
from giblet.training.trainer import Trainer

SIZES = SMALL_APCODEC | {"n_fft": 320, "hop": 160, "ratio": 2}
NAMES = ["teacher_amplitude", "teacher_features", "teacher_latents", "teacher_phase"]


def sounds(step: int) -> torch.Tensor:
    n = 6 * 320 - 160
    return torch.from_numpy(babble(n * 2 + step).ravel()[: n * 2].reshape(2, 1, n))


def student(teacher: Teacher | None = None) -> APCodecTrainee:
    config = APCodecTrainingConfig(model=SIZES | {"streaming": True})
    return APCodecTrainee(config.model, config.quantizer, 1, "cpu", teacher)


# The sound itself hardly counts: an untrained teacher is far from it.
FAINT = {"amplitude": 0.1} | dict.fromkeys(
    ("phase", "group_delay", "time_difference", "consistency", "real", "imaginary", "mel_l1", "mel_l2"), 0
)


def train(trainee: APCodecTrainee, weights: dict[str, float], steps: int) -> None:
    config = APCodecTrainingConfig(model=SIZES, losses=FAINT)
    objective = APCodecObjective(config.losses, config.model.sizes, weights, "cpu")
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=3e-3)
    for step in range(steps):
        optimizer.zero_grad()
        made = trainee.reconstruct(sounds(step), step)
        objective.backward(objective.losses(sounds(step), made, step), made)
        optimizer.step()


@pytest.fixture(scope="module")
def settings():
    return APCodecTeacherSection(codec="teacher")


@pytest.fixture
def teacher(settings):
    return Teacher(random_apcodec(7, **SIZES), settings, student().model.config)


def distances(teacher: Teacher, trainee: APCodecTrainee) -> dict[str, float]:
    watched = student(teacher)
    watched.model.load_state_dict(trainee.model.state_dict())
    made = watched.at_bandwidth(sounds(1000), trainee.bandwidths[-1])
    return {name: float(made.penalties[name]) for name in NAMES}


def test_the_student_comes_nearer_to_its_teacher_than_by_sound_alone(teacher, settings):
    before = {name: weight.clone() for name, weight in teacher.model.state_dict().items()}
    untrained, alone, taught = student(), student(), student(teacher)
    train(alone, {}, 15)
    train(taught, settings.weights, 15)
    start, by_sound, by_both = (distances(teacher, trainee) for trainee in (untrained, alone, taught))
    for name in NAMES:
        assert by_both[name] < min(start[name], by_sound[name])
    # And only the student has learnt.
    assert all(torch.equal(weight, before[name]) for name, weight in teacher.model.state_dict().items())
    assert all(weight.grad is None and not weight.requires_grad for weight in teacher.model.parameters())
    learning = {id(weight) for weight in taught.parameters()}
    assert learning == {id(weight) for weight in taught.model.parameters()}
    assert learning.isdisjoint(map(id, teacher.model.parameters()))


def test_every_term_reaches_the_student(teacher):
    for name in NAMES:
        trainee = student(teacher)
        trainee.reconstruct(sounds(0), 0).penalties[name].backward()
        reached = {part for part, weight in trainee.model.named_parameters() if weight.grad is not None}
        assert any(part.startswith("encoder.amplitude") for part in reached)
        assert any(part.startswith("decoder.phase") for part in reached) == (name in NAMES[1::2])


def test_nothing_is_left_to_learn_from_oneself(teacher):
    spectrum = analyse(sounds(0)[:, 0], teacher.model.config)
    assert teacher.lessons(spectrum, teacher.answer(spectrum)) == dict.fromkeys(sorted(NAMES), 0)


def test_features_and_latents_are_compared_as_shares_and_phases_on_their_circle(teacher):
    spectrum = analyse(sounds(0)[:, 0], teacher.model.config)
    right = teacher.answer(spectrum)
    turned = right.spectrum._replace(phase=right.spectrum.phase + 2 * math.pi)
    doubled = Answer([2 * feature for feature in right.features], 3 * right.latents, turned)
    found = teacher.lessons(spectrum, doubled)
    assert found["teacher_features"] == pytest.approx(1)
    assert found["teacher_latents"] == pytest.approx(4, rel=1e-5)
    assert found["teacher_phase"] == pytest.approx(0, abs=1e-4)
    off = Spectrum(right.spectrum.log_amplitude + 0.5, right.spectrum.phase + 0.25, *right.spectrum[2:])
    found = teacher.lessons(spectrum, Answer(right.features, right.latents, off))
    assert found["teacher_amplitude"] == pytest.approx(0.25, rel=1e-4)
    # Of the differences along frequency and time only the first is not 0.
    n_bins, n_frames = off.phase.shape[1:]
    assert found["teacher_phase"] == pytest.approx(0.25 * (1 + 1 / n_bins + 1 / n_frames), rel=1e-4)


def test_a_term_of_weight_0_is_left_out():
    only = APCodecTeacherSection(codec="x", features=0, latents=0, phase=0)
    # Other widths and latents then do not matter: spectra are spectra.
    teacher = Teacher(
        random_apcodec(7, **SIZES | {"width": 20, "latent_dim": 5, "depth": 1}), only, student().model.config
    )
    made = student(teacher).reconstruct(sounds(0), 0)
    assert made.penalties.keys() == {"codebook", "commitment", "teacher_amplitude"}


@pytest.mark.parametrize(
    ("other", "told", "remedy"),
    [
        ({"width": 20}, "width is 20, and the model's 16", "teacher.features to 0"),
        ({"latent_dim": 5}, "latent_dim is 5, and the model's 8", "teacher.latents to 0"),
        ({"ratio": 4}, "ratio is 4", "teacher.latents to 0"),
        ({"hop": 20}, "hop is 20", r"make them equal\.$"),
        ({"sample_rate": 16_000}, "sample_rate is 16000", r"make them equal\.$"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_compared_is_refused(settings, other, told, remedy):
    with pytest.raises(ParameterError, match=told) as refused:
        Teacher(random_apcodec(**SIZES | other), settings, student().model.config)
    assert refused.match(remedy)


def test_a_teacher_is_named_by_its_folder_or_with_weights():
    short = check_config({"model": {"kind": "apcodec"}, "teacher": "folder"})
    assert short.teacher == APCodecTeacherSection(codec="folder")
    assert list(short.teacher.weights) == ["teacher_features", "teacher_latents", "teacher_amplitude", "teacher_phase"]
    with pytest.raises(ParameterError, match="teacher.phase is -1"):
        check_config({"model": {"kind": "apcodec"}, "teacher": {"codec": "folder", "phase": -1}})
    built_in = read_config("apcodec-48khz-streaming")
    assert built_in.model.streaming
    assert built_in.teacher.codec == "runs/apcodec-48khz/model"
    assert built_in.model.sizes.to_dict() == read_config("apcodec-48khz").model.sizes.to_dict() | {"streaming": True}


# --- with folders


def saved(folder, seed: int = 7, **sizes) -> str:
    trainee = APCodecTrainee(
        APCodecTrainingConfig(model=SIZES | sizes).model, APCodecTrainingConfig().quantizer, seed, "cpu"
    )
    trainee.save(folder)
    return str(folder)


def test_a_teacher_that_cannot_teach_is_refused(tmp_path):
    sizes = student().model.config
    for codec, told, error in (
        (saved(tmp_path / "a", streaming=True), "streams itself", ParameterError),
        ("tiny", "no APCodec", ParameterError),
        (str(tmp_path / "nowhere"), "nowhere", CodecError),
    ):
        with pytest.raises(error, match=told):
            load_teacher(APCodecTeacherSection(codec=codec), sizes, "cpu")


def test_a_student_may_start_as_its_teacher(tmp_path):
    trainee = student()
    trainee.load(saved(tmp_path / "teacher"))
    expected = load_teacher(APCodecTeacherSection(codec=str(tmp_path / "teacher")), trainee.model.config, "cpu").model
    for name, weight in trainee.model.state_dict().items():
        assert torch.equal(weight, expected.state_dict()[name])


def test_a_run_with_a_teacher_tells_its_terms_goes_on_and_leaves_a_codec_that_streams(tmp_path):
    (tmp_path / "sound").mkdir()
    for i in range(3):
        soundfile.write(tmp_path / "sound" / f"{i}.wav", babble(16_000 * 4 + i)[0], 16_000)
    values = {
        "model": SIZES | {"kind": "apcodec", "streaming": True, "sample_rate": 16_000},
        "teacher": saved(tmp_path / "teacher", sample_rate=16_000),
        "data": {"folder": str(tmp_path / "sound"), "batch": 1, "crop": 0.1, "validation_share": 0.3},
        "adversary": {"discriminators": []},
        "run": {"steps": 4, "device": "cpu", "threads": 1, "log_every": 1, "checkpoint_every": 2, "validate_every": 4},
    }
    whole = Trainer(check_config(values), tmp_path / "whole")
    result = whole.run()
    assert set(NAMES) <= result.losses.keys() & result.first_losses.keys()
    halves = values | {"run": values["run"] | {"steps": 2}}
    Trainer(check_config(halves), tmp_path / "halves").run()
    again = Trainer(check_config(values), tmp_path / "halves")
    assert again.run().losses == result.losses
    with (tmp_path / "whole" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in NAMES:
        assert any(name in str(value) for row in rows for value in row.items())
    codec = load_codec(tmp_path / "whole" / "model", "cpu")
    assert isinstance(codec._engine, StreamingEngine)
    assert encode(codec, babble(5000), codec.bandwidths[-1]).data.shape == (4, 16)
