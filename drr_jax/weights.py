"""Weights that encoders start from: found, checked against the model, put into place.

    python -m drr_jax.weights show PATH                     what a file or folder holds
    python -m drr_jax.weights export --workdir=RUN --out=DIR  a trained run as a folder to keep

`model.encoders.DOMAIN.weights` is none, hf:ORG/NAME, or the path of a safetensors file, of a folder
with model.safetensors (or its shards), or of a folder that `export` wrote. An encoder and its
BatchNorm start from them; heads, projection and graph never do. Nothing is ever unpickled.
"""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from drr_jax import tensor_file, tokenizer, weight_names
from drr_jax.config import Config, Text
from drr_jax.errors import InputError, run
from drr_jax.models import bert
from drr_jax.tensor_file import Tensor, Tensors, shown

NONE, HUB = "none", "hf:"
RANDOM = "random initialisation"
FILES = (
    tensor_file.FILE,
    tensor_file.INDEX,
    "model-*-of-*.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
EXPORT = "drr_jax export"  # the format of our own folders
FLOATS = ("F64", "F32", "F16", "BF16")
SAME_FACE = ("V", "D", "Th")  # may start from an exported R: their images have three channels, too

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
        dropped = f", dropped {', '.join(map(shown, self.dropped))}" if self.dropped else ""
        return f"{self.source} ({self.format}, {len(self.parts)} arrays{dropped})"


def piece_shape(shape: weight_names.Shape, count: int) -> weight_names.Shape:
    """The shape of each of `count` arrays that make one when joined on the last axis."""
    return (*shape[:-1], shape[-1] // count) if count > 1 else shape


def locate(source: str, key: str) -> Path:
    """The file or folder of a config's weights; a hub's name is downloaded or found in the cache.

    Raises InputError if there is none.
    """
    if source.startswith(HUB):
        return _download(source.removeprefix(HUB), key)
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(
            f"config key {key}={source}: no such file or folder; expected a safetensors file, a "
            "folder with model.safetensors, hf:ORG/NAME or none"
        )
    return path


def _download(name: str, key: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise InputError(f"config key {key}={HUB}{name}: expected hf:ORG/NAME")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    except Exception as error:  # the hub's, the HTTP library's and the disk's errors alike
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(
            f"config key {key}={HUB}{name}: neither in the cache nor to be downloaded ({reason}); "
            f"get model.safetensors and config.json from https://huggingface.co/{name} by hand and "
            f"set {key} to their folder"
        ) from None


def key_of(domain: str) -> str:
    """The config key of a domain's weights."""
    return f"model.encoders.{domain}.weights"


def source_of(config: Config, domain: str) -> str:
    """What the config lets a domain's encoder start from."""
    return getattr(config.model.encoders, domain).weights


def text_of(config: Config) -> tuple[Text, Any]:
    """The caption encoder's sizes and tokenizer as its weights have them; (text, None) without.

    Raises InputError if the weights' folder lacks config.json or tokenizer, or holds another kind
    of encoder than `text.encoder`.
    """
    source, key, text = source_of(config, "T"), key_of("T"), config.text
    if source == NONE:
        return text, None
    path = locate(source, key)
    folder = path if path.is_dir() else path.parent
    exported = exported_config(folder)
    if exported is not None:
        theirs = exported.get("text", {})
        if theirs.get("encoder") != text.encoder:
            raise InputError(
                f"config key {key}={source}: its text.encoder is {theirs.get('encoder')!r}, the "
                f"config's {text.encoder!r}"
            )
        sizes = {name: theirs[name] for name in _SIZES if isinstance(theirs.get(name), int)}
        text = dataclasses.replace(text, **sizes)
    elif text.encoder != "bert":
        raise InputError(
            f"config key {key}={source}: text.encoder={text.encoder} starts from an exported run "
            "or none; set text.encoder=bert for a BERT-family model"
        )
    else:
        text = bert.read_sizes(folder / "config.json", text)
    pieces = tokenizer.load_folder(folder)
    if pieces.get_vocab_size() > text.vocabulary:
        raise InputError(
            f"config key {key}={source}: its tokenizer has {pieces.get_vocab_size()} pieces, its "
            f"model {text.vocabulary}"
        )
    return text, pieces


_SIZES = ("vocabulary", "width", "layers", "heads", "hidden")


def exported_config(folder: Path) -> dict[str, Any] | None:
    """The config of the run that a folder was exported from, None if another program made it."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(found, dict) and found.get("format") == EXPORT:
        return found.get("config", {})
    return None


def plan_all(config: Config, domains: tuple[str, ...], variables: Variables) -> dict[str, Plan]:
    """How the encoders of `domains` are filled, by domain; those that start at random are not in.

    `variables` are the model's, arrays or jax.ShapeDtypeStructs. Raises InputError, naming the
    tensors, where a file and a model do not fit.
    """
    return {
        domain: plan(config, domain, variables)
        for domain in domains
        if source_of(config, domain) != NONE
    }


def plan(config: Config, domain: str, variables: Variables) -> Plan:
    """How the encoder of `domain` is filled from its weights; reads headers only.

    Raises InputError as `plan_all`.
    """
    source, key, encoder = source_of(config, domain), key_of(domain), f"encoder_{domain}"
    if encoder not in variables["params"]:
        raise InputError(
            f"config key {key}={source}: model.name={config.model.name} has no {encoder}; set none"
        )
    arrays = {
        (collection, *(entry.key for entry in path)): tuple(leaf.shape)
        for collection, tree in variables.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree.get(encoder, {}))
    }
    said = f"config key {key}={source}"
    tensors = tensor_file.open_weights(locate(source, key))
    family, wanted = _family(config, domain)
    own = _own_encoder(tensors, domain, said)
    if own:
        start = [f"{collection}/{own}/" for collection in ("params", "batch_stats")]
        tensors = {n: t for n, t in tensors.items() if n.startswith(tuple(start))}
        named = {path: ("/".join((path[0], own, *path[1:])),) for path in arrays}
        format, dropped = f"{EXPORT}, {own}", set()
    else:
        found = weight_names.detect(tensors)
        if found is None:
            known = ", ".join(format.name for format in weight_names.FORMATS)
            first = ", ".join(map(shown, sorted(tensors)[:3])) or "none"
            raise InputError(f"{said}: its tensors ({first}, ...) are of no known model: {known}")
        if found.family != family:
            raise InputError(f"{said}: a {found.name}, which is no weights for {wanted}")
        tensors = _canonical(tensors, found, said)
        named = {path: found.names(path) for path in arrays}
        dropped = {name for name in tensors if found.dropped.fullmatch(name)}
        format = found.name
    parts = _match(arrays, named, tensors, dropped, family, bool(own), f"{said}: not {wanted}")
    return Plan(encoder, source, format, parts, tuple(sorted(dropped)))


def _family(config: Config, domain: str) -> tuple[str, str]:
    """The family of a domain's encoder, and the config keys that made it."""
    if domain == "T":
        text = config.text
        return text.encoder, f"text.encoder={text.encoder} (width {text.width}, {text.layers} layers)"
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
    wanted = [f"encoder_{domain}", *(["encoder_R"] if domain in SAME_FACE else [])]
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
    named: Mapping[weight_names.Path, tuple[str, ...]],
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
        piece = piece_shape(shape, len(named[path]))
        found = [tensors[name] for name in named[path] if name in tensors]
        missing += [name for name in named[path] if name not in tensors]
        for tensor in found:
            if not layout.accepts(tensor.shape, piece) or tensor.dtype not in floats:
                expected = ["any" if size is None else size for size in layout.expected(piece)]
                misshapen.append(
                    f"{shown(tensor.name)} {tensor.dtype}{list(tensor.shape)} (expected "
                    f"{expected})".replace("'", "")
                )
        parts.append(Part(path, shape, tuple(found), layout))
    used = {name for names in named.values() for name in names}
    extra = [shown(name) for name in tensors if name not in used | dropped]
    problems = [
        f"{kind} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if names[3:] else "")
        for kind, names in (("missing", missing), ("extra", extra), ("misshapen", misshapen))
        if names
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


def describe(plans: Mapping[str, Plan], domains: tuple[str, ...]) -> dict[str, str]:
    """What each domain's encoder starts from, in words, for the log and for run.json."""
    return {domain: str(plans.get(domain, RANDOM)) for domain in domains}


def show(path: Path) -> str:
    """A table of a file's tensors, after what they are of."""
    tensors = tensor_file.open_weights(path)
    found = weight_names.detect(tensors)
    exported = exported_config(path) is not None
    title = EXPORT if exported else found.name if found else "no known model"
    width = max(map(len, map(shown, tensors)), default=0)
    count = sum(int(np.prod(tensor.shape)) for tensor in tensors.values())
    lines = [
        f"{shown(name):{width}}  {tensor.dtype!s:8} {list(tensor.shape)}"
        for name, tensor in sorted(tensors.items())
    ]
    return "\n".join([*lines, f"{path}: {title}, {len(tensors)} tensors, {count:,} numbers"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m drr_jax.weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    shows = commands.add_parser("show", help="what a safetensors file or folder holds")
    shows.add_argument("path", type=Path, help="file or folder")
    exports = commands.add_parser("export", help="a trained run's model as a folder to keep")
    exports.add_argument("--workdir", type=Path, required=True, help="folder of the run")
    exports.add_argument("--out", type=Path, required=True, help="new folder to write")
    exports.add_argument(
        "--selection",
        choices=("last", "best", "validation"),
        help="checkpoint: last, best (by the test part) or validation (best on the validation "
        "part); default: the one whose results the run reports",
    )
    return parser


def main() -> int:
    """Entry point of `python -m drr_jax.weights`."""
    args = _parser().parse_args()
    if args.command == "show":
        print(show(args.path))
        return 0
    from drr_jax import export

    print(export.export(args.workdir, args.out, args.selection))
    return 0


if __name__ == "__main__":
    run(main)
