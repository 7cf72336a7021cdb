"""TEMT-Net: three tasks on the features of one face, and a prediction that needs no other."""

import copy

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system

from drr_jax.errors import InputError
from drr_jax.models import catalog as systems
from drr_jax.models import losses


@pytest.fixture(scope="module")
def system():
    return small_system.build("temt_net", "VDTh")


def test_prediction_needs_the_visible_face_and_its_encoder_alone(system):
    module, batch = system.module, small_system.faces()
    assert module.train_inputs == ("reaction", "depth", "thermal", "landmarks")
    assert module.test_inputs == ("reaction",)
    outputs = system.apply(system.variables, batch)
    needed = {
        kind: {name: tree for name, tree in trees.items() if name in ("encoder_V", "classify")}
        for kind, trees in system.variables.items()
    }
    face = {"reaction": batch["reaction"]}
    alone = system.apply(needed, face, method="predict")
    np.testing.assert_allclose(alone, module.probabilities(outputs), atol=1e-6)
    with pytest.raises(flax.errors.ScopeParamNotFoundError):
        system.apply(needed, face)


def test_every_task_teaches_the_shared_features_and_its_own_head(system):
    gradients = system.gradients(small_system.faces())
    heads = {
        "loss/V": "classify",
        "loss/landmarks": "landmark_head",
        "loss/reconstruction_D": "generator_D",
        "loss/reconstruction_Th": "generator_Th",
    }
    assert {name: small_system.reached(g) for name, g in gradients.items()} == {
        name: {"encoder_V", head} for name, head in heads.items()
    }


def test_loss_is_that_of_numpy(system):
    batch, targets = small_system.faces(), small_system.targets()
    outputs = jax.device_get(system.apply(system.variables, batch))
    assert outputs["reconstruction"]["Th"].shape == (4, 32, 32)
    total, terms = system.module.loss(outputs, batch, targets)
    for domain, name in (("D", "depth"), ("Th", "thermal")):
        grey = np.asarray(batch[name], float).mean(-1) / 255
        expected = np.abs(outputs["reconstruction"][domain] - grey).mean()
        assert float(terms[f"loss/reconstruction_{domain}"]) == pytest.approx(expected, rel=1e-5)
    weights = jnp.ones(small_system.CLASSES)
    bce = losses.masked_bce(outputs["logits"]["V"], targets.labels, weights)
    assert float(terms["loss/V"]) == pytest.approx(float(bce))
    assert float(total) == pytest.approx(sum(float(term) for term in terms.values()), rel=1e-6)
    config = copy.deepcopy(system.module.config)
    config.loss.lambda_landmarks, config.loss.lambda_reconstruction = 3.0, 0.0
    heavy = system.module.clone(config=config)
    alone = float(terms["loss/V"] + 3 * terms["loss/landmarks"])
    assert float(heavy.loss(outputs, batch, targets)[0]) == pytest.approx(alone, rel=1e-6)


def test_landmarks_are_pixels(system):
    """The head's zero is the image's centre, and its one a whole image from there."""
    params = system.variables["params"]
    bias = np.zeros(136, np.float32)
    bias[:2] = 0.5, -0.5
    head = params["landmark_head"] | {
        "out": {"kernel": jnp.zeros_like(params["landmark_head"]["out"]["kernel"]), "bias": bias}
    }
    fixed = system.variables | {"params": params | {"landmark_head": head}}
    found = system.apply(fixed, small_system.faces())["landmarks"]
    np.testing.assert_allclose(found[:, 0], [[31.5, -0.5]] * 4)
    np.testing.assert_allclose(found[:, 1:], 15.5)


def test_every_task_is_learnt(system):
    history = system.fit(small_system.faces(), steps=40)
    for name in history[0]:
        assert history[-1][name] < 0.8 * history[0][name], name


def test_one_more_modality_is_what_it_reconstructs():
    config = small_system.config("temt_net", "VTh")
    module = systems.build(config, small_system.CLASSES, small_system.PRIOR)
    assert module.targets == ("Th",)
    assert module.train_inputs == ("reaction", "thermal", "landmarks")
    for domains in ("V", "DTh", "RST"):
        with pytest.raises(InputError, match=rf"domains={domains}: .*temt_net works on VD, VTh, V"):
            small_system.config("temt_net", domains)
