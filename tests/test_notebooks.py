"""The notebooks are what their text says, small, executed, and call what is public."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
FOLDER = HOME / "launch" / "notebooks"
SPEC = importlib.util.spec_from_file_location("make_notebooks", FOLDER / "make.py")
assert SPEC and SPEC.loader
make = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make)


def book(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", make.NAMES)
def test_a_notebook_is_what_its_text_says_and_was_executed(name):
    held = [(cell["cell_type"], "".join(cell["source"])) for cell in book(name)["cells"]]
    assert held == make.cells(name), "stale: python launch/notebooks/make.py"
    assert (
        f"({make.address().replace('github.com', 'colab.research.google.com/github')}"
        in (held[0][1])
    )
    assert next(source for kind, source in held if kind == "code").startswith("import importlib")
    counts = [c["execution_count"] for c in book(name)["cells"] if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", make.NAMES)
def test_it_calls_what_is_public(name):
    code = "\n".join(source for kind, source in make.cells(name) if kind == "code")
    assert not re.search(r"\._[a-z]|import _|drr_jax\.\w+\.\w+ import", code)


def test_they_are_small_and_say_nothing_of_the_machine():
    files = sorted(FOLDER.glob("*.ipynb"))
    assert [file.stem for file in files] == list(make.NAMES)
    assert sum(file.stat().st_size for file in files) < 600_000
    for file in files:
        assert not re.search(r"/tmp/|/work/|/root/|/home/|\\u001b", file.read_text("utf-8")), file


def test_the_address_stands_in_one_place():
    done = subprocess.run(
        ["git", "grep", "-l", "--fixed-strings", make.address(), "--", "*.py", "*.cfg", "*.md"],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1:
        pytest.skip("no git checkout")
    assert done.stdout.split() == ["setup.cfg"]
