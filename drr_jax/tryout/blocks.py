"""The page in Gradio: what lies where, and what answers what."""

import functools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr
from gradio import themes

from drr_jax import pages
from drr_jax.errors import InputError, one_line
from drr_jax.predict import Model
from drr_jax.tryout import asking, keeping, video, views
from drr_jax.tryout.asking import Asked
from drr_jax.tryout.examples import Example

FACES = [("Find the faces", asking.FIND), ("The picture is one face", asking.WHOLE)]
FORGOTTEN = 900  # seconds after which the server forgets what an open page has shown it
Upload = Mapping[str, Any]
Given = Upload | None  # what a place holds
Updates = tuple[Any, ...]  # what becomes of an event's outputs, in their order
PHOTO, VIDEO, DEMO, CARD = "photo", "video", "examples", "card"
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
# An upload as it came, a path and its first name: Gradio would convert it, and leave a second copy.
RAW: dict[str, Any] = {**QUIET, "preprocess": False}
LIGHT = "() => document.body.classList.remove('dark')"  # the charts are drawn for paper


def application(model: Model, examples: Sequence[Example], folder: Path, most: int) -> Any:
    """The page as an ASGI application; uploads of at most `most` MB pass through `folder`."""
    theme = themes.Base(
        primary_hue=themes.colors.blue,
        neutral_hue=themes.colors.slate,
        font=FONTS,
        font_mono=["ui-monospace", "monospace"],
        radius_size=themes.sizes.radius_sm,
    )
    return gr.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        _blocks(model, examples, folder, most),
        path="",
        footer_links=[],
        run_history=False,  # which would keep pictures in the browser
        allowed_paths=[],
        show_error=False,
        max_file_size=most << 20,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme,
        css=pages.text("tryout.css"),
        # Gradio keeps `css` to what lies in the page's middle.
        head=pages.render("tryout_frame.html"),
        js=LIGHT,
    )


def _blocks(model: Model, examples: Sequence[Example], folder: Path, most: int) -> gr.Blocks:
    title = pages.title_of(model.task)
    with gr.Blocks(analytics_enabled=False, title=f"{title} of a face") as page:
        gr.HTML(views.head(model, most))
        with gr.Tabs(selected=PHOTO) as tabs:
            with gr.Tab("Photo", id=PHOTO):
                photo = _PhotoTab(model, folder)
            with gr.Tab("Video", id=VIDEO):
                _video_tab(model, folder)
            if examples:
                with gr.Tab("Examples", id=DEMO):
                    _example_tab(model, examples, photo, tabs)
            with gr.Tab("Model", id=CARD):
                gr.Markdown(_card(model), elem_classes="card")
    return page


def _card(model: Model) -> str:
    """The model card without what the hub alone reads."""
    _, _, text = model.card.removeprefix("---\n").partition("\n---\n")
    return text if model.card.startswith("---\n") else model.card


def _name(payload: Upload) -> str:
    return one_line(Path(payload.get("orig_name") or payload.get("path") or "picture").name)[:200]


def _pixels(folder: Path, payload: Upload) -> asking.Image:
    """An uploaded picture, which is removed. Raises InputError."""
    name, path = _name(payload), payload.get("path")
    if not path:
        raise InputError(f"{name}: it did not arrive; give it again")
    try:
        content = keeping.take(folder, path)
    except OSError:
        raise InputError(f"{name}: it is not there any more; give it again") from None
    return asking.pixels_of(content, name)


class _PhotoTab:
    """A photo, what the person saw, and what comes of it."""

    def __init__(self, model: Model, folder: Path) -> None:
        self._model, self._folder = model, folder
        beyond = asking.beyond(model)
        self.asked = gr.State(Asked(), time_to_live=FORGOTTEN)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                self.photo = _picture("Photo", ["upload", "webcam", "clipboard"], "photo", 225)
                self.faces = gr.Radio(FACES, value=asking.FIND, label="Faces", elem_id="faces")
                with gr.Accordion(
                    "What the person saw (optional)", open=False, visible=bool(beyond)
                ):
                    self.stimulus = _picture("Its picture", ["upload", "clipboard"], "stimulus")
                    self.stimulus.visible = "stimulus" in beyond
                    self.given = gr.HTML()
                    self.caption = gr.Textbox(
                        value="",
                        label="A caption of it",
                        placeholder="a dog chases its tail",
                        max_length=asking.CAPTION,
                        lines=2,
                        visible="caption" in beyond,
                        elem_id="caption",
                    )
                    again = gr.Button("Use this caption", visible="caption" in beyond)
                clear = gr.Button("Forget it all", size="sm", elem_id="forget")
            with gr.Column(scale=3, min_width=320):
                self.face = gr.Radio([0], value=0, label="Face", visible=False, elem_id="face")
                self.result = gr.HTML(views.photo(model, Asked(), 0, ""), elem_id="result")
        self._wire(again, clear)

    def _wire(self, again: gr.Button, clear: gr.Button) -> None:
        how = {**RAW, "concurrency_id": "photo", "concurrency_limit": 1}
        shown = [self.asked, self.face, self.result, self.given]
        words = [self.asked, self.face, self.caption]
        self.photo.input(
            self._photo,
            [self.photo, self.asked, self.faces, self.caption],
            [self.photo, *shown],
            scroll_to_output=True,
            **how,
        )
        self.stimulus.input(
            self._stimulus, [self.stimulus, *words], [self.stimulus, *shown[:1], *shown[2:]], **how
        )
        for event in (again.click, self.caption.submit, self.face.input):
            event(self._again, words, shown[2:], **how)
        clear.click(self._clear, None, [*shown, self.caption], **QUIET)

    def _photo(self, payload: Given, asked: Asked, faces: str, caption: str | None) -> Updates:
        if payload is None:
            return None, *((gr.skip(),) * 4)
        try:
            pixels = _pixels(self._folder, payload)
            asked = Asked(
                _name(payload), asking.ask(self._model, pixels, faces), None, asked.stimulus
            )
        except InputError as error:
            return None, gr.skip(), gr.skip(), views.problem(str(error)), gr.skip()
        return None, *self.show(asked, caption)

    def _stimulus(self, payload: Given, asked: Asked, face: int, caption: str | None) -> Updates:
        if payload is None:
            return None, *((gr.skip(),) * 3)
        try:
            asked = replace(asked, stimulus=_pixels(self._folder, payload))
        except InputError as error:
            return None, gr.skip(), views.problem(str(error)), gr.skip()
        return None, asked, *self._again(asked, face, caption)

    def _again(self, asked: Asked, face: int, caption: str | None) -> tuple[str, str]:
        caption = caption or ""  # None until its part of the page was opened
        found = len(asked.said.found) if asked.said else 0
        face = face if face in range(found) else 0
        return views.photo(self._model, asked, face, caption), views.given(asked)

    def _clear(self) -> Updates:
        return *self.show(Asked(), ""), ""

    def show(self, asked: Asked, caption: str | None) -> Updates:
        """What `asked`, `face`, `result` and `given` become."""
        found = len(asked.said.found) if asked.said else 0
        choices = [(f"{number}", number) for number in range(found)] or [("0", 0)]  # its face_id
        face = gr.Radio(choices, value=0, visible=found > 1)
        return asked, face, *self._again(asked, 0, caption)


def _picture(label: str, sources: list[Any], name: str, height: int = 170) -> gr.Image:
    """A place to drop a picture, which is empty again once it is read: nothing is kept to show."""
    return gr.Image(
        label=label, sources=sources, type="filepath", height=height, buttons=[], elem_id=name
    )


def _video_tab(model: Model, folder: Path) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            place = gr.File(label="Video", file_types=["video"], height=170, elem_id="video")
            faces = gr.Radio(FACES, value=asking.FIND, label="Faces")
            stop = gr.Button("Stop", size="sm")
        with gr.Column(scale=3, min_width=320):
            start = views.waiting("A video gives traces over time, events, and tables to keep.")
            result = gr.HTML(start, elem_id="watched")

    def watch(payload: Given, faces: str) -> Iterator[tuple[Any, str]]:
        if payload is None:
            return
        name = _name(payload)
        with keeping.work_folder(folder) as work:
            try:
                moved = work / f"video{Path(payload['path']).suffix.lower()}"
                shutil.move(payload["path"], moved)
                keeping.forget(folder, payload["path"])
                (work / "out").mkdir()
                for told in video.watch(model, moved, name, work / "out", faces):
                    yield None, views.video(model, told)
            except FileNotFoundError:
                yield None, views.problem(f"{name}: it is not there any more; give it again")
            except InputError as error:
                yield None, views.problem(str(error))

    how = {**RAW, "concurrency_id": "video", "concurrency_limit": 1}
    running = place.upload(watch, [place, faces], [place, result], **how)
    stop.click(lambda: views.waiting("Stopped."), None, result, cancels=[running], **QUIET)


def _example_tab(
    model: Model, examples: Sequence[Example], photo: _PhotoTab, tabs: gr.Tabs
) -> None:
    gr.HTML(
        views.waiting(
            "Tuples of the rendered release that the model was not trained on: a face, what it was "
            "shown, and a caption of that."
        )
    )

    def fill(example: Example) -> Updates:
        said = asking.ask(model, example.reaction, asking.WHOLE)
        stimulus = example.stimulus if "stimulus" in asking.beyond(model) else None
        caption = example.caption if "caption" in asking.beyond(model) else ""
        asked = Asked(example.name, said, example.labelled, stimulus)
        return caption, *photo.show(asked, caption)

    def turn() -> Updates:
        return gr.Tabs(selected=PHOTO), views.waiting("Reading the example ...")

    shown = [photo.asked, photo.face, photo.result, photo.given]
    with gr.Row(elem_classes="examples"):
        for example in examples:
            with gr.Column(min_width=280, scale=1):
                gr.HTML(views.example(example))
                button = gr.Button("Try it", elem_classes="try")
                turned = button.click(turn, None, [tabs, photo.result], **QUIET)
                turned.then(
                    functools.partial(fill, example), None, [photo.caption, *shown], **QUIET
                )
