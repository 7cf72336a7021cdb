"""From one raw ReactioNet sequence to records: what is kept, what is skipped and why."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from drr_jax.facs import REACTIONET_AUS, REACTIONET_AUS_12, SCENES
from tfds_reactionet.building import Built, Skip
from tfds_reactionet.reactionet.labels import KeyFrames, read_captions
from tfds_reactionet.reactionet.layout import Frames, Sequence, find_frames
from tfds_reactionet.reading import (
    BadImageError,
    OpenFaceFile,
    encode,
    encode_grey,
    open_video,
    to_stored,
    to_stored_grey,
)

NO_REACTION = "label or stimulus without a reaction image"
NO_STIMULUS = "reaction image without a stimulus image"
NO_CAPTION = "stimulus image without a caption"
NO_LABEL = "reaction image without a label"
NO_FACE = "no face (OpenFace failed, or confidence below 0.8)"
OUTSIDE_DELAY = "no stimulus at this delay (ends of a sequence)"
NO_MODALITY = "reaction image without a {} image"  # depth or thermal
BAD_IMAGE = "{} image does not decode"
BAD_REACTION, BAD_STIMULUS = (BAD_IMAGE.format(side) for side in ("reaction", "stimulus"))
# The protocol's own filters: counted and listed, but no sign of a broken release.
EXPECTED_REASONS = (NO_FACE, OUTSIDE_DELAY)

# from frame number to (encoded image to store, original height and width)
Reader = Callable[[int], tuple[bytes, tuple[int, int]]]
CHUNK_FRAMES = 512  # frames a process turns into records at a time (about 25 MB at 256 pixels)
_EVALUATED = [REACTIONET_AUS.index(name) for name in REACTIONET_AUS_12]


@dataclass(frozen=True)
class Options:
    """What changes the records that a release yields."""

    size: int = 256  # pixels, both sides
    stimulus_delay_frames: int = 0  # reaction frame f goes with stimulus frame f - delay
    keyframes_only: bool = False
    modalities: tuple[str, ...] = ()  # images of the reaction besides: depth, thermal


@dataclass(frozen=True)
class Work:
    """One sequence with the labels that lie outside its folder."""

    sequence: Sequence
    subjects: tuple[str, ...]
    keyframes: KeyFrames | None
    options: Options


@dataclass(frozen=True)
class Plan:
    """Frames of a sequence that should yield records, and those that do not."""

    reaction: Frames
    stimulus: Frames
    frames: list[int]
    captions: list[str]
    skips: list[Skip]
    modalities: Mapping[str, Frames] = field(default_factory=dict)

    @property
    def sides(self) -> dict[str, Frames]:
        """The images of a record, by the name of its feature."""
        return {"reaction": self.reaction, "stimulus": self.stimulus, **self.modalities}


@dataclass(frozen=True)
class Scan:
    """What the first pass keeps of a sequence."""

    records: int  # planned, before any image is decoded
    balance_frames: int  # records of the full configuration without a delay
    balance_positives: tuple[int, ...]  # of those, by evaluated AU, automatic or manual
    skips: list[Skip]


@dataclass(frozen=True)
class Chunk:
    """Frames start to stop of a sequence's plan; `first_key` numbers the first of them."""

    work: Work
    start: int
    stop: int
    first_key: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


def _openface(path: Path) -> OpenFaceFile | None:
    if not path.is_file():
        return None
    status = path.stat()
    return _read_openface(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=2)  # the chunks of one sequence often follow each other
def _read_openface(path: Path, changed: int, size: int) -> OpenFaceFile:
    del changed, size  # only part of the cache's key
    return OpenFaceFile(path)


def plan(work: Work) -> Plan:
    """Decides for every frame of a sequence, by its number, whether it can become a record.

    A manual label stands in for a face that OpenFace missed. Raises InputError for defects of
    the label files.
    """
    sequence, delay = work.sequence, work.options.stimulus_delay_frames
    reaction, stimulus = find_frames(sequence, "reaction"), find_frames(sequence, "stimulus")
    modalities = {name: find_frames(sequence, name) for name in work.options.modalities}
    captions = read_captions(*sequence.captions)
    faces = _openface(sequence.openface)
    face_found = {}
    if faces is not None and faces.has_occurrence:
        face_found = dict(zip(faces.frames.tolist(), faces.found.tolist(), strict=True))
    manual = set() if work.keyframes is None else set(work.keyframes.frames.tolist())
    shown = list(stimulus)
    first, last = (min(shown), max(shown)) if shown else (0, -1)

    candidates = manual
    if not work.options.keyframes_only:
        candidates = manual.union(reaction, face_found, () if delay else stimulus)
    frames, texts, skips = [], [], []
    for frame in sorted(candidates):
        partner = frame - delay
        caption = captions.get(partner)
        absent = [name for name, shots in modalities.items() if frame not in shots]
        reason, file = None, reaction.source
        if frame not in reaction:
            reason = NO_REACTION
        elif partner not in stimulus:
            inside = first <= partner <= last
            reason, file = (NO_STIMULUS if inside or not delay else OUTSIDE_DELAY), stimulus.source
        elif frame not in manual and not face_found.get(frame, False):
            reason = NO_FACE if frame in face_found else NO_LABEL
            file = sequence.openface
        elif caption is None:
            reason, file = NO_CAPTION, sequence.captions[0]
        elif absent:
            reason, file = NO_MODALITY.format(absent[0]), modalities[absent[0]].source
        if reason is None and caption is not None:
            frames.append(frame)
            texts.append(caption)
        elif reason is not None:
            skips.append(Skip(f"{sequence.key}/{frame}", reason, str(file)))
    return Plan(reaction, stimulus, frames, texts, skips, modalities)


def scan(work: Work) -> Scan:
    """First pass over a sequence: counts for the folds and the progress bar; no image is read."""
    planned = plan(work)
    # without modalities: a release has the same folds with and without them
    everything = replace(work.options, keyframes_only=False, stimulus_delay_frames=0, modalities=())
    balance = planned
    if everything != work.options:
        balance = plan(replace(work, options=everything))
    occurrence = _labels(work, balance.frames)[0][:, _EVALUATED]
    positives = tuple((occurrence == 1).sum(axis=0).tolist())
    return Scan(len(planned.frames), len(balance.frames), positives, planned.skips)


def _labels(work: Work, frames: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Occurrence [frames, 17], expression [frames], manual [frames]; manual labels win."""
    occurrence = np.full((len(frames), len(REACTIONET_AUS)), -1, np.int8)
    expression = np.full(len(frames), -1, np.int64)
    wanted = np.array(frames, np.int64)
    faces = _openface(work.sequence.openface)
    if faces is not None:
        found = np.isin(wanted, faces.frames[faces.found])
        occurrence[found] = faces.occurrence(wanted[found])
    manual = np.zeros(len(frames), bool)
    if work.keyframes is not None:
        manual = np.isin(wanted, work.keyframes.frames)
        rows = np.searchsorted(work.keyframes.frames, wanted[manual])
        occurrence[manual] = work.keyframes.occurrence[rows]
        expression[manual] = work.keyframes.expression[rows]
    return occurrence, expression, manual


def build(chunk: Chunk) -> Built:
    """Records of a chunk, in rising frame order; keys are consecutive over the plan.

    An image that does not decode becomes a skip. Runs in a worker process.
    """
    cv2.setNumThreads(1)
    work = chunk.work
    planned = plan(work)
    frames = planned.frames[chunk.start : chunk.stop]
    delay, size = work.options.stimulus_delay_frames, work.options.size
    readers = {side: _reader(shots, size, side) for side, shots in planned.sides.items()}
    labels = _labels(work, frames)
    measured = _measurements(work, frames)
    scene, sub_scene, task, _ = work.sequence.key.split("/")
    built = Built()
    for row, frame in enumerate(frames):
        stored, failed = {}, None
        for side, read in readers.items():
            number = frame - delay if side == "stimulus" else frame
            try:
                stored[side] = read(number)
            except BadImageError:
                file = planned.sides[side].file(number)
                failed = Skip(f"{work.sequence.key}/{frame}", BAD_IMAGE.format(side), str(file))
                break
        if failed is not None:
            built.skips.append(failed)
            continue
        record = {
            **{side: {"image": image} for side, (image, _) in stored.items()},
            "caption": planned.captions[chunk.start + row],
            "au": {"occurrence": labels[0][row], "intensity": measured["intensity"][row]},
            "expression": int(labels[1][row]),
            "scene": SCENES.index(scene),
            "sub_scene": sub_scene,
            "task": task,
            "sequence": work.sequence.key,
            "subject": "+".join(work.subjects),
            "frame": frame,
            "label_source": int(labels[2][row]),
            "head_pose": measured["head_pose"][row],
            "gaze": measured["gaze"][row],
            "landmarks": _scaled(measured["landmarks"][row], size, *stored["reaction"][1]),
        }
        built.tally.add_record(record)
        built.records.append((chunk.first_key + row, record))
    return built


def _reader(frames: Frames, size: int, side: str) -> Reader:
    """The reader of a side: JPEGs, but for depth, which is kept without loss as a grey PNG."""
    to_store, encoded = (to_stored_grey, encode_grey) if side == "depth" else (to_stored, encode)
    if frames.files is None:
        video = open_video(frames.source)
        return lambda frame: video.stored(frame, size, encoded)

    def read(frame: int) -> tuple[bytes, tuple[int, int]]:
        try:
            data = frames.file(frame).read_bytes()
        except OSError as error:
            raise BadImageError(str(error)) from error
        return to_store(data, size)

    return read


def _measurements(work: Work, frames: list[int]) -> dict[str, np.ndarray]:
    """Intensity, head pose, gaze and landmarks by frame; NaN where OpenFace found no face."""
    shapes = {"intensity": (17,), "head_pose": (6,), "gaze": (8,), "landmarks": (68, 2)}
    found = {
        name: np.full((len(frames), *shape), np.nan, np.float32) for name, shape in shapes.items()
    }
    faces = _openface(work.sequence.openface)
    if faces is not None:
        wanted = np.array(frames, np.int64)
        rows = np.isin(wanted, faces.frames[faces.found])
        measured = faces.faces(wanted[rows])
        for name, values in found.items():
            values[rows] = getattr(measured, name)
    return found


def _scaled(landmarks: np.ndarray, size: int, height: int, width: int) -> np.ndarray:
    """Landmarks moved from the original image to the stored one; pixel centres are integers."""
    scale = np.array([size / width, size / height])
    return ((landmarks.astype(np.float64) + 0.5) * scale - 0.5).astype(np.float32)


def chunks(work: Work, records: int, first_key: int) -> Iterator[Chunk]:
    """A sequence's plan in pieces of CHUNK_FRAMES."""
    for start in range(0, records, CHUNK_FRAMES):
        yield Chunk(work, start, min(start + CHUNK_FRAMES, records), first_key + start)
