"""A process of test_distributed: joins, computes together, saves and restores, prints JSON."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from drr_jax import errors
from drr_jax.config import Config, flatten
from drr_jax.errors import InputError
from drr_jax.runs import distributed, joining, record, together
from drr_jax.runs.checkpoint import Checkpoints, abstract


def main() -> int:
    workdir = sys.argv[1]
    joining.join()
    index, count = jax.process_index(), jax.process_count()
    mesh = distributed.make_mesh(2)
    rows = np.arange(8, dtype=np.float32).reshape(4, 2) + 8 * index
    batch = distributed.to_global({"x": rows}, mesh)["x"]
    total = jax.jit(lambda x: (x * jnp.arange(1.0, 9)[:, None]).sum(0))(batch)

    run = flatten(Config()) | {"fold": 0}
    record.check_record(workdir, run, allow_change=False)
    try:
        record.check_record(workdir, run | {"seed": 9}, allow_change=False)
        refused = ""
    except InputError as error:
        refused = str(error)

    def make(seed):
        """A leaf split over the processes, and one that is whole in both."""
        rng = np.random.default_rng(seed)
        values = {"split": rng.standard_normal((64, 128), np.float32), "step": np.int32(seed)}
        shardings = {
            "split": NamedSharding(mesh, PartitionSpec("data")),
            "step": distributed.replicated(mesh),
        }
        state = {
            key: jax.make_array_from_callback(
                np.shape(value), shardings[key], lambda where, value=value: value[where]
            )
            for key, value in values.items()
        }
        return state, abstract(state, shardings)

    def same(state, seed):
        pairs = zip(jax.tree.leaves(state), jax.tree.leaves(make(seed)[0]), strict=True)
        shards = [
            (a.data, b.data)
            for x, y in pairs
            for a, b in zip(x.addressable_shards, y.addressable_shards, strict=True)
        ]
        return all(np.array_equal(a, b) for a, b in shards)

    target = make(0)[1]
    with Checkpoints(workdir, keep=2) as checkpoints:
        for step in (1, 2, 3):  # both kinds in turn, neither waited for
            checkpoints.save_best(step, make(step)[0], min(step, 2) / 4)
            checkpoints.save(step, make(step)[0])
        checkpoints.wait()
        state, step = checkpoints.restore(target)
        whole = [step, same(state, 3)]
        # the newest one loses its arrays: both processes must fall back, and both move on
        if together.is_main_process():
            for path in (checkpoints.workdir / "checkpoints" / "3" / "state").rglob("d/*"):
                path.write_bytes(path.read_bytes()[:100])
        together.everywhere(True)
        state, step = checkpoints.restore(target)
        fell_back = [step, same(state, 2)]
        checkpoints.save(3, make(4)[0])
        checkpoints.wait()
        state, step = checkpoints.restore(target)
        again = [step, same(state, 4)]
        best = checkpoints.restore_best(target)
        assert best is not None
    print(
        json.dumps(
            {
                "processes": [index, count],
                "devices": [jax.local_device_count(), jax.device_count()],
                "total": np.asarray(total).tolist(),
                "everywhere": [together.everywhere(True), together.everywhere(index == 0)],
                "refused": refused,
                "whole": whole,
                "fell_back": fell_back,
                "again": again,
                "best": [best[1], same(best[0], 2)],
            }
        )
    )
    return 0


if __name__ == "__main__":
    errors.run(main, together=True)
