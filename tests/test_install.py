"""What an installation without a checkout has, and how little the light wings load."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import drr_jax

HOME = Path(__file__).parents[1]
PACKAGES = ("drr_jax", "tfds_reactionet")
COMMANDS = (
    "drr_jax.main",
    "drr_jax.page",
    "drr_jax.costs",
    "drr_jax.relations",
    "drr_jax.weights",
    "tfds_reactionet.annotation",
    "tfds_reactionet.build",
    "tfds_reactionet.demo",
    "tfds_reactionet.openface",
    "tfds_reactionet.reactionet.demo",
    "tfds_reactionet.reactionet.queries",
    "tfds_reactionet.statistics",
)
# Imports the packages that are named, with all that they export, and prints what is asked for.
EXPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for exported in getattr(package, "__all__", ()):
        getattr(package, exported)
"""
# Runs the commands that are named, each with none of our modules loaded, as a process of its own
# would, and prints exit code and text of each.
HELP = """
import contextlib, io, json, runpy, sys
for name in sys.argv[1:]:
    for ours in [key for key in sys.modules if key.startswith(("drr_jax", "tfds_reactionet"))]:
        del sys.modules[ours]
    sys.argv, code = [name, "--help"], None
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, text.getvalue()]))
"""
LOADED = EXPORTS + "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
INSTALLED = (
    EXPORTS
    + """
import configparser
import json
import drr_jax
from drr_jax import launches
from drr_jax.pages.html import _environment
from drr_jax.plan.chips import chips
from drr_jax.tables.paper import tables
from drr_jax.runs import commit
from tfds_reactionet.building import data_set_names
from tfds_reactionet.reactionet.scenes import read_pool
pages = _environment()
print(json.dumps({
    "file": drr_jax.__file__,
    "launch": launches.find("table4:drr"),
    "commit": commit(),
    "tables": [table.number for table in tables()],
    "scenes": len(read_pool()),
    "data sets": len(data_set_names()),
    "chip": "h100" in chips(),
    "templates": sum(bool(pages.get_template(name)) for name in pages.list_templates()),
}))
"""
)


def files_of(folder: Path) -> set[str]:
    """Files of both packages in a folder, without what Python leaves there."""
    files = (path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
    return {str(file.relative_to(folder)) for file in files if "__pycache__" not in file.parts}


def wings() -> list[str]:
    """Names of all packages, as they are imported."""
    inits = (path for path in sorted(files_of(HOME)) if path.endswith("/__init__.py"))
    return [path.removesuffix("/__init__.py").replace("/", ".") for path in inits]


def install(target: Path) -> None:
    """Installs the project as pip does from a wheel, built from a copy without leftovers."""
    source = target / "source"
    for name in (*PACKAGES, "launch"):
        shutil.copytree(
            HOME / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "setup.py"):
        shutil.copy(HOME / name, source)
    options = "install --no-deps --no-index --no-build-isolation --no-compile --quiet --target"
    command = [sys.executable, "-m", "pip", *options.split(), str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)


@pytest.fixture
def installed(shared) -> Path:
    """A folder with the project in it."""
    return shared("installed", install)


@pytest.fixture
def elsewhere(installed, tmp_path) -> dict:
    """How a process is started in an empty folder, with the installation alone."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return {"cwd": tmp_path, "env": environment, "text": True}


def test_a_wheel_holds_every_file_of_the_packages(installed):
    launch = {f"drr_jax/launch/{path.name}" for path in (HOME / "launch").glob("*.py")}
    inside = (*HOME.glob("launch/*/*.ipynb"), *HOME.glob("launch/cluster/*"))
    launch |= {f"drr_jax/{path.relative_to(HOME)}" for path in inside}
    assert len(launch) > 10 and files_of(installed) == files_of(HOME) | launch
    assert {f"{name}/py.typed" for name in PACKAGES} < files_of(installed)
    (about,) = installed.glob("drr_jax-*.dist-info/METADATA")
    text = about.read_text()
    assert text.count("# ReactioNet and Dyadic Relation Reasoning in JAX\n") == 1
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 20 and all("://" in link for link in links)  # PyPI has no other files


def test_an_installation_reads_its_files_and_has_a_version_for_a_commit(installed, elsewhere):
    names = wings()
    assert len(names) > 30
    command = [sys.executable, "-c", INSTALLED, *names]
    done = subprocess.run(command, capture_output=True, **elsewhere)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "file": str(installed / "drr_jax" / "__init__.py"),
        "launch": f"{installed}/drr_jax/launch/table4.py:drr",
        "commit": drr_jax.__version__,
        "tables": [4, 5, 6],
        "scenes": 8,
        "data sets": 12,
        "chip": True,
        "templates": len(list((HOME / "drr_jax/pages/templates").iterdir())),
    }


def test_the_console_script_finds_launch_files(installed, elsewhere):
    command = [sys.executable, installed / "bin" / "drr", "train", "--config=reactionet"]
    done = subprocess.run([*command, "--workdir=run"], capture_output=True, **elsewhere)
    assert done.returncode == 2 and "no prepared data set reactionet/full" in done.stderr


def test_every_command_has_help(elsewhere):
    command = [sys.executable, "-c", HELP, *COMMANDS]
    done = subprocess.run(command, capture_output=True, **elsewhere)
    assert (done.returncode, done.stderr) == (0, "")
    codes, texts = zip(*map(json.loads, done.stdout.splitlines()), strict=True)
    assert codes == (0,) * len(COMMANDS)
    assert all("--help" in text or "Config keys" in text for text in texts)


def loaded(*names: str) -> set[str]:
    """What a new process has loaded after the import of modules and of all that they export."""
    command = [sys.executable, "-c", LOADED, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_builders_and_pages_load_no_jax():
    framework = {"flax", "grain", "jax", "optax", "orbax", "tensorflow", "torch"}
    heavy = framework | {"matplotlib", "pandas", "tensorflow_datasets"}
    assert not heavy & loaded("drr_jax.errors", "drr_jax.facs", "tfds_reactionet.reading")
    assert not framework & loaded("drr_jax.pages")  # its charts are matplotlib's
    wing = (
        "import sys, drr_jax.pages; assert not {'jax', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", wing], check=True)


def test_what_a_message_says_to_install_can_be_installed():
    settings = configparser.ConfigParser()
    settings.read(HOME / "setup.cfg", encoding="utf-8")
    texts = [
        path.read_text(encoding="utf-8")
        for name in PACKAGES
        for path in (HOME / name).rglob("*.py")
    ]
    asked = {name for text in texts for name in re.findall(r"drr-jax\[(\w+)\]", text)}
    assert len(asked) > 3
    assert asked <= {*settings["options.extras_require"]}


def test_no_module_has_the_name_of_a_function_that_its_wing_exports():
    """Whoever imports the module would put it in the function's place."""
    stubs = [path for package in PACKAGES for path in (HOME / package).rglob("*.pyi")]
    assert len(stubs) > 20
    for stub in stubs:
        names = set(re.findall(r" as (\w+)", stub.read_text(encoding="utf-8")))
        assert not names & {path.stem for path in stub.parent.glob("*.py")}, stub
