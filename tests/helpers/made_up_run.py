"""A made-up finished run and samples of its test part, for the report to draw."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from drr_jax import metrics
from drr_jax.facs import labels as facs
from drr_jax.report.samples import choose_samples

NAMES = facs.REACTIONET_AUS_12
TIME = {"import": 2.0, "data": 1.0, "devices": 0.5, "init": 1.5, "compile": 12.4}
TIME |= {"input": 15.0, "step": 120.0, "host": 6.0, "evaluation": 30.0, "checkpoint": 4.0}
HOSTILE = '<script>alert("x")</script> a man & his dog'


def scores(seed: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Correlated labels and probabilities that follow them, some better than others."""
    rng = np.random.default_rng(seed)
    prior = np.asarray(facs.au_prior(NAMES), float)
    latent = rng.normal(size=(rows, 12)) @ (0.35 * prior + 0.4 * np.eye(12))
    cut = [np.quantile(latent[:, n], 0.65 + 0.02 * n) for n in range(12)]
    label = (latent > cut).astype(np.int8)
    logit = (2.2 * label - 1.4) * np.linspace(1.3, 0.5, 12) + rng.normal(size=(rows, 12))
    label[rng.random((rows, 12)) < 0.02] = -1
    return (1 / (1 + np.exp(-logit))).astype(np.float32), label


def face(rng: np.random.Generator, size: int) -> np.ndarray:
    """A disc with eyes and a mouth on a plain ground: enough to see where a map lies."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    image = np.empty((size, size, 3))
    image[:] = rng.integers(60, 200, 3)
    image[x**2 / 0.12 + y**2 / 0.19 < 1] = rng.integers(120, 230, 3)
    for side in (-0.15, 0.15):
        image[(x - side) ** 2 + 2 * (y + 0.1) ** 2 < 0.003] = 30
    image[x**2 / 0.02 + (y - 0.22) ** 2 / 0.002 < 1] = (150, 40, 40)
    return image.astype(np.uint8)


def make_samples(seed: int = 0, count: int = 24, size: int = 96) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability, label = scores(seed)
    rows = choose_samples(probability, label, np.arange(len(label)), count)
    blocks = rng.integers(0, 255, (len(rows), 8, 8, 3), np.uint8)
    cell = np.stack([*np.mgrid[:8, :8]], -1) + 0.5

    def attention() -> np.ndarray:
        centre = rng.uniform(1.5, 6.5, (len(rows), 1, 1, 12, 2))
        bump = np.exp(-((cell[:, :, None] - centre) ** 2).sum(-1) / rng.uniform(2, 8)) + 0.02
        return (bump / bump.sum((1, 2), keepdims=True)).astype(np.float32)

    caption = "a man in a red shirt kicks the ball past the goal##keeper while the crowd cheers"
    tokens = np.zeros((len(rows), 32), "<U16")
    split = ["[CLS]", *caption.replace("##", " ##").split(), "[SEP]"]
    tokens[:, : len(split)] = split
    over = rng.dirichlet(np.full(len(split), 0.5), (len(rows), 12)).transpose(0, 2, 1)
    prototype = np.maximum(0, rng.normal(size=(12, 64)) + 0.8 * rng.normal(size=64))
    prototype = (np.asarray(facs.au_prior(NAMES), float) + 2 * np.eye(12)) @ prototype
    unit = prototype / np.linalg.norm(prototype, axis=1, keepdims=True)
    prior = np.asarray(facs.au_prior(NAMES), np.float32)
    return {
        "reaction": np.stack([face(rng, size) for _ in rows]),
        "stimulus": np.kron(blocks, np.ones((1, size // 8, size // 8, 1), np.uint8)),
        "caption": np.array([HOSTILE] + [caption.replace("##", "")] * (len(rows) - 1)),
        "caption_tokens": tokens,
        "attention_R": attention(),
        "attention_S": attention(),
        "attention_T": np.pad(over, ((0, 0), (0, 32 - len(split)), (0, 0))).astype(np.float32),
        "probability": probability[rows],
        "label": label[rows],
        "sequence": np.array([f"sport/soccer/task_{i % 5:02d}/seq_{i:03d}" for i in rows]),
        "frame": np.asarray(rows) * 7,
        "prototype": prototype.astype(np.float32),
        "prototype_relation": (unit @ unit.T).astype(np.float32),
        "relation_homophily": np.kron(np.ones((3, 3), np.float32), np.eye(12, dtype=np.float32)),
        "relation_heterophily": np.kron(np.ones((3, 3), np.float32), prior),
        "all_probability": probability,
        "all_label": label,
    }


def result(seed: int, fold: int) -> dict:
    probability, label = scores(seed)
    weight = jnp.ones(len(label))
    total = np.asarray(metrics.counts(jnp.asarray(probability), jnp.asarray(label), weight))
    head = {"dataset": "reactionet/demo", "fold": fold, "selection": "last", "step": 300}
    return head | metrics.summary(total, NAMES)


def make_run(workdir: Path, folds: bool = False) -> Path:
    workdir.mkdir(exist_ok=True, parents=True)

    def write(name: str, value: dict) -> None:
        (workdir / name).write_text(json.dumps(value))

    config = {"data": {"name": "reactionet/demo", "batch_size": 64}, "domains": "RST"}
    config |= {"predict": "reaction", "seed": 0}
    write("config.json", config)
    record = {
        "dataset": "reactionet/demo",
        "version": "1.0.0",
        "fingerprint": "9f2c" * 16,
        "rendered": True,
        "title": "DRR (RST)",
        "test_inputs": ["reaction"],
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "device": "1 x cpu",
        "jax": "0.10.2",
        "python": "3.11.2",
        "started": "2026-11-23T18:40:00+00:00",
        "seconds": 187.4,
        "time": TIME,
        "start": {"until_first_step": 6.1},
        "steps": 300,
        "parameters": 3_145_728,
        "test_parts": ["part1", "part2", "part3"] if folds else ["part1"],
        "au_names": list(NAMES),
        "class_prior": np.asarray(facs.au_prior(NAMES), int).tolist(),
    }
    write("run.json", record)
    if folds:
        each = [result(seed, seed) for seed in range(3)]
        head = {"dataset": "reactionet/demo", "fold": "all", "selection": "last", "folds": each}
        write("results.json", head | metrics.fold_table(each))
    else:
        write("results.json", result(0, 0))
        write("results-best.json", result(5, 0) | {"selection": "best", "step": 250})
    places = [workdir / f"fold{k}" for k in range(3)] if folds else [workdir]
    for seed, place in enumerate(places):
        place.mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        lines = []
        for step in range(5, 301, 5):
            fall = np.exp(-step / 120)
            part = {f"loss/{d}": 0.35 + 0.6 * fall + 0.04 * rng.normal() for d in ("R", "S", "T")}
            part |= {"loss/graph": 0.3 + 0.7 * fall, "loss/contrast": 4.5 + 1.5 * fall}
            part["loss"] = sum(part.values()) - 0.9 * part["loss/contrast"]
            part |= {"lr": 0.01 if step < 150 else 0.001, "grad_norm": 1 + 3 * fall * rng.random()}
            lines.append({"step": step, "epoch": step // 50, "steps_per_second": 1.7, **part})
            if step % 50 == 0:
                f1 = 0.74 - 0.03 * seed - 0.5 * fall
                lines.append({"step": step, "eval/f1_mean": f1, "eval/accuracy_mean": 0.8})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (place / "metrics.jsonl").write_text(text + '{"step": 305, "lo')  # killed while writing
    return workdir
