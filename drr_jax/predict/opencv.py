"""OpenCV without what it says on its own."""

import contextlib
import os
from collections.abc import Iterator

import cv2

# Of libav nothing; OpenCV reads it when it opens its first video.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it OpenCV writes no line of its own: a command says in one what is wrong."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
