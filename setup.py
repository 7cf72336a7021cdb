"""What setup.cfg cannot say: launch/ is a package of the wheel, and the README's links lead out."""

import configparser
import re
from pathlib import Path

from setuptools import find_packages, setup

HOME = Path(__file__).parent


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
    packages=[*find_packages(include=("drr_jax*", "tfds_reactionet*")), "drr_jax.launch"],
    package_dir={"drr_jax.launch": "launch"},
    long_description=description(),
    long_description_content_type="text/markdown",
)
