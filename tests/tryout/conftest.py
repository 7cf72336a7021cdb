"""The page's command, running, and a browser before it; one of each for all tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
MOST = 1  # MB of an upload


class Served(NamedTuple):
    """The command, where it serves, and the folder that it takes for temporary files."""

    process: subprocess.Popen[str]
    address: str
    temporary: Path


@pytest.fixture(scope="session")
def served(trained, rendered, tmp_path_factory) -> Iterator[Served]:
    temporary = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "drr_jax.page", f"--model={trained}", "--port=0"]
    command += [f"--data_dir={rendered}", f"--max_upload_mb={MOST}"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("page: http://127.0.0.1:"), line
    yield Served(process, line.split()[1], temporary)
    # A test of it would end the page of those that another process left it to run.
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 75
    assert list(temporary.iterdir()) == []
    process.stdout.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        camera = [f"--use-fake-{what}-for-media-stream" for what in ("device", "ui")]
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *camera]
        )
        yield started
        started.close()


@pytest.fixture
def page(served, browser) -> Iterator[Page]:
    """The page, just opened. It must ask for nothing that lies elsewhere, and fail nowhere."""
    context = browser.new_context(permissions=["camera"])
    opened = context.new_page()
    elsewhere: list[str] = []
    own = (served.address, "data:", "blob:")

    def look(request: Request) -> None:
        if not request.url.startswith(own):
            elsewhere.append(request.url)

    opened.on("request", look)
    opened.on("pageerror", lambda error: elsewhere.append(str(error)))
    opened.on("dialog", lambda dialog: elsewhere.append(dialog.message))
    opened.goto(served.address)
    opened.wait_for_selector("#photo input[type=file]", state="attached")
    yield opened
    context.close()
    assert elsewhere == []


@pytest.fixture(scope="session")
def photo(people, tmp_path_factory) -> Path:
    """A photo of two rendered people."""
    faces = [cv2.resize(cv2.imread(str(path)), (160, 160)) for path in (people[0], people[-1])]
    canvas = np.full((200, 400, 3), 120, np.uint8)
    canvas[20:180, 20:180], canvas[20:180, 220:380] = faces
    path = tmp_path_factory.mktemp("photo") / "two.png"
    cv2.imwrite(str(path), canvas)
    return path
