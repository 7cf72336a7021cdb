"""The model card of an exported run: what it was trained on, how well it does, who may have it.

Above the text stands the metadata that the Hugging Face hub reads, as YAML.
"""

from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from drr_jax import levels
from drr_jax.metrics import occurring_f1, task_of

SELECTED = {
    "last": "the last one",
    "best": "the best by the test part's own score, hence optimistic",
    "validation": "the best on the validation part",
}
RENDERED = "Trained on rendered images: no person is shown, and scores say nothing about people."
LICENCE = """\
The code is Apache-2.0. Weights trained on gated data may not be redistributable: ask the data set's
owners before handing them on. Weights trained on the rendered demo release are free to use."""
INTENDED = """\
Research on facial behaviour: {what} in images and videos of faces that are cut out as the training
images were. Not for decisions about people: what a face shows is not what a person feels or is."""
LIMITS = """\
Scores are those of one data set, with its cameras, light, ages and coders; on other recordings they
are lower. Differences between groups of people, where the data set tells who is who, stand in
`config.json` under `results`, `people`."""
USE = """\
```python
import drr_jax

model = drr_jax.load("FOLDER")  # or "hf:ORG/NAME@REVISION"
table = model.predict("video.mp4")
```

`drr predict --model=FOLDER --input=video.mp4 --out=DIR` writes the same as CSV. A run
whose encoder of the face starts from these weights:
`--config.model.encoders.R.weights=FOLDER`."""
TITLES = {
    "au": "facial action units",
    "intensity": "intensities of facial action units",
    "expression": "facial expressions",
    "scene": "the scene that a person watches",
}


def card(described: Mapping[str, Any]) -> str:
    """README.md, as Markdown, from config.json of an exported folder."""
    config, results = described["config"], described["results"]
    system, size = config.get("model", {}).get("name", "drr"), config["data"]["image_size"]
    facts = {
        "task": f"{config['task']}, {len(described['classes'])} classes",
        "system": f"{system}, domains {config['domains']}, prediction {config['predict']}",
        "encoder": f"{config['encoder']['backbone']}, width {config['encoder']['width']}",
        "images": f"{size}x{size} pixels",
        "faces": _crop(described.get("crop")),
        "counted as present": _thresholds(described),
        "normalised by": "; ".join(
            f"{domain}: mean {by['mean']}, deviation {by['std']} of grey levels of 0 to 1"
            for domain, by in described.get("normalisation", {}).items()
        ),
        "parameters": f"{described['parameters']:,}",
        "started from": "; ".join(f"{d}: {w}" for d, w in described["weights"].items()),
        "data set": f"{described['dataset']} {described['dataset_version']}, fingerprint "
        f"{described['fingerprint'][:16]}",
        "protocol": f"fold {described['fold']}, tested on {', '.join(described['test_parts'])}",
        "checkpoint": f"step {described['step']}, {SELECTED[described['selection']]}",
        "seed": f"{config['seed']}",
        "code": f"drr-jax, commit {described['commit'] or 'unknown'}",
    }
    sections = [
        f"---\n{_metadata(described)}\n---",
        f"# {system} on {described['dataset']}",
        RENDERED if described["rendered"] else "",
        "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items() if v)]),
        "## Scores on the test part",
        _scores(results) if results else "This checkpoint was not evaluated.",
        "## Intended use",
        INTENDED.format(what=TITLES[config["task"]]),
        "## Limits",
        (f"{RENDERED} " if described["rendered"] else "") + LIMITS,
        "## Licence",
        LICENCE,
        "## Use",
        USE,
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _metadata(described: Mapping[str, Any]) -> str:
    """What the hub reads of a card: tags, data set, scores, licence."""
    config, results = described["config"], described["results"]
    scores = {}
    if results and config["task"] == levels.TASK:
        scores = {kind: results[f"{kind}_mean"] for kind in levels.MEASURES}
    elif results:
        scores["f1"] = results["f1_mean"]
        scores["accuracy"] = results.get("accuracy", results["accuracy_mean"])
    kind_of_task = f"image-{'regression' if config['task'] == levels.TASK else 'classification'}"
    name, dataset = str(config.get("model", {}).get("name", "drr")), described["dataset"]
    judged = [
        EvalResult(
            task_type=kind_of_task,
            dataset_type=dataset,
            dataset_name=f"{dataset} {described['dataset_version']}, fold {described['fold']}",
            metric_type=kind,
            metric_value=round(value, 4),
            metric_name=f"{kind}, mean of {len(described['classes'])} classes",
        )
        for kind, value in scores.items()
    ]
    data = ModelCardData(
        library_name="drr-jax",
        license="apache-2.0" if described["rendered"] else "other",
        license_name=None if described["rendered"] else "terms-of-the-data-set",
        pipeline_tag="image-classification",  # the hub has none for regression on images
        tags=["jax", "flax", "faces", TITLES[config["task"]].replace(" ", "-"), "reactionet"],
        metrics=list(scores) or None,
        model_name=name if judged else None,
        eval_results=judged or None,
        datasets=[dataset],
    )
    return data.to_yaml()


def _crop(crop: Mapping[str, Any] | None) -> str:
    """How training images were made of faces."""
    if not crop:
        return ""
    if crop["kind"] == "face":
        return (
            f"cut out by landmarks or a box, margin {crop['margin']:g}, version {crop['version']}"
        )
    return f"whole images ({crop['fit']})"


def _thresholds(described: Mapping[str, Any]) -> str:
    """From which probability a class counts."""
    values, origin = described.get("thresholds"), described.get("thresholds_from", "")
    if not values:
        return origin
    if len(set(values.values())) == 1:
        return f"from {next(iter(values.values())):g}"
    return (
        "from "
        + ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        + (f" ({origin})")
    )


def _scores(results: Mapping[str, Any]) -> str:
    """F1 and accuracy of every class and their means; top-1 accuracy where one class is right.

    Of intensities their agreement and errors.
    """
    if task_of(results) == levels.TASK:
        return _levels(results)
    rows = [
        f"| {name} | {row['f1']:.3f} | {row['accuracy']:.3f} | {row['positives']} of "
        f"{row['count']} |"
        for name, row in results[task_of(results)].items()
    ]
    mean, top = f"| mean | {results['f1_mean']:.3f} | {results['accuracy_mean']:.3f} | |", ""
    if "accuracy" in results:
        occurring = occurring_f1(results[task_of(results)])
        mean += f"\n| mean of the classes that occur | {occurring:.3f} | | |"
        top = f"\n\nTop-1 accuracy: {results['accuracy']:.3f}"
    head = ["| class | F1 | accuracy | positives |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, mean]) + top


def _levels(results: Mapping[str, Any]) -> str:
    """ICC(3,1), MSE, MAE and PCC of every action unit and their means, beside always saying 0."""
    block = results[levels.TASK]
    rows = [
        f"| {name} | "
        + " | ".join(f"{row[key]:.3f}" for key in (*levels.MEASURES, "zero_mse"))
        + f" | {row['count']} |"
        for name, row in block.items()
    ]
    means = (results[f"{key}_mean"] for key in (*levels.MEASURES, "zero_mse"))
    head = [
        "| class | ICC(3,1) | MSE | MAE | PCC | MSE of always 0 | labels |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, f"| mean | {' | '.join(f'{m:.3f}' for m in means)} | |"])
