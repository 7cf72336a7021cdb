"""What the command line must know of a data set before its builder is imported.

A data set is a package of tfds_reactionet with a builder of its name; it declares a `DATA_SET`.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tfds_reactionet
from drr_jax.errors import InputError, nearest


@dataclass(frozen=True)
class Option:
    """A choice of the user that changes the records: `--name=value`, of the type of `default`.

    With default None, the builder chooses, and the value is of the type `kind`, or None.
    """

    name: str
    default: str | int | float | bool | None
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    why: str = ""  # the end of the message about a value out of range
    kind: type = str  # of a value that has the default None

    def parse(self, text: str) -> str | int | float | bool:
        """The value that a command line names. Raises InputError for another type."""
        if isinstance(self.default, bool):
            if text.lower() not in ("true", "false"):
                raise InputError(f"{self.name}={text}, expected true or false")
            return text.lower() == "true"
        kind = self.kind if self.default is None else type(self.default)
        if kind not in (int, float):
            return text
        try:
            return kind(text)
        except ValueError as error:
            kinds = {int: "a whole number", float: "a number"}
            raise InputError(f"{self.name}={text}, expected {kinds[kind]}") from error

    def check(self, value: Any) -> None:
        """Raises InputError for a value out of range."""
        if self.choices and value not in self.choices:
            raise InputError(f"{self.name}={value}, expected {' or '.join(self.choices)}")
        too_low = self.low is not None and not value >= self.low
        if too_low or (self.high is not None and not value <= self.high):
            wanted = f"at least {self.low}" if self.high is None else f"{self.low} to {self.high}"
            raise InputError(f"{self.name}={value}, expected {wanted}{self.why}")


# What is new in the records of every set of faces.
FOLDS_BY_ID = "The part of a subject or an image follows from its own id alone."
SHAPES_KEPT = (
    "Whole images keep their shape (letterboxed, or their central square by fit=centre) where they "
    "were stretched to a square, and are turned as their EXIF orientation says. Square images that "
    "stand upright are as they were."
)
SIZE = Option("size", 256, "side of the stored images", low=8, high=4096, why=" pixels")


def offset_option(name: str, what: str, usual: str) -> Option:
    """How much higher images are numbered than what belongs to them (`reading.Offset`)."""
    text = f"{what} (default {usual}); given, the numbers are not doubted"
    return Option(name, None, text, low=-1_000_000, high=1_000_000, kind=int)


FIT = Option(
    "fit",
    "letterbox",
    "how whole images are put into the square: letterbox, all of it with black beside; centre, the "
    "square in its middle",
    choices=("letterbox", "centre"),
)
FACE_CHOICE = Option(
    "face",
    "longest",
    "which of several faces in an OpenFace file, the same in the whole sequence: longest, found in "
    "most frames; largest, in the image",
    choices=("longest", "largest"),
)
MARGIN = Option(
    "margin", 0.1, "room around a cut-out face, in widths of the face", low=0.0, high=2.0
)
LANDMARKS = Option(
    "landmarks",
    None,
    "folder of OpenFace's CSVs, named as the images and clips, to cut faces out by (the release "
    "has no landmarks of its own)",
)
# The options of every set of faces (building/faces.py).
FACE_OPTIONS = (
    SIZE,
    Option(
        "crop",
        None,
        "face: cut out by the release's landmarks or boxes; full: the whole image "
        "(default: face where the release has them)",
        choices=("face", "full"),
    ),
    FIT,
    MARGIN,
    Option("image_format", "jpeg", "how images are stored", choices=("jpeg", "png")),
)


def folds_option(default: str, named: str, noun: str = "subject") -> Option:
    """The option of every set that says who is tested in which fold; see reading.FoldChoice."""
    text = f"{named}; or a file of lines `NAME 2` ({noun} and its part, from 1 on)"
    return Option("folds", default, text)


OFFICIAL_FOLDS = folds_option("official", "official: the splits of the release", "image")


@dataclass(frozen=True)
class DataSet:
    """What is declared of a data set; its builder gives TFDS the same (`ShardedBuilder`)."""

    version: str
    folder: str  # of the raw release, in <data_dir>/downloads/manual
    configs: Mapping[str, str]  # config -> what it holds; the first is the default
    homepage: str = ""
    access: str = ""  # how to get the raw release, and what must be in its folder
    options: tuple[Option, ...] = FACE_OPTIONS
    notes: Mapping[str, str] = field(  # what a version brought, by version
        default_factory=lambda: {"1.0.0": "First version.", "1.1.0": SHAPES_KEPT}
    )
    demo: str | None = None  # module whose write_release(folder, ...) renders a release
    rendered: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # config -> arguments
    folders: Mapping[str, str] = field(default_factory=dict)  # of rendered configs


def defaults(data_set: DataSet) -> dict[str, Any]:
    """Default value of every option."""
    return {option.name: option.default for option in data_set.options}


def data_set_names() -> list[str]:
    """Names of all data sets; ReactioNet comes first."""
    builders = Path(tfds_reactionet.__path__[0]).glob("*/*_dataset_builder.py")
    names = (path.parent.name for path in builders)
    return sorted(names, key=lambda name: (name != "reactionet", name))


def find_data_set(name: str) -> DataSet:
    """A data set by name. Raises InputError for an unknown one, naming the nearest."""
    if name not in data_set_names():
        raise InputError(f"unknown data set {name!r}; {nearest(name, data_set_names())}")
    return importlib.import_module(f"tfds_reactionet.{name}").DATA_SET


def checked_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, without those that are None, of the types of their defaults.

    Raises InputError for a name that the data set does not have, or a value of another type or out
    of range.
    """
    known = {option.name: option for option in find_data_set(name).options}
    chosen = {}
    for key, value in given.items():
        if key not in known:
            raise InputError(f"{name} has no option {key!r}; {nearest(key, tuple(known))}")
        if value is not None:
            chosen[key] = known[key].parse(str(value))
            known[key].check(chosen[key])
    return chosen
