"""What the processes of a run do together: look for signals, hear process 0, agree."""

import itertools
import json
import signal
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax
import numpy as np
from jax._src.distributed import global_state  # no public name says how many processes there are
from jax.experimental import multihost_utils

from drr_jax import stops
from drr_jax.errors import InputError

Answer = TypeVar("Answer")
_LONGEST = 4096  # bytes of a message that one process tells the others
_polls = itertools.count(1)  # of all folds: JAX may have fixed its sync point between two of them


def process_count() -> int:
    """How many processes there are; before any device is touched, too."""
    return global_state.num_processes


def is_main_process() -> bool:
    """Whether this process writes the logs and tables (process 0)."""
    return jax.process_index() == 0


def look() -> None:
    """Raises Stopped if SIGTERM or Ctrl-C arrived; called after every step and batch.

    Of many processes all raise it at the same call, some calls after the signal (JAX's protocol,
    which knows SIGTERM alone and takes it for itself).
    """
    if jax.process_count() == 1:
        stops.look()
        return
    if stops.asked():
        signal.raise_signal(signal.SIGTERM)
    if multihost_utils.reached_preemption_sync_point(next(_polls)):
        raise stops.Stopped


def look_alone() -> None:
    """As `look`, at any time and as often as one likes: of many processes none stops alone."""
    if jax.process_count() == 1:
        stops.look()


def from_main(task: Callable[[], Answer]) -> Answer:
    """What `task`, run on process 0 alone, returns: JSON values. All processes wait for it.

    All raise its InputError or its disk error, as InputError.
    """
    answer: dict[str, Any] = {}
    if is_main_process():
        try:
            answer["value"] = task()
        except InputError as error:
            answer["error"] = str(error)
        except OSError as error:
            answer["error"] = f"{error.filename or 'disk'}: {error.strerror or error}"
    if jax.process_count() > 1:
        text = np.frombuffer(json.dumps(answer).encode(), np.uint8)
        size = int(multihost_utils.broadcast_one_to_all(np.asarray(text.size)))
        text = np.asarray(multihost_utils.broadcast_one_to_all(np.resize(text, size)), np.uint8)
        answer = json.loads(text.tobytes())
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["value"]


def everywhere(condition: bool) -> bool:
    """Whether `condition` holds on every process."""
    if jax.process_count() == 1:
        return condition
    return bool(np.all(multihost_utils.process_allgather(np.asarray(condition))))


def wrong_on_any(task: Callable[[], Answer]) -> Answer:
    """What `task` returns on this process; wrong input on any process is raised on all.

    For what every process does before they compute together: one that ended alone would be waited
    for.
    """
    answer, problem = None, ""
    try:
        answer = task()
    except (InputError, OSError) as error:
        if process_count() == 1:
            raise
        problem = str(error)
    if process_count() > 1:
        said = np.zeros(_LONGEST, np.uint8)
        text = np.frombuffer(problem.encode()[:_LONGEST], np.uint8)
        said[: len(text)] = text
        for index, row in enumerate(multihost_utils.process_allgather(said)):
            if found := row.tobytes().rstrip(b"\0").decode(errors="replace"):
                raise InputError(problem or f"process {index}: {found}")
    return cast(Answer, answer)
