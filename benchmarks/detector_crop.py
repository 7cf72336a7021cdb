"""What a detector's crop costs: scores of a model on its test part, by the images as they were
stored for training, and by what each detector finds and cuts out of them.

    python benchmarks/detector_crop.py runs/demo --data_dir=data \
        --release=data/downloads/manual/reactionet_demo

With --release, the ReactioNet tree that was prepared, detectors look at its frames, and the faces
are cut by the landmarks of its OpenFace CSVs, too. Of a model of face crops that is the crop of
training; of a model of whole images it is what a detector is to be held against, since any face
that is looked for is put where the training images have theirs on average. Faces that are not found
count as "no action unit". About 25 minutes on two cores. Docs: docs/predict.md.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from drr_jax import data, errors, metrics, predict
from drr_jax.predict import finders, inputs, prepared
from drr_jax.predict.faces import Found


class Release:
    """The frames of the faces of a ReactioNet tree, and their landmarks."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._frames: dict[str, inputs.Images] = {}
        self._faces: dict[str, finders.OpenFaceFaces] = {}

    def _open(self, sequence: str) -> inputs.Images:
        if sequence not in self._frames:
            opened = inputs.open_input(str(self._root / sequence / "reaction"))
            assert isinstance(opened, inputs.Images)
            self._frames[sequence] = opened
        return self._frames[sequence]

    def picture(self, sequence: str, frame: int) -> inputs.Picture:
        """A frame as the camera had it."""
        return self._open(sequence).picture(int(frame))

    def faces(self, sequence: str, picture: inputs.Picture) -> Sequence[Found]:
        """The faces of a frame by OpenFace's landmarks."""
        if sequence not in self._faces:
            path = self._root / sequence / "openface.csv"
            self._faces[sequence] = finders.OpenFaceFaces(path, self._open(sequence), True)
        return self._faces[sequence].find(picture)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a run's folder or an exported one")
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--detectors", default="mtcnn", help="as --faces of predict, with commas")
    parser.add_argument("--release", type=Path, help="whose OpenFace CSVs have landmarks")
    args = parser.parse_args()
    model = predict.load(args.model)
    split = prepared.open_split(model, str(model.described["dataset"]), args.data_dir)
    found = prepared.answers(model, split)
    everyone = np.ones(len(found.label), np.float32)

    def f1(probability: np.ndarray) -> float:
        return float(
            metrics.f1(np.asarray(metrics.counts(probability, found.label, everyone))).mean()
        )

    whole = f1(found.probability)
    print(f"{len(everyone)} records of {', '.join(split.parts)}: F1 {whole:.4f} as stored")
    tree = Release(args.release) if args.release else None
    if tree:
        pictures = [tree.picture(*one) for one in zip(found.sequences, found.frames, strict=True)]
    else:
        side = model.crop.stored
        told = split.prepared, split.parts, side, split.names, model.task, model.inputs
        stored = data.Source(*told)
        images = [stored[row][model.inputs[0]] for row in range(len(stored))]
        pictures = [inputs.Picture("", n + 1, 0.0, image) for n, image in enumerate(images)]

    def cut_by(name: str, find: Callable[[str, inputs.Picture], Sequence[Found]]) -> None:
        """Scores the faces that `find` finds, the first of every picture."""
        probability, lost = np.zeros_like(found.probability), 0
        for row, picture in enumerate(tqdm(pictures, unit="record")):
            if faces := find(found.sequences[row], picture):
                assert picture.pixels is not None
                crop = model.crop.cut(picture.pixels, faces[0])[None]
                probability[row] = model.probabilities({model.inputs[0]: crop})[0]
            else:
                lost += 1
        score = f1(probability)
        print(f"{name}: F1 {score:.4f}, {100 * (score - whole):+.2f} points, {lost} not found")

    if tree:
        cut_by("landmarks", tree.faces)
    for name in args.detectors.split(","):
        kind, _, file = name.partition(":")
        finder = finders.Detected(kind, file, video=False, largest=True)
        cut_by(kind, lambda _, picture, finder=finder: finder.find(picture))


if __name__ == "__main__":
    errors.run(main)
