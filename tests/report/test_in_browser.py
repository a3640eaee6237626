"""Pages in a real browser: they play, switch at the same position, fit, and can be used without a mouse."""

from __future__ import annotations

import time

import numpy as np
import pytest

from giblet.formats import CodeHeader, as_blocks, write_container
from giblet.report import write_report
from giblet.transcoding import codes_to_store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SWITCH = """
const [from, to, press] = arguments;
const audios = document.querySelectorAll("audio");
const before = audios[from].currentTime;
if (press) dispatchEvent(new KeyboardEvent("keydown", {key: String(to + 1)}));
else document.querySelectorAll(".version")[to].click();
return [before, audios[to].currentTime, audios[from].paused];
"""


def until(browser, script, *arguments):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60, 0.02).until(lambda _: browser.execute_script(f"return {script}", *arguments))


def opened(browser, page, width=1100):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())


def complaints(browser):
    return [entry["message"] for entry in browser.get_log("browser")]


@pytest.fixture(scope="module")
def page(store, place):
    return write_report(store, place / "browser.html")


def at(browser, index):
    return browser.execute_script("return document.querySelectorAll('audio')[arguments[0]].currentTime", index)


def test_it_plays_and_switches_at_the_same_position(browser, page):
    from selenium.webdriver import ActionChains, Keys

    opened(browser, page)
    play = browser.find_element("css selector", ".play")
    play.click()
    until(browser, "document.querySelectorAll('audio')[0].currentTime > .3")
    assert play.text == "Pause"
    # While it plays, by a button and by a key: the next sound goes on where the other was.
    for there, back, press in ((0, 2, False), (2, 1, True), (1, 0, True)):
        before, after, paused = browser.execute_script(SWITCH, there, back, press)
        assert after == pytest.approx(before, abs=0.02)
        assert paused
        until(browser, f"document.querySelectorAll('audio')[{back}].currentTime > {after} + .1")
        pressed = [b.get_attribute("aria-pressed") for b in browser.find_elements("css selector", ".version")]
        assert pressed == ["true" if i == back else "false" for i in range(3)]
        assert (
            browser.execute_script("return [...document.querySelectorAll('audio')].filter(a => !a.paused).length") == 1
        )
    # The same with real keys, and what they do when it is still.
    browser.find_element("css selector", "h1").click()
    ActionChains(browser).send_keys("3").perform()
    until(browser, "!document.querySelectorAll('audio')[2].paused")
    ActionChains(browser).send_keys(" ").perform()
    until(browser, "document.querySelectorAll('audio')[2].paused")
    assert play.text == "Play"
    still = at(browser, 2)
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert at(browser, 2) == pytest.approx(still + 1, abs=0.02)
    ActionChains(browser).send_keys(Keys.ARROW_LEFT).perform()
    assert at(browser, 2) == pytest.approx(still, abs=0.02)
    ActionChains(browser).send_keys("1").perform()
    assert at(browser, 0) == pytest.approx(still, abs=0.02)
    assert browser.execute_script("return [...document.querySelectorAll('audio')].every(a => a.paused)")
    shown = browser.find_element("css selector", ".where").text
    assert shown == f"0:0{still:.1f} · TR {int(still / 1.5)}"
    assert complaints(browser) == []


def test_the_end_and_a_click_into_a_spectrogram(browser, page):
    from selenium.webdriver import ActionChains

    opened(browser, page)
    view = browser.find_elements("css selector", ".heard-as .canvas")[1]
    ActionChains(browser).move_to_element(view).click().perform()
    seek = browser.find_element("css selector", ".seek")
    assert float(seek.get_attribute("value")) == pytest.approx(3.0, abs=0.05)
    assert browser.find_elements("css selector", ".version")[1].get_attribute("aria-pressed") == "true"
    browser.execute_script(
        "arguments[0].value = 5.9; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", seek
    )
    play = browser.find_element("css selector", ".play")
    play.click()
    until(browser, "document.querySelectorAll('audio')[1].ended")
    until(browser, "document.querySelector('.play').textContent === 'Play'")
    play.click()
    until(browser, "document.querySelectorAll('audio')[1].currentTime < 1")
    play.click()
    assert complaints(browser) == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_and_everything_has_a_name(browser, page, width):
    opened(browser, page, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for field in browser.find_elements("css selector", "button, input, img, summary, [role=img], [role=region]"):
        assert field.accessible_name, field.get_attribute("outerHTML")[:200]
    for button in browser.find_elements("css selector", "button"):
        assert min(button.size["height"], button.size["width"]) >= 40
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(r => r.name.slice(0, 5))")
    assert set(loaded) <= {"data:", "blob:"}


@pytest.fixture(scope="module")
def fit_page(place):
    """A fit of few targets and one of many, under names that would run scripts."""
    from giblet.encoding import Ceiling, Scores
    from giblet.encoding.saving import save_scores

    fits, rng = [], np.random.default_rng(0)
    for n in (5, 100):
        name = f"<img src=x onerror=window.ran=1>{n}"
        r, q = rng.uniform(-0.2, 0.8, (3, n)), np.full(n, 0.04)
        split, spaces = np.stack([0.3 * r, 0.7 * r]), (name, "a.long.name.of.a.feature:space")
        ceiling = Ceiling("subject", rng.uniform(0.3, 0.9, n), "What it is.")
        targets = tuple(f"{name}{i}" for i in range(n))
        fits.append(
            Scores(name, targets, spaces, r, r, split, split, q, q, q + 0.1, 0.01, "blocks", (9,) * 3, ceiling=ceiling)
        )
    save_scores(fits, place / "fit")
    return write_report(place / "fit", place / "fit.html")


@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_of_a_fit_fits_and_runs_no_script(browser, fit_page, width):
    opened(browser, fit_page, width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for field in browser.find_elements("css selector", "summary, [role=img], [role=region]"):
        assert field.accessible_name, field.get_attribute("outerHTML")[:200]
    assert browser.execute_script("return window.ran === undefined")
    assert complaints(browser) == []


@pytest.mark.parametrize("kind", ["page", "fit_page"])
def test_what_it_paints_with_can_be_read(browser, request, kind):
    """Text stands out from what is behind it by 4.5 to 1, in light and in dark."""
    script = """
const luminance = c => {
  const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$/.test(c) && c !== "transparent") return c;
  }
};
const read = "p, li, dt, dd, th, td, h1, h2, h3, button, figcaption, summary, .across span, .up span";
return [...document.querySelectorAll(read)]
  .filter(e => e.textContent.trim() && e.getClientRects().length).map(e => {
    const [a, b] = [luminance(getComputedStyle(e).color), luminance(behind(e))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), e.outerHTML.slice(0, 80)];
  }).sort((x, y) => x[0] - y[0])[0];
"""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        opened(browser, request.getfixturevalue(kind))
        ratio, element = browser.execute_script(script)
        assert ratio >= 4.5, element
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_names_run_no_script(browser, sound, tiny, tmp_path):
    from giblet.data import extract

    path = sound(np.zeros(24_000 * 2), '<img src=x onerror="document.title=1">.wav')
    extract(path, tmp_path / "evil.giblet", codec=tiny)
    page = write_report(tmp_path / "evil.giblet", tmp_path / "evil.html", listen=0)
    opened(browser, page)
    assert browser.title.startswith("<img")
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran=1\">')")
    time.sleep(0.2)
    assert browser.execute_script("return window.ran === undefined")


def test_fifty_minutes_open_within_a_second(browser, tiny, tmp_path):
    header = CodeHeader(
        "tiny", tiny.layout, 4, tiny.codebook_size, length=50 * 60 * 24_000, codec_fingerprint=tiny.fingerprint
    )
    codes = np.random.default_rng(0).integers(0, 1024, (4, 50 * 60 * 75)).astype(np.int16)
    write_container(tmp_path / "long.ecdc", header, as_blocks(codes, [(codes.shape[1], None)]))
    codes_to_store(tmp_path / "long.ecdc", tmp_path / "long.giblet", codec=tiny)
    page = write_report(tmp_path / "long.giblet", tmp_path / "page.html")
    assert page.stat().st_size < 10e6
    took = []
    for _ in range(3):
        opened(browser, page)
        took.append(until(browser, "performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert min(took) < 1000
    text = browser.find_element("css selector", "main").text
    assert "2000 TRs of 1.5 s, each box is 20 TRs" in text
    assert "s from 1:00.0 on of the film" in text
    # Nothing of the sounds is unpacked before someone listens.
    assert browser.execute_script("return [...document.querySelectorAll('audio')].every(a => !a.src)")
