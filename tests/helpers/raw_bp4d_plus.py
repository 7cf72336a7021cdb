"""Writes a tiny BP4D+ tree in the official formats, and says what it wrote."""

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from raw_bp4d import face_points, write_obj
from scipy.io import savemat

SUBJECTS = ("F001", "F002", "M002")  # parts 1, 2 and 3 of the sorted subjects
TASKS = ("T1", "T8")
CODED = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))
GRADED = (6, 10, 12, 14, 17)
CODES = (2, 3, 5, 6)  # frame 4 is occluded: not written, and the numbers go on
FRAMES = 6
HEIGHT, WIDTH = 70, 52
THERMAL_HEIGHT, THERMAL_WIDTH = 48, 64
LOST = 5  # frame whose thermal tracking is lost


def write_bp4d_plus(
    root: Path, zipped: tuple[str, ...] = ("F001",), fps: float = 25, columns: str = "coded"
) -> dict[tuple[str, str], dict[str, Any]]:
    """Images 0 to FRAMES - 1 of every sequence, in a zip file for the subjects in `zipped`.

    The thermal video of a sequence starts with it and lasts as long, at `fps` frames a second.
    AU codes have a column for each of the coded AUs, or with columns="100" all from 0 to 99.

    Returns, by (subject, task), "occurrence" and "intensity" by (frame, AU) (9: unknown),
    "images" (RGB) and "landmarks" by image number, "thermal" (RGB colours) and "boxes" (left, top,
    right, bottom; None where lost) by thermal frame from 0.
    """
    rng = np.random.default_rng(3)
    written = {}
    for subject in SUBJECTS:
        for task in TASKS:
            written[subject, task] = {
                **_write_codes(root, subject, task, columns, rng),
                **_write_images(root, subject, task, rng),
                **_write_thermal(root, subject, task, fps, rng),
            }
        if subject in zipped:
            zip_subject(root / "2D+3D", subject)
    return written


def zip_subject(folder: Path, subject: str) -> None:
    """Packs the folder of a subject into one zip file, and removes the folder."""
    with zipfile.ZipFile(folder / f"{subject}.zip", "w") as archive:
        archive.writestr(f"{subject}/T1/._0000.jpg", b"resource fork")
        for path in sorted((folder / subject).rglob("*.*")):
            archive.write(path, path.relative_to(folder).as_posix(), zipfile.ZIP_DEFLATED)
            path.unlink()
    for task in TASKS:
        (folder / subject / task).rmdir()
    (folder / subject).rmdir()


def _write_codes(root: Path, subject: str, task: str, columns: str, rng: Any) -> dict[str, Any]:
    occurrence = {(frame, au): int(rng.integers(0, 2)) for frame in CODES for au in CODED}
    occurrence[3, 1] = occurrence[5, 30] = 9
    header = [0, *CODED] if columns == "coded" else list(range(100))
    folder = root / "AUCoding" / "AU_OCC"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [header] + [
        [frame, *(occurrence.get((frame, au), 9) for au in header[1:])] for frame in CODES
    ]
    text = "\n".join(",".join(map(str, line)) for line in lines) + "\n"
    (folder / f"{subject}_{task}.csv").write_text(text)
    intensity = {}
    for au in GRADED:
        folder = root / "AUCoding" / "AU_INT" / f"AU{au:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        codes = {frame: int(rng.integers(0, 6)) for frame in CODES}
        codes[6] = 9
        intensity |= {(frame, au): code for frame, code in codes.items()}
        text = "".join(f"{frame},{code}\n" for frame, code in codes.items())
        (folder / f"{subject}_{task}_AU{au:02d}.csv").write_text(text)
    return {"occurrence": occurrence, "intensity": intensity}


def _write_images(root: Path, subject: str, task: str, rng: Any) -> dict[str, Any]:
    folder = root / "2D+3D" / subject / task
    folder.mkdir(parents=True)
    images, landmarks = {}, {}
    fit = np.zeros(FRAMES, dtype=[("frame", object), ("pts_2d", object), ("headPose", object)])
    for number in range(FRAMES):
        small = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
        path = folder / f"{number:04d}.jpg"
        cv2.imwrite(str(path), cv2.resize(small, (WIDTH, HEIGHT)))
        images[number] = cv2.imread(str(path))[..., ::-1]
        write_obj(path.with_suffix(".obj"))
        path.with_suffix(".mtl").write_text("newmtl skin\n")
        landmarks[number] = face_points(HEIGHT, WIDTH, rng)
        fit[number] = (np.array([[number + 1]]), landmarks[number], np.zeros((1, 3)))
    (root / "2DFeatures").mkdir(exist_ok=True)
    order = rng.permutation(FRAMES)  # entries are told by their frame
    savemat(root / "2DFeatures" / f"{subject}_{task}.mat", {"fit": fit[order]})
    return {"images": images, "landmarks": landmarks}


def _write_thermal(root: Path, subject: str, task: str, fps: float, rng: Any) -> dict[str, Any]:
    count = round(FRAMES * fps / 25)
    colours = rng.integers(40, 220, (count, 3))
    (root / "Thermal" / subject).mkdir(parents=True, exist_ok=True)
    path = root / "Thermal" / subject / f"{task}.avi"
    size = (THERMAL_WIDTH, THERMAL_HEIGHT)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    lines, boxes = [], []
    for number, colour in enumerate(colours):
        image = np.zeros((THERMAL_HEIGHT, THERMAL_WIDTH, 3), np.uint8)
        left, top = 10 + 2 * (number % 4), 8
        image[top : top + 30, left : left + 30] = colour[::-1]  # the face
        video.write(image)
        points = rng.uniform((left + 6, top + 6), (left + 24, top + 24), (28, 2)).round(3)
        if number == round((LOST - 1) * fps / 25):
            points[:] = 0
        lines.append(" ".join(f"{value:g}" for value in points.ravel()))
        boxes.append(None if not points.any() else (*points.min(axis=0), *points.max(axis=0)))
    video.release()
    (root / "IRFeatures").mkdir(exist_ok=True)
    (root / "IRFeatures" / f"{subject}_{task}.txt").write_text("\n".join(lines) + "\n")
    return {"thermal": colours, "boxes": boxes}
