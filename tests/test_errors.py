"""An error of the user's is one line, whatever its names are made of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import drr_jax
from drr_jax.errors import InputError, check_local, one_line


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("plain: two  blanks stay", "plain: two  blanks stay"),
        ("a/b\nrm -rf /: no such file", "a/b rm -rf /: no such file"),
        ("name \x1b[31mred\x07", r"name \x1b[31mred\x07"),
        ("caf\udce9.csv", r"caf\udce9.csv"),
        ("\r\n first \r\n second \u2028 third", r"first second \u2028 third"),
        ("Größe 測試", "Größe 測試"),
    ],
)
def test_messages_are_one_printable_line(message, expected):
    assert str(InputError(message)) == expected and expected.isprintable()


def test_endless_messages_are_cut():
    assert len(one_line("x" * 10**6)) == 2000


def test_a_file_of_two_lines_is_named_on_one(tmp_path):
    name = tmp_path / "a\nb.safetensors"
    name.write_bytes(b"nothing of the kind")
    show = [sys.executable, "-m", "drr_jax.weights", "show", str(name)]
    done = subprocess.run(show, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "a b.safe" in done.stderr


LONG = """
import sys
from drr_jax import errors
def main():
    for number in range(40_000):
        print(number, "Größe →")
    print("done", file=sys.stderr)
errors.run(main)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(unbuffered):
    """As in `| head -1`: the command does what it has to, and says nothing of it."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-c", LONG]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=environment) as process:
        assert process.stdout.readline() == b"0 Gr\xf6\xdfe \\u2192\n"
        process.stdout.close()
        assert process.stderr.read() == b"done\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    "text", ["gs://b/x", "--workdir=s3://b/x", "--config=a.py:demo,data.data_dir=gs://b", "gs:/b"]
)
def test_buckets_are_refused(text):
    with pytest.raises(InputError, match="mount it"):
        check_local("--out", text)


@pytest.mark.parametrize("as_given", [str, Path])
def test_buckets_are_refused_from_python(as_given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bucket = as_given("gs://b/x")
    for call in (
        lambda: drr_jax.load(bucket),
        lambda: drr_jax.train("reactionet:demo", bucket),
        lambda: drr_jax.evaluate(bucket),
        lambda: drr_jax.evaluate("run", "bp4d", out=bucket),
        lambda: drr_jax.export(bucket, "out"),
        lambda: drr_jax.export("run", bucket),
    ):
        with pytest.raises(InputError, match="mount it"):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["hf:ORG/NAME", "/a/b:c/d", "a.py:graph.prior=file:/p.csv", "C:/x"]
)
def test_paths_and_names_of_the_hub_are_no_buckets(text):
    check_local("--out", text)
