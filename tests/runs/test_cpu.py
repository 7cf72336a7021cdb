"""The CPU settings, in processes of their own: they last as long as the process."""

import os
import platform
import subprocess
import sys

import jaxlib.version


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
    assert (
        python("from drr_jax.runs.cpu import tune_malloc; print(tune_malloc())") == f"{expected}\n"
    )


def test_convolutions_are_left_to_eigen():
    code = """
from drr_jax.runs import cpu
cpu.tune_xla()
import jax, jax.numpy as jnp
from drr_jax.models.encoders.layers import conv2d, resolve_conv
images, kernel = jnp.ones((4, 32, 32, 64)), jnp.ones((3, 3, 64, 64))
program = jax.jit(lambda x, w: conv2d(x, w, 1, "lax")).lower(images, kernel).compile()
print("ynn" in program.as_text(), cpu.has_eigen(), resolve_conv("auto"))
"""
    found = python(code, JAX_PLATFORMS="cpu", XLA_FLAGS="").split()
    if jaxlib.version.__version__.startswith("0.10."):
        assert found == ["False", "True", "lax"]
    else:  # left as it is
        assert found[1:] == ["False", "im2col"]
    own = "--xla_cpu_experimental_ynn_fusion_type=individual_convolution"
    assert python(code, JAX_PLATFORMS="cpu", XLA_FLAGS=own) == "True False im2col\n"


def test_programs_are_kept_in_the_cache(tmp_path):
    code = f"""
import jax
from drr_jax.runs.cpu import enable_compilation_cache

enable_compilation_cache({str(tmp_path)!r})
jax.jit(lambda x: x + 1)(1.0).block_until_ready()
"""
    python(code, JAX_PLATFORMS="cpu", JAX_COMPILATION_CACHE_DIR="")
    assert any(tmp_path.iterdir())
