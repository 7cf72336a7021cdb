"""TFDS builder for the manually annotated part of AffectNet (Mollahosseini et al., 2017)."""

from tfds_reactionet.affectnet import DATA_SET
from tfds_reactionet.affectnet.reader import Reader
from tfds_reactionet.building import FaceBuilder


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """283,901 training faces and the 3,500 of the validation list, which papers test on."""
