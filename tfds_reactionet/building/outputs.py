"""Result files, and the text of CSV files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drr_jax import files
from drr_jax.cells import csv_lines
from drr_jax.errors import InputError


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file's text."""
    return csv_lines([header]) + csv_lines(rows)


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Writes files into a folder, each whole or not at all; earlier ones are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        files.write_whole(folder / name, content)


def refuse_existing(folder: Path, *names: str) -> None:
    """Raises InputError if a file is there already: it may hold somebody's work."""
    for name in names:
        if (folder / name).exists():
            raise InputError(
                f"{folder / name} exists already and may hold corrections; name another --out"
            )
