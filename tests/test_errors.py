"""An error of the user's is one line, whatever its names are made of."""

import subprocess
import sys

import pytest

from drr_jax.errors import InputError, one_line


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
