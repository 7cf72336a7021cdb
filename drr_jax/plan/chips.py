"""The chips a plan can be made for: peaks from datasheets, in chips.toml with their sources."""

import dataclasses
import functools
import tomllib
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Chip:
    """One kind of accelerator; rates a second, sizes in bytes. None where there is no figure."""

    name: str
    title: str
    kind: str  # gpu, tpu or cpu
    source: str
    bfloat16: float | None = None
    float32: float | None = None
    memory: float | None = None
    bandwidth: float | None = None
    link: float | None = None  # to chips of the same host, or slice of a TPU; one direction
    network: float | None = None  # to other hosts, of a GPU
    target: dict[str, Any] = dataclasses.field(default_factory=dict)  # of a GPU, for XLA

    def peak(self, precision: str) -> float | None:
        """FLOP a second in bfloat16 or float32."""
        return self.bfloat16 if precision == "bfloat16" else self.float32


@functools.cache
def chips() -> dict[str, Chip]:
    """Every chip by its name in a topology."""
    rows = tomllib.loads(Path(__file__).with_name("chips.toml").read_text())
    return {name: Chip(name=name, **row) for name, row in rows.items()}


def target_config(chip: Chip) -> str:
    """The text proto (XLA's GpuTargetConfigProto) that CUDA's compiler takes for a GPU not here."""
    gpu = chip.target
    return f"""gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  threads_per_core_limit: 2048
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: {gpu["shared_block"]}
  shared_memory_per_core: {gpu["shared_core"]}
  core_count: {gpu["cores"]}
  fpus_per_core: {gpu["arithmetic_units"]}
  clock_rate_ghz: {gpu["clock_ghz"]}
  l2_cache_size: {gpu["l2"]}
  memory_bandwidth: {chip.bandwidth:.0f}
  device_memory_size: {gpu["usable"]}
  cuda_compute_capability {{ major: {gpu["major"]} minor: {gpu["minor"]} }}
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 8 }}
runtime_version {{ major: 12 minor: 8 }}
device_description_str: "{gpu["name"]}"
"""
