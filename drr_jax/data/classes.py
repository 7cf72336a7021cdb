"""The classes of a run: which they are, whether a fold has them, and their relation P."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from drr_jax import facs
from drr_jax.config import Config
from drr_jax.data import scene_classes
from drr_jax.data.label_counts import Counts
from drr_jax.data.prepared import Prepared
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
        if list(wanted).count(name) > 1:
            raise InputError(f"config key data.classes: {name} is there twice; name each once")
        if name not in known:
            raise InputError(
                f"config key data.classes: data set {prepared.name} is not evaluated on {name!r}: "
                f"{nearest(name, known)}"
            )
    return tuple(name for name in known if name in wanted)


def check_fold(
    config: Config,
    names: Sequence[str],
    fold: str,
    trained: tuple[str, Counts],
    tested: tuple[str, Counts],
) -> list[str]:
    """Warnings about the labels of a fold, each on one line.

    `trained` and `tested` are what is trained and tested on: where that is, in words, and counts.
    Raises InputError for a class without a positive to learn from, unless
    `loss.no_positive=zero` gives it weight 0 and others have some, and for an AU without one in the
    test part, whose F1 would be 0 whatever is predicted. Softmax tasks are scored by accuracy,
    which a class that the test part lacks does not bend, so that it is only warned of.
    """
    warnings = []
    for which, (where, counts) in (("train", trained), ("test", tested)):
        without = [name for name, count in counts.positives(names).items() if not count]
        if not without:
            continue
        found = f"{fold}: no positive of {', '.join(without)} {where}"
        others = "+".join(name for name in names if name not in without)
        zero = config.loss.no_positive == "zero" and others
        if which == "test" and config.task != "au":
            warnings.append(found)
        elif which == "train" and zero:
            warnings.append(f"{found}; weight 0 in the loss, by loss.no_positive=zero")
        else:
            advice = f"leave out what is missing, data.classes={others}, or " if others else ""
            if which == "train" and others:
                advice += "give it weight 0, loss.no_positive=zero, or "
            raise InputError(f"{found}; {advice}split the data another way")
    return warnings


def check_levels(names: Sequence[str], fold: str, raised: Mapping[str, Mapping[str, int]]) -> None:
    """Raises InputError for an AU without an intensity of 1 or above to learn from or to test on.

    `raised` counts such records by where they are, in words. Without any in the test part its ICC
    is 0 whatever is predicted.
    """
    for where, counts in raised.items():
        if without := [name for name in names if not counts[name]]:
            others = "+".join(name for name in names if name not in without)
            advice = f"leave out what is missing, data.classes={others}, or " if others else ""
            raise InputError(
                f"{fold}: no intensity above 0 of {', '.join(without)} {where}; {advice}split the "
                "data another way"
            )


def class_priors(
    config: Config, prepared: Prepared, counts: Counts, chosen: Sequence[str]
) -> dict[str, Float[np.ndarray, "classes classes"]]:
    """Relation P of the classes `chosen`, of graph.prior and of contrast.prior, by these keys.

    Of the graph's a class keeps the `graph.top_k` relations of most co-occurrence, if that is set;
    of a file's those of most weight.

    Co-occurrence, where it is needed, is that of `counts`, of what is trained on. A subset of a
    set's AUs is related as it is within the set. Intensities are related as occurrences are. Raises
    InputError for a file that is no such prior.
    """
    if config.task not in facs.SOFTMAX_TASKS:
        every = prepared.classes("au")
        if not set(chosen) <= set(every):
            every = prepared.classes(config.task)
        kept = np.ix_(*2 * [[every.index(name) for name in chosen]])
        seen = counts.together(every)
        known, soft = (facs.relation(choice, every, *seen)[kept] for choice in ("on", "soft"))
    else:
        prior = facs.scene_prior if config.task == "scene" else facs.expression_prior
        known = soft = prior(chosen).astype(float)  # config_rules refuses soft ones here
    choices = {"graph.prior": config.graph.prior, "contrast.prior": config.contrast.prior}
    priors = {
        key: soft if choice == "soft" else facs.fixed_relation(choice, known, chosen)
        for key, choice in choices.items()
    }
    if config.graph.top_k:
        graph = priors["graph.prior"]
        strength = graph if facs.is_prior_file(config.graph.prior) else soft
        priors["graph.prior"] = facs.strongest(graph, strength, config.graph.top_k)
    return priors
