import tfds_reactionet.building

from .labels import AU_COLUMNS as AU_COLUMNS
from .labels import KeyFrames as KeyFrames
from .labels import read_keyframes as read_keyframes
from .layout import DEMOGRAPHICS as DEMOGRAPHICS
from .layout import Sequence as Sequence
from .layout import find_frames as find_frames

DATA_SET: tfds_reactionet.building.DataSet
