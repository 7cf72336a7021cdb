"""What a detector's crop costs: scores of a model on its test part, by the images as they were
stored for training, and by what each detector finds and cuts out of them.

    python benchmarks/detector_crop.py runs/demo --data_dir=data

Faces that a detector does not find count as "no action unit". Docs: docs/predict.md.
"""

import argparse

import numpy as np
from tqdm import tqdm

from drr_jax import data, metrics, predict
from drr_jax.predict import finders, inputs, prepared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a run's folder or an exported one")
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--detectors", default="mtcnn")
    args = parser.parse_args()
    model = predict.load(args.model)
    split = prepared.open_split(model, str(model.described["dataset"]), args.data_dir)
    found = prepared.answers(model, split)
    everyone = np.ones(len(found.label), np.float32)

    def f1(probability: np.ndarray) -> float:
        return float(
            metrics.f1(np.asarray(metrics.counts(probability, found.label, everyone))).mean()
        )

    stored = data.Source(
        split.prepared, split.parts, model.crop.stored, split.names, model.task, model.inputs
    )
    whole = f1(found.probability)
    print(f"{len(stored)} records of {', '.join(split.parts)}: F1 {whole:.4f} as stored")
    for name in args.detectors.split(","):
        probability, lost = np.zeros_like(found.probability), 0
        finder = finders.Detected(name, "", video=False, largest=True)
        for row in tqdm(range(len(stored)), unit="record"):
            image = stored[row][model.inputs[0]]
            faces = finder.find(inputs.Picture("", row + 1, 0.0, image))
            if not faces:
                lost += 1
                continue
            crop = model.crop.cut(image, faces[0])[None]
            probability[row] = model.probabilities({model.inputs[0]: crop})[0]
        score = f1(probability)
        print(f"{name}: F1 {score:.4f}, {100 * (score - whole):+.2f} points, {lost} not found")


if __name__ == "__main__":
    main()
