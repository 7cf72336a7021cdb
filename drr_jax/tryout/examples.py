"""Tuples of a prepared rendered release, to try the page without a picture of one's own."""

import dataclasses
import itertools

from drr_jax import data, predict
from drr_jax.errors import InputError
from drr_jax.predict import Model
from drr_jax.tryout.asking import Image
from tfds_reactionet import build, reading

DEMO = "reactionet/demo"
SHOWN, LOOKED = 6, 12  # tuples; frames of a sequence among which the one to show is chosen


@dataclasses.dataclass(frozen=True)
class Example:
    """A tuple: a face, what it was shown, its caption, and the classes that are labelled."""

    name: str
    reaction: Image
    stimulus: Image
    caption: str
    labelled: tuple[str, ...]


def find(model: Model, data_dir: str) -> list[Example]:
    """Some tuples that the model was not trained on, of different scenes; [] if none is prepared.

    Of rendered releases alone: other people's recordings are not shown around.
    """
    own = str(model.described["dataset"])
    for name in dict.fromkeys((own, DEMO)):
        try:
            folder = build.find_prepared(name, data_dir)
            prepared = None if folder is None else data.open_dataset(folder)
            if prepared is not None and prepared.metadata["rendered"]:
                return _of(model, prepared, predict.unseen(model, prepared, ()))
        except InputError:  # of another version, or of other classes: there is nothing to show
            continue
    return []


def _of(model: Model, prepared: data.Prepared, parts: tuple[str, ...]) -> list[Example]:
    if not {"reaction", "stimulus", "caption"} <= set(prepared.inputs):
        return []
    known = prepared.classes(model.task)
    names = tuple(name for name in model.names if name in known)
    if not names:
        return []
    lag = model.system.config.data.stimulus_lag
    source = data.Source(prepared, parts, model.crop.size, names, model.task, lag=lag)
    found = []
    for sequence, rows in _sequences(data.sequences(prepared, parts)):
        records = [source.read(row) for row in rows[:: max(1, len(rows) // LOOKED)]]
        best = max(records, key=lambda record: int((record["labels"] > 0).sum()))
        found.append(
            Example(
                f"{sequence}, frame {best['frame']}",
                reading.decode(best["reaction"]),
                reading.decode(best["stimulus"]),
                str(best["caption"]),
                tuple(n for n, label in zip(names, best["labels"], strict=True) if label > 0),
            )
        )
    return found


def _sequences(of_rows: list[str]) -> list[tuple[str, list[int]]]:
    """Sequences with their rows: the first of every scene, then the second, SHOWN in all."""
    grouped = [
        (sequence, [row for row, _ in rows])
        for sequence, rows in itertools.groupby(enumerate(of_rows), key=lambda pair: pair[1])
    ]
    scenes: dict[str, list[tuple[str, list[int]]]] = {}
    for sequence, rows in grouped:
        scenes.setdefault(sequence.split("/")[0], []).append((sequence, rows))
    turns = itertools.zip_longest(*scenes.values())
    return [one for turn in turns for one in turn if one is not None][:SHOWN]
