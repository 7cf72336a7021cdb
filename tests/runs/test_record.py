"""The run record: one run a workdir, and whoever mixes two is told by which key."""

import errno
import json
import os
import shutil
from functools import partial

import numpy as np
import pytest

from drr_jax import config_files, files
from drr_jax.config import BEFORE, Config, flatten
from drr_jax.errors import InputError
from drr_jax.report import samples
from drr_jax.runs import logs, record


def make(**changes):
    config = flatten(Config()) | {"data.data_dir": "data"}
    facts = {
        "fold": 0,
        "dataset": "reactionet/demo",
        "version": "1.0.0",
        "fingerprint": "ab" * 32,
        "au_names": ["AU01", "AU02"],
    }
    return config | facts | changes


@pytest.fixture
def workdir(tmp_path):
    folder = tmp_path / "runs" / "one"
    record.check_record(folder, make(), allow_change=False)
    return folder


def test_a_run_that_counted_people_held_out_goes_on_so(tmp_path):
    assert not record.counts_validation(tmp_path)  # no run yet
    for name, changes, counts in (
        ("last", {"selection": "last"}, False),
        ("before", {"selection": "validation"}, True),
        ("now", {"selection": "validation", record.COUNTED: "x"}, False),
    ):
        record.check_record(tmp_path / name, make(**changes), allow_change=False)
        assert record.counts_validation(tmp_path / name) == counts
        assert record.recorded_version(tmp_path / name) == "1.0.0"
    assert record.recorded_version(tmp_path) == ""
    one = make(version="1.1.0", fold=1)
    record.check_record(tmp_path / "all" / "fold1", one, allow_change=False)
    assert record.recorded_version(tmp_path / "all") == "1.1.0"


def test_a_new_folder_gets_the_record_and_the_same_run_finds_it(workdir):
    for _ in range(2):
        record.check_record(workdir, make(au_names=("AU01", "AU02")), allow_change=False)
        record.require_record(workdir, make(), allow_change=False)
    stored = record.read_record(workdir)
    assert stored.pop("packages") == record.versions()
    assert stored.pop("run") == {"name": record.run_names(workdir)[0], "before": []}
    assert stored == make()
    assert [path.name for path in workdir.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("seed", 1, "seed was 0, is 1;"),
        ("data.batch_size", 32, "data.batch_size was 64, is 32;"),
        ("graph.conv", "acm", "graph.conv was gcn, is acm;"),
        ("optim.max_steps", 9, "optim.max_steps was 0, is 9;"),
        ("fold", 2, "fold was 0, is 2;"),
        ("dataset", "reactionet/full", "dataset was reactionet/demo, is reactionet/full;"),
        ("version", "1.0.1", "version was 1.0.0, is 1.0.1;"),
        ("fingerprint", "cd" * 32, f"fingerprint was {'ab' * 32}, is {'cd' * 32};"),
        ("au_names", ["AU02", "AU01"], 'au_names was ["AU01", "AU02"], is ["AU02", "AU01"];'),
    ],
)
def test_a_different_run_is_refused_by_name(workdir, key, value, message):
    before = (workdir / "record.json").read_bytes()
    for check in (record.check_record, record.require_record):
        with pytest.raises(InputError) as error:
            check(workdir, make(**{key: value}), allow_change=False)
        assert message in str(error.value) and str(workdir) in str(error.value)
        assert "--allow_config_change" in str(error.value) and "\n" not in str(error.value)
    assert (workdir / "record.json").read_bytes() == before
    record.check_record(workdir, make(**{key: value}), allow_change=True)
    assert record.read_record(workdir)[key] == value


@pytest.mark.parametrize(
    "key, value",
    [
        ("data.data_dir", "/elsewhere"),
        ("data.manual_dir", "/raw"),
        ("data.worker_count", 8),
        ("data.read_threads", 9),
        ("data.prefetch", 7),
        ("log.keep_checkpoints", 9),
        ("log.every_steps", 1),
        ("fsdp", 8),
    ],
)
def test_what_does_not_change_the_run_is_free(workdir, key, value):
    record.check_record(workdir, make(**{key: value}), allow_change=False)
    assert record.read_record(workdir)[key] == value


def test_how_often_a_run_is_evaluated_is_free_unless_the_checkpoint_is_chosen_by_it(tmp_path):
    often = {"log.eval_every_epochs": 5.0}
    record.check_record(tmp_path / "last", make(), allow_change=False)
    record.check_record(tmp_path / "last", make(**often), allow_change=False)
    chosen, others = {"selection": "validation"}, {"log.every_steps": 1}
    record.check_record(tmp_path / "best", make(**chosen), allow_change=False)
    record.check_record(tmp_path / "best", make(**chosen, **others), allow_change=False)
    with pytest.raises(InputError, match=r"log.eval_every_epochs was 1.0, is 5.0;"):
        record.check_record(tmp_path / "best", make(**chosen, **often), allow_change=False)


def test_a_key_of_a_newer_program_had_its_default_before(workdir):
    stored = record.read_record(workdir)
    del stored["graph.readout"]
    files.write_json(workdir / "record.json", stored)
    record.check_record(workdir, make(), allow_change=False)
    files.write_json(workdir / "record.json", stored)
    with pytest.raises(InputError, match=r"graph.readout was per_class, is concat_fc"):
        record.check_record(workdir, make(**{"graph.readout": "concat_fc"}), allow_change=False)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear to me")
    with pytest.raises(InputError, match=r"holds thesis.tex but no record.json"):
        record.check_record(tmp_path, make(), allow_change=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", [".record.json.part", ".record.json.0a1b2c3d.part", ".lock"])
def test_a_start_that_died_at_once_can_be_repeated(tmp_path, name):
    (tmp_path / name).write_text('{"seed"')
    record.check_record(tmp_path, make(), allow_change=False)
    assert record.read_record(tmp_path)["seed"] == 0


def test_the_file_that_is_damaged_is_named_whatever_is_read(workdir):
    record.write_file(workdir, record.CONFIG_FILE, {"seed": 0})
    (workdir / "record.json").write_text("{")
    with pytest.raises(InputError, match=r"record.json: damaged \(line 1, column 2") as error:
        config_files.of_run(workdir)
    assert "not a run's config" not in str(error.value)


@pytest.mark.parametrize("content", ["", '{"seed": 0', "[1]", "\xff"])
def test_a_damaged_record_is_named(workdir, content):
    (workdir / "record.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"record.json: damaged \("):
        record.check_record(workdir, make(), allow_change=False)


def test_no_record_to_evaluate(tmp_path):
    with pytest.raises(InputError, match=r"record.json is missing: expected a workdir"):
        record.require_record(tmp_path, make(), allow_change=False)


@pytest.mark.parametrize("workdir", ["/sys/drr", "/dev/null/drr", "/dev/null"])
def test_a_workdir_that_cannot_be_made(workdir):
    with pytest.raises(InputError, match=f"--workdir={workdir} (cannot be made|is a file)"):
        record.check_record(workdir, make(), allow_change=False)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    files.write_json(path, {"a": 1})

    def refuse(*_):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match=r"results.json cannot be written: Is a directory"):
        files.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "run.json: damaged (it is empty); "),
        (b'{"steps": 1', "line 1, column 12: it is cut off there"),
        (b"[]", "it holds a list"),
        (b'{"seconds": "long"}', "seconds is 'long'"),
        (b'{"steps": null}', "steps is None"),
        (b'{"class_prior": 3}', "class_prior is 3"),
        (b'{"test_parts": "part1"}', "test_parts is 'part1'"),
        (b"\xff", "line 1, column 1: byte 0xff is no UTF-8"),
    ],
)
def test_a_strange_run_json_is_named(tmp_path, content, said):
    (tmp_path / record.RUN_FILE).write_bytes(content)
    with pytest.raises(InputError) as error:
        record.read_file(tmp_path, record.RUN_FILE)
    assert str(tmp_path / "run.json") in str(error.value) and said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_flipped_bit_of_any_file_is_found(tmp_path):
    """Also one that leaves JSON behind: a digit, a letter of a name, of the seal or of its key."""
    path = tmp_path / "results.json"
    value = {"f1_mean": 0.61, "au": {"AU05": {"f1": 0.5}}, "note": "ä", "checkpoint": None}
    record.write_file(tmp_path, path.name, value)
    assert record.read_file(tmp_path, path.name) == value
    written = path.read_bytes()
    for place in range(len(written)):
        for bit in range(8):
            flipped = bytearray(written)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                assert record.read_file(tmp_path, path.name) == value
            except record.Damaged as damaged:
                assert str(path) in str(damaged)


def test_a_file_of_another_run_is_named(workdir, tmp_path):
    """Swapped by hand, or copied from a run that looked the same; samples and the log as well."""
    other = tmp_path / "other"
    record.check_record(other, make(seed=5), allow_change=False)
    names = ("run.json", "config.json", "results.json")
    for folder in (workdir, other):
        for name in names:
            record.write_file(folder, name, {"seconds": 1.5})
        with logs.Metrics(folder, 0) as metrics:
            for step in (1, 2):
                metrics.write(step, {"loss": 0.5})
        samples.save_samples(folder, 0, {"label": np.ones(2, np.int8)})
    readers = {
        **{name: partial(record.read_file, name=name) for name in names},
        "metrics.jsonl": logs.read_metrics,
        "samples-fold0.npz": samples.load_samples,
    }
    for name, read in readers.items():
        whole = read(workdir)
        assert record.RUN not in whole and (name != "metrics.jsonl" or whole[1]["loss"] == 0.5)
        shutil.copy(other / name, workdir / name)
        with pytest.raises(record.Damaged) as error:
            read(workdir)
        assert f"{workdir / name}: of another run" in str(error.value)
    record.check_record(workdir, make(seed=5), allow_change=True)
    assert [read(workdir) is not None for read in readers.values()] == [True] * 5
    (workdir / "record.json").unlink()  # what was copied alone can be read
    assert logs.read_metrics(workdir) == [{"step": step, "loss": 0.5} for step in (1, 2)]


def test_a_run_has_a_name_that_a_newer_program_keeps(workdir):
    [name] = record.run_names(workdir)
    stored = record.read_record(workdir)
    del stored["graph.readout"]  # as if that key were new
    record.write_file(workdir, "record.json", stored)
    record.check_record(workdir, make(), allow_change=False)
    assert record.run_names(workdir) == [name]
    record.check_record(workdir, make(fold=1), allow_change=True)
    other, *before = record.run_names(workdir)
    assert other != name and before == [name]
    record.check_record(workdir, make(), allow_change=True)
    assert record.run_names(workdir) == [name, other]


def test_a_folder_is_trained_in_once_at_a_time(tmp_path):
    workdir = tmp_path / "new"
    second = pytest.raises(InputError, match="another process is training there")
    with record.only_one(workdir), second, record.only_one(workdir):
        raise AssertionError("two at once")
    assert not workdir.exists()  # nothing was put into it
    with record.only_one(workdir):
        record.check_record(workdir, make(), allow_change=False)
    assert (workdir / "record.json").exists()


def test_the_folder_of_something_else_gets_no_lock(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear to me")
    refused = pytest.raises(InputError, match=r"holds thesis.tex but no record.json")
    with refused, record.only_one(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_key_that_came_later_had_another_value_before():
    new = flatten(Config())
    old = {key: value for key, value in new.items() if key not in BEFORE}
    assert record.difference(old, new) == "head.norm was layer, is none"
    assert record.difference(old, new | BEFORE) == ""
    nested = {"head": {"embedding": 64, "projection": 64}}
    assert config_files.of_dict(nested).head.norm == "layer"
    assert config_files.of_dict(nested | {"head.norm": "none"}).head.norm == "none"
    assert config_files.of_dict({"fold": 1}).head.norm == "none"
