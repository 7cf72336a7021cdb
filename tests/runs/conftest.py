"""A mesh, and a workdir with checkpoints on it."""

import pytest
from small_checkpoints import make_state, placed

from drr_jax.runs import distributed
from drr_jax.runs.checkpoint import Checkpoints


@pytest.fixture
def mesh():
    return distributed.make_mesh(1)


@pytest.fixture
def saved(tmp_path, mesh):
    """A workdir with checkpoints of steps 10, 20 and 30."""
    with Checkpoints(tmp_path) as checkpoints:
        for step in (10, 20, 30):
            checkpoints.save(step, placed(make_state(step), mesh))
    return tmp_path
