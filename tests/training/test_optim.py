"""SGD against torch.optim.SGD, and the learning rates at their borders."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import torch_reference

from drr_jax import config_rules
from drr_jax.config import Config, Optim
from drr_jax.errors import InputError
from drr_jax.models.encoders.batch_norm import BatchNorm
from drr_jax.models.encoders.layers import Conv
from drr_jax.models.encoders.resnet import ResNet18
from drr_jax.training.optim import decay_mask, optimizer, schedule, total_steps


class SmallNet(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = Conv(4, 3, 2, "im2col", jnp.float64, name="conv1")(x)
        return nn.relu(BatchNorm(dtype=jnp.float64, name="bn1")(x, train))


class SmallTorch(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(self.bn1(self.conv1(x)))


@pytest.mark.parametrize(
    ("ours", "theirs", "size", "steps"),
    [
        (SmallNet(), SmallTorch, 8, 6),
        (
            ResNet18(width=8, conv_impl="im2col", dtype=jnp.float64),
            lambda: torch_reference.ResNet18(8),
            64,
            1,
        ),
    ],
    ids=["small", "resnet18"],
)
def test_sgd_equals_pytorch(ours, theirs, size, steps):
    """A rate that changes on the way, momentum and decay on all parameters, in float64."""
    torch.manual_seed(0)
    theirs = theirs().double()
    variables = torch_reference.to_flax(theirs.state_dict())
    rates = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01][:steps]
    images = np.random.default_rng(0).standard_normal((steps, 3, size, size, 3))

    sgd = torch.optim.SGD(theirs.parameters(), lr=1.0, momentum=0.9, weight_decay=1e-4)
    for rate, x in zip(rates, images, strict=True):
        sgd.param_groups[0]["lr"] = rate
        sgd.zero_grad()
        theirs(torch.tensor(x).permute(0, 3, 1, 2)).square().mean().backward()
        sgd.step()
    expected = torch_reference.to_flax(theirs.state_dict())

    with jax.enable_x64(True):
        tx = optimizer(Optim(), lambda step: jnp.asarray(rates)[step])

        @jax.jit
        def update(variables, state, x):
            def loss(params):
                y, updated = ours.apply(
                    {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
                )
                return jnp.square(y).mean(), updated

            grads, updated = jax.grad(loss, has_aux=True)(variables["params"])
            updates, state = tx.update(grads, state, variables["params"])
            params = optax.apply_updates(variables["params"], updates)
            return {"params": params, **updated}, state

        state = tx.init(jax.tree.map(jnp.asarray, variables["params"]))
        for x in images:
            variables, state = update(variables, state, x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), variables, expected
    )


def test_step_schedule_at_the_borders():
    rate = schedule(Optim(), steps_per_epoch=10, total_steps=120, batch_size=64)
    assert [float(rate(s)) for s in (0, 19, 20, 119)] == pytest.approx([0.01, 0.01, 0.001, 0.001])
    rate = schedule(Optim(lr_epochs=1.5), steps_per_epoch=10.4, total_steps=120, batch_size=8)
    assert [float(rate(s)) for s in (15, 16)] == pytest.approx([0.01, 0.001])


def test_cosine_schedule_and_warmup():
    config = Optim(schedule="cosine", warmup_steps=4, lr=0.02)
    rate = schedule(config, steps_per_epoch=10, total_steps=24, batch_size=64)
    warm = [float(rate(s)) for s in range(5)]
    assert warm == pytest.approx([0.005, 0.01, 0.015, 0.02, 0.02])
    assert float(rate(14)) == pytest.approx(0.01)
    assert [float(rate(s)) for s in (24, 30)] == pytest.approx([0, 0], abs=1e-9)


def test_decay_lowers_the_rate_every_few_epochs():
    """JAA-Net's recipe (method 7.2) against PyTorch's StepLR, an epoch being ten steps."""
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    theirs = torch.optim.lr_scheduler.StepLR(sgd, step_size=2, gamma=0.3)
    rate = schedule(Optim(schedule="decay"), steps_per_epoch=10, total_steps=120, batch_size=16)
    for epoch in range(12):
        expected = theirs.get_last_lr()
        assert [float(rate(10 * epoch + s)) for s in (0, 9)] == pytest.approx(2 * expected)
        sgd.step()
        theirs.step()


def test_a_decay_that_would_never_pause_is_refused():
    config = Config(optim=Optim(schedule="decay", lr_epochs=0))
    with pytest.raises(InputError, match=r"optim\.lr_epochs=0: optim\.schedule=decay lowers"):
        config_rules.validate(config)


def test_large_batches_scale_the_rate_and_warm_up():
    rate = schedule(Optim(), steps_per_epoch=5, total_steps=60, batch_size=256)
    values = [float(rate(s)) for s in (0, 1, 4, 5, 9, 10)]
    assert values == pytest.approx([0.008, 0.016, 0.04, 0.04, 0.04, 0.004])
    own = schedule(Optim(warmup_steps=2), steps_per_epoch=5, total_steps=60, batch_size=128)
    assert [float(own(s)) for s in (0, 1, 2)] == pytest.approx([0.01, 0.02, 0.02])


def test_schedule_is_traceable():
    rate = schedule(Optim(), steps_per_epoch=10, total_steps=120, batch_size=64)
    assert float(jax.jit(rate)(jnp.int32(20))) == pytest.approx(0.001)


def test_total_steps():
    config = Config()
    config.data.batch_size, config.optim.epochs = 16, 2.0
    assert total_steps(config, 100) == 13
    assert total_steps(config, 3) == 1
    config.optim.max_steps = 5
    assert total_steps(config, 100) == 5
    config.optim.max_steps = 50
    assert total_steps(config, 100) == 13


def test_decay_mask():
    params = {
        "dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)},
        "classes": {"subspace_bias": jnp.ones((4, 3)), "subspace_kernel": jnp.ones((4, 3))},
        "vit": {"positions": jnp.ones((4, 3)), "class_token": jnp.ones(3)},
        "norm": {"scale": jnp.ones(3), "bias": jnp.ones(3)},
    }
    assert decay_mask(params) == {
        "dense": {"kernel": True, "bias": False},
        "classes": {"subspace_bias": False, "subspace_kernel": True},
        "vit": {"positions": False, "class_token": False},
        "norm": {"scale": False, "bias": False},
    }
    zeros = jax.tree.map(jnp.zeros_like, params)
    for decay_all, moved in ((True, 8), (False, 2)):
        tx = optimizer(Optim(decay_all=decay_all), optax.constant_schedule(1.0))
        updates, _ = tx.update(zeros, tx.init(params), params)
        assert sum(bool(u.any()) for u in jax.tree.leaves(updates)) == moved


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_encoders_of_the_context_learn_at_a_rate_of_their_own(name):
    """As with a schedule that is a tenth, decay and momentum included; the others as without."""
    start = {
        key: {"kernel": jnp.ones((2, 3))}
        for key in ("encoder_R", "encoder_S", "encoder_T", "head_S")
    }

    def trained(config, rate, frozen=()):
        tx = optimizer(config, optax.constant_schedule(rate), frozen)
        params, state = start, tx.init(start)
        for k in range(3):
            gradient = jax.tree.map(lambda p, k=k: jnp.sin(p * (k + 1)), params)
            updates, state = tx.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
        return {key: np.asarray(value["kernel"]) for key, value in params.items()}

    slow = Optim(name=name, context_rate=0.1, weight_decay=0.05)
    same = Optim(name=name, weight_decay=0.05)
    found, whole, tenth = trained(slow, 0.1), trained(same, 0.1), trained(same, 0.01)
    for key, value in found.items():
        expected = tenth if key in ("encoder_S", "encoder_T") else whole
        np.testing.assert_allclose(value, expected[key], rtol=1e-6)
    assert not np.allclose(whole["encoder_S"], tenth["encoder_S"])
    frozen = trained(slow, 0.1, ("encoder_T",))
    np.testing.assert_array_equal(frozen["encoder_T"], 1)
    np.testing.assert_allclose(frozen["encoder_S"], tenth["encoder_S"], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options", "config"),
    [
        ("AdamW", {"weight_decay": 0.05}, Optim(name="adamw", weight_decay=0.05)),
        (
            "SGD",
            {"weight_decay": 5e-4, "momentum": 0.9, "nesterov": True},
            Optim(weight_decay=5e-4, nesterov=True),
        ),
        (
            "SGD",
            {"weight_decay": 1e-4, "momentum": 0.9},
            Optim(clip_norm=3.0),  # some of the gradients are longer
        ),
    ],
    ids=["adamw", "nesterov", "clipped"],
)
def test_other_optimisers_equal_pytorch(kind, options, config):
    """Five steps on one matrix, AdamW's decay beside the gradient, in float64."""
    with jax.enable_x64(True):
        start = np.random.default_rng(0).standard_normal((3, 4))
        theirs = torch.nn.Parameter(torch.tensor(start))
        peer = getattr(torch.optim, kind)([theirs], lr=0.1, **options)
        ours = optimizer(config, lambda step: 0.1)
        params = {"kernel": jnp.asarray(start)}
        state, norms = ours.init(params), []
        for k in range(5):
            peer.zero_grad()
            (torch.sin(theirs * (k + 1)) ** 2).sum().backward()
            if config.clip_norm:
                norms.append(float(torch.nn.utils.clip_grad_norm_([theirs], config.clip_norm)))
            peer.step()
            gradient = jax.grad(lambda p, k=k: (jnp.sin(p["kernel"] * (k + 1)) ** 2).sum())(params)
            updates, state = ours.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
        # PyTorch divides by the norm and 1e-6.
        close = 1e-5 if norms else 1e-10
        np.testing.assert_allclose(params["kernel"], theirs.detach().numpy(), atol=close)
        assert not norms or min(norms) < config.clip_norm < max(norms)
