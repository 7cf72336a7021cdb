"""How to add a data set of faces: a reader that says what is on the disk, and a named builder.

    tfds_reactionet/NAME/__init__.py               DATA_SET = DataSet(version, folder, configs, ...)
    tfds_reactionet/NAME/NAME_dataset_builder.py   class Builder(FaceBuilder, ...)
    tfds_reactionet/NAME/reader.py                 class Reader: spec, find, units, read, stamped
    tfds_reactionet/NAME/README.md, CITATIONS.bib, TAGS.txt
    tests/helpers/raw_NAME.py                      a tiny tree in the official format
    tests/sets/test_NAME.py                        that tree, read back

A *unit* is a piece of the release that one process reads: a sequence, or a block of still images.
A *frame* is one record to be: a number, where its pixels are, its labels. The builder

1. makes the reader (main process) and lists its units, sorted by the reader as it likes;
2. reads the frames of every unit, over processes, to count records and skips;
3. cuts units into chunks of 128; a worker reads a unit's frames again, decodes, crops, encodes.

So `Reader` must be cheap to pickle (paths and options; no tables), `Unit.source` may hold what the
unit needs (a path, a block of table rows), and `read(unit)` must give the same frames each time.
Whatever is costly for a frame (landmark files, boxes that need the size of their image) belongs
into a `Lazy`: a function without arguments that is called only in the chunk that builds the frame.

Records (`record_features`): reaction/image; stimulus/image, depth/image (8-bit grey PNG) and
thermal/image if in `Spec.images`; audio uint8 [steps, bands] (reading/spectrogram.py; 0: no sound)
if `Spec.sound`; au/occurrence int8 (-1 unknown) and au/intensity float32 (NaN unknown) over
`Spec.au_names`, if there are any; expression (index, -1 unknown); landmarks [Spec.landmarks, 2] in
pixels of the stored image; `Spec.extra` (ReactioNet's caption, scene, sub_scene, head_pose, gaze;
names, views ...); task, sequence, subject, frame, label_source.
Records of one `sequence` text must be contiguous in a split: give the still images of a split one
and the same sequence text. Reasons for skips in `Reader.expected_reasons` are the protocol's own
and do not count against --max_skipped; a landmark file that is missing (NO_LANDMARKS) does, and so
does an image whose label is missing (UNLABELLED) where the release has one for each. An AU that is
not coded where others are is a note (`without_some`). A reader that joins images and labels by
number checks the two numberings (`reading.Offset`), and what a file's name says of its person
(`reading.check_owner`).
Defects of label files are InputErrors that name the file and the line; defects of one image are
BadImageErrors, and become skips.
Splits and folds are a `Protocol` (reading/protocols.py), chosen by the option `folds`
(`Reader.folds`, see reading/fold_choice.py); a `FoldReader` makes the folds from what its units
hold. Images that are cropped: reading/crop.py.
"""

import abc
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, runtime_checkable
from typing import Protocol as Interface

import numpy as np

from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.building.common import LABEL_SOURCES
from tfds_reactionet.building.skipped import Skip
from tfds_reactionet.reading import Box, FoldChoice, FoldUnit, Offset, Pixels, Protocol

# A file that is not there counts against --max_skipped; a face that was not found in it does not.
NO_LANDMARKS = "file of landmarks or boxes is missing"
# Of an image that the release labels: its row is cut off, or the whole file is gone.
UNLABELLED = "image whose label is missing"

T = TypeVar("T")
Lazy = Callable[[], T]
Options = Mapping[str, Any]  # of a data set, by name


@dataclass(frozen=True)
class Spec:
    """What the records of a data set's config hold, known without looking at the disk."""

    task: Literal["au", "expression"] | None  # None: both, and sub-scenes
    protocol: Protocol
    au_names: tuple[str, ...] = ()
    evaluated_aus: tuple[str, ...] = ()
    graded_aus: tuple[str, ...] = ()  # those whose intensity is coded on a scale of 0 to 5
    expression_names: tuple[str, ...] = EXPRESSIONS
    images: tuple[str, ...] = ("reaction",)  # then "stimulus", "depth", "thermal"
    landmarks: int = 0  # points of a face that are stored; 0: none
    sound: bool = False  # whether the spectrogram of the sound before a frame is stored
    # shape and dtype: NumPy's, str, or the names of classes whose index is stored
    extra: Mapping[str, tuple[tuple[int, ...], Any]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)  # of this data set alone; JSON


@dataclass(frozen=True)
class Unit:
    """A piece of a release whose records share sequence, subject, task and split."""

    sequence: str
    subject: str  # "" if unknown
    task: str
    part: str  # a split of the protocol; "" if a FoldReader is yet to say
    source: Any = None  # what the reader needs to read it; picklable

    def skip(self, number: int | str, reason: str, file: Path | str) -> Skip:
        """A frame of it that yields no record."""
        return Skip(f"{self.sequence}/{number}", reason, str(file))


@dataclass(frozen=True)
class Frame:
    """One record to be. `image` says where the pixels are."""

    number: int
    image: Pixels
    occurrence: np.ndarray | None = None  # int8 [aus]; None: unknown
    intensity: np.ndarray | None = None  # float32 [aus]; None: unknown
    expression: int = -1
    # [points, 2] in pixels of the image, pixel centres being integers; a Lazy may return None
    landmarks: np.ndarray | Lazy[np.ndarray | None] | None = None
    box: Box | Lazy[Box] | None = None  # the crop's, where there are no landmarks
    stimulus: Pixels | None = None
    depth: "Depth | Pixels | None" = None  # pixels: in the geometry of the reaction, whole
    thermal: Pixels | None = None
    thermal_box: Box | None = None  # in pixels of the thermal image
    sound: "Sound | None" = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    automatic: bool = False  # labels by a machine, not by a coder

    @property
    def label_source(self) -> int:
        return LABEL_SOURCES.index("automatic" if self.automatic else "manual")


@runtime_checkable
class Depth(Interface):
    """A source of depth in the geometry of the stored reaction image, see mesh.py."""

    @property
    def file(self) -> str: ...

    def render(self, shape: tuple[int, int], transform: np.ndarray, size: int) -> np.ndarray:
        """Depth uint8 [size, size], 0 where there is nothing, under the transform that the crop
        applies to an image of `shape` (height, width). Raises BadImageError.
        """
        ...


class Sound(Interface):
    """The sound of a sequence, which is read when a frame's part of it is asked for."""

    @property
    def file(self) -> str: ...

    def before(self, frame: int) -> np.ndarray:
        """Levels uint8 [steps, bands] that end with a frame. Raises BadSoundError."""
        ...


class Frames(Interface):
    """The frames of a unit: a list, or what makes those of a slice when it is asked for them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Sequence[Frame]: ...


class Reader(abc.ABC):
    """A raw release on a disk, found in a folder when it is made. Cheap to pickle."""

    expected_reasons: ClassVar[tuple[str, ...]] = ()  # skips that are the protocol's own
    offsets: tuple[Offset, ...] = ()  # of joins by number; those that `find` decides on
    folds: ClassVar[FoldChoice]  # what the option `folds` may say

    def __init__(self, root: Path, config: str, options: Options):
        """Raises InputError if a folder holds no release at first sight."""
        self.root, self.config, self.options = root, config, options
        self.find()

    @staticmethod
    @abc.abstractmethod
    def spec(config: str, options: Options) -> Spec:
        """What the records hold. Raises InputError for options that contradict each other."""

    @abc.abstractmethod
    def find(self) -> None:
        """Finds what the config needs in `root`. Raises InputError for what is not there."""

    @property
    def has_faces(self) -> bool:
        """Whether frames come with landmarks or boxes, so that faces can be cut out; here not."""
        return False

    @property
    def cuts_faces(self) -> bool:
        """Whether faces are cut out, so that a frame without landmarks yields no record."""
        return self.has_faces and self.options.get("crop") != "full"

    def resolved(self) -> dict[str, Any]:
        """The options as they are used, also those that were left to the reader."""
        return {**self.options, **{offset.option: offset.value for offset in self.offsets}}

    @abc.abstractmethod
    def units(self) -> Sequence[Unit]:
        """All units of the release. Raises InputError for defects."""

    def read(self, unit: Unit) -> Iterable[Frame | Skip]:
        """Frames of a unit in the order of their records, and what yields none."""
        raise NotImplementedError

    def frames(self, unit: Unit) -> tuple[Frames, Sequence[Skip]]:
        """What `read` gives, apart; a reader of many frames gives slices of them instead."""
        found = list(self.read(unit))
        frames = [item for item in found if isinstance(item, Frame)]
        return frames, [item for item in found if isinstance(item, Skip)]

    @abc.abstractmethod
    def stamped(self) -> Sequence[Path]:
        """Files and folders whose names, sizes and times tell whether the release changed.

        Label files, and the folders of images (a folder's time tells of added images).
        """

    def notes(self, unit: Unit) -> Iterable[str]:
        """What a user should know of a unit that yields records; units are counted by note."""
        return ()

    def said(self) -> Mapping[str, Any]:
        """What the metadata say of this release besides, JSON; "notes" are lines of the summary."""
        return {}

    def unread(self) -> Sequence[Skip]:
        """Skips that belong to no unit, such as labels of subjects that are not on the disk."""
        return ()


class FoldReader(Reader):
    """A release without a published protocol, whose parts depend on what the units hold."""

    @abc.abstractmethod
    def load(self, unit: Unit) -> FoldUnit:
        """What `parts` needs to know of a unit; asked in a worker process after its frames."""

    @abc.abstractmethod
    def parts(self, loads: Sequence[FoldUnit]) -> tuple[Mapping[str, str], str]:
        """Part of each unit by its sequence, and where the folds come from, for the metadata.

        Raises InputError if they cannot be made.
        """


def without_some(what: str, names: Sequence[str], known: np.ndarray) -> list[str]:
    """A note of the AUs that are not `known` ([frames, aus], of `names`) in frames that others are.

    A file of theirs is missing, empty or cut off.
    """
    lacking = [name for name, column in zip(names, known.T, strict=True) if not column.all()]
    if not len(known) or not lacking:
        return []
    return [f"{what} of {', '.join(lacking)} missing in some frames or in all: unknown there"]


def value(lazy: Any) -> Any:
    """The value of something that may be lazy."""
    return lazy() if callable(lazy) else lazy


def later(function: Callable[..., T], *arguments: Any) -> Lazy[T]:
    """A Lazy: function(*arguments) when it is asked for."""
    return functools.partial(function, *arguments)
