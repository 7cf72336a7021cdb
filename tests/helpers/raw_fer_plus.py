"""Writes tiny FER+ releases in the official formats, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

NEW, OLD = "fer2013new.csv", "fer2013.csv"  # votes, images
HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)
# Usage, name (None: no face), votes; rows of a split lie together, as in the release
ROWS: list[tuple[str, str | None, tuple[int, ...]]] = [
    ("Training", "fer0000000.png", (4, 0, 0, 1, 3, 2, 0, 0, 0, 0)),
    ("Training", "fer0000001.png", (6, 0, 1, 1, 0, 0, 0, 0, 1, 1)),
    ("Training", "fer0006953.png", (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)),
    ("Training", "fer0006953.png", (0, 0, 9, 0, 0, 0, 0, 0, 0, 0)),  # the row that sums to 9
    ("Training", None, (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
    ("Training", "fer0000032.png", (0, 0, 0, 5, 5, 0, 0, 0, 0, 0)),
    ("PublicTest", "fer0028638.png", (0, 0, 0, 0, 0, 0, 7, 3, 0, 0)),
    ("PublicTest", "fer0028639.png", (3, 0, 0, 0, 0, 0, 0, 3, 4, 0)),
    ("PrivateTest", "fer0032220.png", (1, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
    ("PrivateTest", "fer0033120.png", (0, 1, 0, 0, 9, 0, 0, 0, 0, 0)),
    ("PrivateTest", "fer0033120.png", (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
]
FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}


def write_pair(root: Path) -> dict[str, Any]:
    """fer2013.csv and fer2013new.csv. Returns "images" [rows, 48, 48] and "codes" [rows]."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (len(ROWS), 48, 48))
    codes = rng.integers(0, 7, len(ROWS))
    faces, votes = ["emotion,pixels,Usage"], [HEADER]
    for (usage, name, counts), image, code in zip(ROWS, images, codes, strict=True):
        faces.append(f"{code},{' '.join(map(str, image.ravel()))},{usage}")
        votes.append(",".join([usage, name or "", *map(str, counts)]))
    root.mkdir(parents=True)
    (root / OLD).write_text("\n".join(faces) + "\n")
    (root / NEW).write_bytes(("\r\n".join(votes) + "\r\n").encode())
    return {"images": images, "codes": codes}


def write_tree(root: Path) -> dict[str, np.ndarray]:
    """The folders of generate_training_data.py. Returns the images by name."""
    rng = np.random.default_rng(4)
    images = {}
    for usage, folder in FOLDERS.items():
        place = root / "data" / folder
        place.mkdir(parents=True)
        lines = []
        for row, name, counts in ROWS:
            if row == usage and name:
                images[name] = rng.integers(0, 256, (48, 48), np.uint8)
                cv2.imwrite(str(place / name), images[name])
                lines.append(f'{name},"(0, 0, 48, 48)",{",".join(map(str, counts))}\n')
        (place / "label.csv").write_text("".join(lines))
    return images
