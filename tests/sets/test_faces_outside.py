"""Landmarks and boxes that lie outside of their image, as those of a resized copy do, are counted.

Cut out, such a face would be a black image with a label.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build
from raw_bp4d_plus import write_bp4d_plus
from raw_ck_plus import number, write_ck_plus
from raw_raf_db import write_raf_db

from drr_jax.errors import InputError
from tfds_reactionet.building.face_records import OUTSIDE


def ck_plus(root: Path) -> None:
    write_ck_plus(root)
    for path in (root / "Landmarks" / "S010" / "002").iterdir():
        points = 3 * np.loadtxt(path)
        path.write_text("".join(number(x) + number(y) + "\n" for x, y in points))


def raf_db(root: Path) -> None:
    write_raf_db(root, landmarks=False)
    folder = root / "Annotation" / "boundingbox"
    (folder / "train_00001_boundingbox.txt").write_text("220 100 258 155\n")
    (folder / "train_00002_boundingbox.txt").write_text("58 55 22 10\n")  # empty


def raf_db_points(root: Path) -> None:
    write_raf_db(root)
    path = root / "Annotation" / "manual" / "train_00001_manu_attri.txt"
    cells = [line.split() for line in path.read_text().splitlines()]
    moved = [" ".join(f"{float(x) - 90:.3f}" for x in line) for line in cells[:5]]
    path.write_text("\n".join([*moved, *(line[0] for line in cells[5:])]) + "\n")


def bp4d_plus(root: Path) -> None:
    write_bp4d_plus(root, zipped=())
    path = root / "IRFeatures" / "F002_T1.txt"
    points = 4 * np.loadtxt(path)
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in points))


CASES: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "landmarks": (ck_plus, "ck_plus/au", 3),
    "box": (raf_db, "raf_db/original", 2),
    "landmarks to the left": (raf_db_points, "raf_db/original", 1),
    "thermal landmarks": (bp4d_plus, "bp4d_plus/rgb_depth_thermal", 3),  # one is lost
}


@pytest.mark.parametrize("case", CASES)
def test_faces_outside_of_their_image_count(tmp_path: Path, case: str) -> None:
    write, name, count = CASES[case]
    write(tmp_path / "raw")
    options: dict[str, Any] = {"image_format": "png"}
    with pytest.raises(InputError, match=rf"{OUTSIDE} \({count}\)"):
        build(name, tmp_path / "raw", tmp_path / "data", **options)


def test_landmarks_of_whole_images_too(tmp_path: Path) -> None:
    ck_plus(tmp_path / "raw")
    with pytest.raises(InputError, match=rf"{OUTSIDE} \(3\)"):
        build("ck_plus/au", tmp_path / "raw", tmp_path / "data", crop="full")
