"""What a configuration may not ask for, found before any device is touched."""

import itertools
import re
from collections.abc import Iterator, Mapping

from drr_jax import config_context, facs
from drr_jax.config import Config, channels, flatten, letters, span
from drr_jax.errors import InputError, check_local, nearest
from drr_jax.facs import FACE_DOMAINS, PREDICT_DOMAINS, SOUND, TASKS, TUPLE_DOMAINS
from drr_jax.keys import helps, ranges


def _subsets(domains: tuple[str, ...], smallest: int = 1) -> tuple[str, ...]:
    """Every choice of at least `smallest` domains, the largest first: RST, RS, RT, ST, R, ..."""
    return tuple(
        "".join(some)
        for count in range(len(domains), smallest - 1, -1)
        for some in itertools.combinations(domains, count)
    )


# R with A and any others; A is the one that a tuple may lack, and stands last.
WITH_SOUND = tuple(f"{some}{SOUND}" for some in _subsets(TUPLE_DOMAINS) if some.startswith("R"))
# Domains of every system but drr, which takes all of them.
SYSTEM_DOMAINS = {
    "classifier": (*TUPLE_DOMAINS, *FACE_DOMAINS),
    "gcn": (*TUPLE_DOMAINS, *FACE_DOMAINS),
    "cross_domain_gcn": (*_subsets(TUPLE_DOMAINS, 2), *WITH_SOUND),
    "multimodal_gcn": _subsets(FACE_DOMAINS, 2),
    "late_fusion": (*_subsets(TUPLE_DOMAINS, 2), *_subsets(FACE_DOMAINS, 2), *WITH_SOUND),
    "early_fusion": _subsets(FACE_DOMAINS, 2),
    "uda": _subsets(TUPLE_DOMAINS, 2),
    "au_gcn": ("R", "V"),
    "jaa_net": ("R", "V"),
    "sev_net": ("R", "RS", "RT", "RST", "V"),
    "ugn_b": ("R", "V"),
    "temt_net": ("VD", "VTh", "VDTh"),  # V, and what it learns to reconstruct from it
    "amf": _subsets(FACE_DOMAINS, 2),
    "mft": _subsets(FACE_DOMAINS, 2),
}
_PRIORS = ("on", "identity", "all_ones", "soft", "learned", "file:PATH.csv")
CHOICES = {
    "data.augment_on": ("auto", "host", "device"),
    "model.name": ("drr", *SYSTEM_DOMAINS),
    "model.delay": ("none", "window"),
    "model.delay_by": ("all", "person"),
    "encoder.backbone": ("resnet18", "resnet50", "vit_s16", "vit_b16"),
    "encoder.stem": ("imagenet", "small", "patch"),
    "text.encoder": ("small", "bert"),
    "graph.assumption": ("both", "homophily", "heterophily", "none"),
    "graph.het_form": ("strict", "full", "cross_only"),
    "graph.semantics": ("label", "similarity", "filter"),
    "graph.conv": ("gcn", "h2gcn", "fagcn", "acm", "gprgnn", "cpgnn"),
    "graph.prior": _PRIORS,
    "graph.readout": ("per_class", "concat_fc"),
    "graph.normalise": ("symmetric", "row"),
    "fusion.level": ("features", "probabilities"),
    "contrast.scope": ("batch_gated", "tuple", "tuple_batchneg"),
    "head.norm": ("none", "layer"),
    "contrast.prior": _PRIORS,
    "contrast.pairs": ("dyadic", "all"),
    "loss.no_positive": ("error", "zero"),
    "optim.name": ("sgd", "adamw"),
    "optim.schedule": ("step", "cosine", "decay"),
    "log.also": ("", "wandb", "mlflow"),
    "task": TASKS,
    "scene.choice": ("sequences", "sport_show", "list"),
    "domains": (*_subsets(TUPLE_DOMAINS), *_subsets(FACE_DOMAINS), *WITH_SOUND),
    "predict": ("reaction", "fuse", "graph", "stimulus"),
    "selection": ("last", "validation"),
    "conv": ("auto", "im2col", "lax"),
    "precision": ("auto", "float32", "bfloat16"),
}
# Keys whose value is part of what a system is.
HETEROPHILY: dict[str, str | bool] = {  # A = J_D (x) P: supplement 3.2, method 7.2
    "graph.enabled": True,
    "graph.assumption": "heterophily",
    "graph.het_form": "full",
}
SYSTEM_NEEDS: dict[str, Mapping[str, str | bool]] = {
    "gcn": HETEROPHILY,
    "cross_domain_gcn": HETEROPHILY,
    "multimodal_gcn": HETEROPHILY,
    "au_gcn": {
        **HETEROPHILY,
        "graph.readout": "concat_fc",
        "task": "au",
        "model.encoders.R.weights": "none",  # it has an auto-encoder instead
        "model.encoders.V.weights": "none",
    },
    "jaa_net": {"task": "au"},
    "ugn_b": {"task": "au"},
    # Its one encoder sees another number of channels than weights have.
    "early_fusion": {f"model.encoders.{domain}.weights": "none" for domain in FACE_DOMAINS},
}
# Systems that learn intensities: what they make of a class's number is not bound to occurrence.
INTENSITY = ("drr", *(name for name in SYSTEM_DOMAINS if "task" not in SYSTEM_NEEDS.get(name, {})))
# Systems that `predict` makes sense for; the others have one prediction.
SYSTEM_PREDICT = {
    "drr": ("reaction", "fuse", "graph", "stimulus"),
    "uda": ("reaction", "stimulus"),
}


def describe() -> dict[str, str]:
    """What every key is for and what it may be, by the key: what `validate` holds it against."""
    allowed = {key: str(allowed) for key, allowed in ranges(Config).items()}
    said = {}
    for key, says in helps(Config).items():
        unsaid = [choice for choice in CHOICES.get(key, ()) if choice and choice not in says]
        choices = f"one of {', '.join(filter(None, CHOICES[key]))}" if unsaid else ""
        said[key] = "; ".join(filter(None, (says, choices, allowed.get(key, ""))))
    return said


def validate(config: Config) -> None:
    """Raises InputError for the first value that cannot work, before any device is touched."""
    flat = flatten(config)
    for key, choices in CHOICES.items():
        if key.endswith(".prior") and facs.is_prior_file(flat[key]):
            facs.read_prior_file(flat[key].removeprefix(facs.PRIOR_PREFIX))
        elif flat[key] not in choices:
            known = list(filter(None, choices))
            raise InputError(f"config key {key}={flat[key]!r}: {nearest(str(flat[key]), known)}")
    for key, value in flat.items():
        if isinstance(value, str) and not value.isprintable():
            raise InputError(
                f"config key {key}={ascii(value)[:80]}: expected UTF-8 without control characters"
            )
    for key in ("data.data_dir", "data.manual_dir"):
        check_local(f"config key {key}={flat[key]}", flat[key])
    for key, allowed in ranges(Config).items():
        if flat[key] not in allowed:
            raise InputError(f"config key {key}={flat[key]}: expected {allowed}")
    rules = (
        _conflicts,
        _conflicts_of_system,
        config_context.conflicts,
        config_context.delay_conflicts,
    )
    said = next(itertools.chain(*(rule(config) for rule in rules)), "")
    if said:
        raise InputError(f"config key {said}")


def _conflicts(config: Config) -> Iterator[str]:
    """Each value that cannot work beside others, and what was expected."""
    data, encoder, text, graph = config.data, config.encoder, config.text, config.graph
    contrast, optim, scene = config.contrast, config.optim, config.scene
    if config.fold != "all" and not re.fullmatch("[0-9]{1,9}", config.fold):
        yield f"fold={config.fold!r}: expected 0, 1, 2, ... or all"
    yield from _wrong_channels(flatten(config))
    vit = encoder.backbone.startswith("vit")
    stride = 16 if encoder.stem == "small" or vit else 32
    if data.image_size % stride:
        owner = f"backbone={encoder.backbone}" if vit else f"stem={encoder.stem}"
        yield (
            f"data.image_size={data.image_size}: expected a multiple of {stride}, the stride of "
            f"encoder.{owner}"
        )
    if encoder.depth and not vit:
        yield (
            f"encoder.depth={encoder.depth}: expected the layers of a ViT, or 0; "
            f"encoder.backbone={encoder.backbone}"
        )
    if text.width % text.heads:
        yield f"text.width={text.width}: expected a multiple of text.heads={text.heads}"
    weights = config.model.encoders.T.weights
    if text.frozen and (text.encoder != "bert" or weights == "none"):
        yield (
            f"text.frozen=true: text.encoder={text.encoder} and model.encoders.T.weights={weights}"
            ", but only a BERT-family encoder with weights can stay as it is"
        )
    groups = {"contrast.group_size": contrast.group_size, "encoder.bn_group": encoder.bn_group}
    part, rest = divmod(data.batch_size, optim.accumulate)
    if rest:
        yield (
            f"optim.accumulate={optim.accumulate}: expected a divisor of "
            f"data.batch_size={data.batch_size}"
        )
    whole = f"data.batch_size={data.batch_size}"
    if optim.accumulate > 1:
        whole += f" in optim.accumulate={optim.accumulate} parts of {part}"
    for key, group in groups.items():
        if group and part > group and part % group:
            yield f"{whole}: expected at most {key}={group} or a multiple of it"
    if optim.schedule == "decay" and optim.lr_epochs <= 0:
        yield (
            f"optim.lr_epochs={optim.lr_epochs}: optim.schedule=decay lowers the rate every "
            "lr_epochs epochs; expected a value above 0"
        )
    if graph.semantics == "filter" and graph.conv != "gcn":
        yield (
            f"graph.conv={graph.conv}: graph.semantics=filter needs graph.conv=gcn, the other "
            "convolutions bring filters of their own"
        )
    learns = graph.enabled and graph.prior == "learned"
    learns = learns and graph.assumption in ("both", "heterophily")
    if contrast.enabled and contrast.prior == "learned" and not learns:
        yield (
            "contrast.prior=learned: it takes the graph's learned relation; set "
            "graph.enabled=true, graph.prior=learned and graph.assumption=both or heterophily"
        )
    if config.task in facs.SOFTMAX_TASKS and "soft" in (graph.prior, contrast.prior):
        yield (
            f"task={config.task}: a soft prior needs classes that occur together; set "
            "graph.prior and contrast.prior to on, identity, all_ones or learned"
        )
    if config.task not in facs.SOFTMAX_TASKS:
        several = f"task={config.task} has several AUs in a record; loss.au_weights=true is for au"
        if data.balance:
            yield f"data.balance={data.balance}: {several}"
        if config.loss.class_weights:
            yield f"loss.class_weights=true: {several}"
    try:
        span(config.log.profile_steps)
    except ValueError:
        yield f"log.profile_steps={config.log.profile_steps!r}: expected steps, as in 100:105"
    if bool(scene.names) != (scene.choice == "list"):
        yield (
            f"scene.names={scene.names!r}: expected names with a + between them for "
            f"scene.choice=list, and none without; scene.choice={scene.choice}"
        )
    if data.classes and config.task == "scene":
        yield (
            f"data.classes={data.classes}: task=scene takes its classes from scene.choice and "
            "scene.names"
        )


def _wrong_channels(flat: Mapping[str, str]) -> Iterator[str]:
    """Each mean or deviation that is no three numbers, or stands alone."""
    for key, text in flat.items():
        owner, _, name = key.rpartition(".")
        if not owner.startswith("model.encoders.") or name not in ("mean", "std"):
            continue
        lowest = -1e3 if name == "mean" else 1e-6
        try:
            numbers = channels(text) if text else (1.0,) * 3
        except ValueError:
            numbers = ()
        if len(numbers) != 3 or not all(lowest <= number <= 1e3 for number in numbers):
            yield f"{key}={text!r}: expected three numbers with a + between, as in 0.5+0.5+0.5"
        if text and not (flat[f"{owner}.mean"] and flat[f"{owner}.std"]):
            yield f"{key}={text!r}: give both {owner}.mean and {owner}.std"


def _conflicts_of_system(config: Config) -> Iterator[str]:
    """What one system cannot work with and another can."""
    name, domains, predict = config.model.name, config.domains, config.predict
    works_on = SYSTEM_DOMAINS.get(name, (domains,))
    if domains not in works_on:
        yield f"domains={domains}: model.name={name} works on {', '.join(works_on)}"
    if config.task == "intensity" and name not in INTENSITY:
        yield (
            f"task=intensity: model.name={name} learns occurrence alone; expected one of "
            f"{', '.join(INTENSITY)}"
        )
    flat, needs = flatten(config), SYSTEM_NEEDS.get(name, {})
    every = ", ".join(f"{key}={value}" for key, value in needs.items())
    for key, value in needs.items():
        if flat[key] != value:
            yield f"{key}={flat[key]}: model.name={name} needs {every}"
    choices = SYSTEM_PREDICT.get(name, ("reaction",))
    if predict not in choices:
        yield f"predict={predict}: model.name={name} takes {' or '.join(choices)}"
    if predict in ("fuse", "graph") and not config.graph.enabled:
        yield f"predict={predict}: needs graph.enabled=true"
    one_of = PREDICT_DOMAINS.get(predict, ())
    if name in SYSTEM_PREDICT and one_of and not set(one_of) & set(letters(domains)):
        yield f"predict={predict}: domains={domains} has no {' or '.join(one_of)}"
