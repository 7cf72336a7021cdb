"""RAF-DB: 15,339 faces from the internet with one of seven basic expressions."""

from tfds_reactionet.building import DataSet

DATA_SET = DataSet(version="1.0.0", configs={"aligned": "RAF-DB", "original": "RAF-DB"})
