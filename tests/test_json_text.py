"""What is wrong with JSON is said by line and column, not in the words of Python."""

import re

import pytest

from drr_jax import json_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b'{"a": 1,\n', "line 2, column 1: it is cut off there"),
        (b'{"a":\n "xy', "line 2, column 5: it is cut off there"),
        (b'{"a": 1,\n "b": nul}', "line 2, column 7: 'nul}' is out of place"),
        (b"<html>", "line 1, column 1: '<html>' is out of place"),
        (b'{"a": 1} {"a": 1}', "line 1, column 10: '{\"a\": 1}' is out of place"),
        (b'{"caf\xe9": 1}', "line 1, column 6: byte 0xe9 is no UTF-8"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
    ],
)
def test_damage_has_a_place(text, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        json_text.parse(text)


def test_lines_count_from_where_the_text_begins():
    with pytest.raises(ValueError, match="line 7, column 2: it is cut off there"):
        json_text.parse("{", first=7)
    assert json_text.parse('{"a": 1, "a": 2}', list) == [("a", 1), ("a", 2)]
