"""Eight virtual CPU devices, one compilation cache for all processes, JAX started as main does."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

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

    from drr_jax.runs import cpu, joining

    # A shell's jobs in the background ignore it, and so would the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cpu.tune_xla()  # both as the command does
    flags.FLAGS.mark_as_parsed()  # Grain's worker processes read absl flags
    joining.join()  # not possible once a test has touched a device


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """shared(name, make): a folder that `make` filled, once for all test processes; to be read."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all workers

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        path, done = root / f"shared-{name}", root / f"shared-{name}.done"
        with FileLock(root / f"shared-{name}.lock"):
            if not done.exists():
                path.mkdir()
                make(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def rendered(shared) -> Path:
    """The data folder of a small rendered ReactioNet, raw and prepared; to be read."""
    import small_run

    return shared("rendered", small_run.render)


@pytest.fixture(scope="session")
def trained(shared, rendered) -> Path:
    """The folder of a small run on the rendered data, chosen on a validation part; to be read."""

    import small_run

    from drr_jax import main

    def make(folder: Path) -> None:
        config = small_run.config(rendered, selection="validation")
        assert main.run(main.parse(["main", f"--config={config}", f"--workdir={folder}/run"])) == 0

    return shared("trained", make) / "run"


@pytest.fixture(scope="session")
def people(rendered) -> list[Path]:
    """Images of rendered people, in the order of two sequences."""
    release = rendered / "downloads" / "manual" / "reactionet_demo"
    return sorted(release.rglob("reaction/*.jpg"))[:8]


@pytest.fixture(scope="session")
def video(shared, people) -> Path:
    """A video of 20 frames of 96 x 96 pixels: a face that moves, and is gone in two of them."""

    import cv2
    import numpy as np

    def make(folder: Path) -> None:
        code = cv2.VideoWriter.fourcc(*"MJPG")
        writer = cv2.VideoWriter(str(folder / "face.avi"), code, 25, (96, 96))
        face = cv2.resize(cv2.imread(str(people[0])), (80, 80))
        for frame in range(20):
            image = np.full((96, 96, 3), 90, np.uint8)
            if frame not in (7, 8):
                at = 2 + frame // 2
                image[8:88, at : at + 80] = face
            writer.write(image)
        writer.release()

    return shared("video", make) / "face.avi"
