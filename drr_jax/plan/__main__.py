"""The process that compiles, started by asking.py: ended by it, or by the compiler's own failure.

python -m drr_jax.plan REQUEST.json ANSWER.jsonl
"""

import json
import sys
from pathlib import Path

from drr_jax import config as configs
from drr_jax import stops
from drr_jax.errors import InputError


def main(request: Path, answer: Path) -> None:
    """Answers in lines of JSON, each written as soon as it is known."""
    stops.end_with_parent()
    stops.end_with_pipe(sys.stdin.fileno())  # of whoever started it
    from drr_jax.plan import compiling, topologies  # which load JAX, as its environment says

    asked = json.loads(request.read_text())
    config = configs.Config()
    for key, value in asked["config"].items():
        configs.set_key(config, key, str(value))
    with answer.open("w") as file:
        try:
            topology = topologies.parse(asked["topology"])
            for found in compiling.facts(config, topology, asked["detailed"]):
                print(json.dumps(found), file=file, flush=True)
        except InputError as error:
            print(json.dumps({"error": str(error)}), file=file, flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
