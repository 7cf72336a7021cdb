"""The command line of every command but `drr`: what is wrong in it is one line, as everywhere."""

import argparse
import itertools
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from drr_jax.errors import InputError, nearest


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are InputErrors, and whose flags are written out.

    Its help shows texts of several lines as they are. Subcommands have parsers of this class.
    """

    def __init__(self, prog: str, **settings: Any) -> None:
        if any("\n" in (settings.get(text) or "") for text in ("description", "epilog")):
            settings["formatter_class"] = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, allow_abbrev=False, **settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, with nothing that is not known; a misspelt flag is no missing one."""
        args = sys.argv[1:] if args is None else list(args)
        flags = [] if self._subparsers else itertools.takewhile(lambda one: one != "--", args)
        for one in flags:
            if one.startswith("--") and one.partition("=")[0] not in self._option_string_actions:
                self._refuse(one)
        found, unknown = super().parse_known_args(args, namespace)
        for one in unknown:
            if one != "--":
                self._refuse(one)
        return found, []

    def begun(self, args: Sequence[str] | None = None) -> argparse.Namespace:
        """What is known so far of a command line whose other flags are still to be added."""
        return super().parse_known_args(args)[0]

    def error(self, message: str) -> NoReturn:
        """Raises InputError. argparse calls it."""
        raise InputError(f"{message}; see {self.prog} --help")

    def _refuse(self, argument: str) -> NoReturn:
        flag = argument.partition("=")[0]
        if not flag.startswith("-") or flag in self._option_string_actions:  # behind --
            self.error(f"argument {argument!r} is one too many")
        known = [name for name in self._option_string_actions if name.startswith("--")]
        raise InputError(f"flag {flag} does not exist: {nearest(flag, known)}")
