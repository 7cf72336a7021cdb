"""Writes a tiny raw ReactioNet tree of plain coloured JPEGs, and says what it wrote."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drr_jax.facs.labels import EXPRESSIONS, OPENFACE_OCCURRENCE_AUS, REACTIONET_AUS

SCENES_WRITTEN = ("sport", "film", "game")


def openface_columns() -> list[str]:
    """The columns of FeatureExtraction 2.x that matter here, eye landmarks and 3D left out."""
    return [
        *("frame", "face_id", "timestamp", "confidence", "success"),
        *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
        *("gaze_angle_x", "gaze_angle_y"),
        *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
        *(f"{axis}_{point}" for axis in "xy" for point in range(68)),
        *(f"{name}_r" for name in REACTIONET_AUS),
        *(f"{name}_c" for name in OPENFACE_OCCURRENCE_AUS),
    ]


def write_csv(path: Path, header: list[str], rows: list[list[Any]], separator: str = ",") -> None:
    """Writes a CSV file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(separator.join(header) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(rows)


def colour_jpeg(colour: np.ndarray, size: int) -> bytes:
    """A square JPEG of one colour with a brighter corner, so that resizing shows."""
    image = np.empty((size, size, 3), np.uint8)
    image[:] = colour
    image[: size // 2, : size // 2] = np.minimum(colour.astype(int) + 60, 255)
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def write_raw(
    root: str | Path,
    scenes: tuple[str, ...] = SCENES_WRITTEN,
    subjects: int = 6,
    frames: int = 4,
    size: int = 32,
    seed: int = 0,
    sequences: int = 2,
    keyframes: bool = True,
) -> dict[str, dict[str, Any]]:
    """Writes one sub-scene of two tasks of `sequences` sequences for each scene.

    The subject of task t is t modulo `subjects`, so no more subjects than tasks appear. Frame 2 of
    every sequence is a key frame, with all AUs 1 but AU45, which is 9. Returns, by sequence key,
    its subject and the arrays and texts that were written, by frame 1 .. frames.
    """
    root = Path(root)
    rng = np.random.default_rng(seed)
    written: dict[str, dict[str, Any]] = {}
    key_rows, people = [], []
    for task in range(2 * len(scenes)):
        for number in range(sequences):
            path = (scenes[task // 2], "first", f"task{task}", f"seq{number}")
            key = "/".join(path)
            subject = f"S{task % subjects:03d}"
            people.append([key, subject, 20 + task, "asian"])
            written[key] = {"subject": subject, **_write_sequence(root / key, frames, size, rng)}
            if keyframes and frames >= 2:
                expression = EXPRESSIONS[(task + number) % len(EXPRESSIONS)]
                key_rows.append([*path, 2, expression, *[1] * 16, 9])
                written[key]["expression"] = expression
    write_csv(
        root / "labels" / "demographics.csv",
        ["sequence", "subject", "age", "dominant_race"],
        people,
    )
    if keyframes:
        aus = [f"AU{int(name[2:])}" for name in REACTIONET_AUS]
        write_csv(
            root / "labels" / "keyframes.csv",
            ["scene", "sub_scene", "task", "sequence", "frame", "expression", *aus],
            key_rows,
        )
    return written


def _write_sequence(folder: Path, frames: int, size: int, rng: Any) -> dict[str, Any]:
    for side in ("reaction", "stimulus"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    colours = rng.integers(0, 190, (2, frames, 3))
    for frame in range(1, frames + 1):
        for side, colour in zip(("reaction", "stimulus"), colours[:, frame - 1], strict=True):
            (folder / side / f"{frame:06d}.jpg").write_bytes(colour_jpeg(colour, size))
    values = {
        "gaze": rng.uniform(-1, 1, (frames, 8)).round(6),
        "head_pose": rng.uniform(-3, 3, (frames, 6)).round(3),
        "landmarks": rng.uniform(0, size, (frames, 68, 2)).round(1),
        "intensity": rng.uniform(0, 5, (frames, 17)).round(2),
        "occurrence": rng.integers(0, 2, (frames, 17)),
    }
    rows = []
    for at in range(frames):
        occurrence = [*values["occurrence"][at][:-1], 1, values["occurrence"][at][-1]]  # AU28
        points = values["landmarks"][at].T.ravel()
        numbers = [values["gaze"][at], values["head_pose"][at], points, values["intensity"][at]]
        rows.append(
            [at + 1, 0, f"{at / 25:.3f}", 0.98, 1, *np.concatenate(numbers).tolist(), *occurrence]
        )
    write_csv(folder / "openface.csv", openface_columns(), rows, separator=", ")
    captions = [f"A person sees colour {colour.tolist()}, twice" for colour in colours[1]]
    write_csv(
        folder / "captions.csv",
        ["frame", "caption"],
        [[frame + 1, caption] for frame, caption in enumerate(captions)],
    )
    return {**values, "captions": captions, "colours": colours}
