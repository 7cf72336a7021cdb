"""What is wrong in a command line is one line, whatever the command."""

import subprocess
import sys

import pytest

from drr_jax.arguments import Parser
from drr_jax.errors import InputError


def parser() -> Parser:
    made = Parser("python -m drr_jax.some", description="Some command.")
    commands = made.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export")
    export.add_argument("--workdir", required=True)
    export.add_argument("--steps", type=int)
    return made


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "the following arguments are required: command; see python -m drr_jax.some --help"),
        ("exprot", "argument command: invalid choice: 'exprot'"),
        ("export --wrokdir=a", "flag --wrokdir does not exist: did you mean --workdir?"),
        ("export --work=a", "flag --work does not exist: did you mean --workdir?"),
        (
            "export --workdir",
            "argument --workdir: expected one argument; see python -m drr_jax.some",
        ),
        ("export --workdir=a b", "argument 'b' is one too many; see python -m drr_jax.some export"),
        ("export --workdir=a -- --steps", "argument '--steps' is one too many"),
        ("export --workdir=a --steps=x", "argument --steps: invalid int value: 'x'; see"),
        ("export", "the following arguments are required: --workdir; see python -m drr_jax.some"),
    ],
)
def test_one_line_says_what_is_wrong(capsys, line, said):
    with pytest.raises(InputError) as error:
        parser().parse_args(line.split())
    assert str(error.value).startswith(said)
    assert capsys.readouterr() == ("", "")


def test_a_first_look_takes_what_is_known_so_far():
    some = Parser("some", add_help=False)
    some.add_argument("name", nargs="?")
    assert some.begun(["bp4d", "--frame_offset=2"]).name == "bp4d"


@pytest.mark.parametrize(
    "command",
    [
        *("drr_jax.weights", "drr_jax.page", "drr_jax.costs", "drr_jax.relations"),
        *("tfds_reactionet.build", "tfds_reactionet.demo", "tfds_reactionet.annotation"),
        *("tfds_reactionet.statistics", "tfds_reactionet.openface"),
        "tfds_reactionet.reactionet.queries",
    ],
)
def test_every_command_says_it_so(command):
    line = [sys.executable, "-m", command, "--bogus"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
