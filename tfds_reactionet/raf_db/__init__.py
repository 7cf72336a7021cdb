"""RAF-DB: 15,339 faces from the internet with one of seven basic expressions."""

from tfds_reactionet.building import FACE_OPTIONS, OFFICIAL_FOLDS, DataSet

DATA_SET = DataSet(
    version="1.1.0",
    folder="RAF-DB",
    configs={
        "aligned": "The release's aligned faces of 100 x 100 pixels.",
        "original": "The original images, cut out by five landmarks.",
    },
    homepage="http://www.whdeld.cn/RAF/model1.html",
    access="ask for RAF-DB and copy its folder basic there, so that it holds EmoLabel/ and Image/",
    options=(*FACE_OPTIONS, OFFICIAL_FOLDS),
)
