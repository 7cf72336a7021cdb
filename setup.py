"""What setup.cfg cannot say: launch/ goes into the wheel, and the README's links out of it.

An editable install stays a plain path to the checkout: a mapped package would make setuptools put
an import hook there, which type checkers do not follow.
"""

import configparser
import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HOME = Path(__file__).parent
KINDS = (".py", ".ipynb")


class BuildPy(build_py):
    """Lays the launch files beside the modules of a wheel, as drr_jax/launch."""

    def run(self) -> None:
        super().run()
        for source, target in self._launch_files().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self._launch_files().values()]

    def _launch_files(self) -> dict[str, str]:
        if self.editable_mode:
            return {}
        files = (path for path in sorted((HOME / "launch").rglob("*")) if path.suffix in KINDS)
        return {
            str(path): str(Path(self.build_lib, "drr_jax", path.relative_to(HOME)))
            for path in files
            if not any(part.startswith(".") for part in path.parts)
        }


def description() -> str:
    """The README with its links to files made links to the project's address, for PyPI."""
    settings = configparser.ConfigParser()
    settings.read(HOME / "setup.cfg", encoding="utf-8")
    address = settings["metadata"]["url"]
    text = (HOME / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(\.\./\.\./([^)]*)\)", rf"]({address}/\1)", text)
    text = re.sub(r"!\[([^]]*)\]\((docs/[^)]*)\)", rf"![\1]({address}/raw/main/\2)", text)
    return re.sub(r"\]\((?!\w+:|#)([^)]*)\)", rf"]({address}/blob/main/\1)", text)


setup(
    cmdclass={"build_py": BuildPy},
    long_description=description(),
    long_description_content_type="text/markdown",
)
