"""What Orbax 0.12 does that a training run cannot use as it is."""

import dataclasses
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint.future import CommitFutureAwaitingContractedSignals


class Manager(ocp.CheckpointManager):
    """Orbax's manager, which must not ask whether a step is the pre-emption's sync point.

    It asks from its own thread and with an older step than the training loop does; a signal that
    arrives just then would fix a sync point the loop has already passed, and SIGTERM be lost.
    """

    def reached_preemption(self, step: int) -> bool:
        return False


class ManifestHandler(ocp.AsyncCheckpointHandler):
    """Writes what is only known when the state is copied: a file for each process that has one."""

    async def async_save(self, directory: epath.Path, args: "SaveManifest") -> list[ocp.Future]:
        async def write() -> None:
            if made := args.make():
                name, text = made
                (directory / name).write_text(text)

        return [CommitFutureAwaitingContractedSignals(write(), name="manifest")]

    def save(self, directory: epath.Path, args: "SaveManifest") -> None:
        """Never called: the manager saves asynchronously."""
        raise NotImplementedError

    def restore(self, directory: epath.Path, args: Any = None) -> Any:
        """Never called: digest.py reads it."""
        raise NotImplementedError


@ocp.args.register_with_handler(ManifestHandler, for_save=True, for_restore=True)
@dataclasses.dataclass
class SaveManifest(ocp.args.CheckpointArgs):
    """`make` gives the name and the text of this process's file, if any; called in a thread."""

    make: Callable[[], tuple[str, str] | None]


def read_arrays(path: Path, abstract_state: Any) -> tuple[Any, str]:
    """Returns (state, "") of the item at `path`, or (None, what is wrong with it).

    Uses Orbax's handler, not its manager, whose barriers would leave the other processes waiting
    for one that fails alone. Raises PermissionError and MemoryError, which say nothing about the
    checkpoint.
    """
    args = ocp.args.StandardRestore(abstract_state)
    return _restore(ocp.StandardCheckpointHandler(), path, args)


def read_some_arrays(path: Path, abstract_state: Any) -> tuple[Any, str]:
    """As `read_arrays` for a part of the item's tree, a nested dict; as NumPy arrays."""
    arrays = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), abstract_state)
    args = ocp.args.PyTreeRestore(abstract_state, restore_args=arrays, partial_restore=True)
    return _restore(ocp.PyTreeCheckpointHandler(), path, args)


def _restore(handler: Any, path: Path, args: Any) -> tuple[Any, str]:
    try:
        return handler.restore(epath.Path(path), args=args), ""
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # Orbax and TensorStore raise whatever they stumble over
        return None, one_line(error, path.parent)


def one_line(error: BaseException, path: Path) -> str:
    """Returns an error's text in at most 160 characters, without the checkpoint's own path."""
    if isinstance(error, FileNotFoundError):
        return f"{str(error.filename or 'a file').removeprefix(f'{path}{os.sep}')} is missing"
    text = f"{type(error).__name__}: {error}".replace(f"{path}{os.sep}", "")
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "..."


def silence() -> None:
    """Stops Orbax from printing tracebacks of failures that reach the caller as exceptions, and
    Python from warning of what Orbax does not begin any more after one."""
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    logging.getLogger("absl").addFilter(_not_orbax)
    logging.getLogger("asyncio").addFilter(_not_abandoned)
    if getattr(sys.excepthook, "func", None) is not _ignore_late_writes:
        sys.excepthook = partial(_ignore_late_writes, sys.excepthook)
    if getattr(sys.unraisablehook, "func", None) is not _ignore_abandoned_reads:
        sys.unraisablehook = partial(_ignore_abandoned_reads, sys.unraisablehook)


def _not_orbax(record: logging.LogRecord) -> bool:
    return f"{os.sep}orbax{os.sep}" not in record.pathname


def _not_abandoned(record: logging.LogRecord) -> bool:
    """asyncio reports, at times, that nobody asked for the error of what ran beside a failure."""
    text = record.getMessage()  # of a task of Orbax's, or of a future of TensorStore's
    frames = traceback.extract_tb(record.exc_info[2]) if record.exc_info else ()
    places = (text, *(frame.filename for frame in frames))
    theirs = any(f"{os.sep}orbax{os.sep}" in at for at in places)
    theirs = theirs or "tensorstore_spec=" in text or "OCDBT database" in text
    return not ("never retrieved" in text and theirs)


def _ignore_abandoned_reads(hook: Callable[[Any], Any], what: Any) -> None:
    """A sys.unraisablehook; the reads beside a failed one are dropped, or outlive their loop."""
    text, code = str(what.exc_value), getattr(what.object, "cr_code", None)
    orbax = code is not None and f"{os.sep}orbax{os.sep}" in code.co_filename
    if not (orbax or "tensorstore_spec" in text or text == "Event loop is closed"):
        hook(what)


def _ignore_late_writes(
    hook: Callable[..., Any], kind: type[BaseException], error: BaseException, trace: Any
) -> None:
    """A sys.excepthook: of a full disk the first failed write is said.

    Those under way outlive their loop, of which TensorStore's threads print a traceback each.
    """
    late = isinstance(error, RuntimeError) and str(error) == "Event loop is closed"
    if not late or threading.current_thread() is threading.main_thread():
        hook(kind, error, trace)
