"""Writes a tiny DISFA tree in the official formats, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import savemat

SUBJECTS = ("SN010", "SN031", "SN003")  # one of each published part
AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
FRAMES = 5
HEIGHT, WIDTH = 48, 64


def write_disfa(
    root: Path, extracted: tuple[str, ...] = ("SN031",), landmarks: bool = True
) -> dict[str, dict[str, Any]]:
    """Videos, and folders of PNGs for the subjects in `extracted`; SN010 lacks its last row.

    Returns, by subject, "intensity" [frames, 12], "colours" [frames, 3] (RGB of the images) and
    "landmarks" [frames, 66, 2].
    """
    rng = np.random.default_rng(1)
    written = {}
    for subject in SUBJECTS:
        intensity = rng.integers(0, 6, (FRAMES, len(AUS)))
        colours = rng.integers(40, 220, (FRAMES, 3))
        points = rng.uniform(0.3, 0.7, (FRAMES, 66, 2)) * (WIDTH, HEIGHT)
        for first, x in ((36, 0.4), (42, 0.6)):
            points[:, first : first + 6] = (x * WIDTH, 0.4 * HEIGHT)
        points[:, 48], points[:, 54] = (0.45 * WIDTH, 0.6 * HEIGHT), (0.55 * WIDTH, 0.6 * HEIGHT)
        rows = FRAMES - 1 if subject == "SN010" else FRAMES
        folder = root / "ActionUnit_Labels" / subject
        folder.mkdir(parents=True)
        for column, au in enumerate(AUS):
            lines = [f"{row + 1},{intensity[row, column]}\r\n" for row in range(rows)]
            (folder / f"{subject}_au{au}.txt").write_bytes("".join(lines).encode())
        _write_images(root, subject, colours, subject in extracted)
        if landmarks:
            folder = root / "Landmark_Points" / subject / "tmp_frame_lm"
            folder.mkdir(parents=True)
            for frame in range(FRAMES):
                name = f"SN003_{frame:04d}" if subject == "SN003" else f"l0{frame:04d}"
                savemat(folder / f"{name}_lm.mat", {"pts": points[frame]})
        written[subject] = {
            "intensity": intensity[:rows],
            "colours": colours,
            "landmarks": points,
        }
    return written


def _write_images(root: Path, subject: str, colours: np.ndarray, extracted: bool) -> None:
    images = [np.full((HEIGHT, WIDTH, 3), colour[::-1], np.uint8) for colour in colours]
    if extracted:
        (root / subject).mkdir(parents=True)
        for number, image in enumerate(images):
            cv2.imwrite(str(root / subject / f"{number}.png"), image)
        return
    folder = root / "Videos_LeftCamera"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"LeftVideo{subject}_comp.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (WIDTH, HEIGHT))
    for image in images:
        video.write(image)
    video.release()
