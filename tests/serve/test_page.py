"""The page in a real browser."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from browsing import chromium

from giblet.formats import open_container

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DROP = """
const [input, kind] = arguments;
const transfer = new DataTransfer();
transfer.items.add(input.files[0]);
const event = new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true});
document.getElementById("drop").dispatchEvent(event);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("downloads"), allowed="127.0.0.1") as chrome:
        yield chrome


@contextmanager
def page(browser, open_service, **limits):
    with open_service(**limits) as (host, port):
        browser.get(f"http://{host}:{port}/")
        until(browser, lambda: find(browser, "#bandwidths input"))
        yield
        complaints = [entry["message"] for entry in browser.get_log("browser") if entry["source"] != "network"]
        assert complaints == []


def until(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 120, 0.05).until(lambda _: condition())


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def drop(browser, path):
    """Drop a file where files are dropped; a field of the test's own holds it before."""
    browser.execute_script(
        "document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 't'}))"
    )
    (field,) = find(browser, "#t")
    field.send_keys(str(path))
    for kind in ("dragenter", "dragover", "drop"):
        browser.execute_script(DROP, field, kind)
    browser.execute_script("arguments[0].remove()", field)


def durations(browser):
    """Return how long each player says that its sound is, newest result first."""
    players = "[...document.querySelectorAll('audio')]"
    until(browser, lambda: browser.execute_script(f"return {players}.every(a => a.readyState > 0)"))
    return browser.execute_script(f"return {players}.map(a => a.duration)")


def download(browser, text):
    (link,) = [link for link in find(browser, "article:first-of-type a") if link.text == text]
    path = browser.downloads / link.get_attribute("download")
    link.click()
    until(browser, lambda: path.is_file() and path.stat().st_size)
    return path


def test_a_file_is_dropped_converted_downloaded_and_heard(browser, open_service, sound):
    with page(browser, open_service):
        browser.execute_script("document.querySelector('input[value=\"3\"]').click()")
        drop(browser, sound)
        until(browser, lambda: find(browser, "article"))
        assert durations(browser) == pytest.approx([2, 2], abs=0.01)
        codes = download(browser, "Download .ecdc")
        assert codes.name == "talk.ecdc"
        header = open_container(codes).header
        assert (header.codec, header.bandwidth, header.length) == ("tiny", 3, 48_000)
        assert "2.0 s at 3 kbps" in find(browser, "article .facts")[0].text
        # It is heard, and not only shown.
        play = "const [done] = arguments, a = document.querySelectorAll('audio')[1]; a.muted = true;"
        play += (
            "a.ontimeupdate = () => { if (a.currentTime > .2) done(true) }; a.onerror = () => done(false); a.play();"
        )
        assert browser.execute_async_script(play)

        drop(browser, codes)
        until(browser, lambda: len(find(browser, "article")) == 2)
        assert durations(browser) == pytest.approx([2, 2, 2], abs=0.01)
        assert download(browser, "Download .wav").read_bytes()[:4] == b"RIFF"


def test_a_file_is_chosen_with_the_other_container(browser, open_service, sound):
    with page(browser, open_service):
        browser.execute_script("document.querySelector('input[value=\"nac\"]').click()")
        find(browser, "#file")[0].send_keys(str(sound))
        until(browser, lambda: find(browser, "article"))
        assert open_container(download(browser, "Download .nac")).kind == "nac"


def test_what_is_wrong_is_said_and_the_page_goes_on(browser, open_service, sound, tmp_path):
    (tmp_path / "evil <b>.wav").write_bytes(b"no sound at all")
    with page(browser, open_service, n_bytes=100_000):
        (alert,) = find(browser, "[role=alert]")
        assert not alert.is_displayed()
        drop(browser, tmp_path / "evil <b>.wav")
        until(browser, alert.is_displayed)
        assert alert.text.startswith("evil <b>.wav: is not a film or sound file that can be read;")
        (tmp_path / "large.wav").write_bytes(bytes(100_001))
        drop(browser, tmp_path / "large.wav")
        until(browser, lambda: "large.wav" in alert.text)
        assert "the service takes 100 kB" in alert.text
        drop(browser, sound)
        until(browser, lambda: find(browser, "article"))
        assert not alert.is_displayed()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_and_can_be_used_without_a_mouse(browser, open_service, sound, width):
    from selenium.webdriver import ActionChains, Keys

    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    with page(browser, open_service):
        reached = []
        for _ in range(3):
            ActionChains(browser).send_keys(Keys.TAB).perform()
            field = browser.switch_to.active_element
            reached.append(field.get_attribute("id") or field.get_attribute("name"))
        assert reached == ["file", "bandwidth", "kind"]
        drop(browser, sound)
        until(browser, lambda: find(browser, "article"))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        # Whatever can be used has a name that is read out, and is large enough for a thumb.
        for field in find(browser, "input, audio, a"):
            assert field.accessible_name, field.get_attribute("outerHTML")
        for link in find(browser, "a, .segments label"):
            assert min(link.size["height"], link.size["width"]) >= 40
