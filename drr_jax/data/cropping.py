"""How the faces of a prepared set were cut out, so that others can be cut out alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drr_jax.data.fold import Fold

LOOKED_AT = 512  # records whose landmarks say where faces are in whole images


def crop_facts(fold: Fold) -> Mapping[str, Any]:
    """The entry "crop" of run.json: what an image of a face went through before it was stored.

    kind is face (cut out by landmarks or a box) or full (the whole image); version that of the
    transform; margin and fit the builder's options; size the stored image's side in pixels.
    template is where the centres of both eyes and the middle of the mouth corners lie in the unit
    square, [3, 2], None if nothing tells: of faces that were cut out by the margin, of whole images
    the median over training records, by their landmarks. Raises InputError for a record that cannot
    be read.
    """
    from tfds_reactionet import reading

    metadata = fold.prepared.metadata
    options = metadata.get("options", {})
    kind = str(options.get("crop") or "full")
    margin = float(options.get("margin") or 0.0)
    template = reading.face_template(margin) if kind == "face" else _median(fold)
    return {
        "kind": kind,
        "version": int(metadata.get("crop_version", reading.CROP_VERSION)),
        "margin": margin,
        "fit": str(options.get("fit") or "letterbox"),
        "size": metadata.get("size"),
        "template": None if template is None else np.round(template, 6).tolist(),
    }


def _median(fold: Fold) -> np.ndarray | None:
    """Median place of the anchors in the images of some records, None if they have no landmarks."""
    from tfds_reactionet import reading

    if "landmarks" not in fold.prepared.inputs:
        return None
    source = fold.source("train", ("landmarks",))
    rows = np.unique(np.linspace(0, len(source) - 1, LOOKED_AT).astype(int))
    found = [reading.anchors(source.read(int(row))["landmarks"]) for row in rows]
    known = [points for points in found if np.isfinite(points).all()]
    return (np.median(known, axis=0) + 0.5) / fold.image_size if known else None
