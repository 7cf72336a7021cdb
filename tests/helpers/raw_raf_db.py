"""Writes a tiny RAF-DB in the official formats, as folders or zips, or as the mirror has it."""

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# name: label, gender, race, age
IMAGES = {
    "train_00001": (5, 1, 0, 2),
    "train_00002": (1, 0, 2, 4),
    "train_12271": (7, 2, 1, 0),
    "train_00010": (3, 0, 0, 3),
    "test_0001": (4, 1, 0, 1),
    "test_0002": (6, 0, 1, 2),
    "test_3068": (2, 1, 2, 3),
}
SIZE = (60, 80)  # of the original images


def write_raf_db(root: Path, zips: bool = False, landmarks: bool = True) -> dict[str, Any]:
    """Returns, by name, "aligned" and "original" colours (RGB), "landmarks" [5, 2] and "box"."""
    rng = np.random.default_rng(6)
    written: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name in IMAGES:
        colours = rng.integers(30, 220, (2, 3))
        aligned = np.full((100, 100, 3), colours[0][::-1], np.uint8)
        original = np.full((*SIZE, 3), colours[1][::-1], np.uint8)
        files[f"Image/aligned/{name}_aligned.jpg"] = _jpeg(aligned)
        files[f"Image/original/{name}.jpg"] = _jpeg(original)
        points = np.array([(30, 20), (50, 20), (40, 30), (32, 42), (48, 42)]) + rng.random((5, 2))
        points = points.round(3)
        box = (22, 10, 58, 55)
        lines = [f"{x:.3f}\t{y:.3f}" for x, y in points]
        if name == "test_0002":  # blanks instead of tabs
            lines = [line.replace("\t", " ") for line in lines]
        person = [str(value) for value in IMAGES[name][1:]]
        if landmarks:
            attributes = "\n".join([*lines, *person]) + "\n"
            files[f"Annotation/manual/{name}_manu_attri.txt"] = attributes.encode()
        text = " ".join(map(str, box)) + " \r\n"
        files[f"Annotation/boundingbox/{name}_boundingbox.txt"] = text.encode()
        auto = "".join(f"{x}\t{x}\n" for x in range(37))
        files[f"Annotation/auto/{name}_auto_attri.txt"] = auto.encode()
        written[name] = {"aligned": colours[0], "original": colours[1], "landmarks": points}
    lines = [f"{name}.jpg {values[0]}" for name, values in IMAGES.items()]
    (root / "EmoLabel").mkdir(parents=True)
    (root / "EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")
    for name, content in files.items():
        outer, kind, file = name.split("/")
        (root / outer).mkdir(exist_ok=True)
        if zips:
            with zipfile.ZipFile(root / outer / f"{kind}.zip", "a") as archive:
                archive.writestr(f"{kind}/{file}", content)
        else:
            (root / outer / kind).mkdir(exist_ok=True)
            (root / name).write_bytes(content)
    return written


def write_mirror(root: Path, tables: bool = True) -> dict[str, np.ndarray]:
    """DATASET/train/5/train_00001_aligned.jpg ...; returns the colours by name."""
    rng = np.random.default_rng(7)
    colours = {}
    for name, (label, *_) in IMAGES.items():
        colours[name] = rng.integers(30, 220, 3)
        folder = root / "DATASET" / name.split("_")[0] / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        image = np.full((100, 100, 3), colours[name][::-1], np.uint8)
        (folder / f"{name}_aligned.jpg").write_bytes(_jpeg(image))
    for split in ("train", "test"):
        for label in range(1, 8):
            (root / "DATASET" / split / str(label)).mkdir(exist_ok=True)
    if tables:
        for split in ("train", "test"):
            rows = [f"{n}_aligned.jpg,{v[0]}" for n, v in IMAGES.items() if n.startswith(split)]
            text = "\n".join(["image,label", *rows]) + "\n"
            (root / f"{split}_labels.csv").write_text(text)
    return colours


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
