"""JAA-Net: its cells, maps and losses by hand, and that landmarks are needed to train alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system as small

from drr_jax.data.landmarks import INNER_49
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models.systems import jaa_net
from drr_jax.models.systems.au_places import resting_face
from drr_jax.models.systems.jaa_attention import attention_maps, centres


def test_cells_are_blocks_of_the_image_row_by_row():
    x = jnp.arange(2 * 8 * 8 * 3, dtype=jnp.float32).reshape(2, 8, 8, 3)
    cells = jaa_net.to_cells(x, 4)
    np.testing.assert_array_equal(cells[5], x[:, 2:4, 2:4])
    np.testing.assert_array_equal(jaa_net.from_cells(cells, 4), x)


def test_patch_convolution_is_a_convolution():
    x = jax.random.normal(jax.random.key(0), (2, 6, 5, 3))
    module = jaa_net.Conv(4, 3, impl="rows")
    variables = module.init(jax.random.key(1), x)
    kernel = variables["params"]["kernel"]
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(module.apply(variables, x), expected, atol=1e-5)


def test_cells_have_kernels_of_their_own_and_see_no_neighbour():
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 2))
    block = jaa_net.Block(3, jaa_net.How(), grid=2)
    variables = jax.jit(lambda: block.init(jax.random.key(1), x, False))()
    kernels = variables["params"]["conv"]["kernel"]
    assert kernels.shape == (4, 3, 3, 2, 3) and np.ptp(np.asarray(kernels), axis=0).min() > 0
    out = block.apply(variables, x, False)
    for cell, (row, column) in enumerate(((0, 0), (0, 4), (4, 0), (4, 4))):
        part = np.asarray(x)[0, row : row + 4, column : column + 4]
        around = np.pad(part, ((1, 1), (1, 1), (0, 0)))
        expected = np.zeros((4, 4, 3))
        for i, j in np.ndindex(3, 3):
            expected += around[i : i + 4, j : j + 4] @ np.asarray(kernels)[cell, i, j]
        expected = np.maximum(expected / np.sqrt(1 + 1e-5), 0)
        np.testing.assert_allclose(out[0, row : row + 4, column : column + 4], expected, atol=1e-5)


def test_enhancement_counts_in_the_gradient_alone():
    value, gradient = jax.value_and_grad(lambda x: jaa_net.enhance(x, 2.0) ** 2)(3.0)
    assert float(value) == 9 and float(gradient) == 2 * 6


def test_refinement_pulls_towards_the_initial_maps():
    rng = np.random.default_rng(0)
    logits, initial = rng.normal(size=(2, 3, 3, 4)), rng.uniform(size=(2, 3, 3, 4))
    p = 1 / (1 + np.exp(-logits))
    entropy = -(initial * np.log(p) + (1 - initial) * np.log(1 - p))
    loss = jaa_net.refinement_loss(jnp.asarray(logits), jnp.asarray(initial))
    assert float(loss) == pytest.approx(entropy.sum((1, 2)).mean(), rel=1e-5)


def test_dice_counts_known_labels_alone():
    logits = np.array([[2.0, -1.0], [0.5, 3.0], [-2.0, 0.0]])
    labels = np.array([[1, 0], [0, 1], [-1, 1]])
    weights = np.array([0.5, 1.5])
    p, known = 1 / (1 + np.exp(-logits)), labels >= 0
    expected = 0.0
    for n in range(2):
        q, y = p[known[:, n], n], (labels[known[:, n], n] == 1).astype(float)
        share = (2 * (q * y).sum() + 1) / ((q * q).sum() + (y * y).sum() + 1)
        expected += weights[n] * (1 - share) / 2
    loss = jaa_net.weighted_dice(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(weights))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_alignment_is_normalised_by_the_eyes_and_leaves_out_the_unknown():
    points = np.random.default_rng(0).uniform(0, 32, (3, 68, 2))
    moved = points + np.array([3.0, 4.0])
    eyes = points[:, 42:48].mean(1) - points[:, 36:42].mean(1)
    squared = (eyes**2).sum(-1)
    expected = np.mean(49 * 25 / (2 * squared))
    predicted = jnp.asarray(moved[:, list(INNER_49)], jnp.float32)
    loss = jaa_net.alignment_loss(predicted, jnp.asarray(points, jnp.float32))
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    points[0, INNER_49[-1]] = np.nan  # the mean over the other points stays 25
    points[:, 0] = np.nan  # the jaw is not looked at
    again = jaa_net.alignment_loss(predicted, jnp.asarray(points, jnp.float32))
    assert float(again) == pytest.approx(expected, rel=1e-4)


def test_maps_fall_off_around_both_centres():
    face = resting_face()[list(INNER_49)] * 64 - 0.5
    maps = np.asarray(attention_maps(jnp.asarray(face)[None], ("AU12", "AU06"), 64, 64))[0]
    corners = [face[INNER_49.index(point)] for point in (48, 54)]
    half = 0.14 * 64
    expected = np.zeros((64, 64))
    for y in range(64):
        for x in range(64):
            for cx, cy in corners:
                dx, dy = abs(x - cx), abs(y - cy)
                if dx <= half and dy <= half:
                    expected[y, x] = max(expected[y, x], 1 - 0.56 * (dx + dy) / half)
    np.testing.assert_allclose(maps[..., 0], np.maximum(expected, 0), atol=1e-4)
    # The cheeks lie below the eyes and above the mouth.
    rows = np.flatnonzero(maps[..., 1].max(1))
    eyes = face[[INNER_49.index(point) for point in range(36, 48)], 1].max()
    assert eyes < rows.mean() < face[INNER_49.index(48), 1]


def test_maps_turn_and_grow_with_the_face():
    """Up is the face's own, and its size sets how far."""
    names = facs.EMOTIONET_AUS_11
    face = resting_face()[list(INNER_49)] * 64 - 0.5
    turned = np.stack([face[:, 1], 63 - face[:, 0]], -1)  # a quarter, counter-clockwise
    maps = attention_maps(jnp.asarray(np.stack([face, turned])), names, 64, 64)
    np.testing.assert_allclose(maps[1], np.rot90(np.asarray(maps[0])), atol=1e-4)
    small_face = jnp.asarray(face / 2)[None]
    inner = face[INNER_49.index(42)] - face[INNER_49.index(39)]
    for name, up, point in (("AU01", 1 / 2, 21), ("AU04", -1 / 3, 19), ("AU12", 0, 48)):
        left = np.asarray(centres(small_face, (name,)))[0, 0, 0]
        expected = face[INNER_49.index(point)] - np.array([0, up * inner[0]])
        np.testing.assert_allclose(left, expected / 2, atol=1e-4)


def test_classes_must_be_aus_with_a_place():
    with pytest.raises(InputError, match="AU99: where on a face it shows is not known"):
        systems.build(small.config("jaa_net", "V"), 1, np.eye(1), names=["AU99"])
    with pytest.raises(InputError, match="needs task=au"):
        small.config("jaa_net", "V", task="expression")


@pytest.fixture(scope="module")
def system():
    config = small.config("jaa_net", "V", **{"encoder.width": 8})
    names = facs.REACTIONET_AUS_12
    return small.System(systems.build(config, len(names), small.PRIOR, names=names))


def test_it_learns_from_landmarks_and_predicts_from_the_face(system):
    module, batch = system.module, small.faces()
    assert module.train_inputs == ("reaction", "landmarks") and module.test_inputs == ("reaction",)
    outputs = system.apply(system.variables, batch)
    assert outputs["landmarks"].shape == (small.BATCH, 49, 2)
    np.testing.assert_allclose(outputs["attention"]["V"].sum((1, 2)), 1, atol=1e-4)
    face = {"reaction": batch["reaction"]}
    alone = system.apply(system.variables, face, method="predict")
    np.testing.assert_allclose(alone, jax.nn.sigmoid(outputs["logits"]["V"]), atol=1e-6)
    history = system.fit(batch, steps=15, rate=0.003)
    assert set(history[0]) == {"loss/V", "loss/dice", "loss/alignment", "loss/refinement", "loss"}
    assert all(np.isfinite(value) for row in history for value in row.values())
    for term in ("loss", "loss/alignment"):
        assert history[-1][term] < history[0][term]


def test_each_loss_reaches_its_own_branch(system):
    gradients = system.gradients(small.faces())
    reached = {term: small.reached(gradient) for term, gradient in gradients.items()}
    shared = {"region1", "region2", "align"}
    detection = shared | {"refine", "local", "overall", "detect_hidden", "detect_out"}
    # The maps follow the landmarks, but do not move them.
    assert reached == {
        "loss/V": detection,
        "loss/dice": detection,
        "loss/alignment": shared | {"align_hidden", "align_out"},
        "loss/refinement": {"refine"},
    }


def test_faces_without_landmarks_train_detection_alone(system):
    params = system.variables["params"]
    lost = small.faces() | {"landmarks": jnp.full((small.BATCH, 68, 2), jnp.nan)}
    key, weights = jax.random.key(0), system.only(lost)
    (_, terms), gradient = system.gradient(params, lost, key, weights)
    assert float(terms["loss/alignment"]) == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert small.reached(gradient) == set(params) - {"align_hidden", "align_out"}
    (_, known), _ = system.gradient(params, small.faces(), key, weights)
    assert float(known["loss/V"]) == float(terms["loss/V"])  # maps are of predicted landmarks
