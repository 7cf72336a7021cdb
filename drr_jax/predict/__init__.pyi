from .detectors import DETECTORS as DETECTORS
from .detectors import make_detector as make_detector
from .faces import SMALLEST as SMALLEST
from .faces import Detector as Detector
from .faces import Face as Face
from .tracks import Tracks as Tracks
