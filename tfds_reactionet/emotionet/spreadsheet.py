"""EmotioNet's workbook of labels: the rows of every sheet that has URLs and AUs."""

import importlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet.emotionet.labels import AUS, Coded, coded, find_columns
from tfds_reactionet.reading import open_archive

_PROTECTED = b"\xd0\xcf\x11\xe0"  # the container of a workbook with a password
_MOST_COLUMNS = AUS + 20
_SHEETS, _TEXTS, _PICTURES = "xl/worksheets/", "xl/sharedStrings.xml", "xl/media/"


def read_workbook(path: Path) -> Iterator[Coded]:
    """Rows of EmotioNet_FACS_aws_2020_24600.xlsx; line numbers are those of the sheet.

    Raises InputError naming sheet and line; also if the package openpyxl is absent, or the workbook
    is protected by a password.
    """
    try:
        excel: Any = importlib.import_module("openpyxl")
    except ImportError as error:
        raise InputError(
            f"{path}: reading it needs the package openpyxl; pip install openpyxl, or save it as "
            f"{path.with_suffix('.csv').name}"
        ) from error
    _check(path)
    content = io.BytesIO(files.read_at_most(path, limits.ARCHIVE_MEMBER_BYTES))
    book = _guard(path, lambda: excel.load_workbook(content, read_only=True, data_only=True))
    found = False
    for sheet in _guard(path, lambda: list(book.worksheets)):
        columns = None
        for line, cells in _rows(sheet, path):
            where = f"{path}: sheet {str(sheet.title)[:40]!r}: line {line}"
            if columns is None:
                columns = find_columns(["" if c is None else str(c) for c in cells], where)
                if columns is None:
                    break  # another sheet, with notes
                found = True
            else:
                yield coded(cells[: columns.width], columns, line, where)
    if not found:
        raise InputError(f"{path}: no sheet with a header of URL, 'AU 1', 'AU 2', ...")


def _check(path: Path) -> None:
    """Raises InputError for a workbook with a password, a damaged one, and one made to do harm."""
    with open(path, "rb") as file:
        if file.read(4) == _PROTECTED:
            raise InputError(
                f"{path}: protected by a password; open it with the password you were given and "
                "save it without one"
            )
    archive = open_archive(path)
    for name in archive.names():
        most = limits.WORKBOOK_PART_BYTES
        if name.startswith((_SHEETS, _PICTURES)):
            most = limits.ARCHIVE_MEMBER_BYTES
        elif name == _TEXTS:
            most = limits.WORKBOOK_TEXTS_BYTES
        if b"<!DOCTYPE" in archive.read(name, most):
            raise InputError(f"{path}: {name[:80]} defines entities; it is not read")


def _rows(sheet: Any, path: Path) -> Iterator[tuple[int, tuple]]:
    """(line, cells) of the rows that are not blank."""
    sheet.reset_dimensions()  # some programs write wrong ones
    rows = sheet.iter_rows(values_only=True, max_col=_MOST_COLUMNS)
    for line in range(1, limits.WORKBOOK_ROWS + 1):
        cells = _guard(path, lambda: next(rows, None))
        if cells is None:
            return
        if any(cell is not None and str(cell).strip() for cell in cells):
            yield line, cells
    raise InputError(f"{path}: more than {limits.WORKBOOK_ROWS} rows")


def _guard(path: Path, function: Any) -> Any:
    """function(); whatever openpyxl says about a damaged workbook becomes one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles that openpyxl does not know
            return function()
    except Exception as error:  # zip, XML, key and type errors
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a readable workbook ({reason})") from error
