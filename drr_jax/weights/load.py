"""Weights that encoders start from: found, checked against the model, put into place."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.facs import FACE_DOMAINS
from drr_jax.weights import names as weight_names
from drr_jax.weights import tensor_file
from drr_jax.weights.sources import (
    EXPORT,
    NONE,
    commit_of,
    key_of,
    locate,
    open_weights,
    source_of,
)
from drr_jax.weights.tensor_file import Tensor, Tensors, shown

RANDOM = "random initialisation"
FLOATS = [tensor_file.DTYPES[name] for name in ("F64", "F32", "F16", "BF16")]

Variables = Mapping[str, Any]  # {"params": ..., "batch_stats": ...}, nested dicts of arrays


@dataclasses.dataclass(frozen=True)
class Part:
    """One array of an encoder, and the tensors it is made of."""

    path: weight_names.Path  # "params", "conv1", "kernel"
    piece: weight_names.Shape  # of each tensor's share, joined with the others on the last axis
    tensors: tuple[Tensor, ...]
    layout: weight_names.Layout

    def read(self) -> np.ndarray:
        """Its values, in the file's type."""
        pieces = [self.layout.convert(tensor.read(), self.piece) for tensor in self.tensors]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one encoder is filled; nothing is read before `place`."""

    encoder: str  # "encoder_R"
    source: str  # what the config says
    commit: str  # of a hub's repository, else empty
    format: str
    parts: tuple[Part, ...]
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        dropped = f", dropped {listed(self.dropped, 4)}" if self.dropped else ""
        commit = f", commit {self.commit}" if self.commit else ""
        return f"{self.source} ({self.format}, {len(self.parts)} arrays{dropped}{commit})"


def listed(names: Sequence[str], count: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def variables(state: Any) -> Variables:
    """A training state's parameters and statistics, the dicts themselves."""
    return {"params": state.params, "batch_stats": state.batch_stats}


def filled_domains(config: Config, domains: Sequence[str]) -> tuple[str, ...]:
    """Those of a system's `domains` whose encoders start from weights.

    Raises InputError for weights of another domain, which nothing would read.
    """
    for field in dataclasses.fields(config.model.encoders):
        source = source_of(config, field.name)
        if source != NONE and field.name not in domains:
            raise InputError(
                f"config key {key_of(field.name)}={source}: domains={config.domains} of "
                f"model.name={config.model.name} has no encoder of {field.name} but of "
                f"{', '.join(domains)}; set none"
            )
    return tuple(domain for domain in domains if source_of(config, domain) != NONE)


def check_files(config: Config, domains: Sequence[str]) -> None:
    """Raises InputError for weights that are not there, or whose headers are damaged.

    Whether they fit is seen with the model: `plan_all`.
    """
    for domain in filled_domains(config, domains):
        open_weights(locate(source_of(config, domain), key_of(domain)))


def plan_all(config: Config, domains: Sequence[str], variables: Variables) -> dict[str, Plan]:
    """How the encoders of `domains` are filled, by domain; those that start at random are not in.

    `variables` are the model's, arrays or jax.ShapeDtypeStructs; of the files only headers are
    read. Raises InputError, naming the tensors, where a file and a model do not fit.
    """
    return {domain: _plan(config, domain, variables) for domain in filled_domains(config, domains)}


def _plan(config: Config, domain: str, variables: Variables) -> Plan:
    source, key, encoder = source_of(config, domain), key_of(domain), f"encoder_{domain}"
    said = f"config key {key}={source}"
    if encoder not in variables["params"]:
        raise InputError(f"{said}: model.name={config.model.name} has no {encoder}; set none")
    arrays = {
        (collection, *(entry.key for entry in path)): tuple(leaf.shape)
        for collection, tree in variables.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree.get(encoder, {}))
    }
    place = locate(source, key)
    tensors = open_weights(place)
    family, wanted = _family(config, domain)
    own = own_encoder(tensors, domain, said)
    if own:
        start = tuple(f"{collection}/{own}/" for collection in ("params", "batch_stats"))
        tensors = {name: t for name, t in tensors.items() if name.startswith(start)}
        names = {path: ("/".join((path[0], own, *path[1:])),) for path in arrays}
        format, dropped = f"{EXPORT}, {own}", set()
    else:
        found, prefix = format_of(tensors, config, domain)
        tensors = _canonical(tensors, found, prefix, said)
        names = {path: found.names(path) for path in arrays}
        format = found.name + (f" without the prefix {shown(prefix)}" if prefix else "")
        dropped = {name for name in tensors if re.fullmatch(found.dropped, name)}
    parts = _match(arrays, names, tensors, dropped, family, bool(own), f"{said}: not {wanted}")
    heads_first = sorted(map(shown, dropped), key=lambda name: ("num_batches" in name, name))
    return Plan(encoder, source, commit_of(source, place), format, parts, tuple(heads_first))


def format_of(tensors: Tensors, config: Config, domain: str) -> tuple[weight_names.Format, str]:
    """The format of another program's file, and the prefix that all of its names have.

    Raises InputError for a file of no known format, or of no encoder as a domain has it.
    """
    said = f"config key {key_of(domain)}={source_of(config, domain)}"
    family, wanted = _family(config, domain)
    found, prefix = weight_names.detect(tensors)
    if found is None:
        known = ", ".join(format.name for format in weight_names.FORMATS)
        first = ", ".join(map(shown, sorted(tensors)[:3])) or "none"
        raise InputError(f"{said}: its tensors ({first}, ...) are of no known model: {known}")
    if found.family != family:
        raise InputError(f"{said}: a {found.name}, which has no weights for {wanted}")
    return found, prefix


def _canonical(tensors: Tensors, found: weight_names.Format, prefix: str, said: str) -> Tensors:
    """Another program's tensors by the names of the encoder alone."""
    named: Tensors = {}
    for name, tensor in tensors.items():
        canonical = found.canonical(name.removeprefix(prefix))
        if canonical in named:
            raise InputError(f"{said}: {shown(name)} and {shown(named[canonical].name)} are one")
        named[canonical] = tensor
    return named


def _family(config: Config, domain: str) -> tuple[str, str]:
    """The family of a domain's encoder, and the config keys that made it."""
    text, encoder = config.text, config.encoder
    if domain == "T":
        said = f"text.encoder={text.encoder} (width {text.width}, {text.layers} layers)"
        return text.encoder, said
    depth = f", depth {encoder.depth}" if encoder.depth else ""
    said = f"(width {encoder.width}, stem {encoder.stem}{depth})"
    family = "vit" if encoder.backbone.startswith("vit") else "resnet"
    return family, f"encoder.backbone={encoder.backbone} {said}"


def own_encoder(tensors: Tensors, domain: str, said: str) -> str:
    """Which encoder of an exported folder is meant, "" for another program's file."""
    names = {name.split("/")[1] for name in tensors if name.startswith("params/")}
    if not names:
        return ""
    # A face's other images have three channels, too, and may start from an exported R.
    wanted = [f"encoder_{domain}", *(["encoder_R"] if domain in FACE_DOMAINS else [])]
    if found := [name for name in wanted if name in names]:
        return found[0]
    has = ", ".join(sorted(shown(name) for name in names if name.startswith("encoder_")))
    raise InputError(f"{said}: it has no {' or '.join(wanted)}, but {has or 'no encoder'}")


def _match(
    arrays: Mapping[weight_names.Path, weight_names.Shape],
    names: Mapping[weight_names.Path, tuple[str, ...]],
    tensors: Tensors,
    dropped: set[str],
    family: str,
    own: bool,
    said: str,
) -> tuple[Part, ...]:
    """Accounts for every array and every tensor. Raises InputError naming what is left."""
    parts, missing, misshapen = [], [], []
    for path, shape in arrays.items():
        layout = weight_names.layout(path, shape, family, own)
        count = len(names[path])
        piece = (*shape[:-1], shape[-1] // count) if count > 1 else shape
        found = [tensors[name] for name in names[path] if name in tensors]
        missing += [name for name in names[path] if name not in tensors]
        for tensor in found:
            if not layout.accepts(tensor.shape, piece) or tensor.dtype not in FLOATS:
                expected = ["any" if size is None else size for size in layout.expected(piece)]
                is_now = f"{shown(tensor.name)} {tensor.dtype}{list(tensor.shape)}"
                misshapen.append(f"{is_now} (expected {expected})".replace("'", ""))
        parts.append(Part(path, piece, tuple(found), layout))
    used = {name for some in names.values() for name in some}
    extra = [shown(name) for name in tensors if name not in used | dropped]
    kinds = {"missing": missing, "extra": extra, "misshapen": misshapen}
    if problems := [f"{kind} {listed(some, 3)}" for kind, some in kinds.items() if some]:
        raise InputError(f"{said}: {'; '.join(problems)}")
    return tuple(parts)


def place(plans: Mapping[str, Plan], variables: Variables) -> None:
    """Reads the weights into `variables`, in place, an array at a time: each replaces one.

    So no more than one array is there twice. Arrays keep their type and sharding.
    """
    for plan in plans.values():
        for part in plan.parts:
            collection, *modules, leaf = part.path
            node = variables[collection][plan.encoder]
            for module in modules:
                node = node[module]
            old = node[leaf]
            with np.errstate(over="ignore"):
                values = np.ascontiguousarray(part.read(), old.dtype)
            if not np.isfinite(values).all():
                raise InputError(
                    f"weights {part.tensors[0].file}: {shown(part.tensors[0].name)} has NaN, or "
                    f"numbers beyond {old.dtype}: what trained it diverged, or the file is damaged"
                )
            if isinstance(old, jax.Array):
                sharding = old.sharding
                values = jax.make_array_from_callback(old.shape, sharding, values.__getitem__)
            node[leaf] = values


def describe_origins(plans: Mapping[str, Plan], domains: Sequence[str]) -> dict[str, str]:
    """What each domain's encoder starts from, in words, for the log and for run.json."""
    return {domain: str(plans.get(domain, RANDOM)) for domain in domains}
