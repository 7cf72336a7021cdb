"""Writes tiny EmotioNets in the official formats, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

SITE = "https://s3.us-east-2.amazonaws.com/emotionet/Images"
# folder and name of each image; a name that occurs in two folders, one image that is not there
IMAGES = [
    ("N_0000000001", "N_0000000001_00001.jpg"),
    ("N_0000000001", "N_0000000001_00002.jpg"),
    ("N_0000001149", "N_0000001149_00039.jpg"),
    ("a", "same.jpg"),
    ("b", "same.jpg"),
    ("N_0000000007", "N_0000000007_00001.JPG"),
    ("N_0000000007", "N_0000000007_gone.jpg"),
    ("N_0000000008", "N_0000000008_00001.jpg"),
]
GONE = 6
CODED = (1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, 51, 52, 53, 54, 55, 56)


def values(seed: int, aus: int) -> np.ndarray:
    """Labels [images, aus] of 0, 1 and 999, every one of them in each row."""
    found = np.random.default_rng(seed).choice([0, 1, 999], (len(IMAGES), aus))
    found[:, :3] = (0, 1, 999)
    return found


def url(number: int, quote: str = "'") -> str:
    folder, name = IMAGES[number]
    return f"{quote}{SITE}/{folder}/{name}{quote}"


def write_images(root: Path, flat: bool = False) -> list[np.ndarray]:
    """Colours (RGB) of the images; flat ones lie in one folder, except those of one name."""
    rng = np.random.default_rng(10)
    colours = []
    for number, (folder, name) in enumerate(IMAGES):
        colours.append(rng.integers(20, 230, 3))
        if number == GONE:
            continue
        place = root / "images" if flat and name != "same.jpg" else root / "images" / folder
        place.mkdir(parents=True, exist_ok=True)
        image = np.full((20, 30, 3), colours[-1][::-1], np.uint8)
        cv2.imwrite(str(place / name), image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    return colours


def header(quote: str = "'") -> list[str]:
    return ["URL", "URL orig", *(f"{quote}AU {au}{quote}" for au in CODED)]


def write_workbook(path: Path, labels: np.ndarray) -> None:
    """Two sheets of rows, and one of notes; numbers are numbers, texts and floats."""
    book = openpyxl.Workbook()
    notes: Any = book.active
    notes.append(["EmotioNet", None, "read the licence"])
    for title, rows in (("first", range(5)), ("second", range(5, len(IMAGES)))):
        sheet = book.create_sheet(title)
        sheet.append([f" '{name.strip(chr(39))}' " for name in header()])
        for number in rows:
            codes: list[Any] = labels[number].tolist()
            codes[4], codes[5] = str(codes[4]), float(codes[5])
            sheet.append([url(number), "'http://example.com/a,b.jpg'", *codes])
        sheet.append([None, " "])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def write_csv(path: Path, labels: np.ndarray) -> None:
    """As an export of the workbook: quoted URLs, with a comma in one, and CRLF."""
    lines = [",".join(header())]
    for number, codes in enumerate(labels):
        cells = [url(number), "'http://example.com/it's,b.jpg'", *map(str, codes)]
        lines.append(",".join(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())


def write_lists(root: Path, labels: np.ndarray) -> None:
    """dataFile_0001.txt and dataFile_0002.txt with 60 AUs and no header."""
    folder = root / "emotioNet_challenge_files_server_challenge_1.2_aws"
    folder.mkdir(parents=True)
    for file, rows in ((1, range(3)), (2, range(3, len(IMAGES)))):
        lines = [
            "\t".join([url(number, ""), "http://example.com/x", *map(str, labels[number])])
            for number in rows
        ]
        (folder / f"dataFile_{file:04d}.txt").write_text("\n".join(lines) + "\n")
