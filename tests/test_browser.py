"""The explorer and the live view under a person's hands: JupyterLab and Notebook 7 in a real browser."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

import medtx
from medtx.thresholds import load_threshold
from tests.conftest import ROOT

DATA = ROOT / "tests" / "data"
NOTEBOOK = DATA / "explorer.ipynb"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
PATIENCE = 60  # seconds; a loaded machine is slow
IDLE = """() => {
    const kernel = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


@contextmanager
def server(app: str, option: str, folder: Path) -> Iterator[str]:
    """The address of a server of its own, which knows nothing of the user's settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = token_hex(16)
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [
        *(sys.executable, "-m", app, "--no-browser", "--allow-root"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={token}",
        f"--{option}.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    log = folder / "server.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, cwd=folder, env=os.environ | own | {"HOME": str(folder)}, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=5).close()
                break
            except (urllib.error.URLError, TimeoutError):
                assert running.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/{{}}?token={token}"
    finally:
        running.terminate()  # and it ends its kernels
        running.wait(PATIENCE)


@contextmanager
def opened(notebook: Path, folder: Path, app: str, option: str, path: str) -> Iterator[Any]:
    """A page of a browser that shows a copy of the notebook, all of its cells told to run."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None and "CI" not in os.environ:
        pytest.skip("no chromium here: apt-get install chromium")
    assert browser_path, "CI must have a chromium: apt-get install chromium"
    if importlib.util.find_spec(app) is None:
        pytest.skip(f"{app} is not installed")
    from playwright.sync_api import expect, sync_playwright

    shutil.copy(notebook, folder)
    with server(app, option, folder) as address, sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=browser_path,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE)
        expect.set_options(timeout=500 * PATIENCE)
        page.goto(address.format(f"{path}/{notebook.name}"))
        page.wait_for_function(IDLE)
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        yield page
        browser.close()


LAB = ("jupyterlab", "LabApp", "doc/tree")


@pytest.mark.parametrize(("app", "option", "path"), [LAB, ("notebook", "JupyterNotebookApp", "notebooks")])
def test_the_panel_follows_the_hand(app, option, path, dictations, tmp_path):
    expect = pytest.importorskip("playwright.sync_api").expect
    alignment = medtx.align(dictations.references, dictations.transcripts)
    sweep = medtx.sweep(alignment)
    with opened(NOTEBOOK, tmp_path, app, option, path) as page:
        words = page.locator(".medtx-words")
        picture = page.locator("img.widget-image")
        number = page.locator(".widget-hbox input[type=number]").first
        seen = set()

        def shows(value: float) -> None:
            """The words are those of this threshold, and the picture is one not seen before."""
            expect(words).to_contain_text(re.compile(sentence(sweep, value)))
            assert float(number.input_value()) == pytest.approx(value)
            expect(picture).not_to_have_attribute("src", re.compile("|".join(seen) or "nothing yet"))
            seen.add(re.escape(picture.get_attribute("src")))
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0

        shows(0.5)
        handle = page.locator(".noUi-handle")
        if app == "jupyterlab":  # Notebook 7 keeps arrow keys for itself, whatever the widget
            handle.focus()
            page.keyboard.press("ArrowRight")
            shows(0.501)
        before, at = number.input_value(), handle.bounding_box()
        page.mouse.click(at["x"] + 108, at["y"] + 8)  # on the slider, right of its handle
        expect(number).not_to_have_value(before)
        assert float(number.input_value()) > 0.6
        shows(float(number.input_value()))
        number.fill("0.7529")  # finer than the slider's steps
        number.press("Enter")
        shows(0.7529)
        page.get_by_role("button", name="Suggest").click()
        chosen = sweep.choose(max_error=0.1)
        shows(chosen.value)
        expect(page.locator(".medtx-said")).to_have_text(str(chosen))
        page.screenshot(path=tmp_path / "explorer.png")
        fits(page)

        page.get_by_role("textbox", name="signed by").fill("Dr Ada Example")
        page.get_by_role("textbox", name="note").press_sequentially(
            "x dd b"
        )  # keys that are commands of the notebook
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".medtx-said")).to_contain_text("saved as")
    saved = load_threshold(tmp_path / "threshold.json")
    assert (saved.value, saved.signed_by, saved.note) == (chosen.value, "Dr Ada Example", "x dd b")


def test_a_stream_is_seen_while_it_runs_started_and_stopped_by_hand(tmp_path):
    expect = pytest.importorskip("playwright.sync_api").expect
    with opened(DATA / "live.ipynb", tmp_path, *LAB) as page:
        status, button = (
            page.locator(".medtx-live-status"),
            page.locator("button.jupyter-button", has_text="Start"),
        )
        expect(status).to_have_text("not started")
        button.click()
        expect(page.locator(".medtx-live .partial")).to_have_css("color", "rgb(128, 128, 128)")
        final = page.locator(".medtx-live .final").first
        expect(final).to_be_visible()
        expect(button).to_be_disabled()
        word = final.locator("b").first
        assert 0 <= float(word.get_attribute("title")) <= 1
        assert word.evaluate("word => getComputedStyle(word).backgroundColor").startswith("rgb")
        page.screenshot(path=tmp_path / "live.png")
        page.locator("button.jupyter-button", has_text="Stop").click()
        expect(status).to_contain_text(
            re.compile(r"ended, \d+ words in 0:\d+, last final result \d+\.\d s after")
        )
        expect(page.locator(".medtx-live .partial")).to_have_count(0)
        expect(button).to_be_enabled()
        fits(page)


def sentence(sweep: medtx.Sweep, value: float) -> str:
    """What the panel must say, as a pattern."""
    row, everything = sweep.at(value, float("inf")).to_dict("records")
    return re.escape(
        f"review {row['review_words']:,} of {everything['review_words']:,} words "
        f"({100 * row['review_share']:.0f} %, {row['review_minutes']:.1f} minutes to listen); "
        f"of {row['errors_caught'] + row['errors_missed']:,} errors {row['errors_caught']:,} are caught, "
        f"{row['errors_missed']:,} slip through; {row['deletions']:,} more words are missing altogether"
    )


def fits(page) -> None:
    """Nothing sticks out of the panel, and nothing in it is cut off."""
    cut = """panel => [...panel.querySelectorAll('*')]
        .filter(part => part.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1
            || part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX != 'visible')
        .map(part => part.outerHTML.slice(0, 200))"""
    assert page.locator(".widget-vbox").first.evaluate(cut) == []
