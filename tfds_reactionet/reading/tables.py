"""Strict reading of text tables: every defect is an InputError naming the file and the line."""

import contextlib
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from drr_jax import files, limits
from drr_jax.cells import plain
from drr_jax.errors import InputError

T = TypeVar("T")
# What a file begins with that is no text of ours, and what to do about it.
_OTHERS = {
    b"\xff\xfe": "UTF-16; convert it first, e.g. iconv -f UTF-16 -t UTF-8 {name} > utf8.tmp",
    b"\xfe\xff": "UTF-16; convert it first, e.g. iconv -f UTF-16 -t UTF-8 {name} > utf8.tmp",
    b"\x1f\x8b": "compressed by gzip; unpack it first: gunzip < {name} > unpacked.tmp",
    b"BZh": "compressed by bzip2; unpack it first: bunzip2 < {name} > unpacked.tmp",
    b"\xfd7zXZ": "compressed by xz; unpack it first: xz -d < {name} > unpacked.tmp",
    b"PK\3\4": "a zip file or a workbook; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel; save it as CSV",
}
_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_BETWEEN = re.compile(r"[\s,]")
_FRAME = re.compile(r"[0-9]{1,9}")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the system says of a file that it cannot read into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path, most: int = limits.DOCUMENT_BYTES) -> str:
    """Text of a UTF-8 file of at most `most` bytes (a byte order mark is dropped).

    Raises InputError naming the byte offset if the file is not UTF-8, or what it is instead.
    """
    with readable(path):
        data = files.read_at_most(path, most)
    check_begin(path, data)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_text(path, error.start) from error


def check_begin(path: Path, data: bytes) -> None:
    """Raises InputError if a file's first bytes say that it is another kind than UTF-8 text."""
    kind = next((kind for begin, kind in _OTHERS.items() if data.startswith(begin)), None)
    if kind is None and b"\0" in data[:2]:  # ASCII in UTF-16 without its mark has every other
        wide = {(False, True): "UTF-16LE", (True, False): "UTF-16BE"}
        code = wide.get((data[0] == 0, data[1:2] == b"\0"))
        utf_16, zeros = _OTHERS[b"\xff\xfe"], "bytes of zero; copy it again"
        kind = utf_16.replace("UTF-16", code) if code else zeros
    if kind:
        raise InputError(f"{path}: not UTF-8 but {kind.format(name=path.name)}")


def not_text(path: Path, byte: int) -> InputError:
    """The error for bytes that are no UTF-8, which files of old Windows programs have."""
    return InputError(
        f"{path}: not UTF-8 at byte {byte}; convert it first, "
        f"e.g. iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.tmp"
    )


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file with their ends, read one at a time; any line end counts.

    Raises InputError, naming the byte or the line, for what is not UTF-8 and for endless lines.
    """
    done = 0  # bytes
    with readable(path), open(path, "rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(limits.LINE + 1), b""), 1):
            if len(raw) > limits.LINE:
                raise InputError(f"{path}: line {number} is longer than {limits.LINE} bytes")
            if not done:
                check_begin(path, raw)
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise not_text(path, done + error.start) from error
            if not done:
                text = text.removeprefix("\ufeff")
            done += len(raw)
            yield from io.StringIO(text, newline="") if "\r" in text else (text,)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text) of the lines of a UTF-8 file that are not blank. Raises InputError."""
    for line, text in enumerate(text_lines(path), 1):
        if text.strip():
            yield line, text.rstrip("\r\n")


def read_pairs(
    path: Path, parse: Callable[[str, str], tuple[str, T] | None], expected: str, what: str = ""
) -> dict[str, T]:
    """Values by name from a user's file of lines `name value`.

    Blanks or a comma separate the two, and may be in a name; lines that start with # are comments.
    Raises InputError naming the line of a pair that `parse` gives None for, or of a name that is
    there twice.
    """
    found: dict[str, T] = {}
    for line, text in numbered_lines(path):
        blanked = _BETWEEN.sub(" ", text).rstrip()
        if not blanked or blanked.lstrip().startswith("#"):
            continue
        at = blanked.rfind(" ") + 1
        name = text[: len(blanked[:at].rstrip())].lstrip()
        pair = parse(name, blanked[at:]) if name else None
        if pair is None:
            raise InputError(f"{path}: line {line}: {text.strip()[:80]!r}, expected {expected}")
        if pair[0] in found:
            raise InputError(f"{path}: line {line}: {what}{pair[0]} is there twice")
        found[pair[0]] = pair[1]
    return found


def check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    """Raises InputError if a needed column is missing or a column occurs twice."""
    missing = [name for name in needed if name not in header]
    if missing:
        check_separator(path, ",".join(header), needed)
        raise InputError(
            f"{path}: no column {missing[0]!r}; expected columns {','.join(needed[:8])}"
            f"{',...' if len(needed) > 8 else ''}, found "
            f"{','.join(name[:40] for name in header[:8])[:160] or 'nothing'}"
        )
    seen: set[str] = set()
    for name in header:
        if name in seen and name:
            raise InputError(f"{path}: column {name[:40]!r} occurs twice; expected it once")
        seen.add(name)


def other_separator(text: str, names: Collection[str] = ()) -> str | None:
    """What parts a line instead of commas, a word; None if it is not parted so.

    Of a header, it must give all `names`; of another line, there must be no comma.
    """
    bare = text.replace('"', "").replace("'", "").lower()
    if not names and "," in bare:
        return None
    for mark, word in _MARKS.items():
        cells = [cell.strip() for cell in bare.split(mark)]
        if len(cells) > 1 and {name.lower() for name in names} <= set(cells):
            return word
    return None


def check_separator(path: Path, text: str, names: Collection[str] = (), line: int = 1) -> None:
    """Raises InputError if another mark than a comma separates the columns (`other_separator`)."""
    if word := other_separator(text, names):
        raise InputError(
            f"{path}: line {line}: {word} separate the columns; expected commas, and decimal points"
        )


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped cells) of the rows of a CSV file that are not blank.

    Raises InputError for a file that is not UTF-8, for bad quoting, and for endless rows.
    """
    length = 0  # of the row that is being read, which may have many lines

    def lines() -> Iterator[str]:  # must not know the reader: in a circle files stay open
        nonlocal length
        for line, text in enumerate(text_lines(path), 1):
            length += len(text)
            if length > limits.LINE:
                raise InputError(
                    f"{path}: line {line}: a row of more than {limits.LINE} characters"
                )
            yield text

    reader = csv.reader(lines(), strict=True)
    try:
        for row in reader:
            length = 0
            cells = [cell.strip() for cell in row]
            if cells not in ([], [""]):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; expected CSV") from error


def read_table(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields (line number, {column: stripped cell}) of a CSV file with a header.

    The apostrophe that keeps a spreadsheet from taking a text for a formula is left out.

    Raises InputError for a file that is not UTF-8, a missing or repeated column, bad quoting and
    a row of another width.
    """
    header: list[str] | None = None
    for line, cells in csv_rows(path):
        if header is None:
            header = cells
            check_header(path, header, needed)
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {line} has {len(cells)} columns, expected "
                f"{len(header)} ({','.join(header[:4])}...); quote cells that hold commas"
            )
        yield line, dict(zip(header, map(plain, cells), strict=True))
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
    if len(parts) != depth or not all(map(files.is_name, parts)):
        raise InputError(
            f"{path}: line {line}: {text[:80]!r} is not a path of {depth} parts "
            "(scene/sub_scene/task/sequence)"
        )
    return "/".join(parts)
