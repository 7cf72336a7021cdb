"""A face as the training images showed faces: cut out by points, by a box, or not at all."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from drr_jax import data
from drr_jax.errors import InputError
from drr_jax.predict.faces import Found
from tfds_reactionet import reading

Image = UInt8[np.ndarray, "height width 3"]
KINDS, FITS = ("face", "full"), typing.get_args(reading.Fit)
LARGEST = 4096  # side of stored images, as the builders have it


@dataclass(frozen=True)
class Crop:
    """How training images were made of faces: `data.crop_facts`, and the size the model reads.

    template: where the centres of the eyes and the middle of the mouth corners lie in the unit
    square, [3, 2]. kind, version, margin and fit: the builder's, see there. stored: the side of the
    images that training read, in pixels; size: that of the model's input.
    """

    kind: str
    version: int
    margin: float
    fit: reading.Fit
    stored: int
    size: int
    template: Float[np.ndarray, "3 2"]
    known: bool  # whether the folder says all this

    @classmethod
    def of(cls, facts: Mapping[str, Any] | None, size: int, where: str) -> "Crop":
        """The crop of a folder's `facts`; without any, faces are cut out with no margin.

        Raises InputError for a crop that this version cannot make; `where` names the folder.
        """
        facts = facts or {}
        try:
            return cls._of(facts, size, where)
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{where}: its crop {dict(facts)!r:.200} is none ({error}); export the run again"
            ) from None

    @classmethod
    def _of(cls, facts: Mapping[str, Any], size: int, where: str) -> "Crop":
        version = int(facts.get("version", reading.CROP_VERSION))
        if version > reading.CROP_VERSION:
            raise InputError(
                f"{where}: its faces were cut out by version {version} of the crop, and this "
                f"drr-jax has version {reading.CROP_VERSION}; install a newer one"
            )
        margin, template = float(facts.get("margin") or 0.0), facts.get("template")
        points = np.array(template, float) if template else reading.face_template(margin)
        stored = int(facts.get("size") or size)
        if points.shape != (3, 2) or not np.isfinite(points).all() or margin < 0:
            raise ValueError("expected three finite points and a margin from 0 on")
        kind, fit = facts.get("kind") or "face", facts.get("fit") or "letterbox"
        if not 1 <= stored <= LARGEST or kind not in KINDS or fit not in FITS:
            raise ValueError(
                f"expected a size of 1 to {LARGEST}, kind {' or '.join(KINDS)} and fit "
                f"{' or '.join(FITS)}"
            )
        return cls(
            kind=kind,
            version=version,
            margin=margin,
            fit=fit,
            stored=stored,
            size=size,
            template=points,
            known=bool(facts),
        )

    def cut(self, image: Image, found: Found) -> UInt8[np.ndarray, "size size 3"]:
        """The model's input: by points if there are any, else by the box, else the whole image.

        An image that has the model's size and is not to be cut stays as it is. Raises
        `reading.BadImageError` for points that lie in one place.
        """
        if found.points is not None or found.box is not None:
            transform = self.transform(image.shape[:2], found)
            return data.resize(reading.warp(image, transform, self.stored), self.size)
        if image.shape[:2] == (self.size, self.size):
            return image
        placement = reading.Placement.of(*image.shape[:2], size=self.stored, fit=self.fit)
        return data.resize(placement.apply(image), self.size)

    def transform(self, shape: Sequence[int], found: Found) -> Float[np.ndarray, "2 3"]:
        """From pixels of an image of `shape` (height, width) to those of the stored square."""
        if found.points is not None:
            return reading.template_transform(found.points, self.stored, self.template)
        if found.box is not None:
            return reading.box_transform(found.box, self.stored, self.margin)
        return reading.full_transform(shape[0], shape[1], self.stored, self.fit)
