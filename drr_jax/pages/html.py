"""The HTML of the report: style sheet, escaping, tables, figures; one file, nothing fetched."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

# Okabe and Ito's colours, which stay apart for every kind of colour vision.
BLUE, ORANGE, RED, GREEN, GREY, INK = (
    "#0072b2",
    "#e69f00",
    "#d55e00",
    "#009e73",
    "#8a8f98",
    "#1d2430",
)

Images = dict[str, bytes]  # file name without .png -> encoded picture

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 32px 28px 64px; background: #fff; color: #1d2430;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 48px 0 6px; padding-top: 14px; border-top: 1px solid #d9dde3; }
h3 { font-size: 15px; margin: 26px 0 8px; }
p { margin: 6px 0 12px; max-width: 76ch; }
.quiet, figcaption { color: #59616e; font-size: 13.5px; }
nav { font-size: 13.5px; margin: 14px 0 0; }
nav a { color: #0072b2; margin-right: 16px; text-decoration: none; white-space: nowrap; }
.warning { border-left: 5px solid #e69f00; background: #fff6e0; padding: 10px 14px; margin: 18px 0;
  max-width: none; }
.missing { border-left: 5px solid #c3c8d0; background: #f5f6f8; padding: 8px 14px; }
.tiles { display: flex; flex-wrap: wrap; gap: 14px; margin: 20px 0 8px; }
.tile { flex: 1 1 170px; border: 1px solid #d9dde3; border-radius: 6px; padding: 12px 16px; }
.tile b { display: block; font-size: 31px; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: 13px; color: #59616e; line-height: 1.35; }
.tile.first { border: 2px solid #0072b2; }
.tile.first b { color: #0072b2; }
dl { display: grid; grid-template-columns: repeat(3, max-content 1fr); gap: 3px 14px;
  margin: 18px 0; font-size: 13.5px; }
dt { color: #59616e; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 14px 0 6px; } figure img { width: 100%; height: auto; display: block; }
figcaption { max-width: 88ch; margin-top: 6px; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; vertical-align: bottom; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid #e8ebef; }
td.n, th.n { text-align: right; white-space: nowrap; }
tr.total td { font-weight: 600; border-top: 2px solid #1d2430; border-bottom: 0; }
.scroll { overflow-x: auto; }
table.maps { table-layout: fixed; margin: 0 0 4px; } table.maps td, table.maps th { border: 0;
  padding: 3px 10px 3px 0; vertical-align: top; width: 230px; }
table.maps th.side { width: 92px; color: #59616e; font-weight: 400; white-space: nowrap; }
th .quiet { font-weight: 400; }
table.maps img { width: 100%; display: block; image-rendering: auto; }
.words { font-size: 13px; line-height: 1.7; } .words span { padding: 1px 2px; border-radius: 2px; }
table.tuples { table-layout: fixed; width: 100%; }
table.tuples th.picture { width: 108px; } table.tuples th.where { width: 184px; }
table.tuples th.present { width: 150px; } table.tuples th:last-child { width: 134px; }
table.tuples td { vertical-align: top; padding: 8px 16px 8px 0; }
table.tuples img { width: 92px; display: block; }
table.tuples .where { overflow-wrap: anywhere; }
.hit { color: #0072b2; } .wrong { color: #b34700; font-weight: 600; }
article { break-inside: avoid; margin: 0 0 26px; }
pre { background: #f5f6f8; padding: 12px 16px; font-size: 12.5px; overflow-x: auto; }
summary { cursor: pointer; color: #0072b2; }
@media screen and (max-width: 760px) { dl { grid-template-columns: max-content 1fr; } }
@page { margin: 12mm; }
@media print { body { max-width: none; padding: 0; zoom: 0.68; } nav { display: none; }
  figure, tr, .tile, article { break-inside: avoid; } h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML document around `body`, which is already HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def section(key: str, title: str, *body: str) -> str:
    """A headed section, reachable as #key."""
    return f'<section id="{key}">\n<h2>{escape(title)}</h2>\n' + "\n".join(body) + "\n</section>"


def text(words: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{escape(words)}</p>"


def missing(what: str) -> str:
    """The line that stands where something was not recorded."""
    return text(f"Not shown: {what}", "missing")


def data_url(encoded: bytes, kind: str) -> str:
    """An image as an inline address; `kind` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def picture(pixels: np.ndarray, alt: str, side: int) -> str:
    """uint8 [H, W, 3] as an inline JPEG of at most `side` pixels a side."""
    image = Image.fromarray(np.ascontiguousarray(pixels, np.uint8))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return f'<img src="{data_url(buffer.getvalue(), "jpeg")}" alt="{escape(alt)}">'


def encode_png(pixels: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as a PNG file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, np.uint8)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def figure(png: bytes, alt: str, caption: str = "") -> str:
    """A chart with its text alternative and its caption, both plain text."""
    note = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{data_url(png, "png")}" alt="{escape(alt)}">{note}</figure>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] | None = None
) -> str:
    """A table of plain text whose first column is words and whose other columns are numbers."""

    def line(cells: Sequence[Any], tag: str) -> str:
        return "".join(
            f"<{tag}{_class('n' if i else '')}>{escape(str(cell))}</{tag}>"
            for i, cell in enumerate(cells)
        )

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    last = f'\n<tr class="total">{line(total, "td")}</tr>' if total else ""
    return (
        f'<div class="scroll"><table><thead><tr>{line(head, "th")}</tr></thead>\n'
        f"<tbody>{body}{last}</tbody></table></div>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
