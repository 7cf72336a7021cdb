"""Single tuples in the report: attention over face, stimulus and caption; best and worst."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib import colormaps
from PIL import Image

from drr_jax import pages
from drr_jax.facs import DOMAINS, FACE_DOMAINS, IMAGES, OCCURS_FROM, SOFTMAX_TASKS, SOUND
from drr_jax.report.samples import Run, Samples, occurrence, record_loss

TUPLES, UNITS = 4, 3  # tuples shown with attention, AUs shown for each
MARKS = ("", "[PAD]", "[CLS]", "[SEP]", "<pad>", "<s>", "</s>")
FLOOR = 4.0  # full colour needs at least this many times the attention of an even spread


def heat(
    image: UInt8[np.ndarray, "height width 3"], attention: Float[np.ndarray, "rows columns"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Lays attention over a grey copy of its image: grey is little, yellow is much."""
    height, width = image.shape[:2]
    soft = Image.fromarray(lit(attention)).resize((width, height), Image.Resampling.BICUBIC)
    value = np.clip(np.asarray(soft), 0, 1)[..., None]
    grey = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    colour = colormaps["inferno"](0.3 + 0.65 * value[..., 0])[..., :3] * 255
    alpha = 0.72 * value
    return np.clip(grey[..., None] * (1 - alpha) + colour * alpha, 0, 255).astype(np.uint8)


def lit(attention: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """How bright attention is drawn, 0 to 1: a map that looks everywhere looks flat."""
    times = _over_even(attention)
    return np.clip(times / max(float(times.max()), FLOOR), 0, 1)


def _over_even(attention: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Attention as a multiple of an even spread; by a sigmoid it does not add up to 1 by itself."""
    attention = np.asarray(attention, np.float32)
    return attention * attention.size / max(float(attention.sum()), 1e-9)


def words(tokens: Sequence[str], attention: Float[np.ndarray, "tokens"]) -> list[tuple[str, float]]:
    """Whole words and their attention: pieces (##ing) joined, padding and marks left out."""
    merged: list[tuple[str, float]] = []
    for token, value in zip((str(t) for t in tokens), attention, strict=True):
        if token in MARKS:
            continue
        if token.startswith("##") and merged:
            merged[-1] = (merged[-1][0] + token[2:], merged[-1][1] + float(value))
        else:
            merged.append((token.removeprefix("##"), float(value)))
    return merged


def shaded(pairs: Sequence[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """(word, attention, opacity of its orange): 0.9 is twice an even spread, or the most."""
    top = max([2 / max(1, len(pairs)), *(value for _, value in pairs)])
    return [(word, value, 0.9 * value / top) for word, value in pairs]


def choose_units(samples: Samples, names: Sequence[str]) -> list[tuple[int, list[int]]]:
    """Tuples and classes to show: present ones, each new one before one already shown."""
    label, probability = samples["label"], samples["probability"]
    shown = np.zeros(len(names), int)
    left = [i for i in range(len(label)) if (label[i] > 0).any()]
    chosen: list[tuple[int, list[int]]] = []
    while left and len(chosen) < TUPLES:

        def units_of(i: int) -> list[int]:
            present = np.flatnonzero(label[i] > 0)
            order = sorted(present, key=lambda n: (shown[n], -probability[i][n]))
            return [int(n) for n in order[:UNITS]]

        best = max(left, key=lambda i: (sum(1 / (1 + shown[n]) for n in units_of(i)), -i))
        units = units_of(best)
        chosen.append((best, sorted(units)))
        shown[units] += 1
        left.remove(best)
    return chosen


def choose_alternatives(samples: Samples) -> list[tuple[int, list[int]]]:
    """Of a softmax: the best and the worst tuples; the class present and the likeliest other."""
    best, worst = ranked(samples, "expression", each=TUPLES // 2)
    chosen = []
    for i in (*best, *worst):
        present = samples["label"][i] > 0
        other = np.where(present, -1, samples["probability"][i]).argmax()
        chosen.append((i, [int(present.argmax()), int(other)]))
    return chosen


def attention_domains(run: Run) -> list[str]:
    """The domains of the run whose attention was recorded."""
    known = run.domains or DOMAINS  # without a config any
    return [domain for domain in known if f"attention_{domain}" in run.samples]


def predicted(said: Float[np.ndarray, "classes"], task: str) -> Bool[np.ndarray, "classes"]:
    """Which classes are claimed: the most probable one, or those from 0.5, or level 2, on."""
    if task in SOFTMAX_TASKS:
        return said == said.max()
    return said >= (OCCURS_FROM if task == "intensity" else 0.5)


def attention_cards(run: Run) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Attention maps of some tuples as the page lays them out, and a PNG strip of each."""
    samples, names = _with_occurrence(run), run.names
    looked, cards, strips = attention_domains(run), [], {}
    chosen = choose_alternatives(samples) if run.softmax else choose_units(samples, names)
    said = {
        (True, True): "present",
        (True, False): "present, missed",
        (False, True): "predicted, not present",
        (False, False): "not present",
    }
    for number, (i, units) in enumerate(chosen, start=1):
        p, label = samples["probability"][i], samples["label"][i]
        claimed = predicted(p, run.task)
        rows = [
            (f"{heading} {domain}".strip(), _maps(run, i, domain, key, units))
            for heading, domain, key in pictures(run)
        ]
        shown = [(names[n], said[bool(label[n] > 0), bool(claimed[n])], p[n]) for n in units]
        card = _identity(samples, i) | {"classes": shown, "rows": rows, "caption": "", "words": []}
        if "caption" in samples and not _modalities(run):
            card["caption"] = str(samples["caption"][i])
            if "T" in looked and "caption_tokens" in samples:
                tokens, attention = samples["caption_tokens"][i], samples["attention_T"][i]
                attention = attention / np.maximum(attention.sum(0), 1e-9)  # as of the images
                card["words"] = [shaded(words(tokens, attention[:, n])) for n in units]
        cards.append(card)
        strip = [np.concatenate([pixels for pixels, *_ in maps], axis=1) for _, maps in rows]
        width = max(row.shape[1] for row in strip)
        strip = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in strip]
        strips[f"attention-{number}"] = pages.encode_png(np.concatenate(strip))
    return cards, strips


def _with_occurrence(run: Run) -> Samples:
    """The samples with labels of 1, 0 and -1, of intensities, too."""
    return {**run.samples, "label": occurrence(run.samples["label"], run.task)}


def _maps(
    run: Run, i: int, domain: str, key: str, units: Sequence[int]
) -> list[tuple[np.ndarray, str, float | None]]:
    """(pixels, what they show, peak over an even spread): an image, then what each class sees."""
    image, maps = run.samples[key][i], run.samples.get(f"attention_{domain}")
    shown: list[tuple[np.ndarray, str, float | None]] = [(image, key, None)]
    if maps is None:
        return shown
    for n in units:
        attention = maps[i, ..., n]
        peak = float(_over_even(attention).max())
        shown.append((heat(image, attention), f"attention of {run.names[n]} over the {key}", peak))
    return shown


def pictures(run: Run) -> list[tuple[str, str, str]]:
    """(heading, domain, key) of the images at hand: those of the run's domains, then the others.

    The stimulus tells what a face reacts to; among modalities of a face it is beside the point,
    and what ReactioNet calls the reaction is visible light.
    """
    letter = {DOMAINS[domain].input: domain for domain in run.domains}
    beside = ("stimulus",) if _modalities(run) else ()
    keys = (*IMAGES, DOMAINS[SOUND].input)  # of the sound its spectrogram
    found = [(letter.get(k, ""), k) for k in keys if k in run.samples and k not in beside]
    found.sort(key=lambda pair: not pair[0])
    return [("Visible" if domain == "V" else k.capitalize(), domain, k) for domain, k in found]


def _modalities(run: Run) -> bool:
    """Whether the domains are images of one face: visible, depth, thermal."""
    return not set(FACE_DOMAINS).isdisjoint(run.domains)


def _identity(samples: Samples, i: int) -> dict[str, Any]:
    return {"sequence": str(samples["sequence"][i]), "frame": int(samples["frame"][i])}


def ranked(samples: Samples, task: str = "au", each: int = 6) -> tuple[list[int], list[int]]:
    """The best and the worst tuples of `samples` by `record_loss`, at most half of them each."""
    loss = record_loss(samples["probability"], samples["label"], task)
    order = [int(i) for i in np.argsort(loss, kind="stable") if np.isfinite(loss[i])]
    each = min(each, len(order) // 2)
    shown = np.any(occurrence(samples["label"], task) > 0, axis=1)
    present = [i for i in order if shown[i]] or order
    worst = order[::-1][:each]
    return [i for i in present if i not in worst][:each], worst


def examples(
    run: Run, rows: Sequence[int], all_loss: Float[np.ndarray, "batch"] | None
) -> list[dict[str, Any]]:
    """Tuples with their images, truth, prediction, and what was missed or falsely claimed.

    With `all_loss`, that of the whole test part, also "rank 3 of 801" in it, best first.
    """
    samples, names = _with_occurrence(run), run.names
    loss = record_loss(samples["probability"], run.samples["label"], run.task)
    missed, claimed_falsely = ("it was", "taken for") if run.softmax else ("missed", "false alarm")
    found = []
    for i in rows:
        p, label = samples["probability"][i], samples["label"][i]
        claimed = predicted(p, run.task)
        masks = claimed & (label > 0), ~claimed & (label > 0), claimed & (label == 0)
        hit, miss, alarm = (
            ", ".join(f"{pages.plain(names[n])}\N{NO-BREAK SPACE}({p[n]:.2f})" for n in of)
            for of in map(np.flatnonzero, masks)
        )
        errors, rank = [(missed, miss), (claimed_falsely, alarm)], ""
        if all_loss is not None:
            better = int((all_loss < loss[i] - 1e-9).sum())
            rank = f"rank {better + 1} of {np.isfinite(all_loss).sum()}"
        found.append(
            _identity(samples, i)
            | {
                "pictures": [(samples[key][i], key) for _, _, key in pictures(run)],
                "present": [names[n] for n in np.flatnonzero(label > 0)],
                "found": hit,
                "errors": [error for error in errors if error[1]],
                "loss": loss[i],
                "rank": rank,
            }
        )
    return found
