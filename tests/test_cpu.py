"""The CPU settings, in processes of their own: they last as long as the process."""

import os
import platform
import subprocess
import sys


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_malloc_is_tuned_where_glibc_is():
    expected = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"
    assert python("from drr_jax.cpu import tune_malloc; print(tune_malloc())") == f"{expected}\n"


def test_programs_are_kept_in_the_cache(tmp_path):
    code = f"""
import jax
from drr_jax.cpu import enable_compilation_cache

enable_compilation_cache({str(tmp_path)!r})
jax.jit(lambda x: x + 1)(1.0).block_until_ready()
"""
    python(code, JAX_PLATFORMS="cpu", JAX_COMPILATION_CACHE_DIR="")
    assert any(tmp_path.iterdir())
