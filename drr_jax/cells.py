"""Text in CSV files that people open: a spreadsheet takes what begins with = + - @ for a formula.

So such text gets an apostrophe in front, as spreadsheets themselves have it; numbers never do. Text
that has apostrophes before such a letter gets one more: `plain` gives every text back.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile("'*[=+@-]")
_GUARDED = re.compile("'+[=+@-]")


def neutral(value: Any) -> Any:
    """A cell as it is written: text with an apostrophe where it needs one, all else as it is."""
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def plain(text: str) -> str:
    """What `neutral` was given."""
    return text[1:] if _GUARDED.match(text) else text


class _Lines:
    """Ends lines with a newline alone, where csv adds a carriage return.

    Told to add one, csv quotes texts that have one, as readers need; from Python 3.13 it always
    does.
    """

    def __init__(self, text: IO[str]) -> None:
        self._text = text

    def write(self, line: str) -> int:
        return self._text.write(line.removesuffix("\r\n") + "\n")


def row_writer(text: IO[str]) -> Callable[[Iterable[Any]], object]:
    """What writes a row of cells, neutral, to a file that was opened with newline=""."""
    writer = csv.writer(_Lines(text), lineterminator="\r\n")
    return lambda row: writer.writerow([neutral(cell) for cell in row])


def csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as lines of a CSV file, neutral."""
    text = io.StringIO(newline="")
    write = row_writer(text)
    for row in rows:
        write(row)
    return text.getvalue()


def table_csv(table: "pd.DataFrame | pd.Series", **how: Any) -> str:
    """A table as CSV, `how` as in `DataFrame.to_csv`, with texts, row and column names neutral."""
    import pandas as pd  # half a second, which builders' workers need not wait for

    frame = table.to_frame() if isinstance(table, pd.Series) else table.copy()
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):  # numbers among others stay what they are
            column = [neutral(value) for value in frame.iloc[:, place]]
            frame.isetitem(place, pd.Series(column, frame.index, dtype=object))
    frame = frame.rename(index=neutral, columns=neutral)
    return frame.to_csv(**{"lineterminator": "\n", **how})
