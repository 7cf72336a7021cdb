"""Runs an exported model's model.stablehlo with jax, flatbuffers, numpy and safetensors alone.

    python run_stablehlo.py FOLDER faces.npy [stimulus.npy ...] > probabilities.csv

An array for each input that config.json names. Images are uint8 [rows, side, side, 3], RGB, side
being config, data, image_size; docs/weights.md says how to make them. Captions are int32 [rows,
tokens], word pieces by tokenizer.json, zeros behind them.
"""

import json
import sys
from pathlib import Path

import jax
import jax.export
import numpy as np
from safetensors.numpy import load_file


def main() -> None:
    if len(sys.argv) < 3 or not (Path(sys.argv[1]) / "model.stablehlo").is_file():
        sys.exit(f"{__doc__}\nexpected an exported folder with model.stablehlo, then arrays")
    folder, files = Path(sys.argv[1]), sys.argv[2:]
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    keys = ["tokens" if name == "caption" else name for name in described["inputs"]]
    program = jax.export.deserialize(bytearray((folder / "model.stablehlo").read_bytes()))
    expected = program.in_tree.unflatten(program.in_avals)[0][1]  # a shape for each key
    if len(files) != len(keys):
        sys.exit(f"{len(files)} arrays, expected one for each of {', '.join(described['inputs'])}")
    batch = {key: np.load(file) for key, file in zip(keys, files, strict=True)}
    for (key, array), file in zip(batch.items(), files, strict=True):
        wanted = expected[key]
        if array.dtype != wanted.dtype or array.shape[1:] != wanted.shape[1:] or array.ndim < 2:
            sys.exit(f"{file}: {array.dtype} {list(array.shape)}, expected {wanted}")
    probabilities = np.asarray(
        jax.jit(program.call)(load_file(folder / "model.safetensors"), batch)
    )
    names = ",".join(described["classes"])
    np.savetxt(sys.stdout, probabilities, "%.9g", ",", header=names, comments="")


if __name__ == "__main__":
    main()
