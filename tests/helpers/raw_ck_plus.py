"""Writes a tiny CK+ tree in the official formats, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

HEIGHT, WIDTH = 49, 64
FRAMES = 5
# sequence: emotion code (None: unlabelled), AU and intensity of each line, colour
SEQUENCES: dict[str, tuple[int | None, list[tuple[int, int]], bool]] = {
    "S005/001": (3, [(9, 4), (17, 3), (38, 0)], False),
    "S005/002": (None, [(1, 2)], False),
    "S010/002": (7, [(1, 3), (2, 1), (5, 5), (25, 0), (27, 4)], False),
    "S011/001": (5, [(6, 5), (12, 5), (64, 2)], False),
    "S130/009": (1, [(63, 1)], False),  # head and eyes are not counted
    "S138/004": (2, [(14, 4)], False),
    "S501/006": (6, [(4, 1), (15, 2)], True),
    "S999/003": (4, [(1, 4), (4, 4), (20, 3)], True),
}


def number(value: float) -> str:
    return f"   {value:.7e}"


def write_ck_plus(
    root: Path, landmarks: bool = True, nested: bool = False
) -> dict[str, dict[str, Any]]:
    """Returns, by sequence, "emotion", "facs", "images" [frames] and "landmarks" [frames, 68, 2].

    nested: as the zip files unpack into folders of their own name.
    """
    rng = np.random.default_rng(2)
    emotions = root / ("Emotion_labels/Emotion" if nested else "Emotion")
    facs = root / ("FACS_labels/FACS" if nested else "FACS")
    tracks = root / ("Landmarks/Landmarks" if nested else "Landmarks")
    images = root / "cohn-kanade-images"
    written = {}
    for sequence, (emotion, units, colour) in SEQUENCES.items():
        name = sequence.replace("/", "_")
        (emotions / sequence).mkdir(parents=True)  # empty for the unlabelled
        peak = f"{name}_{FRAMES:08d}"
        if emotion is not None:
            (emotions / sequence / f"{peak}_emotion.txt").write_text(number(emotion) + "\n")
        (facs / sequence).mkdir(parents=True)
        lines = [number(au) + number(intensity) + "\n" for au, intensity in units]
        (facs / sequence / f"{peak}_facs.txt").write_text("".join(lines) + "\n")
        (images / sequence).mkdir(parents=True)
        stored, points = [], rng.uniform(0.3, 0.7, (FRAMES, 68, 2)) * (WIDTH, HEIGHT)
        for first, x in ((36, 0.4), (42, 0.6)):
            points[:, first : first + 6] = (x * WIDTH, 0.4 * HEIGHT)
        points[:, 48], points[:, 54] = (0.45 * WIDTH, 0.6 * HEIGHT), (0.55 * WIDTH, 0.6 * HEIGHT)
        for frame in range(FRAMES):
            shape = (HEIGHT, WIDTH, 3) if colour else (HEIGHT, WIDTH)
            image = np.full(shape, rng.integers(30, 220, shape[2:]), np.uint8)
            stem = f"{name}_{frame + 1:08d}"
            cv2.imwrite(str(images / sequence / f"{stem}.png"), image)
            stored.append(np.broadcast_to(image.reshape(HEIGHT, WIDTH, -1)[..., ::-1], (49, 64, 3)))
            if landmarks:
                (tracks / sequence).mkdir(parents=True, exist_ok=True)
                rows = [number(x) + number(y) + " \n" for x, y in points[frame]]
                (tracks / sequence / f"{stem}_landmarks.txt").write_text("".join(rows))
        written[sequence] = {
            "emotion": emotion,
            "facs": dict(units),
            "images": stored,
            "landmarks": points,
        }
    (images / "S005" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "ReadMeCohnKanadeDatabase_website.txt").write_text("read me\r\n")
    return written
