"""Writes a tiny BP4D tree in the official formats, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import savemat

SUBJECTS = ("F001", "M002", "F004")  # one of each published part
TASKS = ("T1", "T8")
CODED = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))
GRADED = (6, 10, 12, 14, 17)
FIRST = 21  # the first coded frame
FRAMES = 4
HEIGHT, WIDTH = 70, 52
INTENSITY = "AUCoding/AU_INT/AU06/F001_T1_AU06.csv"


def face_points(height: int, width: int, rng: Any) -> np.ndarray:
    """49 points of a frontal face around the middle of an image."""
    points = rng.uniform(0.3, 0.7, (49, 2)) * (width, height)
    for first, x in ((19, 0.4), (25, 0.6)):
        points[first : first + 6] = rng.uniform(-1, 1, (6, 2))
        points[first : first + 6] += (x * width, 0.42 * height)
    points[31], points[37] = (0.44 * width, 0.6 * height), (0.56 * width, 0.6 * height)
    return points


def write_obj(path: Path, height: float = 0.5) -> None:
    """A pyramid whose tip, in the middle of the texture, is nearest to the viewer."""
    lines = [
        "# Created by a scanner\nmtllib 0000.mtl",
        "v -80 -80 0\nv 80 -80 0\nv 80 80 0\nv -80 80 0",
        f"v 0 0 {100 * height:g}",
        "vt 0.1 0.1\nvt 0.9 0.1\nvt 0.9 0.9\nvt 0.1 0.9\nvt 0.5 0.5",
        "vn 0 0 1\nusemtl skin",
        "f 1/1/1 2/2/1 5/5/1\nf 2/2/1 3/3/1 5/5/1\nf 3/3/1 4/4/1 5/5/1\nf 4/4/1 1/1/1 5/5/1",
    ]
    path.write_text("\n".join(lines) + "\n")


def write_bp4d(
    root: Path, offset: int = -1, digits: int = 4, meshes: bool = True, landmarks: bool = True
) -> dict[tuple[str, str], dict[str, Any]]:
    """Images `frame + offset` for every coded frame, one image more on either side.

    Returns, by (subject, task), "occurrence" [frames, 100] (9 unknown), "intensity" by AU,
    "images" by image number and "landmarks" by image number (None where tracking was lost).
    """
    rng = np.random.default_rng(0)
    written = {}
    for subject in SUBJECTS:
        for task in TASKS:
            written[subject, task] = _write_sequence(
                root, subject, task, offset, digits, meshes, landmarks, rng
            )
    for subject in SUBJECTS:  # looks like the image folder, but holds no images
        for task in TASKS:
            folder = root / "3DFeatures" / subject / task
            folder.mkdir(parents=True)
            (folder / "0000.tbnd").write_text("1.0 2.0 3.0\n")
    return written


def _write_sequence(
    root: Path,
    subject: str,
    task: str,
    offset: int,
    digits: int,
    meshes: bool,
    landmarks: bool,
    rng: Any,
) -> dict[str, Any]:
    name = f"{subject}_{task}"
    occurrence = np.full((FRAMES, 100), 9)
    occurrence[:, 0] = range(FIRST, FIRST + FRAMES)
    for au in CODED:
        occurrence[:, au] = rng.integers(0, 2, FRAMES)
    occurrence[1, 13] = 9
    folder = root / "AUCoding" / "AU_OCC"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [",".join(map(str, row)) for row in [range(100), *occurrence.tolist()]]
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")

    intensity = {}
    for au in GRADED:
        folder = root / "AUCoding" / "AU_INT"
        if task == "T1":  # T8 is flat, as in some copies
            folder /= f"AU{au:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        intensity[au] = rng.integers(0, 6, FRAMES)
        intensity[au][2] = 9
        rows = [f"{FIRST + at},{code}" for at, code in enumerate(intensity[au])]
        (folder / f"{name}_AU{au:02d}.csv").write_text("\n".join(rows) + "\n")

    folder = root / "Sequences(2D+3D)" / subject / task
    folder.mkdir(parents=True)
    images = {}
    for number in range(FIRST + offset - 1, FIRST + offset + FRAMES + 1):
        image = cv2.resize(rng.integers(0, 256, (7, 5, 3), dtype=np.uint8), (WIDTH, HEIGHT))
        path = folder / f"{number:0{digits}d}.jpg"
        cv2.imwrite(str(path), image)
        images[number] = path
        if meshes:
            write_obj(path.with_suffix(".obj"))
    points = {number: face_points(HEIGHT, WIDTH, rng) for number in images}
    if landmarks:
        (root / "2DFeatures").mkdir(exist_ok=True)
        # counted from 0 as the official images are, whatever these are named
        fit = np.zeros(max(images) - offset, dtype=[("pred", object), ("pose", object)])
        for entry in range(len(fit)):
            fit[entry] = (points.get(entry + offset + 1, np.zeros((0, 0))), np.eye(3))
        savemat(root / "2DFeatures" / f"{name}.mat", {"fit": fit})
    return {
        "occurrence": occurrence,
        "intensity": intensity,
        "images": images,
        "landmarks": points if landmarks else {},
    }
