"""A loss term's gradient on the face's encoder: what is shown of it, and how it is held back."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from drr_jax.training import gradients

WEIGHTS = {"loss/contrast": 3.0, "loss/instance": 0.5}
OMEGA = 0.7


def some(seed):
    rng = np.random.default_rng(seed)
    return {
        "encoder_R": {"kernel": jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)},
        "encoder_S": {"kernel": jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)},
    }


X = jnp.asarray(np.random.default_rng(9).normal(size=(5, 4)), jnp.float32)


def loss(params, stats, inputs, rng):
    """A loss of four terms, of which S's has nothing to do with the encoder of R."""
    r, s = (jnp.tanh(inputs @ params[f"encoder_{domain}"]["kernel"]) for domain in "RS")
    terms = {
        "loss/R": jnp.square(r - 1).mean(),
        "loss/S": jnp.square(s + 1).mean(),
        "loss/contrast": -(r * s).sum(),
        "loss/instance": jnp.square(r - s).sum(),
    }
    total = OMEGA * terms["loss/R"] + terms["loss/S"]
    total += sum(weight * terms[name] for name, weight in WEIGHTS.items())
    return total, (terms, stats)


def gradient_of(params, weights):
    """That of the sum of some terms, by plain differentiation."""
    return jax.grad(
        lambda p: sum(w * loss(p, {}, X, None)[1][0][name] for name, w in weights.items())
    )(params)


@pytest.mark.parametrize("limit", [0.25, 1.0, 1e6])
def test_the_contrasts_gradient_on_the_face_is_at_most_as_long_as_asked(limit):
    params = some(0)
    how = gradients.balanced(loss, WEIGHTS, limit, "encoder_R", "loss/R", OMEGA)
    (total, (terms, _)), found = jax.jit(how)(params, {}, X, jax.random.key(0))
    longest = limit * optax.tree.norm(gradient_of(params, {"loss/R": OMEGA})["encoder_R"])
    factor = terms["balance"]
    weights = {name: factor * weight for name, weight in WEIGHTS.items()}
    held = optax.tree.norm(gradient_of(params, weights)["encoder_R"])
    if limit == 1e6:
        assert factor == 1
    else:
        assert factor < 1 and held == pytest.approx(float(longest), rel=1e-4)
    weights |= {"loss/R": OMEGA, "loss/S": 1.0}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        found,
        gradient_of(params, weights),
    )
    assert float(total) == pytest.approx(sum(float(w * terms[n]) for n, w in weights.items()), 1e-5)


def test_a_contrast_without_a_gradient_is_left_as_it_is():
    still = {"loss/contrast": 0.0, "loss/instance": 0.0}
    how = gradients.balanced(loss, still, 1.0, "encoder_R", "loss/R", OMEGA)
    (_, (terms, _)), found = how(some(0), {}, X, None)
    assert terms["balance"] == 1 and all(jnp.isfinite(x).all() for x in jax.tree.leaves(found))


def test_norms_and_cosines_are_those_of_each_terms_own_gradient():
    params = some(1)
    _, found = gradients.by_term(loss, "encoder_R")(params, {}, X, None)
    rows = gradients.described(found, "loss/R")
    own = gradient_of(params, {"loss/R": 1.0})["encoder_R"]["kernel"].ravel()
    every = {"loss/R": OMEGA, "loss/S": 1.0, **WEIGHTS}
    for name, weights in {
        "R": {"loss/R": 1.0},
        "S": {"loss/S": 1.0},
        "contrast": {"loss/contrast": 1.0},
        "total": every,
    }.items():
        expected = gradient_of(params, weights)["encoder_R"]["kernel"].ravel()
        norm = np.linalg.norm(expected)
        assert float(rows[f"gradient/norm/{name}"]) == pytest.approx(norm, rel=1e-5)
        cosine = float(rows[f"gradient/cosine/{name}"])
        if name == "S":
            assert norm == 0 and np.isnan(cosine)
        else:
            expected_cosine = expected @ own / norm / np.linalg.norm(own)
            assert cosine == pytest.approx(float(expected_cosine), abs=1e-5)
    assert float(rows["gradient/cosine/R"]) == pytest.approx(1)
