"""What every parameter of every system starts from, and that nothing is known before training."""

import functools
import re

import jax
import numpy as np
import pytest
import small_system
from flax import traverse_util

from drr_jax import config_rules
from drr_jax.facs import labels as facs
from drr_jax.models import catalog, losses

SIZES = {
    "encoder.width": 8,
    "head.embedding": 64,
    "head.projection": 32,
    "graph.width": 256,
    "text.width": 32,
}
DOMAINS = {
    **dict.fromkeys(("classifier", "gcn", "au_gcn", "jaa_net", "ugn_b"), "R"),
    **dict.fromkeys(("multimodal_gcn", "early_fusion", "amf", "temt_net"), "VDTh"),
    "mft": "VTh",
}
CASES = [
    *((name, {}) for name in catalog.SYSTEMS),
    *(
        ("drr", {"domains": "RT", "graph.conv": conv})  # two domains, of one image encoder
        for conv in config_rules.CHOICES["graph.conv"]
        if conv != "gcn"
    ),
    ("drr", {"domains": "RT", "graph.readout": "concat_fc"}),
    ("drr", {"domains": "RA"}),
    ("classifier", {"encoder.backbone": "resnet18", "encoder.depth": 0}),
]


def first(shape):
    return shape[0] ** -0.5


def second(shape):
    return shape[1] ** -0.5


def sent_out(shape):
    rows, columns, _, features = shape[-4:]  # of many kernels at once, before them how many
    return (2 / (rows * columns * features)) ** 0.5


# The deviation that a parameter is drawn with, by its name: one over the root of how many numbers
# are summed by it, or what is published for its family.
RULES = (
    (r"(block\d+|tokens_\w+/layer\d+)/.*kernel|class_token|positions|patches/kernel", 0.02),
    (r"words/embedding", lambda shape: shape[-1] ** -0.5),
    (r"(?:conv|downsample_conv|down|up)\w*/kernel", sent_out),  # torchvision's
    (r"align_out/kernel", 0.01),
    (r"readout|scores/kernel|head_\w+/classify|subspace", second),  # of every class its own
    (
        r"(encoder_T/layer\d+|inter|intra)/attention/out/kernel",
        lambda shape: (shape[0] * shape[1]) ** -0.5,
    ),
    (r"fusion/(?:mlp/)?(?:query|key|value|out|hidden)\w*/kernel", 0.02),
    (r"kernel", first),
)
CONSTANT = r"bias|scale|b\d+|theta|gamma|compatibility"


def expected_deviation(system, name, shape):
    if system == "mft" and name == "classify/kernel":
        return second(shape)  # of every class its own
    for pattern, rule in RULES:
        if re.search(rf"(?:^|/)(?:{pattern})$", name):
            return rule(shape) if callable(rule) else rule
    raise AssertionError(f"{name} {shape}: no rule says what it starts from")


@functools.cache  # a system's first variables take seconds to compile, and two tests want them
def start(name, classes=12, **changes):
    """A system and its first variables, with `classes` classes."""
    own = dict(config_rules.SYSTEM_NEEDS.get(name, {})) | changes
    config = small_system.config(name, DOMAINS.get(name, "RST"), **SIZES | own)
    names = facs.REACTIONET_AUS_12[:classes]
    tokens = np.ones((classes, 6), int) if name == "sev_net" else ()
    prior = small_system.PRIOR[:classes, :classes]
    module = catalog.build(config, classes, prior, descriptions=tokens, names=names)
    return small_system.System(module)


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_every_parameter_starts_as_its_fan_in_says(name, changes):
    params = start(name, **changes).variables["params"]
    for path, value in traverse_util.flatten_dict(params, sep="/").items():
        if re.search(rf"(?:^|/|_)(?:{CONSTANT})$", path):
            continue
        # Five standard errors of the deviation of so many normal numbers.
        error = 5 / (2 * value.size) ** 0.5
        expected = expected_deviation(name, path, value.shape)
        assert float(np.std(value)) == pytest.approx(expected, rel=error), path


def first_losses(system, labels):
    """What answers of the untrained system are held against `labels`, by term."""
    classes = labels.shape[1]
    told = losses.Targets(labels, np.ones(classes), np.eye(classes))

    @jax.jit
    def terms(variables):
        rngs, batch = {"dropout": jax.random.key(0)}, small_system.tuples()
        outputs, _ = system.module.apply(variables, batch, True, mutable=["batch_stats"], rngs=rngs)
        return outputs["logits"], system.module.loss(outputs, batch, told)[1]

    logits, found = terms(system.variables)
    answers = {f"loss/{name}" for name in logits} | {"loss/graph"}
    return {name: float(value) for name, value in found.items() if name in answers}


@pytest.mark.parametrize(
    ("name", "classes"), [*((name, 12) for name in catalog.SYSTEMS), ("drr", 4), ("gcn", 4)]
)
def test_the_first_loss_of_action_units_is_near_that_of_no_knowledge(name, classes):
    labels = small_system.targets().labels[:, :classes]
    found = first_losses(start(name, classes), labels)
    assert found and all(abs(value - np.log(2)) < 0.3 for value in found.values()), found


@pytest.mark.parametrize("name", ["drr", "classifier", "gcn"])
def test_the_first_loss_of_a_softmax_is_near_that_of_no_knowledge(name):
    labels = np.eye(8, dtype=np.int8)[[0, 3, 5, 7]]
    found = first_losses(start(name, 8, task="expression"), labels)
    assert found and all(abs(value - np.log(8)) < 0.8 for value in found.values()), found
