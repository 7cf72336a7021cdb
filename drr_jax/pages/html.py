"""Pages from the templates of this folder: one file each, with its pictures, nothing fetched."""

import base64
import functools
import io
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from drr_jax.pages.names import listed, named, plain

Images = dict[str, bytes]  # file name without .png -> encoded picture


def render(template: str, **values: Any) -> str:
    """The page that `template`, a file of templates/, makes of `values`; all text is escaped.

    The template names what it needs: a value that it asks for and is not given is an error.
    """
    return _environment().get_template(template).render(values)


def text(name: str) -> str:
    """A file of templates/ as it is, such as a style sheet."""
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


@functools.cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("drr_jax.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (listed, named, plain, png_url, jpeg_url):
        found.filters[function.__name__] = function
    return found


def png_url(encoded: bytes) -> str:
    """A PNG file's bytes as an inline address."""
    return f"data:image/png;base64,{base64.b64encode(encoded).decode()}"


def jpeg_url(pixels: np.ndarray, side: int) -> str:
    """uint8 [H, W, 3] as the inline address of a JPEG of at most `side` pixels a side."""
    image = Image.fromarray(np.ascontiguousarray(pixels, np.uint8))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def encode_png(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a PNG file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, np.uint8)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
