"""The notebooks, made of the Markdown in text/ and executed.

    python launch/notebooks/make.py            writes launch/notebooks/*.ipynb, with their outputs
    python launch/notebooks/make.py --check    executes them and writes nothing: make notebooks

Fenced blocks of Python become cells, all else text. A line `{{NAME}}` stands for the file
text/_NAME.md, ADDRESS for the project's address, which setup.cfg has. They share a small rendered
data set and a run in the folder that DRR_NOTEBOOKS names; without it each makes its own.
"""

import argparse
import configparser
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOME = HERE.parents[1]
NAMES = ("01_quickstart", "02_your_data", "03_relations", "04_predict", "05_pods")
SECONDS = 600  # of a cell, on a busy machine
LINES = 30  # of a text output that are kept


def address() -> str:
    """The project's, from setup.cfg."""
    settings = configparser.ConfigParser()
    settings.read(HOME / "setup.cfg", encoding="utf-8")
    return settings["metadata"]["url"]


def read(name: str) -> str:
    """The text of a notebook, with everything put in."""
    text = (HERE / "text" / f"{name}.md").read_text(encoding="utf-8")
    while shared := re.search(r"^\{\{(\w+)\}\}$", text, re.MULTILINE):
        inner = (HERE / "text" / f"_{shared[1]}.md").read_text(encoding="utf-8")
        text = text.replace(shared[0], inner.strip())
    return text.replace("ADDRESS", address())


def cells(name: str) -> list[tuple[str, str]]:
    """("markdown" or "code", source) of every cell. The first line has the badge."""
    project = address().removeprefix("https://github.com/")
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{project}/blob/main/launch/notebooks/"
        f"{name}.ipynb)"
    )
    pieces = re.split(r"^```python\n(.*?)^```$", read(name), flags=re.MULTILINE | re.DOTALL)
    kinds = [("markdown", "code")[number % 2] for number in range(len(pieces))]
    found = [(kind, piece.strip()) for kind, piece in zip(kinds, pieces, strict=True)]
    title, _, rest = found[0][1].partition("\n")
    found[0] = ("markdown", f"{title}\n\n{badge}\n{rest}".strip())
    return [(kind, piece) for kind, piece in found if piece]


def make(name: str) -> Any:
    """A notebook without outputs."""
    import nbformat

    book = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for number, (kind, source) in enumerate(cells(name)):
        cell = getattr(nbformat.v4, f"new_{kind}_cell")(source)
        cell["id"] = f"{name[:2]}-{number:02d}"  # the same whenever it is made
        book.cells.append(cell)
    return book


def execute(book: Any, folder: Path) -> None:
    """Runs all cells in `folder`, in an empty process. Raises nbclient's CellExecutionError."""
    from nbclient import NotebookClient

    NotebookClient(book, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = [kept for output in cell.outputs if (kept := tidy(output, folder))]


def tidy(output: Any, folder: Path) -> Any:
    """An output as it is kept: no progress bars and warnings, no paths of this machine, short."""
    if output.output_type == "stream":
        if output.name == "stderr":
            return None
        lines = output.text.replace(str(folder), ".").splitlines()
        more = [f"... {len(lines) - LINES} more lines"] if len(lines) > LINES else []
        output.text = "\n".join([*lines[:LINES], *more]) + "\n"
    elif "data" in output and "text/plain" in output.data:
        output.data["text/plain"] = output.data["text/plain"].replace(str(folder), ".")
    return output


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="all, if none is named")
    parser.add_argument("--check", action="store_true", help="execute, and write nothing")
    args = parser.parse_args()
    import nbformat

    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(HOME), os.environ.get("PYTHONPATH")))
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ.setdefault("DRR_NOTEBOOKS", str(folder / "drr_notebooks"))
        for name in args.names:
            book, began = make(name), time.monotonic()
            execute(book, folder)
            if not args.check:
                nbformat.write(book, HERE / f"{name}.ipynb")
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
