"""Writes a tiny MMI tree in the official formats, and says what it wrote."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Session:
    """A session to write; `frames` images or a clip of so many frames."""

    number: int
    name: str
    view: str
    emotion: str | None  # the attribute Value; None: no such tag
    frames: int
    still: bool = False
    coded: bool = False  # has AU codes


SESSIONS = (
    Session(1, "S001-101", "2", "1", 7),
    Session(2, "S003-102", "2", "2", 6),
    Session(3, "S004-103", "0", "3", 5, coded=True),
    Session(4, "S006-104", "0", "4", 4),
    Session(5, "S021-105", "0", "5", 3),
    Session(6, "S030-106", "0", "6", 2),
    Session(7, "S031-107", "0", "1", 2, still=True),
    Session(8, "S032-108", "0", "2", 5),
    Session(9, "S053-109", "0", "3", 5),
    Session(10, "S054-110", "0", "4,4", 5),
    Session(100, "S006-111", "1", "5", 5),
    Session(101, "S006-112", "0", "1 6", 5),  # two expressions
    Session(102, "S006-113", "0", "7", 5),  # another expression
    Session(103, "S006-114", "0", None, 5),
)
KEPT = SESSIONS[:10]


def write_mmi(root: Path) -> dict[str, np.ndarray]:
    """Writes the sessions; returns, by "session/clip", colours [frames, 2, 3] (RGB).

    The upper half of each frame has colour [frame, 0], in images of two views colour [frame, 0] on
    the left and [frame, 1] on the right; the lower half is black.
    """
    rng = np.random.default_rng(5)
    written = {}
    for session in SESSIONS:
        folder = root / "Sessions" / str(session.number)
        folder.mkdir(parents=True)
        colours = rng.integers(60, 240, (session.frames, 2, 3))
        media = f"{session.name}.{'jpg' if session.still else 'avi'}"
        annotations = [f"{session.name}.xml"]
        if session.coded:
            annotations.append(f"{session.name}-oao_aucs.xml")
            (folder / annotations[1]).write_text(
                '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotationSet>\n'
                '  <ActionUnit Number="12"><Marker Frame="2" Type="2"/></ActionUnit>\n'
                "</AnnotationSet>\n"
            )
        lines = [f'    <annotation filename="{name}" />' for name in annotations]
        text = [
            '<?xml version="1.0" encoding="ISO-8859-1"?>',
            f'<session sessionId="{session.number}">',
            f'  <subject id="{int(session.name[1:4])}" ethnicity="europ\xe9en" />',
            f'  <track trackNumber="0" type="Video" filename="{media}" view="{session.view}">',
            *lines,
            "  </track>",
            "</session>",
        ]
        (folder / "session.xml").write_bytes("\r\n".join(text).encode("latin-1"))
        emotion = (
            ""
            if session.emotion is None
            else f'<Metatag Name="Emotion" Value="{session.emotion}"/>'
        )
        (folder / f"{session.name}.xml").write_text(
            f'<?xml version="1.0"?>\n<AnnotationSet>\n  <Metatag Name="Clip" Value="9"/>\n'
            f"  {emotion}\n</AnnotationSet>\n"
        )
        images = [_image(pair, session.view == "2") for pair in colours]
        if session.still:
            cv2.imwrite(str(folder / media), images[0])
            for number, image in enumerate(images[1:], 2):
                cv2.imwrite(str(folder / f"{session.name}_{number}.jpg"), image)
        else:
            _write_clip(folder / media, images)
        written[f"{session.number}/{session.name}"] = colours
    return written


def _image(pair: np.ndarray, both: bool) -> np.ndarray:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = pair[0][::-1]
    image[: HEIGHT // 2, WIDTH // 2 :] = pair[1 if both else 0][::-1]
    return image


def _write_clip(path: Path, images: list[np.ndarray]) -> None:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for image in images:
        video.write(image)
    video.release()
