"""What a configuration may not ask for, found before any device is touched."""

import itertools

from drr_jax import prior_file
from drr_jax.config import Config, flatten, letters
from drr_jax.errors import InputError, nearest

CHOICES = {
    "data.augment_on": ("auto", "host", "device"),
    "model.name": ("drr", "jaa_net", "sev_net", "ugn_b", "temt_net", "amf", "mft"),
    "encoder.backbone": ("resnet18", "resnet50", "vit_s16", "vit_b16"),
    "encoder.stem": ("imagenet", "small"),
    "text.encoder": ("small",),
    "graph.assumption": ("both", "homophily", "heterophily", "none"),
    "graph.het_form": ("strict", "full", "cross_only"),
    "graph.semantics": ("label", "similarity", "filter"),
    "graph.conv": ("gcn", "h2gcn", "fagcn", "acm", "gprgnn", "cpgnn"),
    "graph.prior": ("on", "identity", "all_ones", "soft", "learned", "file:PATH.csv"),
    "graph.readout": ("per_class", "concat_fc"),
    "contrast.scope": ("batch_gated", "tuple", "tuple_batchneg"),
    "contrast.prior": ("on", "identity", "all_ones", "soft", "learned", "file:PATH.csv"),
    "contrast.pairs": ("dyadic", "all"),
    "optim.name": ("sgd", "adamw"),
    "optim.schedule": ("step", "cosine", "decay"),
    "task": ("au", "expression"),
    "domains": tuple(
        "".join(some)
        for kind in (("R", "S", "T"), ("V", "D", "Th"))
        for count in (3, 2, 1)
        for some in itertools.combinations(kind, count)
    ),
    "predict": ("reaction", "fuse", "graph", "stimulus"),
    "selection": ("last", "validation"),
    "conv": ("auto", "im2col", "lax"),
    "precision": ("auto", "float32", "bfloat16"),
}
# Domains that a system which is not for all of them works on.
SYSTEM_DOMAINS = {
    "jaa_net": ("R", "V"),
    "sev_net": ("R", "RS", "RT", "RST", "V"),
    "ugn_b": ("R", "V"),
    "temt_net": ("VD", "VTh", "VDTh"),  # V, and what it learns to reconstruct from it
    "amf": ("VD", "VTh", "DTh", "VDTh"),
    "mft": ("VD", "VTh", "DTh", "VDTh"),
}
AU_SYSTEMS = ("jaa_net", "ugn_b")  # that know no other classes
POSITIVE = (
    "data.image_size",
    "data.batch_size",
    "data.prefetch",
    "encoder.width",
    "text.vocabulary",
    "text.max_tokens",
    "text.width",
    "text.layers",
    "text.heads",
    "head.embedding",
    "head.projection",
    "graph.layers",
    "graph.width",
    "contrast.tau",
    "contrast.group_size",
    "optim.lr",
    "optim.lr_factor",
    "optim.epochs",
    "log.every_steps",
    "log.eval_every_epochs",
    "log.checkpoint_every_steps",
    "log.keep_checkpoints",
    "fsdp",
)


def validate(config: Config) -> None:
    """Raises InputError for the first value that cannot work, before any device is touched."""
    flat = flatten(config)
    for key, choices in CHOICES.items():
        if key.endswith(".prior") and prior_file.is_file(flat[key]):
            prior_file.read(flat[key].removeprefix(prior_file.PREFIX))
        elif flat[key] not in choices:
            raise InputError(f"config key {key}={flat[key]!r}: {nearest(str(flat[key]), choices)}")
    for key in POSITIVE:
        if flat[key] <= 0:
            raise InputError(f"config key {key}={flat[key]}: expected a value above 0")
    _validate_together(config)


def _validate_together(config: Config) -> None:
    if config.fold != "all" and not config.fold.isdecimal():
        raise InputError(f"config key fold={config.fold!r}: expected 0, 1, 2, ... or all")
    data, graph, contrast = config.data, config.graph, config.contrast
    encoder = config.encoder
    vit = encoder.backbone.startswith("vit")
    stride = 32 if encoder.stem == "imagenet" and not vit else 16
    if data.image_size % stride:
        owner = f"backbone={encoder.backbone}" if vit else f"stem={encoder.stem}"
        raise InputError(
            f"config key data.image_size={data.image_size}: expected a multiple of {stride}, "
            f"the stride of encoder.{owner}"
        )
    if encoder.depth < 0 or (encoder.depth and not vit):
        raise InputError(
            f"config key encoder.depth={encoder.depth}: expected the layers of a ViT, or 0; "
            f"encoder.backbone={encoder.backbone}"
        )
    if config.text.width % config.text.heads:
        raise InputError(
            f"config key text.width={config.text.width}: expected a multiple of "
            f"text.heads={config.text.heads}"
        )
    for key, group in (
        ("contrast.group_size", contrast.group_size),
        ("encoder.bn_group", config.encoder.bn_group),
    ):
        if group and data.batch_size > group and data.batch_size % group:
            raise InputError(
                f"config key data.batch_size={data.batch_size}: expected at most {key}={group} "
                "or a multiple of it"
            )
    if not 0 < config.validation_share < 1:
        raise InputError(
            f"config key validation_share={config.validation_share}: expected a share between 0 "
            "and 1"
        )
    if config.optim.schedule == "decay" and config.optim.lr_epochs <= 0:
        raise InputError(
            f"config key optim.lr_epochs={config.optim.lr_epochs}: optim.schedule=decay lowers the "
            "rate every lr_epochs epochs; expected a value above 0"
        )
    if not 0 <= graph.dropout < 1:
        raise InputError(f"config key graph.dropout={graph.dropout}: expected 0 <= dropout < 1")
    if graph.semantics == "filter" and graph.conv != "gcn":
        raise InputError(
            f"config key graph.conv={graph.conv}: graph.semantics=filter needs graph.conv=gcn, "
            "the other convolutions bring filters of their own"
        )
    learns = graph.enabled and graph.prior == "learned" and graph.assumption in LEARNING
    if contrast.enabled and contrast.prior == "learned" and not learns:
        raise InputError(
            "config key contrast.prior=learned: it takes the graph's learned relation; set "
            "graph.enabled=true, graph.prior=learned and graph.assumption=both or heterophily"
        )
    soft = "soft" in (config.graph.prior, config.contrast.prior)
    if config.task != "au" and soft:
        raise InputError(
            f"config key task={config.task}: a soft prior needs classes that occur together; set "
            "graph.prior and contrast.prior to on, identity, all_ones or learned"
        )
    if config.predict in ("fuse", "graph") and not graph.enabled:
        raise InputError(f"config key predict={config.predict}: needs graph.enabled=true")
    name = config.model.name
    works_on = SYSTEM_DOMAINS.get(name, (config.domains,))
    if config.domains not in works_on:
        raise InputError(
            f"config key domains={config.domains}: model.name={name} works on {', '.join(works_on)}"
        )
    if name in AU_SYSTEMS and config.task != "au":
        raise InputError(f"config key task={config.task}: model.name={name} needs task=au")
    for predict, one_of in (("stimulus", ("S",)), ("reaction", ("R", "V"))):
        has = set(one_of) & set(letters(config.domains))
        if name == "drr" and config.predict == predict and not has:
            raise InputError(
                f"config key predict={predict}: domains={config.domains} has no "
                f"{' or '.join(one_of)}"
            )


LEARNING = ("both", "heterophily")
