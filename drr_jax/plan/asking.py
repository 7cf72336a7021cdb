"""Has a step compiled by a process of its own, which a compiler may end, lock or fill with logs."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from drr_jax import stops
from drr_jax.config import Config, flatten
from drr_jax.errors import InputError
from drr_jax.plan.devices import environment
from drr_jax.plan.topologies import Topology

UNREADABLE = "the compiler ended the process while it wrote out the program"


def ask(config: Config, topology: Topology, detailed: bool = True) -> dict[str, Any]:
    """The facts of `compiling.facts`, as one dict.

    A compiler that dies of writing its program out leaves `program` with the reason in `missing`.
    Raises InputError for what the process found wrong, and if it ended before it had compiled.
    """
    with tempfile.TemporaryDirectory() as scratch:
        request, answer, log = (Path(scratch, name) for name in ("request", "answer", "log"))
        asked = {"config": flatten(config), "topology": topology.name, "detailed": detailed}
        request.write_text(json.dumps(asked))
        variables = environment(topology, os.environ, scratch)
        command = [sys.executable, "-m", "drr_jax.plan", str(request), str(answer)]
        with (
            log.open("w") as output,
            subprocess.Popen(
                command, env=variables, stdin=subprocess.PIPE, stdout=output, stderr=output
            ) as process,
        ):
            try:
                code = _wait(process)  # its standard input is what it lives by
            finally:
                process.kill()
        lines = answer.read_text().splitlines() if answer.exists() else []
        found: dict[str, Any] = {}
        for line in lines:
            found |= json.loads(line)
        if "error" in found:
            raise InputError(found["error"])
        if "memory" not in found and "too_large" not in found:
            said = log.read_text(errors="replace")
            if "Traceback (most recent call last)" in said:
                raise RuntimeError(said)  # ours to mend
            raise InputError(_failure(topology, code, said))
    if detailed and "too_large" not in found and "program" not in found:
        found["program"] = {"missing": UNREADABLE}
    return found


def _wait(process: subprocess.Popen) -> int:
    """The exit code; a signal that arrived before, or arrives meanwhile, is heard."""
    while True:
        stops.look()
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            continue


def _failure(topology: Topology, code: int, log: str) -> str:
    """Why the process ended, by its signal and the last line that says something."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    lines = [line for line in log.splitlines() if re.search(r"[Ee]rror|[Ff]atal|^F\d{4}", line)]
    last = (lines or log.splitlines() or ["nothing was said"])[-1].strip()
    return f"--topology={topology.name}: the compiler's process ended ({how}): {last[:400]}"
