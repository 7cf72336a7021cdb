"""AffectNet: 287,401 faces from the internet with one of seven expressions."""

from tfds_reactionet.building import DataSet

DATA_SET = DataSet(version="1.0.0", configs={"seven": "AffectNet"})
