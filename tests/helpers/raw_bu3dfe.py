"""Writes a tiny BU-3DFE tree in the official formats, and says what it wrote."""

from pathlib import Path

import cv2
import numpy as np

SUBJECTS = (*(f"F{n:04d}" for n in range(1, 10)), "M0002")  # parts 1 to 9; M0002 is in part 8
EXTRA = "F0010"  # of part 10
CODES = ("AN", "DI", "FE", "HA", "SA", "SU")
SIDE = 64


def write_bu3dfe(root: Path) -> dict[tuple[str, int], np.ndarray]:
    """Angry, sad and neutral scans of every subject; returns RGB images by (subject, number).

    Number = 4 * expression + level - 1; 24 is neutral. F0001 has all 25 scans.
    """
    rng = np.random.default_rng(7)
    written = {}
    for subject in (*SUBJECTS, EXTRA):
        folder = root / subject
        folder.mkdir(parents=True)
        wanted = range(24) if subject == "F0001" else (0, 3, 17)
        names = {n: f"{CODES[n // 4]}{n % 4 + 1:02d}" for n in wanted} | {24: "NE00"}
        race = "WH" if subject < "F0005" else "AE"
        for number, name in names.items():
            stem = f"{subject}_{name}{race}"
            colours = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            image = cv2.resize(colours, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(folder / f"{stem}_F2D.bmp"), image)
            cv2.imwrite(str(folder / f"{stem}_F3D.bmp"), 255 - image)  # the mesh's texture
            write_wrl(folder / f"{stem}_F3D.wrl", f"{stem}_F3D.bmp", right=number == 24)
            (folder / f"{stem}_F3D.bnd").write_text("1 2.0 3.0 4.0\n")
            (folder / f"{stem}_RAW.wrl").write_text("#VRML V2.0 utf8\n")
            (folder / f"{stem}_RAW.pse").write_text("0 0 0\n")
            written[subject, number] = image[..., ::-1]
    return written


def write_wrl(path: Path, texture: str, right: bool = False) -> None:
    """A pyramid over a square of 160 mm; its tip is in the middle, or in the upper right."""
    x, y = (60, 60) if right else (0, 0)
    points = ["-80 -80 0", "80 -80 0", "80 80 0", "-80 80 0", f"{x} {y} 50"]
    path.write_bytes(
        "\r\n".join(
            [
                "#VRML V2.0 utf8",
                "# Tricorder Technology plc - 2000",
                "Shape { appearance Appearance {",
                f'  texture ImageTexture {{ url "{texture}" }} }}',
                "  geometry IndexedFaceSet { coord Coordinate { point [",
                *(f"    {point}," for point in points),
                "  ] }",
                "  coordIndex [ 0, 1, 4, -1, 1, 2, 4, -1, 2, 3, 4, -1, 3, 0, 4, -1 ]",
                "  texCoord TextureCoordinate { point [ 0.1 0.1, 0.9 0.1, 0.5 0.5 ] }",
                "  texCoordIndex [ 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2, -1 ]",
                "} }",
                'Viewpoint { position 0 0 500 description "front" }',
            ]
        ).encode()
    )
