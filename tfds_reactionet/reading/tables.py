"""Strict reading of text tables: every defect is an InputError naming the file and the line."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from drr_jax.errors import InputError

_FRAME = re.compile(r"[0-9]{1,9}")


def read_text(path: Path) -> str:
    """Text of a UTF-8 file (a byte order mark is dropped).

    Raises InputError naming the byte offset if the file is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 at byte {error.start}; convert it first, "
            f"e.g. iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.tmp"
        ) from error


def check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    """Raises InputError if a needed column is missing or a column occurs twice."""
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}; expected columns {','.join(needed[:8])}"
            f"{',...' if len(needed) > 8 else ''}, found {','.join(header[:8]) or 'nothing'}"
        )
    seen: set[str] = set()
    for name in header:
        if name in seen and name:
            raise InputError(f"{path}: column {name!r} occurs twice; expected it once")
        seen.add(name)


def read_table(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields (line number, {column: stripped cell}) of a CSV file with a header.

    Raises InputError for a file that is not UTF-8, a missing or repeated column, bad quoting and
    a row of another width.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if header is None:
                header = [name.strip() for name in cells]
                check_header(path, header, needed)
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{path}: line {reader.line_num} has {len(cells)} columns, expected "
                    f"{len(header)} ({','.join(header[:4])}...); quote cells that hold commas"
                )
            row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; expected CSV") from error
    if header is None:
        check_header(path, [], needed)


def frame_number(text: str, path: Path, line: int | str) -> int:
    """A frame number, 0 to 999,999,999. Raises InputError naming the file and the line."""
    if not _FRAME.fullmatch(text):
        raise InputError(f"{path}: line {line}: frame {text[:40]!r} is not a whole number >= 0")
    return int(text)


def inner_path(text: str, depth: int, path: Path, line: int | str) -> str:
    """A relative path of `depth` plain parts as written in a label file.

    Raises InputError if it is absolute, climbs out of the release or has another depth.
    """
    parts = text.strip().rstrip("/").split("/")
    if text.startswith(("/", "\\")) or ".." in parts or "\0" in text:
        raise InputError(f"{path}: line {line}: {text[:80]!r} leads out of the release's folder")
    if len(parts) != depth or any(part in ("", ".") for part in parts):
        raise InputError(
            f"{path}: line {line}: {text[:80]!r} is not a path of {depth} parts "
            "(scene/sub_scene/task/sequence)"
        )
    return "/".join(parts)
