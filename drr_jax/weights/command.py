"""The command `drr_jax.weights`: looks into weights, exports a run, lowers and uploads it.

    python -m drr_jax.weights show PATH                     what a file or folder holds
    python -m drr_jax.weights export --workdir=RUN --out=DIR  a trained run as a folder to keep
    python -m drr_jax.weights stablehlo FOLDER              adds a program that JAX alone can run
    python -m drr_jax.weights push FOLDER hf:ORG/NAME       uploads an exported folder to the hub

`model.encoders.DOMAIN.weights` is none, hf:ORG/NAME, hf:ORG/NAME@REVISION, or the path of a
safetensors file, of a folder with model.safetensors (or its shards), or of a folder that `export`
wrote. An encoder and its BatchNorm start from them; heads, projection and graph never do. What
config.json and preprocessor_config.json beside them say is honoured or refused (docs/weights.md).
Nothing is ever unpickled.
"""

from pathlib import Path

import numpy as np

from drr_jax.arguments import Parser
from drr_jax.weights import export, push, stablehlo
from drr_jax.weights.names import detect
from drr_jax.weights.sources import EXPORT, exported_config, open_weights
from drr_jax.weights.tensor_file import shown


def show(path: Path) -> str:
    """A table of a file's tensors, after what they are of."""
    tensors = open_weights(path)
    found, prefix = detect(tensors)
    exported = exported_config(path) is not None
    title = EXPORT if exported else found.name if found else "no known model"
    title += f" behind the prefix {shown(prefix)}" if prefix else ""
    width = max(map(len, map(shown, tensors)), default=0)
    count = sum(int(np.prod(tensor.shape)) for tensor in tensors.values())
    lines = [
        f"{shown(name):{width}}  {tensor.dtype!s:8} {list(tensor.shape)}"
        for name, tensor in sorted(tensors.items())
    ]
    return "\n".join([*lines, f"{path}: {title}, {len(tensors)} tensors, {count:,} numbers"])


def main() -> int:
    """Entry point of `python -m drr_jax.weights`."""
    parser = Parser("python -m drr_jax.weights", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shows = commands.add_parser("show", help="what a safetensors file or folder holds")
    shows.add_argument("path", type=Path, help="file or folder")
    exports = commands.add_parser("export", help="a trained run's model as a folder to keep")
    exports.add_argument("--workdir", type=Path, required=True, help="folder of the run")
    exports.add_argument("--out", type=Path, required=True, help="new folder to write")
    exports.add_argument(
        "--selection",
        choices=export.SELECTIONS,
        help="checkpoint: last, best (by the test part) or validation (best on the validation "
        "part); default: the one whose results the run reports",
    )
    lowers = commands.add_parser("stablehlo", help="adds model.stablehlo to an exported folder")
    lowers.add_argument("folder", type=Path, help="exported folder")
    pushes = commands.add_parser("push", help="an exported folder to the Hugging Face hub")
    pushes.add_argument("folder", type=Path, help="exported folder")
    pushes.add_argument("target", help="hf:ORG/NAME; made if it is not there")
    pushes.add_argument("--private", action="store_true", help="readable by its owner alone")
    args = parser.parse_args()
    if args.command == "show":
        print(show(args.path))
    elif args.command == "stablehlo":
        print(stablehlo.write_stablehlo(args.folder))
    elif args.command == "push":
        print(push.push(args.folder, args.target, args.private))
    else:
        print(export.export_run(args.workdir, args.out, args.selection))
    return 0
