"""One sequence of the demo release: which one it is, and its files in ReactioNet's raw layout.

Sequence i is a function of (seed, i) alone, so any process may write it and memory does not grow.
"""

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
from tfds_reactionet.demo.face import Identity, sample_identity
from tfds_reactionet.demo.modalities import render_modalities
from tfds_reactionet.demo.reaction import Reaction, Take, render_reaction, sample_studio
from tfds_reactionet.demo.stimulus import Shot, render_stimulus

FRAMES_PER_SECOND = 25
FRAMES = 9  # of a sequence, on average
# What repeats: sequences, and their videos, cohorts and subjects
BLOCK, VIDEOS, COHORTS, BLOCK_SUBJECTS = 180, 72, 24, 60
KEY_FRAME_EVERY, UNKNOWN_SHARE = 6, 0.012
QUALITY = 90  # of the JPEG files
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

    @property
    def sequences(self) -> int:
        """One for about 9 tuples, but 72 (three videos a sub-scene) as soon as possible.

        Neighbouring frames say much the same: longer sequences would leave less to learn from.
        """
        return max(1, round(self.tuples / FRAMES), min(VIDEOS, self.tuples // 4))

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


def place(index: int) -> Place:
    """The place of sequence `index` (>= 0)."""
    block, rest = divmod(index, BLOCK)
    take, video = divmod(rest, VIDEOS)
    turn, step = divmod(video, COHORTS)
    kind = step * 5 % COHORTS  # so that a short release still meets all scenes
    cohort = (kind + 8 * turn) % COHORTS
    people, first = 2 + cohort % 2, cohort // 2 * 5 + cohort % 2 * 2
    scene, sub_scene = list(SUB_SCENES)[kind]
    return Place(
        scene,
        sub_scene,
        f"video_{3 * block + turn + 1:04d}",
        f"seq_{take + 1:02d}",
        video=VIDEOS * block + video,
        subject=BLOCK_SUBJECTS * block + first + (turn + take) % people,
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
    where = place(index)
    subject = release.rng(1, where.subject)
    who, temper = sample_identity(subject), sample_subject(subject)
    rng, frames = release.rng(3, index), release.length(index)
    course = draw_course(rng, where.scene, where.sub_scene, temper, frames)
    fixed = tuple(release.rng(2, where.video).uniform(size=12))
    return Script(where, who, course, fixed)


def draw_stimulus(
    release: Release, index: int, script: Script, frame: int
) -> UInt8[np.ndarray, "s s 3"]:
    """The stimulus at frame 0, 1, ..."""
    course = script.course
    progress = float(np.clip((frame - course.event_frame + 1) / 4, 0, 1))
    shot = Shot(script.fixed, course.event, progress, frame / FRAMES_PER_SECOND)
    where, rng = script.place, release.rng(4, index, frame)
    return render_stimulus(where.scene, where.sub_scene, shot, rng, release.size)


def draw_captions(release: Release, index: int, script: Script) -> list[str]:
    """One caption a frame; it changes with the event and now and then besides."""
    rng, course, where, out = release.rng(5, index), script.course, script.place, []
    for frame in range(len(course.intensity)):
        if frame in (0, course.event_frame) or rng.uniform() < 0.3:
            seen = frame >= course.event_frame
            out.append(write_caption(rng, where.scene, where.sub_scene, course.event, seen))
        else:
            out.append(out[-1])
    return out


def _openface_row(
    frame: int,
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
        f"{(frame - 1) / FRAMES_PER_SECOND:.3f}",
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


def write_sequence(
    root: Path, release: Release, index: int
) -> tuple[list[list[str]], list[str], int]:
    """Writes a sequence's folder below `root`.

    Returns its rows of labels/keyframes.csv, its one of labels/demographics.csv and the number of
    its frames. In one long sequence of 30 the tracker loses the face in a further, last frame
    (success 0).
    """
    cv2.setNumThreads(1)  # one process a core
    script = write_script(release, index)
    where, course = script.place, script.course
    folder = root / where.path
    modalities = ("depth", "thermal") if release.modalities else ()
    for name in ("reaction", "stimulus", *modalities):
        (folder / name).mkdir(parents=True)
    studio, rng = sample_studio(release.rng(6, index)), release.rng(8, index)
    truth, frames = course.intensity, len(course.intensity)
    intensity, occurrence = observe(rng, truth)
    lost = frames >= 12 and index % 30 == 17
    rows, keys, captions = [], [], draw_captions(release, index, script)
    for frame in range(frames + lost):
        now = min(frame, frames - 1)
        hidden = frame == frames
        startle = float(truth[now, [3, 15]].mean()) / 5
        take = Take(script.who, truth[now], studio, frame, startle, release.size, hidden)
        shot = render_reaction(take)
        blocked = 0.05 * (studio.occlusion != "none")
        sure = float(np.clip(rng.normal(0.965 - blocked, 0.012), 0.86, 0.98))
        sure = 0.12 if hidden else sure
        rows.append(_openface_row(frame + 1, shot, sure, intensity[now], occurrence[now]))
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
        if not hidden and (frame + index) % KEY_FRAME_EVERY == 0:
            codes = np.where(rng.uniform(size=17) < UNKNOWN_SHARE, 9, truth[now] >= 1)
            expression = facs.EXPRESSIONS[course.expression[now]]
            names = [*where.path.split("/"), str(frame + 1), expression]
            keys.append([*names, *(str(int(code)) for code in codes)])
    (folder / "openface.csv").write_text(csv_text(OPENFACE_COLUMNS, rows), "utf-8")
    said = enumerate(captions + captions[-1:] * lost, 1)
    (folder / "captions.csv").write_text(csv_text(["frame", "caption"], said), "utf-8")
    who = [where.path, f"S{where.subject + 1:04d}", str(script.who.age), "unknown"]
    return keys, who, frames + lost


KEYFRAME_COLUMNS = [
    *("scene", "sub_scene", "task", "sequence", "frame", "expression"),
    *(f"AU{int(name[2:])}" for name in facs.REACTIONET_AUS),
]
DEMOGRAPHICS_COLUMNS = ["sequence", "subject", "age", "dominant_race"]
