"""Metrics: every bit of every float, and after a resume the rows of a run never stopped."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import masked_crc32c

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.runs import logs
from drr_jax.runs.logs import Metrics, read_metrics


def write_steps(workdir, first, last):
    with Metrics(workdir, first) as metrics:
        for step in range(first + 1, last + 1):
            metrics.write(step, {"loss": np.float32(1) / np.float32(step)})
            if step % 2 == 0:
                metrics.write(step, {"test/f1_mean": step / 10})


def table(workdir):
    with open(workdir / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def events(workdir):
    """(step, tag, value) of all event files in order, read without TensorBoard's help."""
    found = []
    paths = (workdir / "tensorboard").iterdir()
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        content = path.read_bytes()
        while content:
            size = int.from_bytes(content[:8], "little")
            assert int.from_bytes(content[8:12], "little") == masked_crc32c(content[:8])
            event = event_pb2.Event.FromString(content[12 : 12 + size])
            content = content[16 + size :]
            if event.HasField("session_log"):
                found.append((event.step, "purge", None))
            found += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
    return found


def test_floats_keep_every_bit(tmp_path):
    rng = np.random.default_rng(0)
    values = np.frombuffer(rng.bytes(4 * 300), np.float32)
    values = values[np.isfinite(values)]
    with Metrics(tmp_path, 0) as metrics:
        for step, value in enumerate(values, 1):
            metrics.write(step, {"loss": value, "exact": float(value) / 3})
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, len(values) + 1))
    read = np.array([row["loss"] for row in rows])
    assert read.astype(np.float32).tobytes() == values.tobytes()
    assert [row["exact"] for row in rows] == [float(value) / 3 for value in values]
    assert [float(row["loss"]) for row in table(tmp_path)] == read.tolist()


def test_rows_are_there_at_once_and_strict_json(tmp_path):
    metrics = Metrics(tmp_path, 0)
    metrics.write(1, {"loss": math.nan, "grad_norm": math.inf, "count": 3})
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    expected = {"step": 1, "loss": None, "grad_norm": None, "count": 3}
    [row] = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert files.unsealed(row) == expected and read_metrics(tmp_path) == [expected]
    assert table(tmp_path) == [{"step": "1", "loss": "", "grad_norm": "", "count": "3"}]
    assert len(events(tmp_path)) == 4  # the purge and three values
    metrics.close()


def test_the_table_takes_new_columns(tmp_path):
    write_steps(tmp_path, 0, 3)
    rows = table(tmp_path)
    assert list(rows[0]) == ["step", "loss", "test/f1_mean"]
    assert [(row["step"], row["test/f1_mean"]) for row in rows] == [
        ("1", ""),
        ("2", ""),
        ("2", "0.2"),
        ("3", ""),
    ]


@pytest.mark.parametrize("restored", [0, 3, 4])
def test_a_resumed_run_leaves_the_rows_of_one_never_stopped(tmp_path, restored):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    write_steps(whole, 0, 8)
    write_steps(parts, 0, 5)
    with open(parts / "metrics.jsonl", "a") as file:
        file.write('{"step": 6, "lo')  # killed in the middle of a row
    write_steps(parts, restored, 8)
    for name in ("metrics.jsonl", "metrics.csv"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    shown = []  # as TensorBoard reads it: a start at a step purges what came before from there on
    for event in events(parts):
        if event[1] == "purge":
            shown = [earlier for earlier in shown if earlier[0] < event[0]]
        else:
            shown.append(event)
    assert shown == [event for event in events(whole) if event[1] != "purge"]


@pytest.mark.parametrize("tail", ['{"step": 6, "lo', "\0\0\0\0", "\0\0\0\n", '{"loss": 1}\n'])
def test_a_damaged_last_line_is_no_row(tmp_path, tail):
    write_steps(tmp_path, 0, 3)
    rows = read_metrics(tmp_path)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write(tail)
    assert read_metrics(tmp_path) == rows


def test_another_damaged_line_is_named(tmp_path):
    write_steps(tmp_path, 0, 3)
    path = tmp_path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "oops", *lines[2:]]) + "\n")
    with pytest.raises(InputError, match=r"metrics.jsonl line 2: expected a JSON object"):
        Metrics(tmp_path, 9)


def test_a_full_disk_is_one_line(tmp_path):
    with Metrics(tmp_path, 0) as metrics:
        (tmp_path / "metrics.jsonl").unlink()
        (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
        with pytest.raises(InputError, match=r"metrics.jsonl: No space left on device; make room"):
            metrics.write(1, {"loss": 1.0})


def test_only_the_main_process_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(logs, "is_main_process", lambda: False)
    write_steps(tmp_path, 0, 3)
    with logs.progress(10, 0, "fold 0") as bar:
        bar.update()
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().err


def test_the_bar_counts_from_the_restored_step(capsys):
    with logs.progress(10, 4, "fold 0") as bar:
        bar.set_postfix(loss="0.500", refresh=False)
        bar.update(6)
    last = capsys.readouterr().err.strip().split("\r")[-1]
    assert "fold 0: 100%" in last and "10/10" in last and "steps/s" in last and "loss=0.500" in last


def test_event_files_hold_the_same_values(tmp_path):
    write_steps(tmp_path, 0, 2)
    values = [row for row in events(tmp_path) if row[1] != "purge"]
    assert values == [(1, "loss", 1.0), (2, "loss", 0.5), (2, "test/f1_mean", pytest.approx(0.2))]


@pytest.mark.parametrize(
    "line", ["[1]", "3", '{"step": 1e400}', '{"step": 1, "loss": "low"}', "[" * 9999, "\udcff"]
)
def test_a_strange_row_is_named(tmp_path, line):
    content = f'{{"step": 1}}\n{line}\n{{"step": 2}}\n'.encode(errors="surrogateescape")
    (tmp_path / logs.METRICS_FILE).write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.jsonl line 2: expected a JSON object"):
        read_metrics(tmp_path)


def test_metrics_that_are_gone_are_named_when_a_run_goes_on(tmp_path, capsys):
    Metrics(tmp_path, 0).close()
    assert "is gone" not in capsys.readouterr().err
    (tmp_path / logs.METRICS_FILE).unlink()
    Metrics(tmp_path, 40).close()
    said = capsys.readouterr().err
    assert f"{tmp_path / logs.METRICS_FILE} is gone" in said and "step 40" in said


def test_pytorch_is_not_imported_for_the_event_file(tmp_path):
    """Where it is installed, it would take seconds of every start."""
    code = (
        "import sys; from pathlib import Path; from drr_jax.runs import Metrics; "
        f"Metrics(Path({str(tmp_path)!r}), 0).close(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tensorboardX" in done.stdout.split() and "torch" not in done.stdout.split()
