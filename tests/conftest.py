"""Eight virtual CPU devices, one compilation cache for all processes, JAX started as main does."""

import os
from pathlib import Path

# Before jax is imported anywhere, and inherited by the commands that tests start.
CACHE = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache" / "drr_jax_tests"))
os.environ |= {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": " ".join(
        (
            os.environ.get("XLA_FLAGS", ""),
            "--xla_force_host_platform_device_count=8",
            "--xla_backend_optimization_level=1",  # tiny programs run once take longer to optimise
        )
    ),
    "JAX_COMPILATION_CACHE_DIR": CACHE,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def pytest_configure() -> None:
    from absl import flags

    from drr_jax.runs import cpu, distributed

    cpu.tune_xla()  # both as the command does
    flags.FLAGS.mark_as_parsed()  # Grain's worker processes read absl flags
    distributed.start()  # not possible once a test has touched a device
