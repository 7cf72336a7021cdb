"""What the page asks a model of a photo, and of what the person saw."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from drr_jax import data, predict, report
from drr_jax.errors import InputError
from drr_jax.facs import DOMAINS
from drr_jax.predict import Model
from tfds_reactionet import reading

Image = UInt8[np.ndarray, "height width 3"]

FIND, WHOLE = "auto", predict.NONE  # how faces are found: predict's own words
CAPTION = 2000  # characters that are read of one
SIDE = 1024  # pixels of the longer side of a photo that is looked at and shown again


@dataclasses.dataclass(frozen=True)
class Asked:
    """A photo with what the model says of its faces, and what the person saw.

    labelled: the classes that are known to be present, of a demo tuple; None of one's own photo.
    """

    name: str = ""
    said: predict.Said | None = None
    labelled: tuple[str, ...] | None = None
    stimulus: Image | None = None


@dataclasses.dataclass(frozen=True)
class Branches:
    """What every part of the system says of a face: columns of probabilities, and where it looked.

    stimulus: attention [height, width, classes] over its picture; words: for each class the words
    of the caption, each with its attention and an opacity.
    """

    columns: Mapping[str, Float[np.ndarray, " classes"]]
    stimulus: Float[np.ndarray, "height width classes"] | None
    words: list[list[tuple[str, float, float]]]


def pixels_of(content: bytes, name: str) -> Image:
    """The pixels of an uploaded picture. Raises InputError, one line, for what is none."""
    try:
        return reading.decode(content)
    except reading.BadImageError as error:
        raise InputError(
            f"{name}: {error}; expected a picture: JPEG, PNG, WebP, TIFF or BMP"
        ) from None


def ask(model: Model, pixels: Image, faces: str) -> predict.Said:
    """What the model says of the faces in a photo, with where it looked.

    faces: FIND, or WHOLE for a photo that is one face. The numbers are those of `--mode=predict`.
    """
    over = predict.Arrays([pixels])
    check(faces)
    (said,) = predict.read(model, over, predict.make_finder(faces, over), attention=True)
    return said


def check(faces: str) -> None:
    """Raises InputError for what the page does not offer: a browser may send anything."""
    if faces not in (FIND, WHOLE):
        raise InputError(f"faces {faces!r:.40}: expected {FIND} or {WHOLE}")


def beyond(model: Model) -> tuple[str, ...]:
    """What training read beside the face, if the page can take it: stimulus, caption, both, none.

    A system with other inputs, such as depth, cannot be asked as a whole here.
    """
    others = tuple(name for name in model.system.train_inputs if name not in model.inputs)
    return others if set(others) <= {"stimulus", "caption"} else ()


def lacking(model: Model, asked: Asked, caption: str) -> list[str]:
    """Of `beyond`, what is not given yet."""
    given = {"stimulus": asked.stimulus is not None, "caption": bool(caption.strip())}
    return [name for name in beyond(model) if not given[name]]


def branches(model: Model, asked: Asked, face: int, caption: str) -> Branches | None:
    """What each domain and the graph say of one face; None if something is not given."""
    others = beyond(model)
    if asked.said is None or not asked.said.found or not others or lacking(model, asked, caption):
        return None
    (reaction,) = model.inputs
    batch: dict[str, np.ndarray] = {reaction: asked.said.crops[face][None]}
    if "stimulus" in others:
        assert asked.stimulus is not None
        batch["stimulus"] = model.crop.cut(asked.stimulus, predict.Found())[None]
    if "caption" in others:
        length = model.config.text.max_tokens
        batch["tokens"] = data.encode_texts(model.tokenizer, [caption[:CAPTION]], length)
    outputs = model.outputs(batch)
    named = {_title(key): value for key, value in outputs["logits"].items()}
    if "graph_logits" in outputs:
        named["graph"] = outputs["graph_logits"]
    columns = {
        title: np.asarray(model.system.activation(logits)[0]) for title, logits in named.items()
    }
    attention = outputs.get("attention", {})
    seen = attention.get("S")
    return Branches(
        columns,
        None if seen is None else np.asarray(seen[0]),
        _words(model, batch, attention.get("T")),
    )


def _title(key: str) -> str:
    return DOMAINS[key].words if key in DOMAINS else key.replace("_", " ")


def _words(
    model: Model, batch: Mapping[str, np.ndarray], attention: Any
) -> list[list[tuple[str, float, float]]]:
    if attention is None or "tokens" not in batch:
        return []
    pieces = data.words_of(model.tokenizer, batch["tokens"][0])
    maps = np.asarray(attention[0])[: len(pieces)]
    maps = maps / np.maximum(maps.sum(0), 1e-9)
    return [report.shaded(report.words(pieces, maps[:, k])) for k in range(len(model.names))]
