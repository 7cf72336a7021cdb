"""One sequence of the demo release: which one it is, and its files in ReactioNet's raw layout.

Sequence i is a function of (seed, i) alone, so any process may write it and memory does not grow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Float, Int, UInt8

from drr_jax import facs
from tfds_reactionet.building import csv_text
from tfds_reactionet.demo.affect import Course, draw_course, observe, sample_subject
from tfds_reactionet.demo.captions import write_caption
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.demo.dials import DEMO, Dials
from tfds_reactionet.demo.face import Identity, sample_identity
from tfds_reactionet.demo.headroom import Evidence
from tfds_reactionet.demo.modalities import render_modalities
from tfds_reactionet.demo.reaction import Reaction, Studio, Take, render_reaction, sample_studio
from tfds_reactionet.demo.reader import reading_error
from tfds_reactionet.demo.sound import write_sound
from tfds_reactionet.demo.stimulus import Shot, render_stimulus

# What repeats: sequences, and their videos, cohorts and subjects
BLOCK, VIDEOS, COHORTS, BLOCK_SUBJECTS = 180, 72, 24, 60
KEY_FRAME_EVERY, UNKNOWN_SHARE = 6, 0.012
QUALITY = 90  # of the JPEG files
# OpenFace's columns of the AUs that ReactioNet has
_OURS = [facs.OPENFACE_OCCURRENCE_AUS.index(name) for name in facs.REACTIONET_AUS]
OPENFACE_COLUMNS = (
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    *("gaze_angle_x", "gaze_angle_y"),
    *(f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"),
    *(f"{axis}_{k}" for axis in "xy" for k in range(68)),
    *(f"{name}_r" for name in facs.OPENFACE_INTENSITY_AUS),
    *(f"{name}_c" for name in facs.OPENFACE_OCCURRENCE_AUS),
)


@dataclass(frozen=True)
class Release:
    """What determines every byte of a demo release."""

    tuples: int
    size: int
    seed: int
    modalities: bool = False  # depth and thermal images besides; nothing else changes
    dials: Dials = DEMO
    audio: bool = False  # a sound of each sequence besides; nothing else changes

    @property
    def sequences(self) -> int:
        """As the dials say, or one for `frames` tuples, but 72 (three videos a sub-scene) soon.

        Neighbouring frames say much the same: longer sequences would leave less to learn from.
        """
        if self.dials.sequences:
            return self.dials.sequences
        return max(1, round(self.tuples / self.dials.frames), min(VIDEOS, self.tuples // 4))

    def place(self, index: int) -> "Place":
        """Where sequence `index` stands among the release's events and people."""
        people = spread(self.sequences, self.dials.subjects) if self.dials.subjects else ()
        return place(index, self.dials.events // 2, people)

    def length(self, index: int) -> int:
        """Usable frames of a sequence; all of them together are `tuples`."""
        base, extra = divmod(self.tuples, self.sequences)
        partner, shift = index ^ 1, 0
        if partner < self.sequences:
            shift = int(self.rng(7, min(index, partner)).integers(0, base // 4 + 1))
        return base + (index < extra) + (shift if index < partner else -shift)

    def rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *key])


@dataclass(frozen=True)
class Place:
    """Where a sequence stands: cohorts of 2 or 3 subjects share three videos and nothing else.

    The 24 cohorts of a block are its connected components of subjects and videos; the three videos
    of a sub-scene belong to three cohorts, so that three folds can each hold every sub-scene.
    """

    scene: str
    sub_scene: str
    task: str
    sequence: str
    video: int
    subject: int

    @property
    def path(self) -> str:
        return f"{self.scene}/{self.sub_scene}/{self.task}/{self.sequence}"

    @property
    def person(self) -> str:
        """The subject's name in labels/demographics.csv."""
        return f"S{self.subject + 1:04d}"


def spread(sequences: int, subjects: int) -> list[int]:
    """Number of each cohort's first person, and of the end: as even as it goes.

    Fewer people than cohorts are shared by neighbouring cohorts.
    """
    cohorts = -(-sequences // BLOCK) * COHORTS
    return [cohort * subjects // cohorts for cohort in range(cohorts + 1)]


def place(index: int, sub_scenes: int = COHORTS, people: Sequence[int] = ()) -> Place:
    """The place of sequence `index` (>= 0).

    `sub_scenes`: how many occur, from all scenes. `people`: see `spread`; else 2 or 3 a cohort.
    """
    block, rest = divmod(index, BLOCK)
    take, video = divmod(rest, VIDEOS)
    turn, step = divmod(video, COHORTS)
    kind = step * 5 % COHORTS  # so that a short release still meets all scenes
    cohort = (kind + 8 * turn) % COHORTS
    count, first = 2 + cohort % 2, cohort // 2 * 5 + cohort % 2 * 2 + BLOCK_SUBJECTS * block
    if people:
        first, end = people[COHORTS * block + cohort], people[COHORTS * block + cohort + 1]
        count = max(1, end - first)
    shown = kind * sub_scenes // COHORTS
    scene, sub_scene = list(SUB_SCENES)[shown * COHORTS // sub_scenes]
    number = 3 * block + turn if sub_scenes == COHORTS else VIDEOS * block + video
    return Place(
        scene,
        sub_scene,
        f"video_{number + 1:04d}",
        f"seq_{take + 1:02d}",
        video=VIDEOS * block + video,
        subject=first + (turn + take * (1 if count <= 3 else 3)) % count,
    )


@dataclass(frozen=True)
class Script:
    """Everything about one sequence except its pixels."""

    place: Place
    who: Identity
    course: Course
    fixed: tuple[float, ...]


def write_script(release: Release, index: int) -> Script:
    """Draws subject, video and reaction of a sequence."""
    where, dials = release.place(index), release.dials
    subject = release.rng(1, where.subject)
    who, temper = sample_identity(subject), sample_subject(subject, dials)
    rng, frames = release.rng(3, index), release.length(index)
    course = draw_course(rng, where.scene, where.sub_scene, temper, frames, dials)
    fixed = tuple(release.rng(2, where.video).uniform(size=12))
    return Script(where, who, course, fixed)


def draw_stimulus(
    release: Release, index: int, script: Script, frame: int
) -> UInt8[np.ndarray, "s s 3"]:
    """The stimulus at frame 0, 1, ..."""
    course, fps = script.course, release.dials.fps
    quick = 4 * min(1.0, fps / 25)  # frames in which an event comes to full view
    progress = float(np.clip((frame - course.event_frame + 1) / max(quick, 1), 0, 1))
    shot = Shot(script.fixed, course.event, progress, frame / fps)
    where, rng = script.place, release.rng(4, index, frame)
    return render_stimulus(where.scene, where.sub_scene, shot, rng, release.size)


def draw_captions(release: Release, index: int, script: Script) -> list[str]:
    """One caption a frame; it changes with the event and now and then besides."""
    often = min(0.3, 1.5 / release.dials.fps)
    rng, course, where, out = release.rng(5, index), script.course, script.place, []
    for frame in range(len(course.intensity)):
        if frame in (0, course.event_frame) or rng.uniform() < often:
            seen = frame >= course.event_frame
            out.append(write_caption(rng, where.scene, where.sub_scene, course.event, seen))
        else:
            out.append(out[-1])
    return out


def _openface_row(
    frame: int,
    fps: float,
    shot: Reaction,
    confidence: float,
    intensity: Float[np.ndarray, "17"],
    occurrence: Int[np.ndarray, "18"],
) -> list[str]:
    """Text of one row, in OpenFace 2.2's decimals (docs/datasets.md section 12)."""
    across, down = shot.gaze_angle
    gaze = []
    for turn in (across + 0.06, across - 0.06):  # both eyes meet before the face
        gaze += [np.sin(turn) * np.cos(down), np.sin(down), -np.cos(turn) * np.cos(down)]
    ok = confidence >= 0.5
    return [
        str(frame),
        "0",
        f"{(frame - 1) / fps:.3f}",
        f"{confidence:.2f}",
        str(int(ok)),
        *(f"{value * ok:.6f}" for value in gaze),
        *(f"{value * ok:.3f}" for value in (across, down)),
        *(f"{value * ok:.1f}" for value in shot.head_pose[:3]),
        *(f"{value * ok:.3f}" for value in shot.head_pose[3:]),
        *(f"{value * ok:.1f}" for value in shot.landmarks.T.ravel()),
        *(f"{value * ok:.2f}" for value in intensity),
        *(f"{value * ok:.2f}" for value in occurrence),
    ]


@dataclass(frozen=True)
class Coded:
    """What coders say of a sequence: the automatic one of all frames, people of key frames."""

    intensity: Float[np.ndarray, "frames 17"]
    occurrence: Int[np.ndarray, "frames 18"]  # OpenFace's columns
    by_hand: Mapping[int, Int[np.ndarray, "17"]]  # by frame from 0 on; 9 is unknown

    @property
    def labels(self) -> Int[np.ndarray, "frames 17"]:
        """0, 1, -1 unknown, as they reach the records: what was coded by hand wins."""
        out = self.occurrence[:, _OURS].copy()
        for frame, codes in self.by_hand.items():
            out[frame] = np.where(codes == 9, -1, codes)
        return out


def draw_codes(release: Release, index: int, script: Script) -> Coded:
    """The labels of a sequence, with the automatic coder's errors."""
    truth, dials = script.course.intensity, release.dials
    observed = observe(release.rng(8, index), truth, dials.label_noise, dials.fps)
    unknown = release.rng(10, index).uniform(size=truth.shape) < UNKNOWN_SHARE
    codes = np.where(unknown, 9, truth >= 1)
    keys = [k for k in range(len(truth)) if (k + index) % KEY_FRAME_EVERY == 0]
    return Coded(*observed, {frame: codes[frame] for frame in keys})


def gather(release: Release, index: int, script: Script, coded: Coded) -> Evidence:
    """What is known of a sequence without its pixels, to measure the headroom by."""
    course, where = script.course, script.place
    studio = draw_studio(release, index)
    error = reading_error(studio, release.size)
    noise = release.rng(9, index).normal(0, 1, course.intensity.shape)
    return Evidence(
        *(where.path, where.person, course.event),
        since=(np.arange(len(noise)) - course.event_frame) / release.dials.fps,
        labels=coded.labels,
        truth=course.intensity,
        mood=course.mood,
        measured=course.intensity + error * noise,
        error=error,
        fps=release.dials.fps,
    )


def draw_studio(release: Release, index: int) -> Studio:
    """Room, clothes and camera of a sequence."""
    return sample_studio(release.rng(6, index), release.dials.face_quality)


@dataclass(frozen=True)
class Written:
    """What a sequence adds to the files of the whole release."""

    keyframes: list[list[str]]  # rows of labels/keyframes.csv
    person: list[str]  # its one of labels/demographics.csv
    truth: list[str]  # its one of truth.csv
    frames: int
    evidence: Evidence


def write_sequence(root: Path, release: Release, index: int) -> Written:
    """Writes a sequence's folder below `root`.

    In one long sequence of 30 the tracker loses the face in a further, last frame (success 0).
    """
    cv2.setNumThreads(1)  # one process a core
    script = write_script(release, index)
    where, course = script.place, script.course
    folder = root / where.path
    modalities = ("depth", "thermal") if release.modalities else ()
    for name in ("reaction", "stimulus", *modalities):
        (folder / name).mkdir(parents=True)
    studio, rng = draw_studio(release, index), release.rng(11, index)
    truth, frames = course.intensity, len(course.intensity)
    coded = draw_codes(release, index, script)
    lost = frames >= 12 and index % 30 == 17
    rows, captions = [], draw_captions(release, index, script)
    for frame in range(frames + lost):
        now = min(frame, frames - 1)
        hidden = frame == frames
        startle = float(truth[now, [3, 15]].mean()) / 5
        kept = (startle, release.size, hidden, course.lean)
        take = Take(script.who, truth[now], studio, frame, *kept)
        shot = render_reaction(take)
        blocked = 0.05 * (studio.occlusion != "none")
        sure = float(np.clip(rng.normal(0.965 - blocked, 0.012), 0.86, 0.98))
        sure = 0.12 if hidden else sure
        observed = coded.intensity[now], coded.occurrence[now]
        rows.append(_openface_row(frame + 1, release.dials.fps, shot, sure, *observed))
        stimulus = draw_stimulus(release, index, script, frame)
        images = {"reaction": shot.image, "stimulus": stimulus}
        if modalities:
            others = render_modalities(take)
            images["thermal"] = np.repeat(others.thermal[..., None], 3, axis=2)
            png = cv2.imencode(".png", others.depth, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
            (folder / "depth" / f"{frame + 1:06d}.png").write_bytes(png.tobytes())
        for name, image in images.items():
            image = np.ascontiguousarray(image)
            data = simplejpeg.encode_jpeg(image, quality=QUALITY, colorspace="RGB")
            (folder / name / f"{frame + 1:06d}.jpg").write_bytes(data)
    if release.audio:
        write_sound(folder, release.rng(13, index), where.path, course, release.dials.fps, lost)
    (folder / "openface.csv").write_text(csv_text(OPENFACE_COLUMNS, rows), "utf-8")
    said = enumerate(captions + captions[-1:] * lost, 1)
    (folder / "captions.csv").write_text(csv_text(["frame", "caption"], said), "utf-8")
    told = [course.event, str(course.event_frame + 1), course.emotion]
    return Written(
        keyframes=[
            [
                *(*where.path.split("/"), str(frame + 1)),
                *(facs.EXPRESSIONS[course.expression[frame]], *(str(code) for code in codes)),
            ]
            for frame, codes in coded.by_hand.items()
        ],
        person=[where.path, where.person, str(script.who.age), "unknown"],
        truth=[where.path, where.person, *told, f"{course.delay:.3f}", f"{course.lean:.3f}"],
        frames=frames + lost,
        evidence=gather(release, index, script, coded),
    )


KEYFRAME_COLUMNS = [
    *("scene", "sub_scene", "task", "sequence", "frame", "expression"),
    *(f"AU{int(name[2:])}" for name in facs.REACTIONET_AUS),
]
TRUTH_COLUMNS = [
    *("sequence", "subject", "event", "event_frame", "emotion", "delay_frames", "lean"),
]
DEMOGRAPHICS_COLUMNS = ["sequence", "subject", "age", "dominant_race"]
