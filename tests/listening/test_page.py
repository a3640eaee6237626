"""The page of a listening test, opened as a file in a real browser: heard, rated by keyboard, reloaded, downloaded."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
from browsing import chromium
from fabricate import babble

from giblet.listening import make_test, score

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RATE = 48_000
ODD = 'mine, the "best" – ü'
LETTERS = "ABCDE"
# What is played goes onto a tape as well, on the browser's own thread for sound, so that nothing is lost.
TAPE = """
const done = arguments[0];
const code = `registerProcessor("tape", class extends AudioWorkletProcessor {
  process([input]) {
    this.port.postMessage({at: currentFrame, heard: input.length ? input[0].slice() : new Float32Array(128)});
    return true;
  }
})`;
context.audioWorklet.addModule(`data:text/javascript;base64,${btoa(code)}`).then(() => {
  const tape = new AudioWorkletNode(context, "tape", {channelCount: 1, channelCountMode: "explicit"});
  window.taped = [];
  tape.port.onmessage = event => taped.push(event.data);
  tape.connect(context.destination);
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...more) {
    if (to === context.destination) connect.call(this, tape);
    return connect.call(this, to, ...more);
  };
  done(true);
});
"""
UNTAPE = """
const bytes = new Uint8Array(new Float32Array(taped.flatMap(block => [...block.heard])).buffer);
let text = "";
for (const byte of bytes) text += String.fromCharCode(byte);
return btoa(text);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A test of two sounds and five signals each, without a codec."""
    place = tmp_path_factory.mktemp("mushra")
    for name in ("noisy", "quiet"):
        (place / name).mkdir()
    for name, n_samples in (("talk", 3 * RATE), ("song, live", 3 * RATE + 100)):
        sound = babble(n_samples)[0]
        soundfile.write(place / f"{name}.wav", sound, RATE)
        noise = np.random.default_rng(1).normal(0, 0.02, n_samples)
        soundfile.write(place / "noisy" / f"{name}.wav", sound + noise, RATE)
        soundfile.write(place / "quiet" / f"{name}.wav", sound / 2, RATE)
    sounds = [place / "talk.wav", place / "song, live.wav"]
    conditions = {ODD: place / "noisy", "quiet": place / "quiet"}
    make_test(sounds, place / "test", conditions=conditions, excerpt=2, seed=5, title="Ü & <b>")
    return place / "test"


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads")) as browser:
        yield browser


@pytest.fixture
def page(chrome, folder):
    """The page as a new listener finds it."""
    page = Page(chrome, folder)
    page.run("localStorage.clear()")
    page.open()
    yield page
    assert [entry["message"] for entry in chrome.get_log("browser")] == []


class Page:
    """What a listener does and sees."""

    def __init__(self, browser, folder):
        self.browser = browser
        self.address = (folder / "index.html").as_uri()
        self.open()

    def open(self):
        self.browser.get(self.address)

    def run(self, script, *given):
        return self.browser.execute_script(script, *given)

    def find(self, selector):
        return self.browser.find_elements("css selector", selector)

    def text(self, selector):
        (found,) = self.find(selector)
        return found.text

    def until(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, 60, 0.02).until(lambda _: condition())

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def click(self, label):
        (button,) = [b for b in self.find("button, a.button") if b.text == label and b.is_displayed()]
        button.click()

    def begin(self, listener="p-01"):
        from selenium.webdriver import Keys

        self.find("#listener")[0].send_keys(listener, Keys.ENTER)
        self.ready("Training, sound 1 of 2")

    def ready(self, heading):
        self.until(lambda: self.text("h1") == heading and self.find(".board"))

    @property
    def state(self):
        return self.run("return board.state")

    @property
    def said(self):
        return [output.text for output in self.find("output")]

    @property
    def kept(self):
        return self.run("return JSON.parse(localStorage.getItem(STORAGE))")


def test_a_listener_from_beginning_to_end(page, folder):
    from selenium.webdriver import Keys

    assert page.browser.title == page.text("h1") == "Ü & <b>"
    page.find("#listener")[0].send_keys("näme", Keys.ENTER)
    assert page.text("[role=alert]").startswith("Give your name or number in letters")
    page.find("#listener")[0].clear()
    page.begin()

    # Training: everything can be played and rated, and nothing of it is kept.
    page.press("a", Keys.END, "b", Keys.ARROW_LEFT)
    page.until(lambda: page.said[:2] == ["100 Excellent", "49 Fair"])
    assert page.kept["answers"] == {}
    page.click("Next training sound")
    page.ready("Training, sound 2 of 2")
    page.click("Start the test")
    page.ready("Sound 1 of 2")
    assert page.said == ["–"] * 5

    # There is no way on before all is played and rated.
    page.click("Next")
    assert page.text("[role=alert]") == (
        "Still to be played: the reference, A, B, C, D and E. Still to be rated: A, B, C, D and E."
    )
    page.press("r")
    assert page.state["hears"] == "R"
    assert page.state["playing"]
    page.press(" ")
    assert not page.state["playing"]
    page.press("c", Keys.HOME)
    page.press("b", Keys.PAGE_UP, Keys.PAGE_UP, Keys.ARROW_RIGHT, "b")
    page.until(lambda: page.said == ["–", "71 Good", "0 Bad", "–", "–"])
    page.press(" ")
    order = page.run("return [trialOrder(), stimulusOrder(trialOrder()[0])]")

    # A reload in the middle loses nothing.
    page.open()
    page.ready("Sound 1 of 2")
    assert page.said == ["–", "71 Good", "0 Bad", "–", "–"]
    assert page.run("return [trialOrder(), stimulusOrder(trialOrder()[0])]") == order
    page.click("Next")
    assert page.text("[role=alert]") == "Still to be played: A, D and E. Still to be rated: A, D and E."
    # Where the slider stands may be what is meant: moved there and back.
    page.press("a", Keys.ARROW_LEFT, Keys.ARROW_RIGHT, "d", Keys.ARROW_LEFT, "e", Keys.END)
    page.until(lambda: page.said == ["50 Fair", "71 Good", "0 Bad", "49 Fair", "100 Excellent"])
    page.click("Next")
    page.ready("Sound 2 of 2")
    assert not page.state["playing"]
    page.press("r", *(key for letter in LETTERS for key in (letter, Keys.END)))
    page.until(lambda: page.said == ["100 Excellent"] * 5)
    page.click("Finish")
    page.until(lambda: page.text("h1") == "Thank you")
    page.open()
    (link,) = page.find("a[download]")
    path = page.browser.downloads / link.get_attribute("download")
    link.click()
    page.until(lambda: path.is_file() and path.stat().st_size)

    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    assert path.name == f"mushra_{key['test']}_p-01.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first, second = (key["trials"][i] for i in order[0])
    assert [row["trial"] for row in rows] == [first["name"]] * 5 + [second["name"]] * 5
    assert [row["rating"] for row in rows] == ["50", "71", "0", "49", "100"] + ["100"] * 5
    assert [row["condition"] for row in rows[:5]] == [first["signals"][i]["condition"] for i in order[1]]
    # C: once; B: twice, and once more by the space bar, which had paused it.
    assert [row["plays"] for row in rows[:5]] == ["1", "2", "1", "1", "1"]
    assert {row["reference_plays"] for row in rows} == {"1"}
    assert {(row["trial_order"], row["stimulus_order"]) for row in rows} == {(t, s) for t in "12" for s in "12345"}
    assert all(0 < float(row["seconds"]) < 60 and row["finished"].startswith("20") for row in rows)
    scores = score([path], keep_all=True)
    assert scores.test == key["test"]
    assert {(r.trial, r.condition, r.rating) for r in scores.ratings} == {
        (row["trial"], row["condition"], float(row["rating"])) for row in rows
    }
    assert ODD in {r.condition for r in scores.ratings}

    page.click("Next listener")
    page.browser.switch_to.alert.accept()
    page.until(lambda: page.find("#listener"))
    assert page.kept is None


def test_switching_is_instantaneous_and_loops_have_no_gap(page, folder):
    page.begin("p3")
    page.click("Start the test")
    page.ready("Sound 1 of 2")
    assert page.browser.execute_async_script(TAPE)
    page.run("board.press('R'); board.press(' ')")
    # Loops between two points, of half a second.
    page.run("const [timeline] = arguments; timeline.value = .6; timeline.dispatchEvent(new Event('change'))",
             page.find("[aria-label='Loop from']")[0])  # fmt: skip
    page.run("const [timeline] = arguments; timeline.value = 1.1; timeline.dispatchEvent(new Event('change'))",
             page.find("[aria-label='Loop to']")[0])  # fmt: skip
    assert (page.state["from"], page.state["to"]) == pytest.approx((0.6, 1.1))
    page.run("taped.length = 0")
    letters = page.run("return stimulusOrder(trialOrder()[0])")
    trial = json.loads((folder / "key.json").read_text())["trials"][page.run("return trialOrder()[0]")]
    conditions = [trial["signals"][stimulus]["condition"] for stimulus in letters]
    low, noisy = (conditions.index(name) for name in ("anchor 3.5 kHz", ODD))
    page.press(LETTERS[low])
    page.until(lambda: page.run("return taped.length") * 128 > 1.3 * RATE)
    pressed = page.run("const now = context.currentTime; board.press(arguments[0]); return now", LETTERS[noisy])
    n_taped = page.run("return taped.length")
    page.until(lambda: page.run("return taped.length") > n_taped + 1.3 * RATE / 128)
    tape = np.frombuffer(base64.b64decode(page.run(UNTAPE)), np.float32)

    begun = int(np.argmax(np.abs(tape) > 0))
    pressed = pressed * RATE - page.run("return taped[0].at") - begun
    tape = tape[begun:]
    before, after = (looped(folder, trial, conditions[i], 0.6, 1.1) for i in (low, noisy))
    begin = best_lag(tape[2000 : 2000 + len(before)], before)
    there = (np.arange(len(tape)) + begin - 2000) % len(before)
    # Over a hundredth of a second each: the first sound, the second, or what lies between them.
    n_blocks = len(tape) // 480
    wrong = [np.abs(tape - sound[there])[: 480 * n_blocks].reshape(-1, 480).max(axis=1) for sound in (before, after)]
    heard = "".join(
        "1" if first < 1e-3 else "2" if second < 1e-3 else "?" for first, second in zip(*wrong, strict=True)
    )
    # In step all along, over two ends of the loop each, and switched when the key was pressed.
    assert re.fullmatch(r"\?{0,2}1{100,}\?{1,3}2{100,}\??", heard), heard
    assert -480 < 480 * heard.index("2") - pressed < 0.1 * RATE


def looped(folder, trial, condition, first, stop):
    """Return what is to be heard of a signal between two points: faded over 5 ms at both."""
    (name,) = [signal["sound"] for signal in trial["signals"] if signal["condition"] == condition]
    data = json.loads("[" + (folder / "sounds" / f"{name}.js").read_text().strip()[len("giblet(") : -1] + "]")[1]
    sound = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")[0]
    part = sound[round(first * RATE) : round(stop * RATE)].copy()
    ramp = np.sin(np.pi / 2 * np.arange(240) / 240) ** 2
    part[:240] *= ramp
    part[-240:] *= ramp[::-1]
    return part


def best_lag(piece, whole):
    """Return where a piece lies in a loop, by circular correlation."""
    spectra = np.fft.rfft(whole) * np.conj(np.fft.rfft(piece))
    return int(np.argmax(np.fft.irfft(spectra, len(whole))))


def test_keys_set_the_loop(page):
    page.begin("p4")
    page.press("r")
    page.until(lambda: page.state["position"] > 0.3)
    page.press("n")
    begun = page.state["from"]
    assert 0.3 < begun < 1.5
    page.until(lambda: not begun <= page.state["position"] < begun + 0.5)
    page.press("t")
    assert begun <= page.state["position"] < begun + 0.5
    page.press("m")
    assert page.state["to"] - page.state["from"] == pytest.approx(0.5, abs=1e-6)
    page.press("o")
    assert (page.state["from"], page.state["to"]) == pytest.approx((0, 2))
    page.press("a")
    assert page.state["hears"] == "A"
    page.press(" ")
    assert not page.state["playing"]


def test_orders_are_random_by_listener_and_always_the_same(page):
    script = """
    const orders = [];
    for (let i = 0; i < 1000; i++) { session.listener = `p${i}`; orders.push([...trialOrder(), ...stimulusOrder(0)]); }
    return orders;
    """
    orders = np.array(page.run(script))
    assert (np.sort(orders[:, 2:]) == np.arange(5)).all()
    assert (orders == page.run(script)).all()
    # Each stimulus gets each letter equally often: chi-square with 16 degrees of freedom, 99.9 % at 39.
    counts = np.array([np.bincount(orders[:, 2 + i], minlength=5) for i in range(5)])
    assert ((counts - 200) ** 2 / 200).sum() < 39
    assert 420 < (orders[:, 0] == 0).sum() < 580


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_and_everything_has_a_name(page, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= width
        page.begin()
        assert page.run("return document.documentElement.scrollWidth") <= width
        for field in page.find("button, input, summary, progress, section"):
            assert field.accessible_name, field.get_attribute("outerHTML")
        for button in page.find(".board button, .onward button"):
            assert min(button.size["height"], button.size["width"]) >= 40
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_missing_sound_is_told(chrome, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    for file in (tmp_path / "copy" / "sounds").iterdir():
        file.unlink()
    page = Page(chrome, tmp_path / "copy")
    page.run("localStorage.clear()")
    page.open()
    from selenium.webdriver import Keys

    page.find("#listener")[0].send_keys("p1", Keys.ENTER)
    page.until(lambda: page.text("[role=alert]"))
    assert "is missing: keep the whole folder together." in page.text("[role=alert]")
    chrome.get_log("browser")
