"""Time and memory of loading full-size weights; run it by hand.

Random files under Hugging Face's names for BERT-base and torchvision's for ResNet-50; each model is
there already, as in a run, when a process of its own puts the weights into place. Prints the
seconds from the first look at the file to the last array, and how much the memory grew at its peak
beside the model's own size.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from drr_jax import config as configs
from drr_jax import errors
from drr_jax.models.encoders import build as encoders
from drr_jax.runs import cpu
from drr_jax.weights import load as weights
from drr_jax.weights import names as weight_names
from drr_jax.weights import tensor_file

MODELS = {"BERT-base": "T", "ResNet-50": "R"}


def build(name: str, folder: str) -> tuple[configs.Config, dict]:
    """The config that loads `folder`, and the shapes of its encoder's variables."""
    config = configs.Config()
    getattr(config.model.encoders, MODELS[name]).weights = folder
    if name == "ResNet-50":
        config.encoder.backbone = "resnet50"
        model = encoders.build_image_encoder(config)
        init = partial(model.init, train=False)
        return config, jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    text = config.text
    text.encoder, text.vocabulary, text.width, text.layers, text.heads = "bert", 30522, 768, 12, 12
    text.max_tokens = 512
    model = encoders.build_text_encoder(config)
    return config, jax.eval_shape(model.init, jax.random.key(0), jnp.ones((1, 512), jnp.int32))


def write(name: str, folder: str) -> None:
    """A random file with every tensor that the model's format has."""
    _, shapes = build(name, folder)
    wanted = "Hugging Face BERT" if name == "BERT-base" else "torchvision or timm ResNet"
    format = next(format for format in weight_names.FORMATS if format.name == wanted)
    rng, tensors = np.random.default_rng(0), {}
    for collection, tree in shapes.items():
        for entries, leaf in jax.tree_util.tree_leaves_with_path(tree):
            path = (collection, *(entry.key for entry in entries))
            names = format.names(path)
            rest, last = leaf.shape[:-1], leaf.shape[-1:]
            piece = (*rest, last[0] // len(names)) if len(names) > 1 else (*rest, *last)
            expected = weight_names.layout(path, leaf.shape, format.family, False).expected(piece)
            shape = [size or piece[0] for size in expected]
            for tensor in names:
                tensors[tensor] = rng.random(shape, np.float32)
    tensor_file.write_file(Path(folder) / tensor_file.FILE, tensors, {})


def status(key: str) -> int:
    """A field of the process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))


def load(name: str, folder: str) -> dict[str, float]:
    """Loads once: seconds, bytes of the model, bytes of memory that came on top of it."""
    cpu.tune_malloc()  # as the training command does: freed memory serves the next array
    config, shapes = build(name, folder)
    encoder = f"encoder_{MODELS[name]}"
    arrays = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype) + 1, shapes)
    variables = {"params": {}, "batch_stats": {}}
    for collection in list(arrays):
        variables[collection][encoder] = arrays.pop(collection)
    jax.block_until_ready(variables)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    before, start = status("VmRSS"), time.perf_counter()
    weights.place(weights.plan_all(config, MODELS[name], variables), variables)
    jax.block_until_ready(variables)
    seconds = time.perf_counter() - start
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(variables))
    return {"seconds": seconds, "bytes": size, "more": status("VmHWM") - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.load:
        print(json.dumps(load(*args.load)))
        return
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            write(name, folder)
            command = [sys.executable, __file__, "--load", name, folder]
            rounds = [
                json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                for _ in range(args.rounds)
            ]
        seconds = [found["seconds"] for found in rounds]
        size, more = rounds[0]["bytes"], max(found["more"] for found in rounds)
        print(
            f"{name}: {size / 1e6:.0f} MB in {statistics.median(seconds):.2f} s "
            f"[{min(seconds):.2f}-{max(seconds):.2f}], memory grew by {more / 1e6:.0f} MB "
            f"({more / size:.2f} of the model)"
        )


if __name__ == "__main__":
    errors.run(main)
