"""What the documents and comments name is there: files, commands, functions; the picture is new."""

import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
PACKAGES = ("drr_jax", "tfds_reactionet")
DOCUMENTS = sorted([*HOME.glob("*.md"), *HOME.glob("docs/*.md")])
FOLDERS = (*PACKAGES, "benchmarks", "docs", "launch")
TEXTS = sorted(
    path
    for folder in FOLDERS
    for path in (HOME / folder).rglob("*")
    if path.suffix in (".py", ".pyi", ".md", ".toml", ".html")
)
# not the changelog: it tells of what was
TEXTS += [HOME / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "importlinter.toml")]
WINGS = sorted({path.parent.name for name in PACKAGES for path in HOME.glob(f"{name}/*/*.py")})
OTHERS = {"generate_training_data.py"}  # FER+'s own
START = r"(?<![\w./*-])"


def found(pattern: str) -> dict[str, Path]:
    """What fits a pattern anywhere in documents, code and comments, with a file where it stands."""
    return {
        match: path
        for path in TEXTS
        for match in re.findall(pattern, path.read_text(encoding="utf-8"))
        if "NAME" not in match
    }


def test_the_picture_shows_the_imports_of_today():
    drawing = runpy.run_path(str(HOME / "docs" / "draw_architecture.py"))
    stale = "python docs/draw_architecture.py draws it again"
    assert drawing["PICTURE"].read_text(encoding="utf-8") == drawing["draw"](), stale


def test_the_readme_is_short():
    assert len((HOME / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    inside = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in inside if not (document.parent / link).exists()] == []


def test_files_and_folders_are_where_texts_say():
    named = found(rf"{START}(?:{'|'.join((*FOLDERS, 'tests'))})/[\w./-]*[\w/]")
    assert len(named) > 80
    assert {name: path for name, path in named.items() if not (HOME / name).exists()} == {}
    inner = found(rf"{START}(?:{'|'.join(WINGS)})/[\w/]+\.py\b")
    assert len(inner) > 5
    places = [HOME / name for name in PACKAGES]
    assert {
        name: path
        for name, path in inner.items()
        if not any((place / name).exists() for place in (*places, path.parent))
    } == {}
    known = {path.name for path in HOME.rglob("*.py")} | OTHERS
    bare = found(rf"{START}[a-z_]\w*\.py\b")
    assert {name: path for name, path in bare.items() if name not in known} == {}


def test_commands_and_modules_exist():
    commands = {
        name for name in found(r"python3? -m (\w+(?:\.\w+)*)") if name.partition(".")[0] in PACKAGES
    }
    assert len(commands) > 9
    for name in commands:
        spec = find_spec(name)
        assert spec, name
        assert spec.submodule_search_locations is None or find_spec(f"{name}.__main__"), name
    modules = found(r"\b(?:drr_jax|tfds_reactionet)\.[a-z]\w+")
    assert {name: path for name, path in modules.items() if not find_spec(name)} == {}


def test_functions_that_the_architecture_names_are_exported():
    text = (HOME / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.name.partition(".")[0]: path for path in (HOME / "drr_jax").glob("[a-z]*")}
    names = set(re.findall(rf"`({'|'.join(modules)})\.(?!py`)(\w+)`", text))
    assert len(names) > 25
    for module, name in names:
        path = modules[module]
        exports = rf"as {name}$" if path.is_dir() else rf"^(?:def|class) {name}\b"
        source = (path / "__init__.pyi" if path.is_dir() else path).read_text(encoding="utf-8")
        assert re.search(exports, source, re.MULTILINE), (module, name)
    homes = {"Fold": "data/fold.py", "Source": "data/source.py", "System": "models/system.py"}
    methods = set(re.findall(rf"`({'|'.join(homes)})\.([a-z]\w*)`", text))
    assert len(methods) > 4
    for kind, name in methods:
        source = (HOME / "drr_jax" / homes[kind]).read_text(encoding="utf-8")
        assert f"class {kind}" in source and f"    def {name}(" in source, (kind, name)
