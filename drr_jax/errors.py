"""What a user did wrong, as one line and exit code 2."""

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

USER_ERROR = 2  # exit code


class InputError(ValueError):
    """Wrong input. The message is one line: what is wrong, where, what was expected, what to do."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Returns "did you mean ...?" for a misspelt name, or the list of known names."""
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known)}"


def exit_with(message: str) -> NoReturn:
    """Prints `error: message` as one line to stderr and exits with code 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
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
