"""The page to try a model on, in a browser: the command's numbers, and nothing left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drr_jax import facs, main, tryout
from drr_jax.errors import InputError
from drr_jax.tryout import command, keeping

ROOT = Path(__file__).parents[2]
AUS = facs.REACTIONET_AUS_12
RESULT, WATCHED = "#result .drr.photo", "#watched .drr.watched"


def predicted(model: Path, what: Path, out: Path) -> Path:
    arguments = ["--mode=predict", f"--model={model}", f"--input={what}", f"--out={out}"]
    assert main.run(main.parse(["main", *arguments])) == 0
    return out


def left(folder: Path) -> list[Path]:
    """Files that the page's process has kept."""
    return [path for path in folder.rglob("*") if path.is_file()]


def give(page, place: str, path: Path, wait: str) -> None:
    page.set_input_files(f"{place} input[type=file]", path)
    page.wait_for_selector(wait)


def bars(page) -> tuple[dict[str, float], dict[str, int]]:
    found = page.eval_on_selector_all(
        f"{RESULT} .bar", "all => all.map(e => [e.dataset.class, e.dataset.p, e.dataset.counts])"
    )
    return {name: float(p) for name, p, _ in found}, {name: int(c) for name, _, c in found}


def test_a_photo_gives_the_numbers_of_the_command(page, photo, trained, served, tmp_path):
    table = pd.read_csv(predicted(trained, photo, tmp_path / "out") / "predictions.csv")
    assert len(table) == 2 and table["success"].all()
    give(page, "#photo", photo, RESULT)
    for number, row in enumerate(table.to_dict("records")):
        page.locator("#face").get_by_role("radio").nth(number).check()
        face = row["face_id"]
        page.wait_for_selector(f"{RESULT}:has-text('face {face} is shown')")
        p, counts = bars(page)
        assert tuple(p) == AUS
        np.testing.assert_allclose([p[n] for n in AUS], [row[f"{n}_p"] for n in AUS], atol=1e-6)
        assert counts == {name: row[f"{name}_c"] for name in AUS}
        shown = [float(text) for text in page.locator(f"{RESULT} .bar .p").all_inner_texts()]
        np.testing.assert_allclose(shown, list(p.values()), atol=0.0051)
    assert page.locator(f"{RESULT} .node").count() == page.locator(f"{RESULT} .dot").count() == 12
    assert page.locator(f"{RESULT} .node.on").count() == sum(counts.values())
    assert page.locator(f"{RESULT} .maps img").count() >= 4
    assert page.locator(f"{RESULT} .top rect").count() == 2
    assert left(served.temporary) == []


def test_a_video_gives_the_tables_of_the_command(page, video, trained, served, tmp_path):
    out = predicted(trained, video, tmp_path / "out")
    page.get_by_role("tab", name="Video").click()
    give(page, "#video", video, WATCHED)
    assert page.locator(f"{WATCHED} .trace").count() >= 1
    for name in ("predictions.csv", "events.csv"):
        with page.expect_download() as waiting:
            page.locator(f"a[download='{name}']").click()
        waiting.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
    assert left(served.temporary) == []


def test_an_example_is_asked_with_what_the_person_saw(page):
    page.get_by_role("tab", name="Examples").click()
    page.locator(".try").first.click()
    page.wait_for_selector(f"{RESULT} .branches")
    heads = page.locator(".branches th.n").all_inner_texts()
    assert heads == ["reaction", "stimulus", "caption", "graph"]
    cells = page.locator(".branches td.n").all_inner_texts()
    reaction = [float(text) for text in cells[:: len(heads)]]
    np.testing.assert_allclose(reaction, list(bars(page)[0].values()), atol=0.0051)
    assert page.locator(f"{RESULT} .words").count() >= 1
    # Its own photo loses the labels, and keeps what the person saw.
    page.locator("button", has_text="Forget it all").click()
    page.wait_for_selector(RESULT, state="detached")


def test_wrong_files_are_one_line_each(page, photo, served, tmp_path):
    text, large, short = (tmp_path / name for name in ("text.png", "large.png", "short.avi"))
    text.write_text("no picture")
    large.write_bytes(bytes(2 << 20))
    short.write_bytes(b"RIFF but no more")
    give(page, "#photo", text, ".drr.error")
    line = page.locator("#result").inner_text().strip()
    assert line.startswith("text.png: not an image, or cut off") and "\n" not in line
    give(page, "#photo", large, ".toast-body:has-text('exceed the maximum allowed size')")
    give(page, "#photo", photo, RESULT)  # and it goes on
    page.get_by_role("tab", name="Video").click()
    give(page, "#video", short, "#watched .drr.error")
    assert "short.avi: not a video" in page.locator("#watched").inner_text()
    assert left(served.temporary) == []


def test_a_picture_without_a_face_says_so(page, tmp_path, photo):
    from PIL import Image

    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "grey.png")
    give(page, "#photo", tmp_path / "grey.png", f"{RESULT} .note")
    assert "No face was found in grey.png" in page.locator(RESULT).inner_text()
    page.get_by_text("The picture is one face").first.click()
    give(page, "#photo", tmp_path / "grey.png", f"{RESULT} .bar")
    assert "taken as one face" in page.locator(RESULT).inner_text()


def test_the_camera_gives_a_photo(page, served):
    page.locator("#photo .source-selection button").nth(1).click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("() => document.querySelector('#photo video')?.videoWidth > 0")
    page.locator("#photo [aria-label='capture photo']").click()
    page.wait_for_selector(RESULT)
    assert "No face was found" in page.locator(RESULT).inner_text()
    page.wait_for_selector("#photo :text('Click to Access Webcam')")
    assert left(served.temporary) == []


def test_a_name_that_holds_html_stays_text(page, photo, tmp_path):
    named = tmp_path / "<img src=x onerror=alert(1)>.png"
    shutil.copy(photo, named)
    give(page, "#photo", named, RESULT)
    assert page.locator(f"{RESULT} .name").first.inner_text() == named.name
    assert page.locator("img[src=x]").count() == 0


def test_the_server_holds_its_limits_itself(served):
    def ask(path: str, data: bytes | None = None, **headers: str) -> int:
        request = urllib.request.Request(served.address + path, data, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask("") == 200
    assert ask("", Host="elsewhere.example") == 421
    assert ask("gradio_api/upload", head + bytes(2 << 20) + b"\r\n--x--\r\n", **kind) == 413
    assert ask(f"gradio_api/file={ROOT / 'setup.cfg'}") == 403
    assert left(served.temporary) == []


def test_ctrl_c_ends_a_server():
    serve = """
from drr_jax import errors
from drr_jax.tryout import serving
async def application(scope, receive, send): ...
place = serving.listen("127.0.0.1", 0)
ready = lambda address: print(address, flush=True)
errors.run(lambda: serving.serve(application, place, "127.0.0.1", ready))
"""
    where = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", serve], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=where
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith(b"http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b"interrupted\n"


def test_wrong_commands_are_one_line_each(tmp_path, monkeypatch):
    def said(*arguments: str) -> str:
        with pytest.raises(InputError) as error:
            tryout.main(arguments)
        return str(error.value)

    assert str(tmp_path / "none") in said(f"--model={tmp_path / 'none'}", "--port=0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = said(f"--model={tmp_path}", f"--port={port}")
    assert f"--port={port}: Address already in use" in line
    assert "expected 1 or more" in said(f"--model={tmp_path}", "--max_upload_mb=0")
    assert "expected 0 to 65535" in said(f"--model={tmp_path}", "--port=65536")
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert said(f"--model={tmp_path}").endswith("pip install 'drr-jax[page]'")


def test_uploads_are_forgotten_with_what_others_left(tmp_path, monkeypatch):
    upload, old, new = (tmp_path / name / "x.png" for name in ("one", "two", "three"))
    busy = tmp_path / f"{keeping.WORK}1" / "video.mp4"
    for file in (upload, old, new, busy):
        file.parent.mkdir()
        file.write_bytes(b"bytes")
    for path in (old, old.parent, busy, busy.parent):
        os.utime(path, (0, 0))
    assert keeping.take(tmp_path, str(upload)) == b"bytes"
    assert left(tmp_path) == [busy, new] or left(tmp_path) == [new, busy]
    assert not upload.parent.exists()
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    outside.write_text("not an upload")
    keeping.forget(tmp_path, str(outside))
    assert outside.exists()
