"""Writes a tiny DISFA+ tree in the format that public programs read, and says what it wrote."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
SUBJECTS = ["SN001", "SN003", "SN004", "SN007", "SN009", "SN010", "SN013", "SN025", "SN027"]
TRIALS = ("A1_AU1_TrailNo_1", "Y_HappyDescribed_TrailNo_2")
FRAMES, HEIGHT, WIDTH = 3, 36, 64
HEADER = "# Intensity of {au}\r\n-----------------\r\n"


def write_disfa_plus(root: Path, nested: bool = False) -> dict[str, dict[str, Any]]:
    """Returns, by SUBJECT/TRIAL, "intensity" [frames, 12] and "colours" [frames, 3] (RGB).

    nested: the folder of a subject lies in one of its name, as archives unpack.
    """
    rng = np.random.default_rng(6)
    written = {}
    for subject in SUBJECTS:
        inner = f"{subject}/{subject}" if nested else subject
        for trial in TRIALS:
            intensity = rng.integers(0, 6, (FRAMES, len(AUS)))
            colours = rng.integers(40, 220, (FRAMES, 3))
            images, labels = (root / kind / inner / trial for kind in ("Images", "Labels"))
            images.mkdir(parents=True)
            labels.mkdir(parents=True)
            (images / "TimeStamp.txt").write_text("0.0\n0.05\n0.1\n")
            for number, colour in enumerate(colours):
                image = np.full((HEIGHT, WIDTH, 3), colour[::-1], np.uint8)
                cv2.imwrite(str(images / f"{number:03d}.jpg"), image)
            for au, column in zip(AUS, intensity.T, strict=True):
                rows = [f"{number:03d}.jpg     {code}\r\n" for number, code in enumerate(column)]
                text = HEADER.format(au=f"AU{au}") + "".join(rows)
                (labels / f"AU{au}.txt").write_bytes(text.encode())
            written[f"{subject}/{trial}"] = {"intensity": intensity, "colours": colours}
    return written
