"""What --topology may say, the table of chips, and what must be installed and set for each."""

import importlib.util
import math

import pytest

from drr_jax import plan
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.plan import chips, devices, topologies


@pytest.mark.parametrize(
    ("text", "count", "hosts"),
    [("h100:2x8", 16, 2), ("a100:1x4", 4, 1), ("v5e:4x4", 16, 4), ("v5p:2x2x4", 16, 4)],
)
def test_topologies_count_devices_and_hosts(text, count, hosts):
    topology = topologies.parse(text)
    assert (topology.name, topology.devices, topology.hosts) == (text, count, hosts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--topology is missing: expected h100:2x8"),
        ("h10:2x8", "did you mean h100"),
        ("b300:1x8", "known: a100, h100, h200, v5e, v5p, v6e, cpu"),
        ("h100", "expected hosts x devices, 2 numbers, as in h100:2x8"),
        ("h100:16", "expected hosts x devices, 2 numbers"),
        ("h100:0x8", "expected hosts x devices"),
        ("h100:2x-8", "expected hosts x devices"),
        ("v5p:4x4", "expected its grid of chips, 3 numbers, as in v5p:2x2x4"),
        ("v5e:3x3", "9 chips, expected 1 or a multiple of 4"),
        ("h100:9999x8", "expected at most 8960"),
    ],
)
def test_wrong_ones_are_one_line_with_what_is_known(text, said):
    with pytest.raises(InputError) as error:
        topologies.parse(text)
    assert said in str(error.value)


def test_every_chip_has_its_peaks_and_their_source():
    for chip in chips.chips().values():
        if chip.kind == "cpu":
            assert chip.peak("bfloat16") is chip.memory is None
            continue
        assert "datasheet" in chip.source or "docs.cloud.google.com" in chip.source
        assert 1e14 < chip.float32 <= chip.bfloat16 < 2e15
        assert 1e10 < chip.memory < 2e11 and 5e11 < chip.bandwidth < 1e13
        assert 1e11 < chip.link < 1e12
        if chip.kind == "gpu":
            assert 1e9 < chip.network < chip.link
            assert chip.target["usable"] == pytest.approx(chip.memory, rel=0.08)
            text = chips.target_config(chip)
            assert text.count("{") == text.count("}") and f"{chip.bandwidth:.0f}" in text


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch):
    def find_spec(name):
        if "." in name:
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    for text, extra in (("v5e:2x2", "drr-jax[tpu]"), ("h100:1x8", "drr-jax[cuda12]")):
        with pytest.raises(InputError, match="is not installed") as error:
            plan.run_plan(Config(), None, plan.Asked(text))
        assert f"pip install '{extra}'" in str(error.value)
    devices.check_installed(topologies.parse("cpu:1x8"))


def test_a_compiler_gets_its_own_settings_and_no_others():
    given = {"XLA_FLAGS": "--xla_cpu_x=1 --xla_dump_to=d --xla_force_host_platform_device_count=8"}
    tpu = devices.environment(topologies.parse("v5p:2x2x4"), given, "/scratch")
    assert tpu["XLA_FLAGS"] == "--xla_dump_to=d" and tpu["JAX_PLATFORMS"] == "cpu"
    assert tpu["TPU_ACCELERATOR_TYPE"] == "v5p-32"  # of cores
    assert tpu["ALLOW_MULTIPLE_LIBTPU_LOAD"] == "1" and tpu["TPU_LOG_DIR"] == "/scratch"
    gpu = devices.environment(topologies.parse("h100:2x8"), {}, "")
    assert gpu["XLA_FLAGS"] == "--xla_gpu_enable_triton_gemm=false"
    cpu = devices.environment(topologies.parse("cpu:2x3"), given, "")
    assert cpu["XLA_FLAGS"].split()[-1] == "--xla_force_host_platform_device_count=6"
    assert cpu["XLA_FLAGS"].count("device_count") == 1


def test_virtual_devices_are_dealt_out_to_hosts():
    topology = topologies.parse("cpu:2x4")
    found = devices.describe(topology)
    assert len(found) == 8 and math.prod(topology.shape) == 8
    assert devices.hosts(topology, found) == [0, 0, 0, 0, 1, 1, 1, 1]
