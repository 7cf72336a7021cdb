"""A tiny run that was trained, and pictures of rendered people to put it on."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import small_run

from drr_jax import main


@pytest.fixture(scope="session")
def trained(shared, rendered) -> Path:
    """The folder of a small run on the rendered data, chosen on a validation part; to be read."""

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
