"""The frames of one ReactioNet sequence: images, labels and measurements by number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drr_jax.facs import REACTIONET_AUS, SCENES
from tfds_reactionet import reading
from tfds_reactionet.building import Frame
from tfds_reactionet.reactionet import labels, layout
from tfds_reactionet.reactionet.sound import Track

_MEASURED = {"intensity": (17,), "head_pose": (6,), "gaze": (8,), "landmarks": (68, 2)}


@dataclass(frozen=True)
class Frames:
    """The frames of a sequence, by rising number; labels are read for those asked for."""

    sequence: layout.Sequence
    sides: Mapping[str, layout.Side]  # by the name of the image in a record
    keyframes: labels.KeyFrames | None  # by the numbers of the images
    faces: reading.OpenFaceFile | None
    offset: int  # number of an image minus frame of `faces`
    lag: int  # number of a reaction image minus that of its stimulus image
    sound: Track | None  # None: records have none
    numbers: list[int]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice, /) -> list[Frame]:
        numbers = self.numbers[rows]
        occurrence, expression, manual = self.labels(numbers)
        measured = self._measurements(numbers)
        scene, sub_scene, *_ = self.sequence.key.split("/")
        return [
            Frame(
                number,
                self.sides["reaction"].pixels(number),
                occurrence=occurrence[row],
                intensity=measured["intensity"][row],
                expression=int(expression[row]),
                landmarks=_known(measured["landmarks"][row]),
                stimulus=self.sides["stimulus"].pixels(number - self.lag),
                depth=self.sides["depth"].pixels(number) if "depth" in self.sides else None,
                thermal=self.sides["thermal"].pixels(number) if "thermal" in self.sides else None,
                sound=self.sound,
                extra={
                    "caption": caption,
                    "scene": SCENES.index(scene),
                    "sub_scene": sub_scene,
                    "head_pose": measured["head_pose"][row],
                    "gaze": measured["gaze"][row],
                },
                automatic=not manual[row],
            )
            for row, (number, caption) in enumerate(zip(numbers, self.captions[rows], strict=True))
        ]

    def labels(self, numbers: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Occurrence [frames, 17], expression [frames], manual [frames]; manual labels win."""
        occurrence = np.full((len(numbers), len(REACTIONET_AUS)), -1, np.int8)
        expression = np.full(len(numbers), -1, np.int64)
        manual = np.zeros(len(numbers), bool)
        wanted, faces = np.array(numbers, np.int64), self.faces
        if faces is not None:
            found = np.isin(wanted - self.offset, faces.frames[faces.found])
            occurrence[found] = faces.occurrence(wanted[found] - self.offset)
        if self.keyframes is not None:
            manual = np.isin(wanted, self.keyframes.frames)
            rows = np.searchsorted(self.keyframes.frames, wanted[manual])
            occurrence[manual] = self.keyframes.occurrence[rows]
            expression[manual] = self.keyframes.expression[rows]
        return occurrence, expression, manual

    def _measurements(self, numbers: list[int]) -> dict[str, np.ndarray]:
        """Intensity, head pose, gaze and landmarks; NaN where OpenFace found no face."""
        wanted, faces = np.array(numbers, np.int64) - self.offset, self.faces
        measured = {
            name: np.full((len(wanted), *shape), np.nan, np.float32)
            for name, shape in _MEASURED.items()
        }
        if faces is not None:
            rows = np.isin(wanted, faces.frames[faces.found])
            found = faces.faces(wanted[rows])
            for name, values in measured.items():
                values[rows] = getattr(found, name)
        return measured


def _known(landmarks: np.ndarray) -> np.ndarray | None:
    """Landmarks, or None if they are not known: where the face was not found."""
    return landmarks if np.isfinite(landmarks).all() else None
