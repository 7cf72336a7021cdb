"""A step that process 0 chooses by its clock, at which all processes do the same."""

import itertools
import time

import jax
from jax._src.distributed import global_state

from drr_jax.runs.together import is_main_process

LEAD = 2  # steps from the choice to the step
_numbers = itertools.count()  # the same on all processes, which make the same appointments


class Appointment:
    """Says at a step that it is time: `seconds` after the last `kept`, 0 for never.

    Process 0 looks at its clock and names the step two ahead in the key-value store of
    jax.distributed. The others look there after every step. They cannot come to the named step too
    early: what they look at after it has begun are the terms of the step before, which are summed
    over all devices, and process 0 takes that step after it has named its choice. `is_due` is
    therefore to be called once a step, when the terms of the step before have been looked at.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()
        self._step: int | None = None
        self._key = ""

    def is_due(self, step: int) -> bool:
        """Whether `step`, which is on its way, is the one."""
        if not self._seconds:
            return False
        if jax.process_count() == 1:
            return self._is_late()
        self._key = self._key or f"appointment {next(_numbers)}"
        client = global_state.client
        assert client is not None
        if self._step is None and is_main_process() and self._is_late():
            self._step = step + LEAD
            client.key_value_set(self._key, str(self._step))
        elif self._step is None and not is_main_process():
            self._step = _number(client, self._key)
        if self._step != step:
            return False
        self._step, self._key = None, ""
        return True

    def kept(self) -> None:
        """Begins the time anew."""
        self._last = time.monotonic()

    def _is_late(self) -> bool:
        return time.monotonic() - self._last >= self._seconds


def _number(client: object, key: str) -> int | None:
    try:
        return int(client.key_value_try_get(key))  # pyright: ignore[reportAttributeAccessIssue]
    except jax.errors.JaxRuntimeError:  # nobody has named a step yet
        return None
