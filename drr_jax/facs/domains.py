"""Input domains: the letters of a config's `domains`, and what stands behind them.

R, S and T are a tuple of ReactioNet; V, D and Th one face in visible light, depth and heat. T is
text, the caption, and Th the thermal image, everywhere: Table 6 of the paper prints T for thermal.
V is the reaction's image where no stimulus belongs to it, so that predict=reaction means the face's
own head, of R or of V. A is the sound that the viewer and the stimulus share, beside R alone: it
stands last in `domains`, and is the one domain that a tuple may lack (docs/method.md 9.10).
"""

from typing import NamedTuple

TUPLE_DOMAINS, FACE_DOMAINS = ("R", "S", "T"), ("V", "D", "Th")
SOUND = "A"
SPECTROGRAM = (96, 64)  # of A in a record: steps of 10 ms, the last at its frame; mel bands
IMAGES = ("reaction", "stimulus", "depth", "thermal")  # what records have of the domains as images


class Domain(NamedTuple):
    """What a domain is called."""

    input: str  # in the records of a data set
    words: str  # on a page


DOMAINS = {
    "R": Domain("reaction", "reaction"),
    "S": Domain("stimulus", "stimulus"),
    "T": Domain("caption", "caption"),
    SOUND: Domain("audio", "sound"),
    "V": Domain("reaction", "visible image"),
    "D": Domain("depth", "depth"),
    "Th": Domain("thermal", "thermal image"),
}
# Whose head is the prediction, of those that a run has.
PREDICT_DOMAINS = {"reaction": ("R", "V"), "stimulus": ("S",)}
