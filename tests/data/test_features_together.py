"""Many features of one film in one extraction: the same as one by one, from one decoding, in one store."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from giblet.data import extract, open_store
from giblet.errors import AnnotationError, MediaError, ParameterError, StoreError
from giblet.features import Feature, Output, ask_features, known_features, registry
from giblet.media import track as track_module

SOUND = ("audio.codes", "audio.latents", "audio.mel", "audio.power", "audio.centroid", "audio.envelope@bands=4")


@pytest.fixture(scope="module")
def together(tmp_path_factory, sample_film):
    path = tmp_path_factory.mktemp("together") / "store"
    extract(sample_film, path, codec="tiny", features=[*SOUND, "audio.power@rate=40"], max_trs=8)
    return open_store(path)


@pytest.mark.parametrize("feature", SOUND)
def test_together_as_alone(together, tmp_path, sample_film, feature):
    extract(sample_film, tmp_path / "alone", codec="tiny", features=feature, max_trs=8)
    alone = open_store(tmp_path / "alone")
    np.testing.assert_array_equal(together.tr_view(feature), alone.tr_view(feature))
    assert together.tr_view(feature).sizes["tr"] == 8


def test_the_rows_of_some_trs_are_those_of_the_whole_film(together, tmp_path, sample_film):
    extract(sample_film, tmp_path / "whole", codec="tiny", features=SOUND)
    whole = open_store(tmp_path / "whole")
    for feature in SOUND:
        np.testing.assert_array_equal(together.tr_view(feature), whole.tr_view(feature)[:8], err_msg=feature)


def test_the_film_is_decoded_once(monkeypatch, tmp_path, sample_film):
    decoded = []
    original = track_module.decoded_frames

    def counted(*arguments):
        for item in original(*arguments):
            decoded.append(item[0].samples)
            yield item

    monkeypatch.setattr(track_module, "decoded_frames", counted)
    extract(sample_film, tmp_path / "one", features="audio.power", max_trs=2)
    one = sum(decoded)
    decoded.clear()
    extract(sample_film, tmp_path / "three", features="audio.power,audio.onset,audio.centroid", max_trs=2)
    # Looking at the film before work begins is the same for both.
    assert sum(decoded) <= one * 1.2


def test_no_reader_runs_ahead(sample_film):
    with track_module.OpenTrack(sample_film, readers=2) as source:
        first, second = source.frames(), source.frames()
        for (a, _), (b, _) in itertools.islice(zip(first, second, strict=True), 5):
            assert a is b


def test_what_a_series_is(together):
    series = together.series("audio.power@rate=40")
    assert series.kind == "continuous"
    assert series.names == ("audio.power@rate=40",)
    np.testing.assert_allclose(np.diff(series.times), 1 / 40)
    assert series.end == pytest.approx(12, abs=1 / 40)
    assert together.about("audio.power")["units"]
    assert together.kind("audio.power") == "continuous"
    assert together.series("audio.envelope@bands=4").values.shape[1] == 4
    power = together.tr_view("audio.power", pool="mean")
    np.testing.assert_allclose(
        power.values[:, 0], together.series("audio.power").values[:1200, 0].reshape(8, 150).mean(1), rtol=1e-5
    )


def test_what_is_not_there_is_said(together):
    with pytest.raises(StoreError, match=r"holds no audio\.onset.*extract with --features audio\.onset"):
        together.series("audio.onset")
    with pytest.raises(ParameterError, match="there is no feature"):
        together.series("audio.taste")


def test_a_second_call_is_a_hit_and_another_feature_is_not(tmp_path, sample_film):
    asked = {"film": sample_film, "output": tmp_path / "s", "max_trs": 2}
    assert not extract(**asked, features="audio.power,audio.centroid").hit
    assert extract(**asked, features="audio.centroid,audio.power").hit
    assert extract(**asked, features=iter(["audio.power", "audio.centroid"])).hit
    with pytest.raises(StoreError, match="other settings"):
        extract(**asked, features="audio.power")


def test_words_beside_sound(tmp_path, sample_film):
    words = sample_film.with_name("sample_stimulus_words.csv")
    extract(sample_film, tmp_path / "s", features="audio.power,text.word_rate,text.duration", annotations=words)
    store = open_store(tmp_path / "s")
    assert float(store.tr_view("text.word_rate").sum()) == 60
    assert store.series("text.duration").kind == "event"
    with pytest.raises(AnnotationError, match=r"needs the words of the film; name their file with --annotations"):
        extract(sample_film, tmp_path / "t", features="text.word_rate")
    assert not (tmp_path / "t").exists()


def test_words_of_a_changed_file_are_no_hit(tmp_path, sample_film):
    words = tmp_path / "words.csv"
    words.write_text("onset,duration,text\n1,0.5,one\n")
    asked = {"film": sample_film, "output": tmp_path / "s", "features": "text.word_rate", "annotations": words}
    extract(**asked)
    words.write_text("onset,duration,text\n1,0.5,one two\n")
    with pytest.raises(StoreError, match="other settings"):
        extract(**asked)


@pytest.fixture
def silent_film(tmp_path):
    """A film of 3 s without sound whose pictures get brighter."""
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(75):
            picture = np.full((48, 64, 3), 3 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def test_a_silent_film_has_pictures(silent_film, tmp_path):
    done = extract(silent_film, tmp_path / "s", features="video.luminance,video.frames@rate=5")
    store = open_store(tmp_path / "s")
    assert done.provenance["sound"] is None
    luminance = store.tr_view("video.luminance", pool="mean").values[:, 0]
    assert luminance.shape == (2,)
    assert luminance[0] < luminance[1]
    frames = store.tr_view("video.frames@rate=5")
    assert frames.shape == (2, 7, 90, 160, 3)
    assert frames.dtype == np.uint8
    assert frames[1].mean() > frames[0].mean()
    with pytest.raises(ParameterError, match="no series"):
        store.series("video.frames@rate=5")
    with pytest.raises(MediaError, match="has no sound track"):
        extract(silent_film, tmp_path / "t", features="video.luminance,audio.power")


def test_sound_alone_has_no_pictures(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(48_000), 16_000)
    with pytest.raises(MediaError, match=r"no moving pictures, which video\.luminance needs"):
        extract(tmp_path / "a.wav", tmp_path / "s", features="video.luminance")


def test_the_last_picture_is_held_where_sound_goes_on(tmp_path, silent_film):
    import av

    path = tmp_path / "longer.mkv"
    with av.open(str(silent_film)) as source, av.open(str(path), "w") as container:
        picture = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("pcm_s16le", rate=8000)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                container.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 36_000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    extract(path, tmp_path / "s", features="audio.power,video.luminance")
    store = open_store(tmp_path / "s")
    assert store.tr_view("video.luminance").sizes["tr"] == 3
    assert store.provenance["series"]["video.luminance"]["held"] > 30
    held = store.series("video.luminance").values[-30:]
    assert (held == held[0]).all()


@dataclass
class Ahead:
    """The largest sample of the second after each row begins."""

    request: object
    context: object
    sample_rate: int = 100
    identity: object = None

    def __post_init__(self):
        self.identity = {"recipe": 1}
        self.outputs = [Output(self.request.name, ("most",), Fraction(2), about={"future": 0.5})]
        self._samples, self._given = np.zeros(0, np.float32), 0

    def push(self, samples):
        self._samples = np.append(self._samples, samples)
        return self._rows((len(self._samples) - 100) // 50 + 1)

    def finish(self):
        return self._rows(-(-len(self._samples) // 50))

    def _rows(self, stop):
        rows = [[self._samples[50 * i : 50 * i + 100].max()] for i in range(self._given, max(stop, self._given))]
        self._given = max(stop, self._given)
        return [np.array(rows, np.float32).reshape(-1, 1)]


@pytest.fixture
def ahead(monkeypatch):
    """Install a feature that looks ahead, as a plug-in would."""
    feature = Feature("audio.ahead", "continuous", "sound", "2 Hz", "1", "", f"{__name__}:Ahead")
    monkeypatch.setattr(registry, "import_module", lambda name: __import__("types").SimpleNamespace(Ahead=Ahead))
    monkeypatch.setitem(known_features(), "audio.ahead", feature)


def test_a_plug_in_that_looks_ahead_gets_what_follows_the_last_tr(ahead, tmp_path, sample_film):
    assert ask_features("audio.ahead")
    extract(sample_film, tmp_path / "part", features="audio.ahead", max_trs=2, tr=1)
    extract(sample_film, tmp_path / "whole", features="audio.ahead", tr=1)
    part, whole = (open_store(tmp_path / name).series("audio.ahead").values for name in ("part", "whole"))
    assert len(part) == 4
    np.testing.assert_array_equal(part, whole[:4])
