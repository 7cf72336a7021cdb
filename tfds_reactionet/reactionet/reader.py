"""From a raw ReactioNet release to frames: which become records, what is skipped, and why."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.facs import OPENFACE_INTENSITY_AUS, REACTIONET_AUS, REACTIONET_AUS_12, SCENES
from tfds_reactionet import reading
from tfds_reactionet.building import NO_LANDMARKS, FoldReader, Options, Skip, Spec, Unit
from tfds_reactionet.reactionet import labels, layout, sound
from tfds_reactionet.reactionet.frames import Frames

NO_REACTION = "label or stimulus without a reaction image"
NO_STIMULUS = "reaction image without a stimulus image"
NO_CAPTION = "stimulus image without a caption"
NO_LABEL = "reaction image without a label"
NO_FACE = "no face (OpenFace failed, or confidence below 0.8)"
OTHER_FACE = "only another face than the one that is read in its sequence"
NO_SIDE = "sequence without its reaction or without its stimulus"
OUTSIDE_DELAY = "no stimulus at this delay (ends of a sequence)"
NO_MODALITY = "reaction image without a {} image"  # depth or thermal
SEVERAL_FACES = "sequence of several faces, of which one is read (the {})"
LACKING = "openface.csv without columns {}: unknown"

_FEW = 4  # at most a sequence in so many may lack a side
_MOST_NAMED = 5  # people, in one line
_EVALUATED = [REACTIONET_AUS.index(name) for name in REACTIONET_AUS_12]


class Reader(FoldReader):
    """A release on the disk; see faces.FoldReader."""

    expected_reasons = (NO_FACE, OTHER_FACE, OUTSIDE_DELAY, NO_SIDE)
    folds = reading.FoldChoice({"automatic": reading.Protocol.folds(3)}, noun="sequence")

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task=None,
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=REACTIONET_AUS,
            evaluated_aus=REACTIONET_AUS_12,  # 17 are coded
            graded_aus=OPENFACE_INTENSITY_AUS,
            images=("reaction", "stimulus", *layout.modalities(config)),
            landmarks=68,
            sound=layout.has_sound(config),
            extra={
                "caption": ((), str),
                "scene": ((), SCENES),
                "sub_scene": ((), str),
                "head_pose": ((6,), np.float32),
                "gaze": ((8,), np.float32),
            },
            metadata={
                "scene_names": list(SCENES),
                **({"sound": reading.sound_described()} if layout.has_sound(config) else {}),
            },
        )

    def find(self) -> None:
        """Raises InputError if there is no sequence where sequences should lie."""
        self.root = layout.release_root(self.root)
        layout.find_sequences(self.root)
        self.offsets = tuple(
            reading.Offset.of(self.options, f"{name}_offset", 0)
            for name in ("frame", "label", "stimulus")
        )
        frame, label, _ = self.offsets
        if frame.value and not label.given:
            raise InputError(
                f"frame_offset={frame.value}: openface.csv counts otherwise than the images; say "
                f"how key frames and captions count: pass --label_offset={frame.value} if as "
                "openface.csv, --label_offset=0 if as the images"
            )
        self.delay: int = self.options["stimulus_delay_frames"]
        self.keyframes_only = self.config.endswith("keyframes")
        self.modalities = layout.modalities(self.config)  # images of the reaction besides
        self.has_sound = layout.has_sound(self.config)
        self.rate = sound.rendered_rate(self.root) if self.has_sound else 0.0
        if self.modalities and self.cuts_faces:
            raise InputError(
                f"crop=face, but {', '.join(self.modalities)} images are kept whole; expected "
                "crop=full with this config"
            )

    @property
    def has_faces(self) -> bool:
        return True  # where openface.csv is

    @property
    def cuts_faces(self) -> bool:
        """As asked; else the rendered faces alone, whose models are tried on images of any frame.

        The paper resizes its images and tells of no crop (supplement 3.2).
        """
        asked = self.options["crop"]
        return asked == "face" if asked else self.config in layout.CUT_OUT

    def units(self) -> list[Unit]:
        sequences = self._sequences()[0]
        keys = [sequence.key for sequence in sequences]
        if self.has_sound:
            sound.check(self.root, sequences, self.options["audio"])
        subjects = labels.read_demographics(self.root / layout.DEMOGRAPHICS)
        keyframes = labels.read_keyframes(self.root / layout.KEYFRAMES)
        if self.keyframes_only and not keyframes:
            raise InputError(
                f"{self.root / layout.KEYFRAMES}: missing or empty; config keyframes needs it"
            )
        if subjects and not subjects.keys() & set(keys):
            raise InputError(
                f"{self.root / layout.DEMOGRAPHICS}: no sequence of it is on disk, e.g. "
                f"{next(iter(subjects))}; expected paths such as {keys[0]}"
            )
        units = []
        for key in keys:
            people = subjects.get(key, ())
            source = people, keyframes.get(key)
            units.append(Unit(key, "+".join(people), key.split("/")[2], "", source))
        return units

    def frames(self, unit: Unit) -> tuple[Frames, list[Skip]]:
        """Decides for every frame of a sequence, by its number, whether it can become a record.

        A manual label stands in for a face that OpenFace missed. Raises InputError for defects of
        the label files.
        """
        sequence, (_, coded) = layout.Sequence(self.root, unit.sequence), unit.source
        sides = {
            name: layout.find_frames(sequence, name) for name in (*layout.SIDES, *self.modalities)
        }
        reaction, stimulus = sides["reaction"], sides["stimulus"]
        captions = labels.read_captions(*sequence.captions)
        faces = _openface(sequence.openface, self.options["face"])
        self._check_numbers(sequence, sides, faces, captions, coded)
        frame_offset, label_offset, stimulus_offset = (offset.value for offset in self.offsets)
        keyframes = coded and replace(coded, frames=coded.frames + label_offset)
        face_found: dict[int, str | None] = {}  # or the reason why not
        if faces is not None and faces.has_occurrence:
            reasons = np.where(faces.others, OTHER_FACE, NO_FACE).tolist()
            face_found = {
                number + frame_offset: None if found else reason
                for number, found, reason in zip(
                    faces.frames.tolist(), faces.found.tolist(), reasons, strict=True
                )
            }
        manual = set() if keyframes is None else set(keyframes.frames.tolist())
        shown = list(stimulus)
        first, last = (min(shown), max(shown)) if shown else (0, -1)

        candidates, lag = manual, self.delay + stimulus_offset
        if not self.keyframes_only:
            seen = () if self.delay else (number + lag for number in shown)
            candidates = manual.union(reaction, face_found, seen)
        track = None
        if self.has_sound:
            track = sound.find_track(sequence, self.options, list(reaction), self.rate)
        frames = Frames(sequence, sides, keyframes, faces, frame_offset, lag, track, [], [])
        skips = []
        for frame in sorted(candidates):
            partner = frame - lag
            caption = captions.get(partner - label_offset)
            absent = [name for name in self.modalities if frame not in sides[name]]
            reason, file = None, reaction.source
            if frame not in reaction:
                reason = NO_REACTION
            elif partner not in stimulus:
                inside = first <= partner <= last or not self.delay
                reason, file = (NO_STIMULUS if inside else OUTSIDE_DELAY), stimulus.source
            elif frame not in manual and face_found.get(frame, NO_LABEL):
                reason, file = face_found.get(frame, NO_LABEL), sequence.openface
            elif self.cuts_faces and (faces is None or "landmarks" in faces.lacking):
                reason, file = NO_LANDMARKS, sequence.openface
            elif caption is None:
                reason, file = NO_CAPTION, sequence.captions[0]
            elif absent:
                reason, file = NO_MODALITY.format(absent[0]), sides[absent[0]].source
            if reason is None and caption is not None:
                frames.numbers.append(frame)
                frames.captions.append(caption)
            elif reason is not None:
                skips.append(unit.skip(frame, reason, file))
        return frames, skips

    def _check_numbers(
        self,
        sequence: layout.Sequence,
        sides: Mapping[str, layout.Side],
        faces: reading.OpenFaceFile | None,
        captions: labels.Captions,
        coded: labels.KeyFrames | None,
    ) -> None:
        """Raises InputError where numbers that are joined count otherwise (reading.Offset)."""
        frame, label, stimulus = self.offsets
        images, shown = set(sides["reaction"]), set(sides["stimulus"])
        if faces is not None:
            numbers = faces.frames.tolist()
            frame.check(sequence.openface, images, numbers, "OpenFace's frames")
            if sides["reaction"].files is not None:
                frame.check_ranks(sequence.openface, images, numbers, "OpenFace's frames")
        stimulus.check(sequence.folder, images, shown, "stimuli", ours="reaction images")
        label.check(sequence.folder, shown, captions.frames, "captions", ours="stimulus images")
        if coded is not None:
            label.check_sparse(sequence.folder, images, coded.frames.tolist(), "key frames")

    def _sequences(self) -> tuple[list[layout.Sequence], list[layout.Sequence]]:
        """Those with both sides, and those without one. Raises InputError if many lack one."""
        found = layout.find_sequences(self.root)
        lacking = {
            sequence: [side for side in layout.SIDES if not layout.has_side(sequence, side)]
            for sequence in found
        }
        absent = [sequence for sequence, sides in lacking.items() if sides]
        if len(absent) > max(1, len(found) // _FEW):
            side = lacking[absent[0]][0]
            raise InputError(
                f"{absent[0].folder / side}: missing, and so is a side of {len(absent)} of "
                f"{len(found)} sequences; expected a folder of images, or {side}.mp4 beside it"
            )
        return [sequence for sequence in found if not lacking[sequence]], absent

    def notes(self, unit: Unit) -> list[str]:
        choice, sequence = self.options["face"], layout.Sequence(self.root, unit.sequence)
        faces, notes = _openface(sequence.openface, choice), []
        if self.has_sound and not layout.find_sound(sequence, self.options["audio"]):
            notes.append(sound.NO_TRACK)
        if faces is not None and faces.face_count > 1:
            notes.append(SEVERAL_FACES.format(choice))
        if faces is not None and faces.lacking:
            notes.append(LACKING.format(", ".join(faces.lacking)))
        return notes

    def load(self, unit: Unit) -> reading.FoldUnit:
        """Frames and positives of every frame, without a delay: all configs have the same folds."""
        whole = copy.copy(self)
        whole.delay, whole.keyframes_only, whole.modalities = 0, False, ()
        whole.has_sound = False
        frames, _ = whole.frames(unit)
        occurrence = frames.labels(frames.numbers)[0][:, _EVALUATED]
        positives = tuple((occurrence == 1).sum(axis=0).tolist())
        return reading.FoldUnit(unit.sequence, unit.source[0], len(frames), positives)

    def parts(self, loads: Sequence[reading.FoldUnit]) -> tuple[dict[str, str], str]:
        """By the user's file, the release's own lists, or groups that share people or videos."""
        option = self.options["folds"]
        if not self.folds.in_release(option):
            part = self.folds.parts(option)
            return {load.key: part(load.key) for load in loads}, "file"
        paths = [self.root / path for path in layout.FOLDS]
        listed = reading.read_folds(paths, [load.key for load in loads])
        numbers = listed
        if numbers is None:
            numbers = reading.balanced_parts(loads)
            reading.check_balance(numbers, loads)
        parts = {key: reading.PARTS[number] for key, number in numbers.items()}
        return parts, "components" if listed is None else "release"

    def said(self) -> dict[str, Any]:
        """The people's age and ethnicity, how many sequences name nobody, a rendering's dials."""
        path = self.root / layout.DEMOGRAPHICS
        keys = [sequence.key for sequence in layout.find_sequences(self.root)]
        known = labels.read_demographics(path)
        without = sum(key not in known for key in keys)
        note = (
            f"WARNING: {without} of {len(keys)} sequences have no subject in "
            f"{layout.DEMOGRAPHICS}: their people may be in several parts"
        )
        return {
            "demographics": labels.read_people(path),
            "sequences_without_subject": without,
            "notes": [*([note] if without else []), *_spellings(known)],
            **self._rendering(),
        }

    def _rendering(self) -> dict[str, Any]:
        """Of a rendered release its dials, and the F1 that rules and readers of faces reach."""
        if not (self.root / layout.RENDERED).is_file():
            return {}
        try:
            said = files.read_json(self.root / layout.RENDERED)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.root / layout.RENDERED}: damaged ({error})") from None
        path = self.root / layout.HEADROOM
        needed = ("predictor", "meaning", "f1")
        rows = [row for _, row in reading.read_table(path, needed)] if path.is_file() else []
        return {"rendering": said, "headroom": rows}

    def stamped(self) -> list[Path]:
        """What the label and sequence folders hold; of a folder of images that is its time."""
        folders = [sequence.folder for sequence in layout.find_sequences(self.root)]
        folders += [self.root / "labels", self.root / "splits"]
        return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]

    def unread(self) -> list[Skip]:
        """Sequences without a side, and hand-made labels of sequences that are not on disk."""
        path = self.root / layout.KEYFRAMES
        there = {sequence.key for sequence in layout.find_sequences(self.root)}
        absent = [
            Skip(sequence.key, NO_SIDE, str(sequence.folder)) for sequence in self._sequences()[1]
        ]
        return absent + [
            Skip(f"{key}/{frame}", NO_REACTION, str(path))
            for key, labelled in labels.read_keyframes(path).items()
            if key not in there
            for frame in labelled.frames.tolist()
        ]


def _spellings(people: Mapping[str, Sequence[str]]) -> list[str]:
    """A warning of names that may be one person's, who would be trained and tested on."""
    found = labels.spellings(name for names in people.values() for name in names)
    if not found:
        return []
    named = ", ".join(" and ".join(map(ascii, several)) for several in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return [
        f"WARNING: {named}{more} in {layout.DEMOGRAPHICS} look like one name, but count as several "
        "people, who may be in several parts; write a person's name the same everywhere"
    ]


def _openface(path: Path, choice: reading.Choice) -> reading.OpenFaceFile | None:
    return reading.read_openface(path, choice) if path.is_file() else None
