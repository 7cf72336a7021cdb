"""Where ReactioNet's files lie. The official layout is unpublished: only this module knows one.

```
ROOT/<scene>/<sub_scene>/<task>/<sequence>/
    reaction/000001.jpg ...   or reaction.mp4        stimulus/000001.jpg ...   or stimulus.mp4
    depth/000001.png ...                             thermal/000001.jpg ...
    openface.csv              captions.csv or captions.json           audio.wav or audio.m4a
ROOT/labels/keyframes.csv     ROOT/labels/demographics.csv     ROOT/splits/fold1.txt .. fold3.txt
```
Source: docs/datasets.md section 11, a proposal; the frame numbers of both sides mean one instant.
Depth and thermal images of the reaction exist in the rendered release alone (MODALITIES): 8-bit
grey, of the same frame numbers and the same geometry as the reaction images. Both sides have one
sound (docs/method.md 2.2): a file beside them, or the track of a side's video.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError, nearest
from drr_jax.facs import SCENES
from tfds_reactionet.reading import (
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    ImageFile,
    Pixels,
    VideoImage,
    folder_names,
    folders,
    numbered_images,
    video_length,
)

SIDES = ("reaction", "stimulus")
MODALITIES = ("depth", "thermal")  # of the reaction
KEYFRAMES = Path("labels", "keyframes.csv")
DEMOGRAPHICS = Path("labels", "demographics.csv")
RENDERED = Path("demo_release.json")  # of rendered releases: their parameters
HEADROOM = Path("headroom.csv")  # of them, too: F1 of rules and of readers of faces
CUT_OUT = ("demo", "demo_keyframes", "demo_audio")  # configs whose faces are cut out by default
FOLDS = tuple(Path("splits", f"fold{number}.txt") for number in (1, 2, 3))
WANTED = (
    f"put ReactioNet there as <scene>/<sub_scene>/<task>/<sequence>/ (scenes: "
    f"{', '.join(SCENES)}), or try the rendered demo: python -m tfds_reactionet.build "
    "reactionet/demo"
)

_NOT_SCENES = ("labels", "splits")
_TRAILING_NUMBER = re.compile(r"([0-9]{1,9})$")


@dataclass(frozen=True)
class Sequence:
    """One sequence folder; `key` is "scene/sub_scene/task/sequence"."""

    root: Path
    key: str

    @property
    def folder(self) -> Path:
        return self.root / self.key

    @property
    def openface(self) -> Path:
        return self.folder / "openface.csv"

    @property
    def captions(self) -> tuple[Path, Path]:
        return self.folder / "captions.csv", self.folder / "captions.json"


@dataclass(frozen=True)
class Side:
    """The images of one side of a sequence: files by frame number, or a video."""

    source: Path
    files: Mapping[int, Path] | None  # None: a video
    length: int

    def __contains__(self, frame: int) -> bool:
        return 1 <= frame <= self.length if self.files is None else frame in self.files

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self.length + 1) if self.files is None else self.files)

    def pixels(self, frame: int) -> Pixels:
        """Where the pixels of a frame are."""
        if self.files is None:
            return VideoImage(self.source, frame - 1)
        return ImageFile(self.files[frame])


def modalities(config: str) -> tuple[str, ...]:
    """Images of the reaction that a config's records have besides."""
    return MODALITIES if config == "demo_multimodal" else ()


def has_sound(config: str) -> bool:
    """Whether a config's records have the sound before their frame."""
    return config.endswith("_audio")


def find_sound(sequence: Sequence, name: str) -> tuple[Path, ...]:
    """Where the sound of a sequence may be: in the file `name`, or else in its sides' videos.

    A video may have no sound, and the next one is asked; () if there is neither.
    """
    beside = (sequence.folder / f"{name}{suffix}" for suffix in SOUND_SUFFIXES)
    if file := next((path for path in beside if path.is_file()), None):
        return (file,)
    videos = (find_video(sequence, side) for side in SIDES)
    return tuple(video for video in videos if video is not None)


def release_root(manual_dir: Path) -> Path:
    """The folder that holds the scenes: manual_dir, or ReactioNet/ in it.

    Folders of another kind may lie beside the scenes. Raises InputError if it holds no scene, or
    one whose name is none: nearly one, or with sequences in it.
    """
    names = folder_names(manual_dir)
    if not set(names) & set(SCENES) and "ReactioNet" in names:
        manual_dir = manual_dir / "ReactioNet"
        names = folder_names(manual_dir)
    for name in names:
        unknown = name not in (*SCENES, *_NOT_SCENES)
        if unknown and ("did you mean" in nearest(name, SCENES) or _has_sides(manual_dir / name)):
            raise InputError(f"{manual_dir / name}: no scene of this name; {nearest(name, SCENES)}")
    if not set(names) & set(SCENES):
        raise InputError(f"manual_dir {manual_dir} holds no scene folder; {WANTED}")
    return manual_dir


def _has_sides(folder: Path) -> bool:
    """Whether sequences lie in a folder as they do in a scene's."""
    try:
        inner = folders(folder, 4, lambda name: name in SIDES)
        return any(path.name in SIDES for path in inner)
    except OSError:  # a folder that only the system may enter
        return False


def has_side(sequence: Sequence, side: str) -> bool:
    """Whether a sequence has a side's folder of images or its video."""
    return (sequence.folder / side).is_dir() or find_video(sequence, side) is not None


def find_sequences(root: Path) -> list[Sequence]:
    """All sequences, sorted by key. Raises InputError if there is none."""
    sequences = [
        Sequence(root, f"{scene}/{sub_scene}/{task}/{sequence}")
        for scene in sorted(set(folder_names(root)) & set(SCENES))
        for sub_scene in folder_names(root / scene)
        for task in folder_names(root / scene / sub_scene)
        for sequence in folder_names(root / scene / sub_scene / task)
    ]
    if not sequences:
        raise InputError(f"{root}: no folder <scene>/<sub_scene>/<task>/<sequence> in it")
    return sequences


def find_frames(sequence: Sequence, side: str) -> Side:
    """Frames of `side` (a folder's name, as reaction); a folder of images wins over a video.

    Raises InputError if there is neither, or if two images have one number.
    """
    folder = sequence.folder / side
    if folder.is_dir():
        files = numbered_images(folder, _last_number)
        return Side(folder, dict(sorted(files.items())), len(files))
    video = find_video(sequence, side)
    if video is not None:
        length = video_length(video)
        if not length:
            raise InputError(f"{video}: OpenCV finds no frame in it; expected a video")
        return Side(video, None, length)
    raise InputError(f"{folder}: missing; expected a folder of images, or {side}.mp4 beside it")


def find_video(sequence: Sequence, side: str) -> Path | None:
    """The video of a side, also where it has a folder of images, or None."""
    folder = sequence.folder / side
    videos = (folder.with_suffix(suffix) for suffix in VIDEO_SUFFIXES)
    return next((video for video in videos if video.is_file()), None)


def _last_number(path: Path) -> int:
    number = _TRAILING_NUMBER.search(path.stem)
    if number is None:
        raise InputError(f"{path}: expected a name that ends in a frame number")
    return int(number[1])
