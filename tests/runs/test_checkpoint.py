"""Checkpoints: what is saved comes back bit for bit, on any devices; what has no place is said."""

import gc
import json
import logging
import shutil
import subprocess
import sys
import threading
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import SingleDeviceSharding
from small_checkpoints import assert_same, make_state, placed, restore, target, warnings_of

from drr_jax.errors import InputError
from drr_jax.runs import digest, distributed
from drr_jax.runs.checkpoint import Checkpoints, abstract


def test_abandoned_reads_are_not_reported(saved, caplog):
    """asyncio reports them when the garbage collector finds them: seldom, and of whichever test."""
    Checkpoints(saved)
    log = logging.getLogger("asyncio")
    read = "ValueError('NOT_FOUND: Error opening \"zarr\" driver [tensorstore_spec=...]')"
    log.error(f"Future exception was never retrieved\nfuture: <Future finished exception={read}>")
    log.error("Task exception was never retrieved\ncoro=<read() at /x/orbax/checkpoint/a.py:3>")
    assert not warnings_of(caplog)
    write = """ValueError('RESOURCE_EXHAUSTED: Error writing "m/0.0" in OCDBT database at local')"""
    log.error(f"Future exception was never retrieved\nfuture: <Future finished exception={write}>")
    assert not warnings_of(caplog)
    log.error("Task exception was never retrieved\ncoro=<ours() at /x/drr_jax/data.py:3>")
    assert len(warnings_of(caplog)) == 1


def test_late_writes_are_not_reported(tmp_path, capsys):
    """On a full disk: their loop is gone, and C++ gives the error to sys.excepthook."""
    Checkpoints(tmp_path)
    closed = RuntimeError("Event loop is closed")
    for error in (closed, RuntimeError("another")):
        thread = threading.Thread(target=sys.excepthook, args=(RuntimeError, error, None))
        thread.start()
        thread.join()
    sys.excepthook(RuntimeError, RuntimeError("Event loop is closed"), None)  # of the program's own
    said = capsys.readouterr().err.splitlines()
    assert said == ["RuntimeError: another", "RuntimeError: Event loop is closed"]


def test_writes_that_do_not_begin_any_more_are_not_reported(tmp_path):
    """On a full disk: Python warns of those that were still to be."""

    async def write() -> None:
        """Of Orbax's, beside one that failed."""

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Checkpoints(tmp_path)
        write()
        gc.collect()
        warnings.warn("another", RuntimeWarning, stacklevel=1)
    assert [str(one.message) for one in said] == ["another"]


def test_newest_comes_back_bit_for_bit(saved, mesh, caplog):
    state, step = restore(saved, mesh)
    assert step == 30
    assert_same(state, make_state(30))
    assert not warnings_of(caplog)


def test_an_empty_workdir_has_none(tmp_path, mesh):
    assert restore(tmp_path, mesh) is None
    assert not list(tmp_path.iterdir())  # asking makes no folders


def test_keeps_the_latest_few(tmp_path, mesh):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in (1, 2, 3, 4):
            checkpoints.save(step, make_state(step))
        checkpoints.save(4, make_state(9))  # saved already: left alone
        checkpoints.wait()
        assert checkpoints.steps() == [3, 4]
    with Checkpoints(tmp_path, keep=2) as checkpoints:  # also after a restart
        checkpoints.save(5, make_state(5))
    assert Checkpoints(tmp_path).steps() == [4, 5]
    assert_same(restore(tmp_path, mesh)[0], make_state(5))


def test_keeps_the_best(tmp_path, mesh):
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_score() is None
        assert checkpoints.restore_best(target(make_state(0), mesh)) is None
        f1s = ((1, 0.2), (2, 0.5), (3, 0.5), (4, 0.3))
        better = [checkpoints.save_best(step, make_state(step), f1) for step, f1 in f1s]
        assert better == [True, True, False, False]
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_score() == 0.5
        assert checkpoints.steps("best") == [2]
        state, step = checkpoints.restore_best(target(make_state(0), mesh))
        assert step == 2
        assert_same(state, make_state(2))
        # a run that went back to an earlier step, and does better there or at the same step
        assert checkpoints.save_best(2, make_state(7, step=2), 0.6)
        assert checkpoints.save_best(1, make_state(8, step=1), 0.7)
        checkpoints.wait()
        assert checkpoints.steps("best") == [1]
        assert_same(checkpoints.restore_best(target(make_state(0), mesh))[0], make_state(8, step=1))


@pytest.mark.parametrize("fsdp", [1, 4])
def test_moves_between_one_and_eight_devices(tmp_path, fsdp):
    eight = distributed.make_mesh(fsdp)
    one = SingleDeviceSharding(jax.devices()[3])
    states = {1: jax.device_put(make_state(1), one), 2: placed(make_state(2), eight)}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, states[1])
        checkpoints.wait()
        state, _ = checkpoints.restore(target(make_state(0), eight))
        assert_same(state, make_state(1))
        kernel = state.params["dense"]["kernel"]
        assert kernel.sharding.device_set == set(jax.devices())
        assert kernel.addressable_shards[0].data.size == 64 * 128 // fsdp
        checkpoints.save(2, states[2])
        checkpoints.wait()
        singles = jax.tree.map(lambda _: one, make_state(0))
        state, step = checkpoints.restore(abstract(make_state(0), singles))
        assert step == 2 and state.step.sharding == one
        assert_same(state, make_state(2))


def test_every_shard_has_its_digest_which_holds_under_any_sharding(tmp_path):
    state, split = make_state(5), placed(make_state(5), distributed.make_mesh(4))
    manifests = [digest.Copy(each).manifest({}) for each in (state, split)]
    shards = manifests[1]["leaves"]["params/dense/kernel"]["shards"]
    assert len(shards) == 4 and "crc32" in manifests[0]["leaves"]["params/dense/kernel"]
    kernel = np.asarray(state.params["dense"]["kernel"]).copy()
    kernel.view(np.uint32)[3, 7] ^= 1 << 20
    dense = state.params["dense"] | {"kernel": kernel}
    changed = state.replace(params=state.params | {"dense": dense})
    for known in manifests:
        for whole in (state, split, jax.device_get(state)):
            assert digest.damage(whole, known) == ""
        assert digest.damage(changed, known) == "params/dense/kernel does not match its digest"
    # Of many processes each writes those of its own shards.
    known = manifests[1]
    here, there = (dict(part) for part in (list(shards.items())[:2], list(shards.items())[2:]))
    known["leaves"]["params/dense/kernel"]["shards"] = here
    files = {digest.METADATA: known, f"{digest.SHARDS}1": {"facts": {}, "leaves": {}}}
    files[f"{digest.SHARDS}1"]["leaves"] = {"params/dense/kernel": {"shards": there}}
    for name, content in files.items():
        sealed = content | {"crc32": digest.seal(content["facts"], content["leaves"])}
        (tmp_path / name).write_text(json.dumps(sealed))
    assert digest.damage(state, digest.read_manifest(tmp_path)) == ""
    (tmp_path / f"{digest.SHARDS}1").unlink()
    with pytest.raises(ValueError, match="lacks digests of params/dense/kernel"):
        digest.read_manifest(tmp_path)


def test_digests_are_made_beside_the_next_steps(tmp_path, mesh, monkeypatch):
    """The saving thread is held at the first digest; meanwhile `save` has long returned."""
    go_on, made = threading.Event(), digest.crc32
    monkeypatch.setattr(digest, "crc32", lambda leaf: go_on.wait(60) and made(leaf))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, placed(make_state(1), mesh))
        assert not checkpoints.idle("checkpoints") and checkpoints.steps() == []
        go_on.set()
        checkpoints.wait()
        assert checkpoints.idle("checkpoints") and checkpoints.steps() == [1]
    assert_same(restore(tmp_path, mesh)[0], make_state(1))


def test_donating_a_state_does_not_reach_its_checkpoint(tmp_path, mesh):
    """Steps that overwrite the buffers while they are being written, and after they are read."""
    step = jax.jit(lambda s: jax.tree.map(lambda x: x * 2 + 1, s), donate_argnums=0)
    names = [1, 3, 7, 15]  # what that makes of the state's own step
    state = placed(make_state(1, rows=20_000), mesh)
    expected = [jax.tree.map(np.array, state)]
    for _ in range(4):
        expected.append(jax.tree.map(lambda x: np.array(x * 2 + 1), expected[-1]))
    with Checkpoints(tmp_path, keep=9) as checkpoints:
        for name in names:
            checkpoints.save(name, state)
            state = step(state)
        jax.block_until_ready(state)
        checkpoints.wait()
        for number in (3, 2, 1, 0):
            found, _ = checkpoints.restore(target(make_state(0, rows=20_000), mesh))
            assert_same(found, expected[number])
            after = step(found)  # each replica is its own buffer
            pairs = zip(jax.tree.leaves(after), jax.tree.leaves(expected[number + 1]), strict=True)
            for x, y in pairs:
                for shard in x.addressable_shards:
                    np.testing.assert_array_equal(np.asarray(shard.data), np.asarray(y))
            shutil.rmtree(tmp_path / "checkpoints" / str(names[number]))


@pytest.mark.parametrize(
    "wanted, message",
    [
        (make_state(0, rows=32), r"params/dense/kernel is float32\[64, 128\].*float32\[32, 128\]"),
        (make_state(0).replace(batch_stats={}), r"batch_stats/mean is in the checkpoint's model"),
        (
            make_state(0).replace(batch_stats={"mean": jnp.zeros(3), "more": jnp.zeros(3)}),
            r"batch_stats/more is in the config's model but not in the checkpoint's",
        ),
    ],
)
def test_another_model_is_refused_and_not_called_damaged(saved, mesh, wanted, message):
    with pytest.raises(InputError, match=message):
        Checkpoints(saved).restore(target(wanted, mesh))
    assert Checkpoints(saved).steps() == [10, 20, 30]


FULL_DISK = """
import resource, signal, sys
import jax.numpy as jnp
from drr_jax.runs.checkpoint import Checkpoints
from drr_jax.errors import run

def main():
    with Checkpoints(sys.argv[1]) as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(100)})
        checkpoints.wait()
        # a write beyond this size fails as one on a full disk does, with another errno
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        checkpoints.save(2, {"x": jnp.linspace(0, 1, 1_000_000)})

run(main)
"""


def test_a_full_disk_is_one_line_and_keeps_the_last_good_one(tmp_path, mesh):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/checkpoints: ") and "File too large" in line
    assert "last good checkpoint is 1" in line
    ones = {"x": jnp.ones(100)}
    state, step = Checkpoints(tmp_path).restore(target(ones, mesh))
    assert step == 1
    assert_same(state, ones)


@pytest.mark.parametrize("workdir", ["/sys/drr", "/dev/null/drr"])
def test_a_folder_that_cannot_be_written_is_one_line(workdir):
    with pytest.raises(InputError, match=rf"{workdir}/checkpoints: .*no checkpoint yet"):
        Checkpoints(workdir).save(1, {"x": jnp.ones(3)})
