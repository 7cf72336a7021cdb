"""The baselines of Tables 4 to 6: what each one joins, what it predicts from, what it trains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system
from small_system import BATCH, CLASSES, PRIOR, build, reached, targets, tuples

from drr_jax import config_rules
from drr_jax.errors import InputError
from drr_jax.models import catalog as systems
from drr_jax.models import losses
from drr_jax.models.encoders import resnet
from drr_jax.models.systems import reversal

HETEROPHILY = {"graph.assumption": "heterophily", "graph.het_form": "full"}
SYSTEMS = {
    "classifier": ("R", {}),
    "gcn": ("R", HETEROPHILY),
    "cross_domain_gcn": ("RST", HETEROPHILY),
    "multimodal_gcn": ("VD", HETEROPHILY),
    "late_fusion": ("RST", {}),
    "early_fusion": ("VDTh", {}),
    "uda": ("RST", {}),
}


@pytest.fixture(scope="module")
def made():
    """Each system once: compiling is what takes time."""
    cache = {}

    def get(name):
        if name not in cache:
            domains, changes = SYSTEMS[name]
            cache[name] = build(name, domains, **changes)
        return cache[name]

    return get


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def dense(system, name, x):
    layer = system.variables["params"][name]
    return np.asarray(x) @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def pooled(system, domain, batch):
    """What the domain's encoder gives by itself."""

    def run(variables, batch):
        return system.module.apply(variables, batch, method=lambda m, b: m.pooled(domain, b, False))

    return np.asarray(jax.jit(run)(system.variables, batch))


def gradient_of(term, system):
    """batch -> gradient of one term of the loss."""
    params, key = system.variables["params"], jax.random.key(0)
    return lambda batch: system.gradient(params, batch, key, system.only(batch, term))[1]


def bce(logits):
    wanted = targets()
    return float(losses.masked_bce(jnp.asarray(logits), wanted.labels, wanted.class_weights))


def predict(system, batch):
    return np.asarray(system.apply(system.variables, batch, method="predict"))


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_submodule_trains_and_the_loss_falls(made, name):
    system, batch = made(name), tuples() | {"progress": jnp.asarray(0.5)}
    gradient = gradient_of("loss", system)(batch)
    assert reached(gradient) == set(system.variables["params"])
    # Of UDA at the start of training, before the reversal sets in.
    history = system.fit(batch | {"progress": jnp.asarray(0.0)}, steps=30, rate=0.03)
    assert all(history[-1][term] < 0.8 * history[0][term] for term in history[0])
    logits = system.apply(system.variables, tuples())["logits"]
    assert all(x.shape == (BATCH, CLASSES) and x.dtype == jnp.float32 for x in logits.values())


def test_a_classifier_is_its_network_and_one_layer(made):
    system = made("classifier")
    assert set(system.variables["params"]) == {"encoder_R", "classify"}
    assert system.module.train_inputs == system.module.test_inputs == ("reaction",)
    expected = sigmoid(dense(system, "classify", pooled(system, "R", tuples())))
    np.testing.assert_allclose(predict(system, tuples()), expected, atol=1e-5)


def test_late_fusion_puts_features_side_by_side(made):
    system, batch = made("late_fusion"), tuples()
    together = np.concatenate([pooled(system, domain, batch) for domain in "RST"], axis=1)
    expected = sigmoid(dense(system, "classify", together))
    np.testing.assert_allclose(predict(system, batch), expected, atol=1e-5)
    assert system.module.test_inputs == ("reaction", "stimulus", "caption")


def test_captions_are_pooled_over_their_words_alone(made):
    system, batch = made("late_fusion"), tuples()
    words = system.variables["params"]["encoder_T"]["words"]["embedding"]
    encoder = {
        **system.variables["params"]["encoder_T"],
        "words": {"embedding": words.at[0].add(9)},
    }
    noisy = {"params": system.variables["params"] | {"encoder_T": encoder}}
    expected = np.asarray(system.apply(system.variables, batch)["logits"]["fused"])
    changed = np.asarray(system.apply(noisy, batch)["logits"]["fused"])
    np.testing.assert_array_equal(changed, expected)
    empty = pooled(system, "T", batch | {"tokens": jnp.zeros((BATCH, 6), jnp.int32)})
    assert not empty.any()  # a caption without words says nothing, and is no 0 / 0


def test_late_fusion_of_probabilities_trains_every_domain_and_predicts_their_mean():
    system, batch = build("late_fusion", "RT", **{"fusion.level": "probabilities"}), tuples()
    each = {d: dense(system, f"classify_{d}", pooled(system, d, batch)) for d in "RT"}
    mean = (sigmoid(each["R"]) + sigmoid(each["T"])) / 2
    np.testing.assert_allclose(predict(system, batch), mean, atol=1e-5)
    total, terms = jax.jit(system.terms)(system.variables["params"], batch)
    assert float(terms["loss/T"]) == pytest.approx(bce(each["T"]), rel=1e-4)
    assert float(total) == pytest.approx(bce(each["R"]) + bce(each["T"]), rel=1e-4)
    assert reached(gradient_of("loss/R", system)(batch)) == {"encoder_R", "classify_R"}


def test_early_fusion_stacks_one_grey_channel_a_map(made):
    system, batch = made("early_fusion"), tuples()
    kernel = system.variables["params"]["encoder"]["patches"]["kernel"]
    assert kernel.shape[0] == 16 * 16 * (3 + 1 + 1)
    assert system.module.test_inputs == ("reaction", "depth", "thermal")
    expected = predict(system, batch)
    for name, same in (("reaction", False), ("depth", False), ("thermal", False)):
        other = batch | {name: 255 - batch[name]}
        assert np.allclose(predict(system, other), expected) == same
    grey = jnp.repeat(batch["depth"][..., :1], 3, -1)
    shifted = batch | {"depth": grey, "reaction": batch["reaction"][..., ::-1]}
    assert not np.allclose(predict(system, shifted), predict(system, batch | {"depth": grey}))


def test_a_resnet_stem_takes_the_stacked_channels():
    image = jax.random.normal(jax.random.key(0), (2, 32, 32, 5))
    found = []
    for conv in ("lax", "im2col"):
        encoder = resnet.ResNet((), width=4, stem="small", conv_impl=conv)
        variables: dict = jax.jit(lambda e=encoder: e.init(jax.random.key(1), image, False))()

        def energy(params, encoder=encoder, variables=variables) -> jax.Array:
            features = encoder.apply(variables | {"params": params}, image, False)
            assert isinstance(features, jax.Array)
            return jnp.square(features).sum()

        value, gradient = jax.jit(jax.value_and_grad(energy))(variables["params"])
        found.append((float(value), np.asarray(gradient["conv1"]["kernel"])))
    (value, kernel), (other_value, other_kernel) = found
    assert kernel.shape == (3, 3, 5, 4) and kernel.any((0, 1, 3)).all()
    np.testing.assert_allclose(other_kernel, kernel, rtol=1e-3, atol=1e-3)
    assert other_value == pytest.approx(value, rel=1e-5)


def test_a_gcn_relates_all_domains_by_the_prior_and_has_no_head_of_its_own(made):
    system, batch = made("cross_domain_gcn"), tuples()
    outputs = system.apply(system.variables, batch)
    relation = outputs["graph"]["relation/heterophily"]
    np.testing.assert_array_equal(relation, np.kron(np.ones((3, 3)), PRIOR))  # T3
    assert set(outputs["logits"]) == {"graph"}
    assert not any("classify" in name for name in system.variables["params"]["head_R"])
    graph = system.variables["params"]["graph_module"]
    expected = np.einsum("bng,ng->bn", outputs["graph"]["prototype"], graph["readout"])
    np.testing.assert_allclose(
        predict(system, batch), sigmoid(expected + graph["readout_bias"]), atol=1e-5
    )
    assert system.module.test_inputs == ("reaction", "stimulus", "caption")
    other = batch | {"stimulus": tuples(1)["stimulus"]}
    assert not np.allclose(predict(system, other), predict(system, batch))
    assert made("gcn").module.test_inputs == ("reaction",)
    alone = made("gcn").apply(made("gcn").variables, batch)["graph"]["relation/heterophily"]
    np.testing.assert_array_equal(alone, PRIOR)
    assert outputs["attention"]["R"].shape == (BATCH, 2, 2, CLASSES)
    assert outputs["attention"]["T"].shape == (BATCH, 6, CLASSES)


def test_the_reversal_negates_the_gradient_and_sets_in_with_progress():
    for progress in (0.0, 0.1, 0.5, 1.0):
        strength = float(reversal.reversal_strength(jnp.asarray(progress)))
        assert strength == pytest.approx(2 / (1 + np.exp(-10 * progress)) - 1, abs=1e-6)
    x = jnp.asarray([1.0, -2.0])
    assert np.array_equal(reversal.reverse_gradient(x, jnp.asarray(0.3)), x)
    gradient = jax.grad(lambda x: (reversal.reverse_gradient(x, jnp.asarray(0.3)) ** 2).sum())(x)
    np.testing.assert_allclose(gradient, -0.3 * 2 * np.asarray(x), rtol=1e-6)


def test_encoders_learn_to_hide_their_domain_while_the_judge_learns_to_find_it(made):
    system, batch = made("uda"), tuples()
    outputs = system.apply(system.variables, batch)
    logits = np.asarray(outputs["domain_logits"], np.float64)
    assert logits.shape == (BATCH, 3, 3)
    chance = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.mean([chance[:, d, d] for d in range(3)])
    total, terms = jax.jit(system.terms)(system.variables["params"], batch)
    assert float(terms["loss/domain"]) == pytest.approx(expected, rel=1e-5)
    assert float(total) == pytest.approx(sum(map(float, terms.values())), rel=1e-5)

    gradient = gradient_of("loss/domain", system)
    early, middle, late = (gradient(batch | {"progress": jnp.asarray(p)}) for p in (0.0, 0.1, 1.0))
    assert reached(early) == {
        "judge",
        "judge_hidden",
        "judge_norm",
    }  # at first it only learns to tell
    ratio = np.tanh(0.5) / np.tanh(5)  # 2 / (1 + exp(-x)) - 1 = tanh(x / 2)
    for domain in "RST":
        np.testing.assert_allclose(
            middle[f"share_{domain}"]["kernel"],
            ratio * late[f"share_{domain}"]["kernel"],
            rtol=1e-4,
            atol=1e-8,
        )
        assert domain in "".join(reached(late))
    np.testing.assert_allclose(middle["judge"]["kernel"], late["judge"]["kernel"], rtol=1e-5)
    full = gradient_of("loss/domain", build("uda", "RST", **{"loss.lambda_domain": 1.0}))
    whole = full(batch | {"progress": jnp.asarray(1.0)})["share_R"]["kernel"]
    np.testing.assert_allclose(late["share_R"]["kernel"], 0.1 * whole, rtol=1e-4, atol=1e-8)

    # One step against the judge's gradient makes the domains easier to tell, one with the
    # encoders' harder.
    loss = jax.jit(system.terms)

    def after(moved):
        params = {
            name: jax.tree.map(lambda p, g: p - 0.01 * g, tree, late[name])
            if name.startswith(moved)
            else tree
            for name, tree in system.variables["params"].items()
        }
        return float(loss(params, batch)[1]["loss/domain"])

    assert after("judge") < expected < after(("share", "encoder"))


def test_adapted_domains_predict_from_the_face_alone(made):
    system, batch = made("uda"), tuples()
    assert system.module.test_inputs == ("reaction",)
    reference = sigmoid(system.apply(system.variables, batch)["logits"]["R"])
    own = {n: tree for n, tree in system.variables["params"].items() if n.endswith("_R")}
    assert set(own) == {"encoder_R", "share_R", "classify_R"}
    face = {"reaction": batch["reaction"]}
    alone = system.apply({"params": own}, face, method="predict")
    np.testing.assert_allclose(alone, reference, atol=1e-6)
    stimulus = systems.build(small_system.config("uda", "RS", predict="stimulus"), CLASSES, PRIOR)
    assert stimulus.test_inputs == ("stimulus",)


@pytest.mark.parametrize(
    ("name", "domains", "changes", "said"),
    [
        ("classifier", "RS", {}, "classifier works on R, S, T, V, D, Th"),
        ("gcn", "RST", HETEROPHILY, "gcn works on R, S, T"),
        ("gcn", "R", {}, "needs graph.enabled=True, graph.assumption=heterophily, graph.het_form="),
        ("cross_domain_gcn", "R", HETEROPHILY, "works on RST, RS, RT, ST"),
        ("cross_domain_gcn", "RST", HETEROPHILY | {"graph.enabled": "off"}, "graph.enabled=False:"),
        ("multimodal_gcn", "RST", HETEROPHILY, "works on VDTh, VD, VTh, DTh"),
        ("late_fusion", "V", {}, "late_fusion works on RST, RS, RT, ST, VDTh"),
        ("late_fusion", "VD", {"fusion.level": "logits"}, "fusion.level"),
        ("early_fusion", "RS", {}, "early_fusion works on VDTh"),
        ("early_fusion", "VD", {"model.encoders.V.weights": "x.safetensors"}, "weights=none"),
        ("uda", "R", {}, "uda works on RST"),
        ("uda", "ST", {}, "domains=ST has no R"),
        ("uda", "RST", {"predict": "fuse"}, "uda takes reaction or stimulus"),
        ("late_fusion", "RST", {"predict": "graph"}, "predict=graph: model.name=late_fusion"),
        ("clasifier", "R", {}, "did you mean classifier"),
    ],
)
def test_what_a_system_cannot_work_with_is_refused(name, domains, changes, said):
    with pytest.raises(InputError) as error:
        small_system.config(name, domains, **changes)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_every_system_has_a_name_in_the_rules_and_a_title():
    assert config_rules.CHOICES["model.name"] == tuple(systems.SYSTEMS)
    for name in systems.SYSTEMS:
        domains = config_rules.SYSTEM_DOMAINS.get(name, ("RST",))[0]
        changes = config_rules.SYSTEM_NEEDS.get(name, {})
        title = systems.system_title(small_system.config(name, domains, **changes))
        assert title.endswith(f" ({domains})") and "_" not in title
    config = small_system.config("classifier", "R", **{"encoder.backbone": "vit_b16"})
    assert systems.system_title(config) == "ViT-B/16 (R)"
    assert (
        systems.system_title(small_system.config("drr", "VD", predict="fuse")) == "DRR (VD, fuse)"
    )
