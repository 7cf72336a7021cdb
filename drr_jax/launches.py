"""The config files of launch/ by their names, in a checkout and in an installed package."""

from pathlib import Path

import drr_jax
from drr_jax.errors import InputError, nearest


def folder() -> Path:
    """Where the launch files are: inside an installed package, beside it in a checkout."""
    home = Path(drr_jax.__file__).resolve().parent
    inside = home / "launch"
    return inside if inside.is_dir() else home.parent / "launch"


def names() -> list[str]:
    """The names of all launch files: reactionet, table4, bp4d, ..."""
    return sorted(path.stem for path in folder().glob("*.py"))


def find(what: str) -> str:
    """`what`, as in reactionet:demo, with the path of the launch file for its name.

    A path stays as it is. Raises InputError, with the nearest names, for a name that is none.
    """
    name, colon, argument = what.partition(":")
    if not name or "/" in name or "\\" in name or (Path(name).suffix and "," not in name):
        return what
    if name in names():
        return f"{folder() / name}.py{colon}{argument}"
    if Path(name).exists():
        return what
    if "," in name and name.partition(",")[0] in names():
        raise InputError(f"{what}: expected a colon there: {what.replace(',', ':', 1)}")
    raise InputError(
        f"{what}: no launch file is named {name}, {nearest(name, names())}; or give a path, as in "
        "./FILE.py"
    )
