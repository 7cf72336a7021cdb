"""Writes tiny AffectNets in both official layouts, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)
HEIGHT, WIDTH = 60, 80
# split, code, box, valence, arousal
ROWS: list[tuple[str, int, tuple[int, int, int, int] | None, float, float]] = [
    ("train", 0, (10, 10, 40, 40), 0.0, 0.016949),
    ("train", 1, (30, 20, 60, 60), 0.785714, -0.0555556),  # over the right and lower edge
    ("train", 7, (10, 10, 40, 40), -0.6, 0.3),
    ("train", 2, (-10, -20, 50, 60), -1.0, 1.0),  # over the left and upper edge
    ("train", 10, None, -2.0, -2.0),
    ("train", 3, (0, 0, 80, 60), -2.0, -2.0),
    ("test", 4, (20, 10, 30, 40), -0.25, 0.5),
    ("test", 5, (20, 10, 30, 40), -0.7, 0.2),
    ("test", 6, (20, 10, 30, 40), -0.4, 0.8),
    ("test", 9, None, -2.0, -2.0),
]


def write_2017(root: Path, header: bool = True) -> list[np.ndarray]:
    """Images (RGB) of all rows; each is white outside of its box. validation.csv may lack its
    header, as copies of it do.
    """
    rng = np.random.default_rng(8)
    lines: dict[str, list[str]] = {"train": [HEADER], "test": [HEADER] if header else []}
    images = []
    for number, (split, code, box, valence, arousal) in enumerate(ROWS):
        image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        colour = rng.integers(20, 200, 3)
        left, top, width, height = box or (0, 0, WIDTH, HEIGHT)
        image[max(top, 0) : top + height, max(left, 0) : left + width] = colour
        suffix = (".jpg", ".JPG", ".png", ".bmp")[number % 4]
        name = f"{600 + number % 3}/{number:032x}{suffix}"
        path = root / "Manually_Annotated_Images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 100] if suffix.lower() == ".jpg" else []
        cv2.imwrite(str(path), image[..., ::-1], quality)
        cells = [str(cell) for cell in box] if box else ["NULL"] * 4
        points = ";".join(f"{x:.2f}" for x in rng.uniform(0, 60, 136))
        values = [points, str(code), f"{valence:g}", f"{arousal:g}"]
        lines[split].append(",".join([name, *cells, *values]))
        images.append(image)
    folder = root / "Manually_Annotated_file_lists"
    folder.mkdir()
    (folder / "training.csv").write_bytes(("\r\n".join(lines["train"]) + "\r\n").encode())
    (folder / "validation.csv").write_text("\n".join(lines["test"]) + "\n")
    (root / "Automatically_Annotated_file_lists").mkdir()
    (root / "Automatically_Annotated_file_lists/automatically_annotated.csv").write_text(HEADER)
    return images


def write_2021(root: Path) -> list[np.ndarray]:
    """Images (RGB) of all rows; numbers go from 0 in each set; some arrays hold texts."""
    rng = np.random.default_rng(9)
    images, numbers = [], {"train": 0, "test": 0}
    for split, code, _, valence, arousal in ROWS:
        number = numbers[split]
        numbers[split] += 1
        folder = root / {"train": "train_set", "test": "val_set"}[split]
        for name in ("images", "annotations"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        images.append(np.full((24, 24, 3), rng.integers(20, 200, 3), np.uint8))
        cv2.imwrite(str(folder / f"images/{number}.jpg"), images[-1][..., ::-1])
        values: dict[str, Any] = {"exp": code, "val": valence, "aro": arousal}
        for key, value in values.items():
            array = np.array(value if number % 3 else str(value))  # 0-d texts, as in the release
            if number == 4:
                array = np.array([str(value).encode()])
            np.save(folder / f"annotations/{number}_{key}.npy", array)
        points = rng.uniform(0, 24, 136)
        np.save(folder / f"annotations/{number}_lnd.npy", points)
    return images
