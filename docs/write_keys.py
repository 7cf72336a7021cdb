"""Writes docs/keys.md, every key of a configuration: python docs/write_keys.py"""

import itertools
from pathlib import Path

from drr_jax import config_rules
from drr_jax.config import Config, flatten

PAGE = Path(__file__).with_name("keys.md")
HEAD = """# Keys

Every key of a configuration, its default and what it is for, as `drr --help` tells it. One is set
on the command line, `--config.optim.lr=0.02`, or behind the launch file,
`reactionet:demo,optim.lr=0.02`. `python docs/write_keys.py` writes this page.
"""


def text() -> str:
    """The page: a table for every group of keys, those of the run itself last."""
    defaults, said = flatten(Config()) | {"data.data_dir": "data"}, config_rules.describe()
    parts = [HEAD]
    for group, keys in itertools.groupby(defaults, lambda key: key.rpartition(".")[0]):
        lines = [
            f"| `{key}` | {default} | {cell(said[key])} |"
            for key in keys
            for default in ["" if defaults[key] == "" else f"`{defaults[key]}`"]
        ]
        title = f"`{group}`" if group else "The run"
        parts.append(
            "\n".join([f"## {title}", "", "| key | default | |", "|---|---|---|", *lines, ""])
        )
    return "\n".join(parts)


def cell(words: str) -> str:
    """Words in a cell of a Markdown table."""
    return words.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
