"""Settings that make XLA:CPU fast; they change no result."""

import ctypes
import sys
from pathlib import Path

import jax

# glibc's malloc.h: M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
_MALLOPT = ((-8, 1), (-4, 0), (-1, -1), (-2, 256 << 20))


def tune_malloc() -> bool:
    """Makes glibc keep freed memory; returns whether it could (elsewhere nothing happens).

    XLA:CPU frees its temporaries after every step, glibc hands them back to the kernel, and the
    page faults of the next step then cost as much as its arithmetic. For CPU runs only, and to be
    called before the first large allocation.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    accepted = [libc.mallopt(key, value) for key, value in _MALLOPT]
    return all(accepted)


def enable_compilation_cache(directory: str | Path) -> None:
    """Keeps every compiled program in `directory`, so that the next start need not compile."""
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
