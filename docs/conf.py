"""Sphinx's settings: the Markdown of docs/, notebooks, and the API from docstrings (make docs).

The pages of docs/ stay readable where they lie, on a forge. What is made for the site alone, pages
of modules and copies of notebooks, goes into docs/_made, which git ignores.
"""

import configparser
import importlib
import os
import re
import shutil
from pathlib import Path

import drr_jax

DOCS = Path(__file__).parent
HOME, MADE = DOCS.parent, DOCS / "_made"
SETTINGS = configparser.ConfigParser()
SETTINGS.read(HOME / "setup.cfg", encoding="utf-8")
ADDRESS = SETTINGS["metadata"]["url"]  # the project's only one

project, release = "drr-jax", drr_jax.__version__
copyright = author = "the authors of drr-jax"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["**.ipynb_checkpoints"]
html_theme, html_title = "furo", "DRR on ReactioNet"
html_theme_options = {"source_repository": ADDRESS, "source_directory": "docs/"}
nb_execution_mode = "off"  # they hold their outputs
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 90
autodoc_inherit_docstrings = False  # Flax's are no plain text
suppress_warnings = ["misc.highlighting_failure"]


ALONE = ("config", "config_rules", "errors", "keys", "launches", "metrics", "recipes")


def wings() -> list[str]:
    """The packages that declare what they export, with drr_jax itself."""
    stubs = [
        path for name in ("drr_jax", "tfds_reactionet") for path in HOME.glob(f"{name}/**/*.pyi")
    ]
    return sorted({"drr_jax", *(".".join(path.relative_to(HOME).parent.parts) for path in stubs)})


def make_pages() -> None:
    """Writes a page for every wing and copies the notebooks, with a page that lists them."""
    shutil.rmtree(MADE, ignore_errors=True)
    (MADE / "api").mkdir(parents=True)
    names = sorted([*wings(), *(f"drr_jax.{name}" for name in ALONE)])
    described = set()  # a class that two wings export has one page: Sphinx refuses a second
    for name in names:
        option = ""
        if name in wings():
            wing = importlib.import_module(name)
            classes = {key: getattr(wing, key) for key in dir(wing)}
            classes = {key: kind for key, kind in classes.items() if isinstance(kind, type)}
            twice = [key for key, kind in classes.items() if kind in described]
            described |= set(classes.values())
            option = "   :imported-members:\n"
            option += f"   :exclude-members: {', '.join(twice)}\n" if twice else ""
        body = f".. automodule:: {name}\n   :members:\n{option}"
        page = f"# `{name}`\n\n```{{eval-rst}}\n{body}```\n"
        (MADE / "api" / f"{name}.md").write_text(page, encoding="utf-8")
    listed = "\n".join(names)
    (MADE / "api" / "index.md").write_text(
        f"# API\n\nWhat each wing exports.\n\n```{{toctree}}\n{listed}\n```\n", encoding="utf-8"
    )
    notebooks = sorted((HOME / "launch" / "notebooks").glob("*.ipynb"))
    (MADE / "notebooks").mkdir()
    for path in notebooks:
        shutil.copy(path, MADE / "notebooks")
    listed = "\n".join(path.stem for path in notebooks)
    text = f"```{{toctree}}\n{listed}\n```\n"
    (MADE / "notebooks" / "index.md").write_text(f"# Notebooks\n\n{text}", encoding="utf-8")


def outside_links(app, name: str, source: list[str]) -> None:
    """Links to files that are no page of the site lead to the project's address."""
    here = (DOCS / name).parent
    # A notebook's links are those of the place that it was copied from.
    origin = HOME / "launch" / "notebooks" if here == MADE / "notebooks" else here

    def lead(match: re.Match) -> str:
        target, anchor = re.fullmatch("([^#]*)(#.*)?", match[1]).groups("")
        path = (origin / target).resolve()
        if not target or not path.exists():
            return match[0]
        if path.is_relative_to(DOCS) and path.suffix in (".md", ".webp", ".svg", ".png"):
            return f"]({os.path.relpath(path, here)}{anchor})"
        return f"]({ADDRESS}/blob/main/{path.relative_to(HOME)}{anchor})"

    source[0] = re.sub(r"\]\((?!\w+:)([^)\s]+)\)", lead, source[0])


def as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text: backticks are code, what is indented is quoted."""
    made, quoted = [], False
    for line in lines:
        block = line.startswith(" ")
        if block and not quoted:
            made += ["", "::", ""]
        elif quoted and line.strip() and not block:
            made.append("")
        quoted = block or (quoted and not line.strip())
        if not block:
            pieces = line.split("`")
            for index in range(0, len(pieces), 2):
                pieces[index] = re.sub(r"([\\*|_])", r"\\\1", pieces[index])
            line = "``".join(pieces) if len(pieces) % 2 else re.sub(r"([\\*|_`])", r"\\\1", line)
        made.append(line)
    lines[:] = made


def short_signature(app, what, name, obj, options, signature, annotation):
    """A Flax module's fields, without those that Flax adds."""
    return re.sub(r", parent: .*", ")", signature or "") or None, annotation


def setup(app) -> None:
    make_pages()
    for name in wings():
        importlib.import_module(name)
    app.connect("source-read", outside_links)
    app.connect("autodoc-process-docstring", as_rst)
    app.connect("autodoc-process-signature", short_signature)
