"""What a user did wrong, as one line and exit code 2; how every command ends."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from drr_jax import cluster, stops, supervisor

USER_ERROR = 2  # exit code
_MOST = 2000  # characters of a message
_ADDRESS = re.compile(r"(?:^|[=:,])([a-z][a-z0-9+.-]+)://|^([a-z][a-z0-9+.-]+):/", re.IGNORECASE)
FOR_OTHERS = ("--beam_options",)  # flags whose values are not read here


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


def shown(value: Any) -> str:
    """A value as a message shows it: a text as it is, all else as JSON, and not endless."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."


def nearest(name: str, known: Sequence[str]) -> str:
    """Returns "did you mean ...?" for a misspelt name, or the list of known names."""
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known)}"


def check_local(what: str, text: str) -> None:
    """Raises InputError if `text`, a path or an argument of `what`, names a bucket or an address.

    A path object has lost one of its two slashes by then. `hf:ORG/NAME` is none.
    """
    if found := _ADDRESS.search(text):
        raise InputError(
            f"{what}: {found[1] or found[2]}:// is no folder of this machine, and buckets are not "
            "read or written; mount it (gcsfuse, s3fs, rclone mount) and give the folder, or copy "
            "it here"
        )


def run(main: Callable[[], int | None], together: bool = False) -> NoReturn:
    """Runs a command-line entry point and exits with its code.

    together: it may be started on many hosts at once, and says itself what each of them does. Any
    other refuses to be one of several (`check_alone`).

    Wrong input and disk errors become one line and exit code 2, SIGTERM one line and 75, Ctrl-C one
    line and 130. Whatever fails once one of the two has arrived, fails because of it: schedulers
    send it to the processes that a command started, too.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _patient(sys.stdout)
    with stops.listening():
        code, line = _outcome(main if together else _by_itself(main))
    # Beyond the except clauses: what their tracebacks hold, such as worker processes, is let go.
    if line:
        print(one_line(line), file=sys.stderr)
    supervisor.tell(code)
    raise SystemExit(code)


def check_alone(what: str) -> None:
    """Raises InputError if a cluster started this process beside others: all would write `what`."""
    if sign := cluster.several(os.environ):
        raise InputError(
            f"environment variable {sign.said}: {what} is the work of one process, and a cluster "
            f"started several; start one (srun --ntasks=1), or set {cluster.ALONE} if each has "
            "input and output of its own"
        )


def _by_itself(main: Callable[[], int | None]) -> Callable[[], int | None]:
    def alone() -> int | None:
        check_alone("this command")
        return main()

    return alone


class _Pipe(io.FileIO):
    """What a command prints to; once its reader is gone, as `| head` is, the rest goes nowhere."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(content)


def _patient(stdout: io.TextIOWrapper) -> io.TextIOWrapper:
    """Standard output that ends no command: not for its reader, nor for a letter it lacks."""
    stdout.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(stdout.fileno(), "w", closefd=False)),
        encoding=stdout.encoding,
        errors="backslashreplace",  # in a terminal that has no arrows or umlauts
        line_buffering=stdout.line_buffering or stdout.write_through,
    )


def _outcome(main: Callable[[], int | None]) -> tuple[int | str | None, str]:
    """The exit code of `main`, and what there is to say about it."""
    try:
        for argument in sys.argv[1:]:
            if not argument.startswith(FOR_OTHERS):
                check_local(argument, argument)
        return main() or 0, ""
    except stops.Stopped as stop:
        return stops.exit_code(), stop.line
    except KeyboardInterrupt:
        return stops.INTERRUPTED, "interrupted"
    except SystemExit as end:
        return end.code, ""
    except Exception as error:
        if stops.asked():
            return stops.exit_code(), stops.Stopped().line
        said = _said(error)
        if said is None:
            try:
                supervisor.wait_for_verdict(error)
            except stops.Stopped as stop:
                return stops.exit_code(), stop.line
            supervisor.tell(1)
            raise
        return USER_ERROR, f"error: {said}"


def _said(error: Exception) -> str | None:
    """The line of an error that is the user's to mend, None of any other."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, UnicodeEncodeError):  # a Latin-1 name on a UTF-8 system, or vice versa
        return (
            f"the name {ascii(error.object)[:200]} cannot be written in {error.encoding}; rename "
            "it, or set LC_ALL to a locale of UTF-8"
        )
    if isinstance(error, OSError) and (error.filename is not None or error.errno is not None):
        return f"{error.filename or 'disk'}: {error.strerror or error}"
    return None
