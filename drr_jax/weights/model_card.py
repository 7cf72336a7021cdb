"""The model card of an exported run: what it was trained on, how well it does, who may have it."""

from collections.abc import Mapping
from typing import Any

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
USE = """\
`drr_jax.weights.export.load(FOLDER)` returns parameters, config and tokenizer. A run whose encoder
of the face starts from these weights: `--config.model.encoders.R.weights=FOLDER`."""


def card(described: Mapping[str, Any]) -> str:
    """README.md, as Markdown, from config.json of an exported folder."""
    config, results = described["config"], described["results"]
    system, size = config.get("model", {}).get("name", "drr"), config["data"]["image_size"]
    facts = {
        "task": f"{config['task']}, {len(described['classes'])} classes",
        "system": f"{system}, domains {config['domains']}, prediction {config['predict']}",
        "encoder": f"{config['encoder']['backbone']}, width {config['encoder']['width']}",
        "images": f"{size}x{size} pixels",
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
        f"# {system} on {described['dataset']}",
        RENDERED if described["rendered"] else "",
        "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items() if v)]),
        "## Scores on the test part",
        _scores(results) if results else "This checkpoint was not evaluated.",
        "## Licence",
        LICENCE,
        "## Use",
        USE,
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _scores(results: Mapping[str, Any]) -> str:
    """F1 and accuracy of every class and their means; top-1 accuracy where one class is right."""
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
