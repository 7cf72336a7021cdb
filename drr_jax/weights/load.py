"""Weights that encoders start from: found, checked against the model, put into place.

An encoder and its BatchNorm start from them; heads, projection and graph never do.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.facs import FACE_DOMAINS
from drr_jax.weights import names as weight_names
from drr_jax.weights import tensor_file
from drr_jax.weights.sources import EXPORT, NONE, key_of, locate, source_of
from drr_jax.weights.tensor_file import Tensor, Tensors, shown

RANDOM = "random initialisation"
FLOATS = ("F64", "F32", "F16", "BF16")

Variables = Mapping[str, Any]  # {"params": ..., "batch_stats": ...}, nested dicts of arrays


@dataclasses.dataclass(frozen=True)
class Part:
    """One array of an encoder, and the tensors it is made of."""

    path: weight_names.Path  # "params", "conv1", "kernel"
    shape: weight_names.Shape
    tensors: tuple[Tensor, ...]
    layout: weight_names.Layout

    def read(self) -> np.ndarray:
        """Its values, in the file's type."""
        piece = piece_shape(self.shape, len(self.tensors))
        pieces = [self.layout.convert(tensor.read(), piece) for tensor in self.tensors]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-1)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one encoder is filled; nothing is read before `place`."""

    encoder: str  # "encoder_R"
    source: str  # what the config says
    format: str
    parts: tuple[Part, ...]
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        dropped = f", dropped {listed(self.dropped, 4)}" if self.dropped else ""
        return f"{self.source} ({self.format}, {len(self.parts)} arrays{dropped})"


def listed(names: Sequence[str], count: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def piece_shape(shape: weight_names.Shape, count: int) -> weight_names.Shape:
    """The shape of each of `count` arrays that make one when joined on the last axis."""
    return (*shape[:-1], shape[-1] // count) if count > 1 else shape


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
        tensor_file.open_weights(locate(source_of(config, domain), key_of(domain)))


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
    tensors = tensor_file.open_weights(locate(source, key))
    family, wanted = _family(config, domain)
    own = _own_encoder(tensors, domain, said)
    if own:
        start = tuple(f"{collection}/{own}/" for collection in ("params", "batch_stats"))
        tensors = {name: t for name, t in tensors.items() if name.startswith(start)}
        names = {path: ("/".join((path[0], own, *path[1:])),) for path in arrays}
        format, dropped = f"{EXPORT}, {own}", set()
    else:
        found = _format(tensors, family, said, wanted)
        tensors = _canonical(tensors, found, said)
        names = {path: found.names(path) for path in arrays}
        format, dropped = found.name, set(filter(found.dropped.fullmatch, tensors))
    parts = _match(arrays, names, tensors, dropped, family, bool(own), f"{said}: not {wanted}")
    heads_first = sorted(map(shown, dropped), key=lambda name: ("num_batches" in name, name))
    return Plan(encoder, source, format, parts, tuple(heads_first))


def _format(tensors: Tensors, family: str, said: str, wanted: str) -> weight_names.Format:
    found = weight_names.detect(tensors)
    if found is None:
        known = ", ".join(format.name for format in weight_names.FORMATS)
        first = ", ".join(map(shown, sorted(tensors)[:3])) or "none"
        raise InputError(f"{said}: its tensors ({first}, ...) are of no known model: {known}")
    if found.family != family:
        raise InputError(f"{said}: a {found.name}, which has no weights for {wanted}")
    return found


def _family(config: Config, domain: str) -> tuple[str, str]:
    """The family of a domain's encoder, and the config keys that made it."""
    if domain == "T":
        text = config.text
        return (
            text.encoder,
            f"text.encoder={text.encoder} (width {text.width}, {text.layers} layers)",
        )
    encoder = config.encoder
    depth = f", depth {encoder.depth}" if encoder.depth else ""
    return (
        "vit" if encoder.backbone.startswith("vit") else "resnet",
        f"encoder.backbone={encoder.backbone} (width {encoder.width}, stem {encoder.stem}{depth})",
    )


def _own_encoder(tensors: Tensors, domain: str, said: str) -> str:
    """Which encoder of an exported folder is meant, "" for another program's file."""
    names = {name.split("/")[1] for name in tensors if name.startswith("params/")}
    if not names:
        return ""
    # A face's other images have three channels, too, and may start from an exported R.
    wanted = [f"encoder_{domain}", *(["encoder_R"] if domain in FACE_DOMAINS else [])]
    for name in wanted:
        if name in names:
            return name
    has = ", ".join(sorted(map(shown, (name for name in names if name.startswith("encoder_")))))
    raise InputError(f"{said}: it has no {' or '.join(wanted)}, but {has or 'no encoder'}")


def _canonical(tensors: Tensors, format: weight_names.Format, said: str) -> Tensors:
    named: Tensors = {}
    for name, tensor in tensors.items():
        canonical = format.canonical(name)
        if canonical in named:
            raise InputError(f"{said}: {shown(name)} and {shown(named[canonical].name)} are one")
        named[canonical] = tensor
    return named


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
    floats = {tensor_file.DTYPES[name] for name in FLOATS}
    for path, shape in arrays.items():
        layout = weight_names.layout(path, shape, family, own)
        piece = piece_shape(shape, len(names[path]))
        found = [tensors[name] for name in names[path] if name in tensors]
        missing += [name for name in names[path] if name not in tensors]
        for tensor in found:
            if not layout.accepts(tensor.shape, piece) or tensor.dtype not in floats:
                expected = ["any" if size is None else size for size in layout.expected(piece)]
                misshapen.append(
                    f"{shown(tensor.name)} {tensor.dtype}{list(tensor.shape)} (expected "
                    f"{expected})".replace("'", "")
                )
        parts.append(Part(path, shape, tuple(found), layout))
    used = {name for some in names.values() for name in some}
    extra = [shown(name) for name in tensors if name not in used | dropped]
    problems = [
        f"{kind} {listed(some, 3)}"
        for kind, some in (("missing", missing), ("extra", extra), ("misshapen", misshapen))
        if some
    ]
    if problems:
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
            node[leaf] = _like(part.read(), node[leaf])


def _like(values: np.ndarray, old: Any) -> Any:
    values = np.ascontiguousarray(values, old.dtype)
    if isinstance(old, jax.Array):
        return jax.make_array_from_callback(old.shape, old.sharding, values.__getitem__)
    return values


def describe_origins(plans: Mapping[str, Plan], domains: Sequence[str]) -> dict[str, str]:
    """What each domain's encoder starts from, in words, for the log and for run.json."""
    return {domain: str(plans.get(domain, RANDOM)) for domain in domains}
