"""Settings that make XLA:CPU fast."""

import ctypes
import os
import sys
from pathlib import Path

import jax
import jaxlib.version

YNNPACK = "xla_cpu_experimental_ynn_fusion_type"  # XLA's flag: what it gives to YNNPACK
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


def tune_xla() -> None:
    """Leaves convolutions to Eigen; to be called before JAX starts its backends.

    jaxlib 0.10 gives them to YNNPACK by default, which runs one of 64 features or fewer on a single
    thread and takes twice Eigen's time for a kernel's gradient. Sums and matrix products stay with
    it. Other versions, and users who set the flag, decide for themselves.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if jaxlib.version.__version__.startswith("0.10.") and YNNPACK not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{YNNPACK}=reduce,individual_dot".strip()


def has_eigen() -> bool:
    """Whether Eigen computes convolutions, by `tune_xla` or by the user's own flag."""
    _, found, value = os.environ.get("XLA_FLAGS", "").partition(f"--{YNNPACK}=")
    return bool(found) and "convolution" not in value.split(" ")[0]


def enable_compilation_cache(directory: str | Path) -> None:
    """Keeps every compiled program in `directory`, so that the next start need not compile."""
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
