"""Runs an exported model's model.stablehlo with jax, flatbuffers, numpy and safetensors alone.

    python run_stablehlo.py FOLDER faces.npy [stimulus.npy ...] > probabilities.csv

An array for each input that config.json names: of images uint8 [rows, side, side, 3], RGB, as the
model card says; of captions int32 [rows, tokens], word pieces by tokenizer.json, zeros behind them.
"""

import json
import sys
from pathlib import Path

import jax
import jax.export
import numpy as np
from safetensors.numpy import load_file


def main() -> None:
    folder, files = Path(sys.argv[1]), sys.argv[2:]
    described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    keys = ["tokens" if name == "caption" else name for name in described["inputs"]]
    batch = {key: np.load(file) for key, file in zip(keys, files, strict=True)}
    arrays = load_file(folder / "model.safetensors")
    program = jax.export.deserialize(bytearray((folder / "model.stablehlo").read_bytes()))
    probabilities = np.asarray(jax.jit(program.call)(arrays, batch))
    np.savetxt(sys.stdout, probabilities, "%.9g", ",", header=",".join(described["classes"]))


if __name__ == "__main__":
    main()
