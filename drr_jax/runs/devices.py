"""The start of JAX as every command does it."""

import os
from pathlib import Path

import jax

from drr_jax.runs import cpu, distributed


def start_alone() -> None:
    """Starts JAX for a process that asks a model, unless it is started already.

    Compiled programs are kept in JAX_COMPILATION_CACHE_DIR, or in the user's own cache.
    """
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cpu.enable_compilation_cache(home / "drr_jax" / "compiled")
    cpu.tune_xla()
    if jax.default_backend() == "cpu":
        cpu.tune_malloc()


def start_devices(data_dir: str) -> None:
    """Starts JAX on all hosts, with compiled programs kept beside the data; before any array."""
    cpu.tune_xla()
    cpu.enable_compilation_cache(
        os.environ.get("JAX_COMPILATION_CACHE_DIR") or Path(data_dir) / "compilation_cache"
    )
    distributed.start()
    if jax.default_backend() == "cpu":
        cpu.tune_malloc()
