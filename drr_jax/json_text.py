"""JSON text, whose damage is said by line and column."""

import json
from collections.abc import Callable
from typing import Any

_FOUND = 20  # characters of what is out of place


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a name that is there twice: readers differ on it."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:40]!r} is there twice")
    return value


def parse(
    content: bytes | str, objects: Callable[[list[tuple[str, Any]]], Any] = unique, first: int = 1
) -> Any:
    """The value of a JSON text. Raises ValueError: what is wrong, and in which line and column.

    objects: what becomes of an object's names and values. first: the number of its first line.
    """
    if isinstance(content, bytes):
        try:
            content = content.decode()
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(errors="replace")
            wrong = error.object[error.start]
            raise ValueError(f"{_place(before, first)}: byte {wrong:#04x} is no UTF-8") from None
    try:
        return json.loads(content, object_pairs_hook=objects)
    except json.JSONDecodeError as error:
        raise ValueError(_damage(content, error, first)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _damage(text: str, error: json.JSONDecodeError, first: int) -> str:
    rest = text[error.pos :]
    if not text.strip():
        return "it is empty"
    if not rest.strip() or error.msg.startswith("Unterminated string"):
        return f"{_place(text, first)}: it is cut off there"
    return f"{_place(text[: error.pos], first)}: {rest[:_FOUND]!r} is out of place"


def _place(before: str, first: int) -> str:
    """Where the next character stands."""
    return f"line {first + before.count(chr(10))}, column {len(before) - before.rfind(chr(10))}"
