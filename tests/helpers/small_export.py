"""Exported folders of small systems that were never trained, written in a second or two."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import small_system
from flax.traverse_util import flatten_dict, unflatten_dict

from drr_jax import config as configs
from drr_jax import facs, files, runs
from drr_jax.data import tokenizer
from drr_jax.weights import export, facts, rebuild, tensor_file

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "person", "smiles"]
CROP = {"kind": "full", "version": 1, "margin": 0.0, "fit": "centre", "size": small_system.SIZE}


def write(folder: Path, name: str = "drr", domains: str = "RST", **changes: Any) -> Path:
    """Writes the export of a system with random parameters to `folder`, which is returned."""
    config, names = small_system.config(name, domains, **changes), facs.REACTIONET_AUS_12
    pieces = tokenizer.tokenizer_of(WORDS)
    described = {
        "format": export.EXPORT,
        "format_version": export.VERSION,
        "config": unflatten_dict(configs.flatten(config), sep="."),
        "model_title": "",
        "dataset": "reactionet/demo",
        "dataset_version": "1.0.0",
        "fingerprint": "0123456789abcdef" * 4,
        "rendered": True,
        "licence": "apache-2.0",
        "fold": 0,
        "test_parts": ["part1"],
        "classes": list(names),
        "class_prior": np.asarray(facs.au_prior(names), int).tolist(),
        "inputs": [],
        "crop": CROP,
        "thresholds": dict.fromkeys(names, 0.5),
        "thresholds_from": "0.5",
        "selection": "last",
        "step": 0,
        "results": None,
        "weights": {},
        "normalisation": facts.normalisations(config),
        "parameters": 0,
        "commit": "",
        "packages": {},
        "tokenizer": tokenizer.TOKENIZER_FILE,
        "arrays": {},
    }
    system = rebuild.build(described, config, pieces)
    inputs = (*facs.IMAGES, "caption", "landmarks")
    batch = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, leaf.dtype), rebuild.example_batch(config, inputs, 1)
    )
    key = jax.random.key(0)
    variables = jax.device_get(jax.jit(lambda: dict(system.init(key, batch)))())
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: (leaf + 0.02 * rng.standard_normal(leaf.shape)).astype(leaf.dtype), variables
    )
    described |= {
        "inputs": list(system.test_inputs),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
        "arrays": runs.digested_leaves(variables),
    }
    folder.mkdir(parents=True)
    arrays = flatten_dict(variables, sep="/")
    tensor_file.write_file(folder / tensor_file.FILE, arrays, {"format": export.EXPORT})
    tokenizer.save_tokenizer(pieces, folder / tokenizer.TOKENIZER_FILE)
    files.write_json(folder / runs.CONFIG_FILE, described)
    files.write_whole(folder / export.CARD, export.card(described))
    return folder


def batch_of(model: Any, rows: int = 3) -> dict[str, np.ndarray]:
    """Random inputs for what a loaded model reads."""
    rng = np.random.default_rng(1)
    above = {"tokens": 7, "landmarks": small_system.SIZE}
    return {
        key: rng.integers(0, above.get(key, 256), leaf.shape).astype(leaf.dtype)
        for key, leaf in rebuild.example_batch(model.config, model.inputs, rows).items()
    }
