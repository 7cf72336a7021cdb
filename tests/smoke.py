"""What any installation must do, told by it alone, in a minute: python tests/smoke.py [--parse]

In the environment whose Python runs it: every module is imported, `drr --help` has its keys, a
launch file is found by its name, and the rendered release is built, trained on, evaluated and
reported in three steps. --parse leaves the training out. `make package`, `make lowest` and
`make python` run it in environments of their own; pytest does not.
"""

import importlib
import json
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Of this folder only the helpers: the packages are those of the installation, not the checkout's.
sys.path[0] = str(Path(__file__).with_name("helpers"))

import drr_jax  # noqa: E402
import tfds_reactionet  # noqa: E402

WORKERS = {"__main__", "matlab_worker"}  # programs, not modules
OF_EXTRAS = {"gradio", "fastapi"}  # what a module may lack that belongs to an extra


def import_all() -> int:
    """Imports every module of both packages, and what each exports; returns how many."""
    count = 0
    for package in (drr_jax, tfds_reactionet):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in WORKERS:
                try:
                    found = importlib.import_module(module.name)
                    for name in getattr(found, "__all__", ()):
                        getattr(found, name)
                except ModuleNotFoundError as error:
                    if error.name not in OF_EXTRAS:
                        raise
                    continue
                count += 1
    return count


def drr(*arguments: str, cwd: str, code: int = 0) -> str:
    """What the console script says, on both outputs. Ends here if its exit code is another."""
    command = [str(Path(sys.executable).with_name("drr")), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout + done.stderr


def expect(said: str, part: str) -> None:
    """Ends here unless `part` is in what was said."""
    if part not in said:
        raise SystemExit(f"expected {part!r} in:\n{said}")


def train(folder: str) -> None:
    """Three steps on a small rendered release, by the command line, with evaluation and report."""
    import small_run

    prepared = small_run.render(Path(folder, "data"))
    config = small_run.config(prepared).removeprefix(f"{small_run.LAUNCH}/").replace(".py", "", 1)
    expect(drr(f"--config={config}", "--workdir=run", cwd=folder), "report: ")
    results = json.loads(Path(folder, "run", "results.json").read_text(encoding="utf-8"))
    assert 0 <= results["f1_mean"] <= 1, results
    assert Path(folder, "run", "report.html").stat().st_size > 10_000


def main() -> None:
    home = Path(drr_jax.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        count = import_all()
        expect(drr("--help", cwd=folder), "--config.optim.lr=0.01")
        # No data are here: the line that says so comes after the config was found and checked.
        for config in ("reactionet", "table4:drr_r"):
            said = drr("train", f"--config={config}", "--workdir=run", cwd=folder, code=2)
            expect(said, "error: no prepared data set reactionet/full")
        expect(drr("train", "--config=reactoinet", cwd=folder, code=2), "did you mean reactionet")
        if "--parse" not in sys.argv:
            train(folder)
    print(f"Python {sys.version.split()[0]}, {home}: {count} modules, the command works")


if __name__ == "__main__":
    main()
