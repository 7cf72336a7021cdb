"""Pages escape what they are given, come out of templates alone, and load little until drawn."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

import drr_jax
from drr_jax import pages

ROOT = Path(drr_jax.__file__).parents[1]
TAG = re.compile(  # "</s>" is a mark of tokenizers
    r"</(?!s>)\w+>|<(p|br?|h\d|tr|t[dh]|table|div|span|img|figure|nav|ul|li|svg|style)[ >]"
)


def test_text_is_escaped_and_what_is_missing_is_an_error():
    sections = {"a&b": ("x < y", "1 > 0")}
    values = {"numbers": [], "summary": "<b>", "intensity": 2.0, "count": 5, "seen": 0}
    page = pages.render("review.html", title="x < y", sections=sections, episodes=[], **values)
    assert "<h1>x &lt; y</h1>" in page and "&lt;b&gt;" in page and 'href="#a&amp;b"' in page
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        pages.render("review.html")


def test_no_tag_stands_in_a_python_string():
    found = []
    for path in (*ROOT.glob("drr_jax/**/*.py"), *ROOT.glob("tfds_reactionet/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and TAG.search(text):
                found.append(f"{path}: {text!r}")
    assert not found


def test_importing_pages_loads_nothing_heavy():
    heavy = "jax", "jinja2", "matplotlib", "pandas"
    code = f"import sys, drr_jax.pages; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
