"""The parts of one run, built from its config: data, relations, model, optimiser, shardings."""

import dataclasses
import sys
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike

from drr_jax import data, facs, models, runs, weights
from drr_jax.config import Config, flatten, letters
from drr_jax.data import Fold
from drr_jax.errors import InputError
from drr_jax.models import System
from drr_jax.models.encoders import resolve_conv
from drr_jax.models.systems import sentences as class_sentences
from drr_jax.models.systems import with_words
from drr_jax.training import optim
from drr_jax.training.scoring import Scorer, check_kept


@flax.struct.dataclass
class State:
    """Everything that training changes; random streams follow from (seed, step)."""

    step: Array
    params: Any
    batch_stats: Any
    opt_state: Any


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run on one fold; made by `build`."""

    config: Config
    fold: Fold
    tokenizer: Any
    mesh: Mesh
    model: System
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    steps: int
    augment_on: str

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change between two starts in one workdir."""
        fold, flat = self.fold, flatten(self.config)
        priors = {"graph.prior": fold.graph_prior, "contrast.prior": fold.contrast_prior}
        digests = {  # a file may hold something else at the next start
            f"{key} digest": f"{zlib.crc32(prior.tobytes()):08x}"
            for key, prior in priors.items()
            if facs.is_prior_file(flat[key])
        }
        held_out = self.config.selection == "validation" and not fold.counts_validation
        return {
            **flat,
            **digests,
            **({runs.COUNTED: "records that are trained on"} if held_out else {}),
            "fold": fold.number,
            "dataset": fold.prepared.name,
            "version": fold.prepared.version,
            "fingerprint": fold.prepared.fingerprint,
            "classes": fold.names,
        }

    @property
    def seed(self) -> np.uint32:
        """The run's seed as an argument of compiled programs, which all seeds then share."""
        return np.uint32(self.config.seed)

    @property
    def steps_per_epoch(self) -> float:
        """Batches that the fold's training records fill."""
        return self.fold.records / self.config.data.batch_size

    @cached_property  # one function, so that JAX traces it once for its shapes and its program
    def _initial_state(self) -> Callable[[ArrayLike], State]:
        return partial(initial_state, self)

    @cached_property
    def abstract_state(self) -> State:
        """Shapes and types of the state, with nothing computed."""
        return jax.eval_shape(self._initial_state, self.seed)

    @cached_property
    def shardings(self) -> State:
        """Where each leaf of the state lives."""
        return runs.state_shardings(self.abstract_state, self.mesh)

    @cached_property  # it is compiled once
    def scorer(self) -> Scorer:
        """The program that scores a batch of a held-out part."""
        return Scorer(self.model, self.config.task, len(self.fold.names), self.mesh)

    @property
    def starting_weights(self) -> dict[str, weights.Plan]:
        """How encoders that have weights are filled, by domain; checked, and not yet read.

        Raises InputError for weights that are not there or do not fit.
        """
        config, domains = self.config, self.model.encoder_domains
        if not weights.filled_domains(config, domains):
            return {}
        return weights.plan_all(config, domains, weights.variables(self.abstract_state))

    def init(self) -> State:
        """The state before the first step: compiled as one program, placed as it is sharded.

        Encoders then take their weights, an array at a time. Raises as `starting_weights`.
        """
        plans = self.starting_weights
        init = jax.jit(self._initial_state, out_shardings=self.shardings)
        state = init(self.seed)
        weights.place(plans, weights.variables(state))
        return state

    @property
    def class_of(self) -> np.ndarray | None:
        """The class of each training record, read if draws are balanced over them."""
        return self.fold.training_classes() if self.config.data.balance else None

    def train_batches(self, start_step: int):
        """Endless global batches on the devices, from `start_step` on; close it when done."""
        source = self.fold.source("train", self.model.train_inputs)
        how = {"seed": self.config.seed, "augment_on": self.augment_on, "start_step": start_step}
        return self._on_devices(partial(data.train_dataset, source, class_of=self.class_of, **how))

    def held_out_batches(self, which: str):
        """One exact pass over the test or validation records; close it when done."""
        source = self.fold.source(which, self.model.test_inputs)
        return self._on_devices(partial(data.eval_dataset, source))

    def _on_devices(self, dataset):
        hosts = {"process_index": jax.process_index(), "process_count": jax.process_count()}
        batches = dataset(self.config, self.tokenizer, **hosts)
        put = partial(runs.to_global, mesh=self.mesh)
        return data.prefetch_to_device(batches, put, self.config.data.prefetch, runs.look_alone)


def check(config: Config, fold: Fold, starts: bool = False) -> None:
    """Finds out what a run of `config` on `fold` would lack, without a device.

    Raises InputError for an input that the data lack, for data cut short or swapped, and if the run
    `starts`, for weights that are missing or damaged: one that goes on does not need them.
    """
    prepared = fold.prepared
    check_kept(len(fold.source("test")), len(fold.names))
    model = models.build(config, len(fold.names), fold.graph_prior, names=fold.names)
    for name in dict.fromkeys((*model.train_inputs, *model.test_inputs)):
        if name not in prepared.inputs:
            raise InputError(
                f"config key domains={config.domains}: model.name={config.model.name} needs "
                f"{name}, and data set {prepared.name} has no {name}; it has "
                f"{', '.join(prepared.inputs)}"
            )
    data.check_sequences(config, prepared, fold.train_parts)
    _check_sound(config, fold)
    if config.log.gradients_every and not model.face_encoder:
        raise InputError(
            f"config key log.gradients_every={config.log.gradients_every}: "
            f"model.name={config.model.name} has no encoder for the face alone; expected 0"
        )
    if starts:
        weights.check_files(config, model.encoder_domains)
        weights.with_facts(config)
    for part in (*fold.train_parts, *fold.test_parts):
        records = data.Source(prepared, [part], fold.image_size, fold.names, fold.task)
        for index in (0, len(records) - 1):
            records.read(index)
            found, said = records.identity(index)[0], prepared.sequence(part, index)
            if found != said:  # the files of two parts, or of two sets, in each other's place
                raise InputError(
                    f"prepared data set {prepared.directory}: record {index} of {part} is of "
                    f"{found}, metadata.json says {said}; {data.REBUILD} {prepared.name} "
                    "--overwrite"
                )


def _check_sound(config: Config, fold: Fold) -> None:
    """Raises InputError if no record has the sound that a run is to learn from."""
    parts = [fold.prepared.metadata["parts"][part] for part in fold.train_parts]
    if facs.SOUND in letters(config.domains) and not any(
        part.get("sound_counts", {}).get("with") for part in parts
    ):
        raise InputError(
            f"config key domains={config.domains}: no record of the training parts of "
            f"{fold.prepared.name} has a sound; expected audio.wav in the release's sequences, or "
            f"domains={config.domains.replace(facs.SOUND, '')}"
        )


def build(
    config: Config,
    fold: Fold,
    workdir: Path | None = None,
    devices: Sequence[Any] | None = None,
) -> Experiment:
    """Builds the run of `config` on `fold`; one that goes on in `workdir` has its word pieces.

    It runs on `devices`, or on all that there are; which kind they are decides what auto stands
    for. What `check` finds is taken as given. Raises InputError for a batch that the devices do not
    divide, before anything is compiled.
    """
    if runs.is_main_process():
        for warning in fold.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    mesh = runs.make_mesh(config.fsdp, devices)
    runs.check_batch(config.data.batch_size, mesh)
    _check_parts(config, mesh)
    described = models.SYSTEMS[config.model.name].needs_descriptions
    sentences = class_sentences(fold.names, config.task) if described else ()
    config = weights.with_facts(config, workdir)
    config, pieces = _word_pieces(config, fold, sentences, workdir)
    platform = runs.platform_of(mesh)
    on_cpu = platform == "cpu"
    bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and not on_cpu)
    dtype = jnp.dtype(jnp.bfloat16 if bfloat16 else jnp.float32)
    augment_on = config.data.augment_on
    if augment_on == "auto":
        # a TPU's warp would move fifteen times the bytes of the rest of a step: it gathers pixels
        augment_on = "device" if platform == "gpu" else "host"
    batch_size = config.data.batch_size
    steps = optim.total_steps(config, fold.records)
    schedule = optim.schedule(config.optim, fold.records / batch_size, steps, batch_size)
    frozen = ("encoder_T",) if config.text.frozen else ()
    tokens = data.encode_texts(pieces, sentences, config.text.max_tokens).tolist()
    # The run's record keeps what was asked for, so that it may go on elsewhere.
    resolved = dataclasses.replace(config, conv=resolve_conv(config.conv, platform))
    return Experiment(
        config=config,
        fold=fold,
        tokenizer=pieces,
        mesh=mesh,
        model=models.build(resolved, len(fold.names), fold.graph_prior, dtype, tokens, fold.names),
        optimizer=optim.optimizer(config.optim, schedule, frozen),
        schedule=schedule,
        steps=steps,
        augment_on=augment_on,
    )


def _check_parts(config: Config, mesh: Mesh) -> None:
    """Raises InputError unless every device has rows of every part of a batch, and whole clips."""
    rows, parts = config.data.batch_size // mesh.size, config.optim.accumulate
    if rows % parts:
        raise InputError(
            f"config key optim.accumulate={parts}: expected a divisor of {rows}, the tuples of "
            f"data.batch_size={config.data.batch_size} on each of {mesh.size} devices"
        )
    window = data.window_of(config)
    if window and rows % window.clip:
        raise InputError(
            f"config key data.clips={window.clip}: expected a divisor of {rows}, the tuples of "
            f"data.batch_size={config.data.batch_size} on each of {mesh.size} devices"
        )


def _word_pieces(
    config: Config, fold: Fold, sentences: Sequence[str], workdir: Path | None
) -> tuple[Config, Any]:
    """The tokenizer: of the text encoder's weights, else of training captions and `sentences`.

    With weights, the config's `text` takes their sizes: the run's record then has them, and a run
    that goes on in `workdir` its tokenizer, wherever the weights are now.
    """
    reads = "T" in letters(config.domains)
    text, pieces = config.text, None
    if reads or sentences:
        text, pieces = weights.kept_text(config, workdir) or weights.text_of(config)
    if pieces is None:
        words = with_words(fold.caption_words if reads else {}, sentences)
        pieces = data.tokenizer_of(data.build_vocabulary(words, text.vocabulary))
    return dataclasses.replace(config, text=text), pieces


def initial_state(experiment: Experiment, seed: ArrayLike) -> State:
    """Parameters drawn from the seed, the optimiser at rest, step 0."""
    size, tokens = experiment.config.data.image_size, experiment.config.text.max_tokens
    image = jnp.zeros((1, size, size, 3), jnp.uint8)
    batch = dict.fromkeys(facs.IMAGES, image) | {
        "tokens": jnp.ones((1, tokens), jnp.int32),
        "audio": jnp.ones((1, *facs.SPECTROGRAM), jnp.uint8),
        "landmarks": jnp.full((1, 68, 2), size / 2),
    }
    variables = experiment.model.init(jax.random.key(seed), batch)
    params = variables["params"]
    return State(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),  # a ViT has none
        opt_state=experiment.optimizer.init(params),
    )
