"""Label statistics of the training parts, from what the builder counted (no record is read)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from drr_jax.data.prepared import Prepared
from drr_jax.facs import REACTIONET_AUS_12


def pair_counts(
    prepared: Prepared, parts: Sequence[str], au_names: Sequence[str] = REACTIONET_AUS_12
) -> tuple[Int[np.ndarray, "classes classes"], Int[np.ndarray, "classes classes"]]:
    """(pairs, given) over `parts`, as `facs.conditional_half_sums` takes them.

    pairs[i, j] counts records with i and j both present (the diagonal: positives of i);
    given[i, j] those with i present and j known.
    """
    columns = _columns(prepared, au_names)
    square = np.ix_(columns, columns)
    pairs, given = (_total(prepared, parts, name)[square] for name in ("au_pairs", "au_given"))
    return pairs, given


def known_counts(
    prepared: Prepared, parts: Sequence[str], au_names: Sequence[str] = REACTIONET_AUS_12
) -> Int[np.ndarray, "classes"]:
    """Records of `parts` in which each AU's occurrence is known."""
    return _total(prepared, parts, "au_known")[_columns(prepared, au_names)]


def class_weights(
    prepared: Prepared, parts: Sequence[str], au_names: Sequence[str] = REACTIONET_AUS_12
) -> Float[np.ndarray, "classes"]:
    """w_n of the AU loss: inverse base rate, scaled to mean 1 over the classes.

    An AU without a positive counts as if it had one, and an AU never known has weight 1.
    Source: the formula of JAA-Net and ME-GraphAU; reconstruction for DRR (method 9.5).
    """
    known = known_counts(prepared, parts, au_names)
    positives = np.maximum(np.diag(pair_counts(prepared, parts, au_names)[0]), 1)
    weights = np.ones(len(known))
    seen = known > 0
    inverse = known[seen] / positives[seen]
    weights[seen] = inverse / inverse.mean() if seen.any() else inverse
    return weights


def positive_counts(
    prepared: Prepared, parts: Sequence[str], names: Sequence[str], task: str
) -> dict[str, int]:
    """Records of `parts` in which each AU occurs, or that show each expression or sub-scene."""
    if task == "au":
        pairs, _ = pair_counts(prepared, parts, names)
        return {name: int(count) for name, count in zip(names, np.diag(pairs), strict=True)}
    counts = [prepared.metadata["parts"][part] for part in parts]
    if task == "scene":
        return {name: sum(c["sub_scene_counts"].get(name, 0) for c in counts) for name in names}
    known = prepared.classes("expression")
    return {name: sum(c["expression_counts"][known.index(name)] for c in counts) for name in names}


def _total(prepared: Prepared, parts: Sequence[str], name: str) -> Int[np.ndarray, "..."]:
    counts = [prepared.metadata["parts"][part][name] for part in parts]
    return np.asarray(np.sum(counts, 0, np.int64))


def _columns(prepared: Prepared, au_names: Sequence[str]) -> list[int]:
    return [prepared.au_names.index(name) for name in au_names]
