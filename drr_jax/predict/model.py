"""A trained model, ready to be asked: `load` finds it, `Model` says what it is and predicts."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from drr_jax import facs, metrics, runs, weights
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.models import System
from drr_jax.predict.cut import Crop
from drr_jax.predict.pictures import check_rate

if TYPE_CHECKING:
    import pandas as pd

ROWS = 32  # faces in a batch
Batch = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained model with all that a prediction needs. Made by `load`.

    name: what it was loaded from, of the hub with the commit. described: config.json of its
    folder, see `weights.export_run`.
    """

    name: str
    config: Config
    described: Mapping[str, Any]
    card: str  # Markdown
    crop: Crop
    system: System
    variables: Mapping[str, Any]
    tokenizer: Any  # None if it reads no captions

    def __repr__(self) -> str:
        return (
            f"Model({self.name}: task {self.task}, {len(self.names)} classes "
            f"{', '.join(self.names)}; inputs {', '.join(self.inputs)}; trained on domains "
            f"{self.config.domains})"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return tuple(self.described["classes"])

    @property
    def task(self) -> str:
        """What is said of the classes: au, expression, scene or intensity."""
        return self.config.task

    @property
    def softmax(self) -> bool:
        """Whether one class of all is right: expressions and scenes."""
        return self.task in facs.SOFTMAX_TASKS

    @property
    def highest(self) -> float:
        """The most that can be said of a class: a probability of 1, an intensity of 5."""
        return facs.HIGHEST if self.task == "intensity" else 1.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads to predict: reaction, depth, thermal, stimulus, caption."""
        return tuple(self.described.get("inputs") or self.system.test_inputs)

    @property
    def threshold(self) -> dict[str, float]:
        """From which probability or intensity each action unit counts as present.

        {} where the most probable class does.
        """
        if self.softmax:
            return {}
        if self.task == "intensity":
            return dict.fromkeys(self.names, facs.OCCURS_FROM)
        return dict(
            self.described.get("thresholds") or dict.fromkeys(self.names, metrics.THRESHOLD)
        )

    def counts(
        self, probability: Float[np.ndarray, "*rows classes"]
    ) -> Bool[np.ndarray, "*rows classes"]:
        """Which classes count as present: by their thresholds, or the most probable one."""
        if not self.threshold:
            return probability == probability.max(axis=-1, keepdims=True)
        return probability >= np.array([self.threshold[name] for name in self.names])

    def probabilities(self, batch: Batch, at_once: int = ROWS) -> Float[np.ndarray, "rows classes"]:
        """Class probabilities, or intensities of 0 to 5, of any number of rows, some at once.

        `batch` has uint8 images [rows, S, S, 3] under the names of the inputs, S being the size of
        `crop`; for a caption int32 tokens [rows, tokens]. Rows do not depend on each other; another
        `at_once` is another program, and may change a last digit.
        """
        return self._apply(batch, "predict", at_once)[0]

    def explain(
        self, batch: Batch, at_once: int = ROWS
    ) -> tuple[Float[np.ndarray, "rows classes"], Float[np.ndarray, "rows h w classes"] | None]:
        """As `probabilities`; and where in the image it looked for each class, if it tells."""
        return self._apply(batch, "explain", at_once)

    def outputs(self, batch: Batch) -> dict[str, Any]:
        """All that the whole system says of a few rows, under the names of its `__call__`.

        `batch` as in `probabilities`, with everything that training reads: the other domains'
        logits and attention, the graph's logits and prototypes, as far as the system has them.
        """
        return jax.device_get(self._compiled(self.variables, dict(batch), "__call__")[0])

    def predict(
        self, what: Any, *, faces: str = "auto", largest: bool = False, fps: float | None = None
    ) -> "pd.DataFrame":
        """A row for every face of every image or frame.

        `what` is an array uint8 [height, width, 3] or [images, height, width, 3] of RGB pixels, a
        path (an image, a folder of images, a pattern of names, a video), or a list of paths. The
        columns are those that `drr predict` writes, and `faces`, `largest` and `fps` its options:
        with `fps`, image files are frames of a video. Raises InputError for what cannot be read.
        """
        from drr_jax.predict.job import table_of

        if fps is not None:
            check_rate(fps, "fps=")
        return table_of(self, what, str(faces), largest, fps or 0.0)

    def events(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """When each class began, peaked and ended on each face: events.csv as a table.

        `table` is what `predict` gave of a video, or of images with `fps`; rows may be left out.
        Raises InputError for a table of another model, and for one without times.
        """
        from drr_jax.predict.events import events_of

        return events_of(table, self)

    def _apply(self, batch: Batch, method: str, rows: int) -> tuple[np.ndarray, Any]:
        total = len(next(iter(batch.values())))
        parts: list[tuple[np.ndarray, Any]] = []
        for first in range(0, total, rows):
            piece = {name: array[first : first + rows] for name, array in batch.items()}
            real = len(next(iter(piece.values())))
            if real < rows:
                piece = {name: _padded(array, rows) for name, array in piece.items()}
            done = jax.device_get(self._compiled(self.variables, piece, method))
            parts.append(jax.tree.map(lambda leaf, n=real: np.asarray(leaf[:n]), done))
        if not parts:
            return np.zeros((0, len(self.names)), np.float32), None
        said = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
        if not np.isfinite(said[0]).all():
            raise InputError(f"model {self.name}: its predictions are not numbers; it has diverged")
        return said

    @cached_property
    def _compiled(self) -> Any:
        def apply(variables: Any, batch: Batch, method: str) -> Any:
            found = self.system.apply(variables, batch, method=method)
            return found if method == "explain" else (found, None)

        return jax.jit(apply, static_argnames="method")


def _padded(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with rows of zeros behind its own."""
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), array.dtype)])


def load(source: str | Path, selection: str | None = None) -> Model:
    """The model in an exported folder, a run's folder, or hf:ORG/NAME@REVISION.

    selection: of a run, which checkpoint: last, best or validation; None is the one whose results
    it reports. Nothing is unpickled; weights are safetensors, or a checkpoint of our own. Raises
    InputError for what is not there, is damaged, or was made by a newer version.
    """
    runs.start_alone()
    folder = weights.find_model(str(source))
    where = weights.pinned(str(source), folder)
    is_run = (folder / runs.RECORD_FILE).exists() or bool(runs.fold_folders(folder))
    if selection and not is_run:
        raise InputError(f"{where}: an exported folder has one checkpoint; leave out --selection")
    exported = weights.read_run(folder, selection) if is_run else weights.load_folder(folder)
    precision = exported.described.get("config", {}).get("precision", "auto")
    on_cpu = jax.default_backend() == "cpu"
    half = precision == "bfloat16" or (precision == "auto" and not on_cpu)
    dtype = jnp.dtype(jnp.bfloat16 if half else jnp.float32)
    config, system = weights.system_of(exported, where, dtype)
    described = exported.described
    return Model(
        name=where,
        config=config,
        described=described,
        card=weights.card(described),
        crop=Crop.of(described.get("crop"), config.data.image_size, where),
        system=system,
        variables=jax.device_put(exported.variables),
        tokenizer=exported.tokenizer,
    )


def class_columns(model: Model) -> list[str]:
    """The columns of a table that hold what the model says of a face, in order.

    Of action units AU01_p, a probability, and AU01_c, whether it counts, or of a model of
    intensities AU01_r alone; of the other tasks the most probable class and all probabilities, as
    in expression, expression_anger, ...
    """
    values = facs.value_columns(model.task, model.names)
    if model.task == "intensity":
        return values
    if model.softmax:
        return [model.task, *values]
    pairs = zip(values, model.names, strict=True)
    return [column for p, name in pairs for column in (p, f"{name}_c")]


def class_cells(
    model: Model, probability: Float[np.ndarray, "rows classes"]
) -> Iterable[list[float | int | str]]:
    """The cells of `class_columns` for every row of probabilities."""
    if model.task == "intensity":
        yield from probability.tolist()
        return
    if model.softmax:
        for row in probability.tolist():
            yield [model.names[int(np.argmax(row))], *row]
        return
    for row, counts in zip(probability.tolist(), model.counts(probability), strict=True):
        cells: list[float | int | str] = []
        for p, count in zip(row, counts.tolist(), strict=True):
            cells += [p, int(count)]
        yield cells
