"""Checkpoints that are not what was saved: damaged, half written, swapped, of another run."""

import json
import shutil

import numpy as np
import pytest
from small_checkpoints import assert_same, make_state, restore, target, warnings_of

from drr_jax.config import Config, flatten
from drr_jax.errors import InputError
from drr_jax.runs import record
from drr_jax.runs.checkpoint import Checkpoints


def array_files(step):
    return sorted(
        (path for path in (step / "state").rglob("*") if path.is_file() and "/d/" in str(path)),
        key=lambda path: path.stat().st_size,
    )


def truncate(step):
    path = array_files(step)[-1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(step):
    """A bit of every sixteenth byte: one alone may lie where nothing is read."""
    path = array_files(step)[-1]
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, 3 * len(content) // 4, 16):
        content[place] ^= 4
    path.write_bytes(content)


def empty_arrays(step):
    for path in array_files(step):
        path.write_bytes(b"")


def remove_arrays(step):
    for path in array_files(step):
        path.unlink()


def remove_state(step):
    shutil.rmtree(step / "state")


def remove_metadata(step):
    (step / "state" / "_METADATA").unlink()


def remove_manifest(step):
    shutil.rmtree(step / "manifest")


def truncate_manifest(step):
    path = step / "manifest" / "metadata"
    path.write_text(path.read_text()[:-20])


def change_manifest(step):
    path = step / "manifest" / "metadata"
    stored = json.loads(path.read_text())
    stored["leaves"]["params/half"]["shape"] = [41]
    path.write_text(json.dumps(stored))


def empty_step(step):
    shutil.rmtree(step)
    step.mkdir()


DAMAGE = [
    truncate,
    flip,
    empty_arrays,
    remove_arrays,
    remove_state,
    remove_metadata,
    remove_manifest,
    truncate_manifest,
    change_manifest,
    empty_step,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_damage_is_named_and_the_previous_one_used(saved, mesh, caplog, damage):
    newest = saved / "checkpoints" / "30"
    damage(newest)
    state, step = restore(saved, mesh, read_only=True)
    assert step == 20 and newest.is_dir()
    assert_same(state, make_state(20))
    [line] = warnings_of(caplog)
    assert str(newest) in line and "damaged: " in line and "\n" not in line

    with Checkpoints(saved) as checkpoints:  # training goes on from there, past the damaged step
        assert checkpoints.restore(target(make_state(0), mesh))[1] == 20
        assert (saved / "damaged" / "30-0").is_dir()
        checkpoints.save(30, make_state(31, step=30))
        checkpoints.wait()
        state, step = checkpoints.restore(target(make_state(0), mesh))
        assert step == 30
        assert_same(state, make_state(31, step=30))


def test_every_flipped_byte_is_harmless_or_found(saved, mesh):
    """A flip anywhere: the state that comes back is one that was saved, whole."""
    newest = saved / "checkpoints" / "30"
    files = [path for path in sorted(newest.rglob("*")) if path.is_file()]
    rng = np.random.default_rng(0)
    fell_back = 0
    for _ in range(40):
        path = files[rng.integers(len(files))]
        original = path.read_bytes()
        if not original:
            continue
        content = bytearray(original)
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        state, step = restore(saved, mesh, read_only=True)
        assert_same(state, make_state(step))
        fell_back += step == 20
        path.write_bytes(original)
    # Orbax names its files at random, so which bytes are hit, and how many matter, varies.
    assert fell_back > 3


def test_an_older_damaged_one_does_not_stop_the_run(saved, mesh):
    for path in (saved / "checkpoints" / "10").rglob("*"):
        if path.is_file():
            path.write_bytes(b"{")
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.restore(target(make_state(0), mesh))[1] == 30
        checkpoints.save(40, make_state(40))
        checkpoints.wait()
        assert checkpoints.steps() == [20, 30, 40]


def test_all_damaged_is_an_error_both_times(saved, mesh):
    for step in (10, 20, 30):
        flip(saved / "checkpoints" / str(step))
    for _ in range(2):
        with pytest.raises(InputError, match=r"none of its checkpoints.*30: .*20: .*10: .*workdir"):
            restore(saved, mesh)


def test_a_half_written_one_is_named_and_cleared(saved, mesh, caplog):
    half = saved / "checkpoints" / "40.orbax-checkpoint-tmp"
    shutil.copytree(saved / "checkpoints" / "30", half)
    shutil.rmtree(half / "manifest")
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.restore(target(make_state(0), mesh))[1] == 30
        [line] = warnings_of(caplog)
        assert "checkpoints/40 was left half written" in line
        checkpoints.save(40, make_state(40))
        checkpoints.wait()
        assert not half.exists() and checkpoints.steps() == [20, 30, 40]


def test_a_damaged_best_is_an_error(tmp_path, mesh):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(5, make_state(5), 0.5)
    flip(tmp_path / "best" / "5")
    with pytest.raises(InputError, match=r"best/5 is damaged: "):
        Checkpoints(tmp_path).restore_best(target(make_state(0), mesh))


def swap(one, other):
    one.rename(one.with_name("aside"))
    other.rename(one)
    one.with_name("aside").rename(other)


def test_swapped_checkpoints_are_found(saved, mesh):
    """Folder, manifest and state say one step; whole folders and single items are swapped."""
    steps = saved / "checkpoints"
    swap(steps / "20", steps / "30")
    with Checkpoints(saved, read_only=True) as checkpoints:
        state, step = checkpoints.restore(target(make_state(0), mesh))
        assert step == 10
        assert_same(state, make_state(10))
        with pytest.raises(InputError, match="it is that of step 2"):
            (steps / "10").rename(steps / "25")
            checkpoints.restore(target(make_state(0), mesh))
        (steps / "25").rename(steps / "10")
    swap(steps / "20", steps / "30")
    swap(steps / "10" / "state", steps / "30" / "state")
    assert restore(saved, mesh, read_only=True)[1] == 20
    with Checkpoints(saved) as checkpoints:
        checkpoints.save(40, make_state(39))
    assert restore(saved, mesh, read_only=True)[1] == 20


def claim(workdir, allow_change=False, **changes):
    record.check_record(workdir, flatten(Config()) | {"fold": 0} | changes, allow_change)


def test_a_checkpoint_of_another_run_is_found(tmp_path, mesh):
    one, other = tmp_path / "one", tmp_path / "other"
    claim(one)
    claim(other, fold=1)
    with Checkpoints(one) as ours, Checkpoints(other) as theirs:
        ours.save(10, make_state(10))
        theirs.save(20, make_state(20))
        theirs.save_best(20, make_state(20), 0.5)
    for kind in ("checkpoints", "best"):
        shutil.copytree(other / kind / "20", one / kind / "20")
    assert restore(one, mesh, read_only=True)[1] == 10
    with Checkpoints(one) as checkpoints, pytest.raises(InputError, match="it is of another run"):
        checkpoints.restore_best(target(make_state(0), mesh))
    # A change that was allowed: what was saved before it counts, whatever comes afterwards.
    claim(other, allow_change=True, fold=1, seed=5)
    claim(other, fold=1, seed=5)
    assert restore(other, mesh)[1] == 20


def test_a_checkpoint_of_an_earlier_version_opens_with_a_warning(saved, mesh, caplog):
    (saved / "checkpoints").rename(saved.parent / "kept")
    claim(saved / "run")
    (saved.parent / "kept").rename(saved / "run" / "checkpoints")
    state, step = restore(saved / "run", mesh)
    assert step == 30
    assert_same(state, make_state(30))
    [line] = warnings_of(caplog)
    assert "checkpoints/30 is of an earlier version" in line


def test_a_worse_one_does_not_take_the_place_of_a_damaged_best(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(5, make_state(5), 0.5)
        checkpoints.wait()
        path = tmp_path / "best" / "5" / "manifest" / "metadata"
        content = path.read_bytes()
        path.write_bytes(content.replace(b"0.5", b"0.4"))
        for ask in (checkpoints.best_score, lambda: checkpoints.save_best(6, make_state(6), 0.45)):
            with pytest.raises(InputError, match=r"best/5 is damaged: .*; put back a copy"):
                ask()
    assert Checkpoints(tmp_path).steps("best") == [5]


def test_a_best_that_was_being_removed_is_no_checkpoint(tmp_path, mesh):
    """Killed between the two: what is left of it is in nobody's way."""
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(5, make_state(5), 0.5)
    (tmp_path / "best" / "5").rename(tmp_path / "best" / "5.part")
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.best_score() is None
        for score in (0.5, 0.6):
            assert checkpoints.save_best(5, make_state(5), score)
    assert Checkpoints(tmp_path).best_score() == 0.6
