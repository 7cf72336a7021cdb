"""What the documents and comments name is there: files, commands, functions; the picture is new."""

import configparser
import re
import runpy
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

import drr_jax

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


def test_the_page_of_keys_is_that_of_today():
    page = runpy.run_path(str(HOME / "docs" / "write_keys.py"))
    stale = "python docs/write_keys.py writes it again"
    assert page["PAGE"].read_text(encoding="utf-8") == page["text"](), stale


def tracked() -> list[Path]:
    """The files of the checkout that git has, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True).stdout
    return [HOME / name for name in listed.splitlines() if (HOME / name).is_file()]


def test_the_projects_address_stands_in_one_place():
    """setup.cfg has it; the README links to it by relative paths, docs/conf.py and setup.py ask."""
    settings = configparser.ConfigParser()
    settings.read(HOME / "setup.cfg", encoding="utf-8")
    address = settings["metadata"]["url"].partition("://")[2]
    host, owner, name = address.split("/")
    pattern = re.compile(rf"{host.partition('.')[0]}(?:\.\w+)?/([\w.-]+/{name})\b", re.IGNORECASE)
    copies = {}
    for path in tracked():
        found = pattern.findall(path.read_text(encoding="utf-8", errors="replace"))
        if found and path.name != "setup.cfg":
            copies[str(path.relative_to(HOME))] = set(found)
    # A notebook's badge opens it from the address, which nothing could fill in there.
    notebooks = {name for name in copies if name.endswith(".ipynb")}
    assert copies.keys() - notebooks == set(), "take it from setup.cfg"
    assert all(copies[notebook] == {f"{owner}/{name}"} for notebook in notebooks)


def test_what_the_commands_of_the_documents_write_is_ignored():
    texts = [path.read_text(encoding="utf-8") for path in (HOME / "README.md", *DOCUMENTS)]
    written = "|".join(("workdir", "out", "data_dir", "config.data.data_dir"))
    named = {
        name for text in texts for name in re.findall(rf"--(?:{written})=([a-z][\w/-]+)", text)
    }
    assert len(named) > 10 and "runs/demo" in named
    assert {name for name in named if not ignores(f"{name}/file")} == set()


def ignores(name: str) -> bool:
    """Whether git ignores a file of that name."""
    command = ["git", "check-ignore", "--quiet", "--no-index", name]
    return subprocess.run(command, cwd=HOME).returncode == 0


def test_the_workflow_is_ci_run():
    text = (HOME / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"^ *- run: (.*)$", text, re.MULTILINE) == ["bash .ci/run"]
    versions = set(re.findall(r"^ +(3\.\d+)$", text, re.MULTILINE))
    other = re.search(r"versions=\((.*?)\)", (HOME / ".ci/run").read_text(encoding="utf-8"))
    assert set(other[1].split()) < versions


def test_the_citation_has_the_projects_name_version_and_licence():
    text = (HOME / "CITATION.cff").read_text(encoding="utf-8")
    for line in ("cff-version: 1.2.0", f"version: {drr_jax.__version__}", "license: Apache-2.0"):
        assert f"\n{line}\n" in f"\n{text}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    forge = "../../actions/"  # what GitHub has of the project, beside its files
    inside = [link.partition("#")[0] for link in links if "://" not in link and forge not in link]
    assert [link for link in inside if not (document.parent / link).exists()] == []


def test_files_and_folders_are_where_texts_say():
    named = found(rf"{START}(?:{'|'.join((*FOLDERS, 'tests'))})/[\w./-]*[\w/]")
    assert len(named) > 80
    made = ("docs/_made",)  # by commands
    lost = {name: path for name, path in named.items() if not (HOME / name).exists()}
    assert {name: path for name, path in lost.items() if name not in made} == {}
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
    functions = {f"drr_jax.{name}" for name in drr_jax.__all__}
    missing = {name for name in modules if name not in functions and not find_spec(name)}
    assert {name: modules[name] for name in missing} == {}


def test_functions_that_the_architecture_names_are_exported():
    text = (HOME / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = {path.name.partition(".")[0]: path for path in (HOME / "drr_jax").glob("[a-z]*")}
    names = set(re.findall(rf"`({'|'.join(modules)})\.(?!(?:py|jsonl?|csv|html)`)(\w+)`", text))
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
