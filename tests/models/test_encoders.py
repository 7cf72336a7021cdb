"""The image encoders by name: ViT against PyTorch, one contract for all, what a config builds."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch_reference
from jax.ad_checkpoint import print_saved_residuals

from drr_jax import config as configs
from drr_jax import config_model, config_rules
from drr_jax.models.encoders import attention, vit
from drr_jax.models.encoders import build as encoders


def config_of(**changes):
    config = configs.Config()
    pairs = {"encoder.width": 4, "data.image_size": 32, "conv": "lax"} | changes
    for key, value in pairs.items():
        configs.set_key(config, key, str(value))
    config_rules.validate(config)
    return config


def test_vit_equals_pytorch():
    """Class token and patch tokens, in the order of the image's rows."""
    torch.manual_seed(0)
    theirs = torch_reference.ViT(heads=3, features=24, depth=3, image_size=48).eval()
    x = np.random.default_rng(0).standard_normal((2, 48, 48, 3), np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x).permute(0, 3, 1, 2)).numpy()
    model = vit.ViT(heads=3, depth=3, head_width=8)
    variables = torch_reference.vit_to_flax(theirs.state_dict())
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=True))
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, shapes)
    apply = partial(model.apply, variables, x, train=False)
    tokens, first = jax.jit(lambda: (apply(), apply(method="pooled")))()
    assert tokens.shape == (2, 3, 3, 24)
    np.testing.assert_allclose(first, expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(tokens.reshape(2, 9, 24), expected[:, 1:], atol=1e-5)


def test_vit_gradients_equal_pytorch():
    torch.manual_seed(1)
    theirs = torch_reference.ViT(heads=2, features=8, depth=2, image_size=32).double()
    rng = np.random.default_rng(1)
    x, weights = rng.standard_normal((2, 32, 32, 3)), rng.standard_normal((2, 5, 8))
    (theirs(torch.tensor(x).permute(0, 3, 1, 2)) * torch.tensor(weights)).sum().backward()
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    variables = torch_reference.vit_to_flax(theirs.state_dict())
    with jax.enable_x64(True):
        model = vit.ViT(heads=2, depth=2, head_width=4, dtype=np.float64)

        def loss(variables):
            first, tokens = model.apply(variables, x, method="tokens")
            tokens = tokens.reshape(2, 4, 8)
            return (jnp.concatenate([first[:, None], tokens], 1) * weights).sum()

        grads = jax.jit(jax.grad(loss))(variables)
    # The softmax and the normalisation are float32's, whatever the type.
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(
            ours, theirs, atol=2e-5 * abs(theirs).max()
        ),
        grads,
        torch_reference.vit_to_flax(expected),
    )


def test_no_layer_keeps_a_number_for_every_pair_of_tokens(capsys):
    """What the gradient needs of the forward pass; XLA:CPU's own memory does not show it."""
    tokens, mask = jnp.zeros((2, 33, 8)), jnp.ones((2, 33), bool)
    module = attention.Block(heads=4)
    variables = module.init(jax.random.key(0), tokens, mask)
    print_saved_residuals(module.apply, variables, tokens, mask)
    kept = capsys.readouterr().out
    assert "f32[2,33,3,4,2]" in kept or "f32[2,33,4,2]" in kept  # queries, keys and values
    assert "33,33]" not in kept


@pytest.mark.parametrize(("old", "new"), [(14, 16), (14, 4), (2, 5), (3, 3)])
def test_positions_are_resized_as_pytorch_does(old, new):
    positions = np.random.default_rng(2).standard_normal((1 + old * old, 6), np.float32)
    grid = torch.tensor(positions[1:]).reshape(1, old, old, 6).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(
        grid, (new, new), mode="bilinear", align_corners=False, antialias=True
    )
    resized = vit.resize_positions(positions, 1 + new * new)
    np.testing.assert_array_equal(resized[0], positions[0])
    np.testing.assert_allclose(
        resized[1:].reshape(new, new, 6), expected[0].permute(1, 2, 0), atol=1e-5
    )
    assert resized.dtype == np.float32


def test_positions_off_a_square_grid_are_refused():
    with pytest.raises(ValueError, match="positions of 8 and 5 tokens: not square grids"):
        vit.resize_positions(np.zeros((8, 2), np.float32), 5)


@pytest.mark.parametrize(
    ("backbone", "changes", "shape"),
    [
        ("resnet18", {}, (1, 1, 32)),
        ("resnet18", {"encoder.stem": "small"}, (2, 2, 32)),
        ("resnet50", {}, (1, 1, 128)),
        ("vit_s16", {"encoder.depth": 2}, (2, 2, 24)),
        ("vit_b16", {"encoder.depth": 1}, (2, 2, 48)),
    ],
)
def test_every_encoder_keeps_the_contract(backbone, changes, shape):
    config = config_of(**{"encoder.backbone": backbone}, **changes)
    model = encoders.build_image_encoder(config)
    x = jnp.zeros((2, 32, 32, 3))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=False))
    apply = partial(model.apply, train=True, mutable=["batch_stats"])
    features, _ = jax.eval_shape(apply, variables, x)
    pooled, _ = jax.eval_shape(partial(apply, method="pooled"), variables, x)
    assert features.shape == (2, *shape) and pooled.shape == (2, shape[-1])
    if backbone.startswith("vit"):
        blocks = [name for name in variables["params"] if name.startswith("block")]
        assert len(blocks) == config.encoder.depth


@pytest.mark.parametrize(
    ("backbone", "millions"),
    # torchvision's and timm's counts without the classifier; ViTs with 197 positions
    [("resnet18", 11.177), ("resnet50", 23.508), ("vit_s16", 21.666), ("vit_b16", 85.799)],
)
def test_published_sizes(backbone, millions):
    config = config_of(**{"encoder.backbone": backbone, "encoder.width": 64})
    model = encoders.build_image_encoder(config)
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 224, 224, 3)), train=False)
    )
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    assert count / 1e6 == pytest.approx(millions, abs=0.001)


def test_images_that_patches_do_not_tile_are_refused():
    with pytest.raises(ValueError, match="40x32: expected multiples of 16"):
        vit.ViTS16().init(jax.random.key(0), np.zeros((1, 40, 32, 3), np.float32), train=False)


def test_images_are_normalised_as_imagenet_unless_the_weights_say_otherwise():
    grey = jnp.full((1, 2, 2, 3), 128, jnp.uint8)
    expected = (128 / 255 - np.array(encoders.IMAGENET_MEAN)) / np.array(encoders.IMAGENET_STD)
    normal = encoders.normalise_image(grey, jnp.float32, config_model.ImageEncoder())
    np.testing.assert_allclose(normal[0, 0, 0], expected, rtol=1e-5)
    said = config_model.ImageEncoder(mean="0.5+0.5+0.25", std="0.5+0.25+0.5")
    normal = encoders.normalise_image(grey, jnp.float32, said)
    level = 128 / 255
    expected = [2 * level - 1, 4 * level - 2, 2 * level - 0.5]
    np.testing.assert_allclose(normal[0, 0, 0], expected, atol=1e-6)
