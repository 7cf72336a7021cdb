"""What is said beside the numbers: what the input or the model makes them worth."""

from drr_jax import pages
from drr_jax.predict.finders import NONE, Finder, OpenFaceFaces
from drr_jax.predict.inputs import Images, Input
from drr_jax.predict.model import Model

FEW = 3  # frames without a row in OpenFace's CSV are nothing to speak of
NAMED = 3  # files


def of_input(over: Input, finder: Finder, pictures: int) -> list[str]:
    """What is odd in what was read, so many pictures of it, a line each."""
    notes = []
    if isinstance(finder, OpenFaceFaces) and (without := finder.without_row(pictures)) > FEW:
        what = "frames" if over.video else "images"
        notes.append(
            f"warning: {finder.path} has no row of {without} of {pictures} {what}, which count as "
            f"without a face: is it the CSV of {over.name}?"
        )
    if isinstance(over, Images) and (moving := over.moving()):
        named = ", ".join(moving[:NAMED]) + (", ..." if len(moving) > NAMED else "")
        notes.append(
            f"of {len(moving)} animated or many-paged {pages.plural(len(moving), 'image')} the "
            f"first picture alone was read: {named}; of a video all frames are"
        )
    return notes


def of_crop(model: Model, faces: str) -> list[str]:
    """What a model of whole images is given where faces are looked for."""
    if not model.crop.known or model.crop.kind == "face" or faces == NONE:
        return []
    return [
        "this model learnt from whole images, in which a face stays where it is; here each face "
        "was put where faces lie on average. Images framed as in training: --faces=none"
    ]
