"""The classes of a run: which they are, whether a fold has them, and their relation P."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from drr_jax import facs
from drr_jax.config import Config
from drr_jax.data import label_counts, scene_classes
from drr_jax.data.prepared import Prepared, fold_parts
from drr_jax.errors import InputError, nearest


def class_names(config: Config, prepared: Prepared) -> tuple[str, ...]:
    """The AUs or expressions of `data.classes`, in the set's order, or the sub-scenes of `scene`.

    Raises InputError for a task or a class that the data set lacks.
    """
    if config.task == "scene":
        return scene_classes.choose(prepared, config.scene)
    known = prepared.classes(config.task)
    wanted = config.data.classes.split("+") if config.data.classes else known
    for name in wanted:
        if name not in known:
            raise InputError(
                f"config key data.classes: data set {prepared.name} is not evaluated on {name!r}: "
                f"{nearest(name, known)}"
            )
    return tuple(name for name in known if name in wanted)


def check_fold(config: Config, prepared: Prepared, fold: int) -> list[str]:
    """Warnings about the labels of a fold; at most one, on one line.

    Raises InputError for a class without a positive to learn from, and for an AU without one in
    the test part, whose F1 would be 0 whatever is predicted. Softmax tasks are scored by accuracy,
    which a class that the test part lacks does not bend, so that it is only warned of.
    """
    chosen, task = class_names(config, prepared), config.task
    for which, parts in zip(("training", "test"), fold_parts(prepared, fold), strict=True):
        counts = label_counts.positive_counts(prepared, parts, chosen, task)
        without = [name for name, count in counts.items() if not count]
        if not without:
            continue
        found = (
            f"fold {fold} of {prepared.name}: no positive of {', '.join(without)} in the {which} "
            f"part{'s' * (len(parts) > 1)} {', '.join(parts)}"
        )
        if which == "test" and task != "au":
            return [found]
        others = "+".join(name for name in chosen if name not in without)
        advice = f"leave out what is missing, data.classes={others}, or " if others else ""
        raise InputError(f"{found}; {advice}split the data another way")
    return []


def class_priors(
    config: Config, prepared: Prepared, parts: Sequence[str], chosen: Sequence[str]
) -> dict[str, Float[np.ndarray, "classes classes"]]:
    """Relation P of the classes `chosen` by what graph.prior and contrast.prior may ask for.

    Co-occurrence, where it is needed, is that of the training parts `parts`. A subset of a set's
    AUs is related as it is within the set. Raises InputError for a file that is no such prior.
    """
    if config.task == "au":
        every = prepared.classes("au")
        kept = np.ix_(*2 * [[every.index(name) for name in chosen]])
        counts = label_counts.pair_counts(prepared, parts, every)
        known, soft = (facs.relation(choice, every, *counts)[kept] for choice in ("on", "soft"))
    else:
        prior = facs.scene_prior if config.task == "scene" else facs.expression_prior
        known = soft = prior(chosen).astype(float)  # config_rules refuses soft ones here
    return {
        choice: soft if choice == "soft" else facs.fixed_relation(choice, known, chosen)
        for choice in (config.graph.prior, config.contrast.prior)
    }
