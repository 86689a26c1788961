"""The page in a real browser, and what it refuses."""

import contextlib
import csv
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import command
import pytest
from playwright import sync_api

from selfme_jax.run import example


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of the page, served by the command."""
    place = tmp_path_factory.mktemp("uploads")
    process = subprocess.Popen(
        [sys.executable, "-m", "selfme_jax.app", "--port=0", "--megabytes=2"],
        cwd=command.ROOT,
        env=command.environment() | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    yield re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
    process.terminate()
    process.wait(60)
    process.stdout.close()
    assert not list(place.glob("selfme_app_*")), "uploads are deleted at the end"


@pytest.fixture(scope="module")
def browser():
    """Chromium: Debian's, or playwright's own."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    options = {"executable_path": place} if place else {}
    with sync_api.sync_playwright() as playwright:
        if not place and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: apt install chromium, or playwright install")
        found = playwright.chromium.launch(args=["--no-sandbox"], **options)
        yield found
        found.close()


@pytest.fixture
def page(browser, address):
    """The page; it must ask nobody but its own server, and make no error."""
    opened = browser.new_page(viewport={"width": 400, "height": 800})
    asked, errors = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    opened.goto(address)
    yield opened
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    assert not [e for e in errors if "415" not in e and "413" not in e], errors
    opened.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return example.clip(tmp_path_factory.mktemp("film"))


def test_a_film_goes_in_and_a_table_comes_out(page, film, tmp_path):
    page.get_by_label("A film of a face").set_input_files(film)
    page.get_by_role("button", name="Answer it").press("Enter")  # by the keyboard
    report = page.frame_locator("iframe")
    report.get_by_text("Expressions:").wait_for(timeout=240_000)
    assert report.get_by_text("micro-expression", exact=False).count() > 0
    assert report.get_by_text("never for decisions about people").count() == 1
    with page.expect_download() as waiting:
        page.get_by_text("Download CSV").click()
    saved = tmp_path / "intervals.csv"
    waiting.value.save_as(saved)
    kinds = {row["kind"] for row in csv.DictReader(saved.open())}
    assert "micro" in kinds
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("deleted", exact=True).wait_for()
    assert page.locator("#answer").is_hidden()


def test_a_wrong_file_gets_its_message(page, tmp_path):
    wrong = tmp_path / "thesis.pdf"
    wrong.write_bytes(b"%PDF-1.4")
    page.get_by_label("A film of a face").set_input_files(wrong)
    page.get_by_role("button", name="Answer it").click()
    page.get_by_role("alert").filter(has_text="thesis.pdf is no film").wait_for()
    wrong = tmp_path / "noise.mp4"
    wrong.write_bytes(bytes(range(256)) * 9)
    page.get_by_label("A film of a face").set_input_files(wrong)
    page.get_by_role("button", name="Answer it").click()
    page.get_by_role("alert").filter(has_text="not a readable video").wait_for()


def test_a_file_that_is_too_large_is_refused(page, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(3 * 2**20))
    page.get_by_label("A film of a face").set_input_files(large)
    page.get_by_role("button", name="Answer it").click()
    page.get_by_role("alert").filter(has_text="more than 2 MB").wait_for()


def test_without_a_webcam_it_is_said_and_the_rest_goes_on(page):
    page.get_by_role("button", name="Film with the webcam").click()
    page.get_by_role("alert").filter(has_text="no webcam: ").wait_for()
    assert page.get_by_role("button", name="Film with the webcam").is_enabled()
    assert page.locator("#preview").is_hidden()
    page.get_by_role("button", name="Answer it").click()
    page.get_by_role("alert").filter(has_text="Choose a film first").wait_for()


def test_the_webcam_films_until_it_is_stopped(browser, address):
    """Chromium's own moving pattern stands in for it; there is no face in that."""
    flags = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
    kind = browser.browser_type
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    filming = kind.launch(args=["--no-sandbox", *flags], executable_path=place)
    page, errors = filming.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    for _ in range(2):  # the second time as well as the first
        page.get_by_role("button", name="Film with the webcam").click()
        page.get_by_text("filming", exact=True).wait_for()
        assert page.locator("#preview").is_visible()
        page.wait_for_timeout(1500)
        page.get_by_role("button", name="Stop filming and answer").click()
        told = page.get_by_role("alert").filter(has_text="face")
        told.or_(page.locator("#answer:not([hidden])")).wait_for(timeout=120_000)
        assert page.locator("#preview").is_hidden()
    assert not errors
    filming.close()


def test_the_example_is_shown_by_a_button(page):
    page.get_by_role("button", name="Show the example").click()
    report = page.frame_locator("iframe")
    report.get_by_text("Expressions:").wait_for(timeout=240_000)
    assert page.get_by_role("status").inner_text() == "done"


def test_everything_has_a_name_for_those_who_do_not_see(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, progress, iframe, video, a')]"
        ".filter(e => !(e.labels?.length || e.ariaLabel || e.title"
        " || e.textContent.trim())).map(e => e.outerHTML)"
    )
    assert not unnamed


def request(address, path, **options):
    asked = urllib.request.Request(address + path, **options)
    with contextlib.suppress(urllib.error.HTTPError):
        return urllib.request.urlopen(asked, timeout=60).status
    try:
        urllib.request.urlopen(asked, timeout=60)
    except urllib.error.HTTPError as error:
        return error.code


def test_other_pages_and_other_hosts_are_not_heard(address):
    assert request(address, "clips?name=a.mp4", data=b"x", method="POST") == 403
    assert request(address, "example", method="POST") == 403
    assert request(address, "", headers={"Host": "evil.example"}) == 400
    assert request(address, "clips/nobody/../../etc/passwd") == 404
