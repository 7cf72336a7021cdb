"""YuNet, the face detector of OpenCV's model zoo, from a file or from the Hugging Face hub."""

import re
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from drr_jax import files, weights
from drr_jax.errors import InputError
from drr_jax.predict import opencv
from drr_jax.predict.faces import SMALLEST, Face, by_size
from tfds_reactionet.reading import Box

HUB = "hf:"
# face_detection_yunet_2023mar.onnx (MIT licence, 232,589 bytes): the zoo's Git LFS pointer has the
# same digest.
DIGEST = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
PINNED = (
    f"{HUB}opencv/face_detection_yunet@3cc26e7f1014a5ee5d74a42acee58bafc9d0a310"
    "/face_detection_yunet_2023mar.onnx"
)
_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})/([\w.-]+\.onnx)")
_FACE = 20  # pixels that the smallest face gets: it was trained on faces of 10 to 300
_SURE, _OVERLAP, _MOST = 0.7, 0.3, 500  # least confidence, suppression, boxes before it


def locate(model: str) -> Path:
    """The model's file, its SHA-256 checked; "" is PINNED.

    model: PATH or hf:ORG/NAME@COMMIT/FILE.onnx, and behind a # the SHA-256 that it must have, which
    without one is DIGEST. A hub's file is downloaded or found in the cache. Raises InputError if
    there is none, or it is another.
    """
    source, _, digest = (model or PINNED).partition("#")
    digest = digest.lower() or DIGEST
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(
            f"detector yunet:{model}: expected 64 hexadecimal digits of a SHA-256 behind the #"
        )
    path = _download(source) if source.startswith(HUB) else files.named(source)
    if not path.is_file():
        raise InputError(
            f"detector yunet: {source}: no such file; expected face_detection_yunet_2023mar.onnx "
            "of OpenCV's model zoo, or leave the path away to download it"
        )
    found = files.digest(path)
    if found != digest:
        raise InputError(
            f"detector yunet: {path} has the SHA-256 {found}, expected {digest}; get the file "
            f"again, or, if you trust it, write yunet:{source}#{found}"
        )
    return path


def _download(source: str) -> Path:
    parts = _HUB_NAME.fullmatch(source.removeprefix(HUB))
    if not parts or ".." in source:
        raise InputError(
            f"detector yunet:{source}: expected {HUB}ORG/NAME@COMMIT/FILE.onnx, with the 40 "
            "hexadecimal digits of a commit"
        )
    repository, commit, name = parts.groups()
    try:
        return Path(weights.hub_client().hf_hub_download(repository, name, revision=commit))
    except Exception as error:  # the hub's, the HTTP library's and the disk's errors alike
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(
            f"detector yunet: {source} is neither in the cache nor to be downloaded ({reason}); "
            f"get {name} from https://huggingface.co/{repository} by hand and write yunet:PATH, "
            "or choose mtcnn, which needs no download"
        ) from None


class YuNet:
    """YuNet on OpenCV, for one thread.

    model: as `locate` takes it. smallest: the smallest face that is looked for, as a share of the
    image's shorter side (0 to 1]: the image is made smaller until it has 20 pixels, never larger.
    Raises InputError if there is no model or OpenCV cannot read it.
    """

    def __init__(self, model: str = "", smallest: float = SMALLEST) -> None:
        if not 0 < smallest <= 1:
            raise InputError(f"smallest face {smallest}: expected a share, above 0 and at most 1")
        self.smallest = smallest
        path = locate(model)
        try:
            with opencv.quiet():  # OpenCV 5 warns that it has no choice of devices
                told = str(path), "", (32, 32), _SURE, _OVERLAP, _MOST
                self._net = cv2.FaceDetectorYN.create(*told)
        except cv2.error as error:
            raise InputError(
                f"detector yunet: {path} cannot be read by OpenCV {cv2.__version__} ({error.err}); "
                "expected an ONNX file of YuNet"
            ) from None

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """The faces of an RGB image of any size, the largest first."""
        height, width = image.shape[:2]
        scale = min(1.0, _FACE / (self.smallest * min(height, width)))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if rows is None:
            return []
        back = np.array([width / size[0], height / size[1]])
        return by_size([_face(row, back) for row in np.asarray(rows, np.float64)])


def _face(row: Float[np.ndarray, "15"], back: Float[np.ndarray, "2"]) -> Face:
    """A face of the whole image from a row of box, five points and confidence of the smaller one.

    Its points come in our order: the person's right eye is on the image's left.
    """
    (left, top), (width, height) = row[:2] * back, row[2:4] * back
    points = ((row[4:14].reshape(5, 2) + 0.5) * back - 0.5).astype(np.float32)
    box = Box(float(left), float(top), float(width), float(height))
    return Face(box, points, float(np.clip(row[14], 0, 1)))
