"""AU-GCN: where its regions lie on a face, what is cut out, and what its two losses train."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system
from small_system import BATCH, CLASSES, PRIOR, SIZE, build, reached, tuples

from drr_jax import config_rules
from drr_jax.data import augment
from drr_jax.data.landmarks import MIRROR
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models.systems import au_places, au_regions

NAMES = facs.REACTIONET_AUS_12
NEEDS = config_rules.SYSTEM_NEEDS["au_gcn"]
frames = jax.jit(au_regions.frames, static_argnums=(1, 2))
crop = jax.jit(au_regions.crop, static_argnums=2)
EVERY_AU = {
    *(*facs.REACTIONET_AUS, *facs.BP4D_AUS, *facs.DISFA_AUS),
    *(*facs.CK_PLUS_AUS, *facs.EMOTIONET_AUS_11),
}


def face(size):
    """68 points of an upright face, with eyes and mouth where crop.py puts them: roughly."""
    half = np.zeros((68, 2))
    half[17:22] = [(0.22, 0.29), (0.26, 0.26), (0.32, 0.25), (0.37, 0.26), (0.42, 0.27)]
    half[27:31] = [(0.5, y) for y in (0.35, 0.42, 0.48, 0.54)]
    half[31:36] = [(x, 0.59) for x in (0.43, 0.465, 0.5, 0.535, 0.57)]
    half[36:42] = [(0.26, 0.35), (0.3, 0.33), (0.35, 0.33), (0.41, 0.36), (0.35, 0.37), (0.3, 0.37)]
    half[48:52] = [(0.36, 0.74), (0.41, 0.71), (0.46, 0.7), (0.5, 0.705)]
    half[57:60] = [(0.5, 0.8), (0.46, 0.795), (0.41, 0.775)]
    half[60:63] = [(0.37, 0.74), (0.46, 0.73), (0.5, 0.73)]
    half[66:68] = [(0.5, 0.75), (0.46, 0.75)]
    half[:17] = 0.5
    other = half[list(MIRROR)] * [-1, 1] + [1, 0]
    points = np.where((half != 0).any(1, keepdims=True), half, other)
    square = 0.5 + (points - 0.5) / 1.2
    return (square * size - 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def system():
    return build("au_gcn", "R", **NEEDS)


def test_regions_lie_where_the_fixed_ones_do_on_a_face_that_was_cut_out():
    names = tuple(au_places.PLACES)
    found = frames(jnp.asarray(face(120))[None], names, 120)
    fixed = au_regions.fixed_frames(names, 120)
    side = float(jnp.linalg.norm(fixed.down[0, 0, 0]))
    for own, expected in zip(found, fixed, strict=True):
        far = np.linalg.norm(np.asarray(own - expected), axis=-1).max(-1)[0]
        assert far.max() < 0.45 * side, names[int(far.argmax())]


def test_every_au_of_every_set_has_a_region():
    au_places.check_names(sorted(EVERY_AU))
    with pytest.raises(
        InputError, match="AU99: where on a face it shows is not known; known: AU01"
    ):
        systems.build(small_system.config("au_gcn", "R", **NEEDS), 1, np.eye(1), names=["AU99"])


def test_a_region_is_the_mean_of_its_points_moved_along_the_face():
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 80, (2, 68, 2)).astype(np.float32)
    found = frames(jnp.asarray(points), ("AU06", "AU12"), 100)
    for row, p in enumerate(points):
        eyes = p[42] - p[39]
        below = np.array([-eyes[1], eyes[0]])  # in an image, y grows downwards
        centres = [[p[[40, 41]].mean(0) + below, p[[46, 47]].mean(0) + below], [p[48], p[54]]]
        np.testing.assert_allclose(found.centre[row], centres, atol=1e-3)
        np.testing.assert_allclose(found.across[row, 0], [-0.75 * eyes, 0.75 * eyes], atol=1e-3)
        np.testing.assert_allclose(found.down[row, 1, 1], 0.75 * below, atol=1e-3)


def test_a_lost_landmark_moves_only_its_regions_to_the_fixed_place():
    points = np.random.default_rng(0).uniform(20, 80, (2, 68, 2)).astype(np.float32)
    points[1, 54] = np.nan
    names = ("AU12", "AU07")
    found = frames(jnp.asarray(points), names, 100)
    whole = frames(jnp.asarray(np.nan_to_num(points, nan=50.0)), names, 100)
    fixed = au_regions.fixed_frames(names, 100)
    for own, kept, other in zip(found, whole, fixed, strict=True):
        np.testing.assert_allclose(own[1, 0, 1], other[0, 0, 1])
        np.testing.assert_array_equal(own[1, 1], kept[1, 1])
        np.testing.assert_array_equal(own[1, 0, 0], kept[1, 0, 0])
    points[0, 39] = np.nan  # without the corner of an eye there is no scale
    lost = frames(jnp.asarray(points), names, 100)
    np.testing.assert_allclose(lost.centre[0], fixed.centre[0], rtol=1e-6)
    assert np.isfinite(np.concatenate([np.ravel(x) for x in lost])).all()


def bilinear(image, x, y):
    height, width = image.shape[:2]
    total = np.zeros(image.shape[2])
    for i in range(height):
        for j in range(width):
            total += max(0, 1 - abs(x - j)) * max(0, 1 - abs(y - i)) * image[i, j]
    return total


def test_crops_are_bilinear_and_black_outside():
    rng = np.random.default_rng(1)
    image = rng.normal(size=(2, 7, 9, 2)).astype(np.float32)
    centre = rng.uniform(0, 8, (2, 1, 2, 2)).astype(np.float32)
    across, down = rng.normal(0, 3, (2, 2, 1, 2, 2)).astype(np.float32)
    where = au_regions.Frames(*map(jnp.asarray, (centre, across, down)))
    found = np.asarray(crop(jnp.asarray(image), where, 4))
    assert found.shape == (2, 1, 2, 4, 4, 2)
    for example in range(2):
        for side in range(2):
            for row, v in enumerate((-0.75, -0.25, 0.25, 0.75)):
                for column, u in enumerate((-0.75, -0.25, 0.25, 0.75)):
                    c, a, d = (part[example, 0, side] for part in (centre, across, down))
                    expected = bilinear(image[example], *(c + u * a + v * d))
                    np.testing.assert_allclose(
                        found[example, 0, side, row, column], expected, atol=1e-4
                    )


def test_a_patch_follows_the_face_when_it_turns_and_sides_look_alike():
    rng = np.random.default_rng(2)
    rough = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    image = np.asarray(jax.image.resize(jnp.asarray(rough, float), (96, 96, 3), "cubic"))
    image = image.clip(0, 255).astype(np.uint8)
    points = face(96)

    def patches(image, points):
        where = frames(jnp.asarray(points)[None], NAMES, 96)
        return np.asarray(crop(jnp.asarray(image, jnp.float32)[None], where, 16))[0]

    straight = patches(image, points)
    draw = np.array([20, 0, 1, 1, 1, 0, 0, 1], np.float32)
    turned = patches(augment.apply(image, draw), augment.move_landmarks(points, draw, 96))
    inside = straight.min((-1, -2, -3)) > 0  # regions that leave the image see black
    assert inside.any() and np.abs(turned - straight)[inside].mean() < 6
    draw = np.array([0, 1, 1, 1, 1, 0, 0, 1], np.float32)
    flipped = patches(augment.apply(image, draw), augment.move_landmarks(points, draw, 96))
    np.testing.assert_allclose(flipped, straight[:, ::-1], atol=0.5)  # left and right change places


def test_both_losses_fall_and_train_what_they_should(system):
    batch = tuples()
    gradient = system.gradients(batch)
    assert reached(gradient["loss/graph"]) == {"auto_encoder", "graph_module"}
    assert reached(gradient["loss/reconstruction"]) == {"auto_encoder"}
    decoder = gradient["loss/graph"]["auto_encoder"]
    assert not np.asarray(decoder["out"]["kernel"]).any()
    assert np.asarray(decoder["code"]["kernel"]).any()
    outputs = system.apply(system.variables, batch)
    error = np.square(outputs["patches"] - outputs["reconstructions"]).mean()
    assert outputs["patches"].shape == (BATCH, CLASSES, 2, 32, 32, 3)
    total, terms = system.module.loss(outputs, batch, small_system.targets())
    assert float(terms["loss/reconstruction"]) == pytest.approx(float(error), rel=1e-5)
    assert float(total) == pytest.approx(sum(map(float, terms.values())), rel=1e-5)
    np.testing.assert_array_equal(outputs["graph"]["relation/heterophily"], PRIOR)
    history = system.fit(batch)
    assert all(history[-1][term] < 0.8 * history[0][term] for term in terms)


def test_an_au_is_seen_in_its_regions_alone(system):
    module = system.module
    assert module.train_inputs == module.test_inputs == ("reaction", "landmarks")
    batch = tuples()
    points = np.tile(face(SIZE), (BATCH, 1, 1))
    batch["landmarks"] = jnp.asarray(points)
    patches = system.apply(system.variables, batch)["patches"]
    where = frames(batch["landmarks"], NAMES, SIZE)
    x, y = np.asarray(where.centre[0, NAMES.index("AU12"), 0]).astype(int)
    marked = batch | {
        "reaction": batch["reaction"].at[:, y, x].set(255 - batch["reaction"][:, y, x])
    }
    changed = np.abs(system.apply(system.variables, marked)["patches"] - patches).max(
        (0, 2, 3, 4, 5)
    )
    assert changed[NAMES.index("AU12")] > 0 and changed[NAMES.index("AU01")] == 0


def test_without_landmarks_the_regions_are_fixed():
    module = systems.build(
        small_system.config("au_gcn", "V", **NEEDS, **{"au_gcn.landmarks": "false"}),
        CLASSES,
        PRIOR,
        names=NAMES,
    )
    assert module.train_inputs == module.test_inputs == ("reaction",)
    batch = {"reaction": tuples()["reaction"]}
    variables = jax.eval_shape(module.init, jax.random.key(0), batch)
    outputs = jax.eval_shape(module.apply, variables, batch)
    assert outputs["logits"]["graph"].shape == (BATCH, CLASSES)


@pytest.mark.parametrize(
    ("domains", "changes", "said"),
    [
        ("RST", {}, "au_gcn works on R, V"),
        ("R", {"task": "expression"}, "task=expression: model.name=au_gcn needs"),
        ("R", {"graph.readout": "per_class"}, "graph.readout=concat_fc"),
        ("R", {"model.encoders.R.weights": "w.safetensors"}, "weights=none"),
    ],
)
def test_what_it_cannot_work_with_is_refused(domains, changes, said):
    with pytest.raises(InputError) as error:
        small_system.config("au_gcn", domains, **{**NEEDS, **changes})
    assert said in str(error.value)
