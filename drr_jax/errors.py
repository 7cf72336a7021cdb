"""What a user did wrong, as one line and exit code 2."""

import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

USER_ERROR = 2  # exit code
_MOST = 2000  # characters of a message


class InputError(ValueError):
    """Wrong input. The message is one line: what is wrong, where, what was expected, what to do.

    It stays one line, and leaves a terminal alone, whatever names of files and cells are in it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(message: str) -> str:
    """A message whose line breaks are blanks, with what cannot be printed escaped, and not endless.

    What is not UTF-8 in a file's name is escaped, too.
    """
    text = re.sub(r"\s*[\r\n]\s*", " ", message.strip())
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


def nearest(name: str, known: Sequence[str]) -> str:
    """Returns "did you mean ...?" for a misspelt name, or the list of known names."""
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known)}"


def exit_with(message: str) -> NoReturn:
    """Prints `error: message` as one line to stderr and exits with code 2."""
    print(f"error: {one_line(message)}", file=sys.stderr)
    raise SystemExit(USER_ERROR)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs a command-line entry point; user and disk errors become one line and exit code 2."""
    try:
        code = main()
    except InputError as error:
        exit_with(str(error))
    except (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        exit_with(f"{error.filename}: {error.strerror}")
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        exit_with(f"{error.filename or 'disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(code or 0)
