"""What an image of a face went through before it was stored."""

from pathlib import Path

import numpy as np
import pytest

from drr_jax import data, recipes
from drr_jax.config import Config
from tfds_reactionet import build, reading


@pytest.mark.parametrize("kind", ["face", "full"])
def test_where_eyes_and_mouth_of_stored_faces_lie(rendered: Path, tmp_path: Path, kind: str):
    raw = rendered / "downloads" / "manual" / "reactionet_demo"
    build.prepare("reactionet/demo", tmp_path, raw, size=32, crop=kind, jobs=1, progress=False)
    config = Config()
    data_dir = {"data.name": "reactionet/demo", "data.data_dir": str(tmp_path)}
    recipes.apply(config, {**data_dir, "data.image_size": 32})
    fold = data.read_fold(config, data.open_dataset(data.find_data(config)), 0)
    facts = data.crop_facts(fold)
    assert (facts["kind"], facts["size"]) == (kind, 32)

    source = fold.source("train", ("landmarks",))
    points = [reading.anchors(source.read(row)["landmarks"]) for row in range(len(source))]
    median = (np.nanmedian(points, axis=0) + 0.5) / 32
    template = np.array(facts["template"])
    if kind == "full":  # by these few records themselves
        np.testing.assert_allclose(template, median, atol=1e-5)
    else:  # by the margin, and so does every face lie
        np.testing.assert_allclose(template, reading.face_template(0.1), atol=1e-5)
        np.testing.assert_allclose(median, template, atol=0.05)
