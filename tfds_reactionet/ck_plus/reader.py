"""Where CK+'s files lie (docs/datasets.md section 4).

    cohn-kanade-images/S005/001/S005_001_00000011.png
    Emotion/S005/001/S005_001_00000011_emotion.txt     only 327 of 593 sequences have one
    FACS/S005/001/S005_001_00000011_facs.txt           Landmarks/S005/001/..._landmarks.txt

Outer folders are known by the files in them, at most three levels down: names around them vary.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drr_jax.errors import InputError
from drr_jax.facs import CK_PLUS_AUS, EXPRESSIONS_8
from tfds_reactionet import building, reading
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later
from tfds_reactionet.ck_plus import labels

NO_EMOTION = "sequence without an emotion label"
OTHER_EMOTION = "sequence of another emotion than the six (contempt or neutral)"
NO_EXPRESSION = "sequence without an expression (neutral)"
NO_FACS = "sequence without FACS codes"
LOST = "image that is lost: the numbers of its sequence have a gap, or do not begin with 1"
CUT_OFF = "frame of a sequence whose last images are lost, as its labels or landmarks tell"
NOT_LAST = "labels name a frame that is not the last image"
OTHER_PEAK = "FACS codes name another frame than the emotion; both are taken for the peak's"

IN_RELEASE = 327  # sequences with an emotion
NAMES = {  # of the emotions, by config
    "au": labels.SIX_EMOTIONS,
    "expression": labels.SIX_EMOTIONS,
    "contempt": (*labels.SIX_EMOTIONS, labels.CONTEMPT),
    "eight": EXPRESSIONS_8,
}
_SUBJECT = re.compile("S[0-9]{3}", re.IGNORECASE)
_SEQUENCE = re.compile("[0-9]{3}")
_LEVELS = 3
_MOST_FRAMES = 9999  # of a sequence; the release's have up to 71
_KINDS = {
    kind: re.compile(rf"S([0-9]{{3}})_([0-9]{{3}})_([0-9]{{1,9}}){ending}", re.IGNORECASE)
    for kind, ending in {
        "images": r"\.(?:png|jpg|jpeg|bmp|tif|tiff)",
        "emotion": r"_emotion\.txt",
        "facs": r"_facs\.txt",
        "landmarks": r"_landmarks\.txt",
    }.items()
}


_EXAMPLES = {
    "images": "cohn-kanade-images/S005/001/S005_001_00000001.png",
    "emotion": "Emotion/S005/001/S005_001_00000011_emotion.txt",
    "facs": "FACS/S005/001/S005_001_00000011_facs.txt",
}


class Labelled(NamedTuple):
    """A sequence with an emotion."""

    sequence: str  # S005/001
    file: Path
    peak: int  # the frame that the label file names
    emotion: str

    @property
    def subject(self) -> str:
        return self.sequence.split("/")[0]


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (NO_EMOTION, OTHER_EMOTION, NO_EXPRESSION)
    folds = reading.FoldChoice(reading.NUMBERED, reading.part_by_number)

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au" if config == "au" else "expression",
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=labels.CODED_AUS,
            evaluated_aus=CK_PLUS_AUS,
            expression_names=NAMES[config],
            landmarks=68,
        )

    def find(self) -> None:
        """Raises InputError if images or a config's labels are not there, or in two folders."""
        self.offsets = (reading.Offset.of(self.options, "frame_offset", 0),)
        self.outer: dict[str, Path] = {}  # the folder of subjects of each kind that is there
        for folder in reading.folders(self.root, _LEVELS, lambda n: bool(_SUBJECT.fullmatch(n))):
            kind = _kind(folder)
            if not kind:
                continue
            there = set(_sequences(self.outer.setdefault(kind, folder)))
            more = [sequence for sequence in _sequences(folder) if sequence not in there]
            if more:
                raise InputError(
                    f"{folder}: holds {kind} of {len(more)} sequences, such as {more[0]}, that are "
                    f"not in {self.outer[kind]}; expected all in one folder: move them there, or "
                    "away"
                )
        for kind, example in _EXAMPLES.items():
            if kind not in self.outer and (kind != "facs" or self.config == "au"):
                raise InputError(
                    f"{self.root}: no {kind} in it; expected {example} (unpack the zip files)"
                )

    @property
    def has_faces(self) -> bool:
        return "landmarks" in self.outer

    def units(self) -> list[Unit]:
        found = [it for it in self._labelled() if self._is_told(it)]
        self._check_peaks(found)
        part = self.folds.parts(self.options["folds"])
        return [Unit(it.sequence, it.subject, "", part(it.subject), it) for it in found]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        (offset,) = self.offsets
        images = self._files("images", unit.sequence)
        folder = self.outer["images"] / unit.sequence
        facs = self._only("facs", unit.sequence) if "facs" in self.outer else None
        tracked = self._files("landmarks", unit.sequence) if self.has_faces else {}
        offset.check(folder, images, tracked, "landmark files")
        first = 1 + offset.value  # of a whole sequence
        shown = self._shown(unit.source, min(first, min(images, default=first)))
        last = max(images, default=first - 1)
        if last > _MOST_FRAMES:
            raise InputError(f"{images[last]}: frame {last}, expected at most {_MOST_FRAMES}")
        for number in range(first, last + 1):
            if number not in images:
                yield unit.skip(number, LOST, folder)
        told = max(unit.source.peak, facs[0] if facs else 0, *tracked)
        if not images or last < told + offset.value:
            yield from (unit.skip(n, CUT_OFF, folder) for n in shown if n in images or n > last)
            return
        if facs is None and self.config == "au":
            peak = unit.source.peak + offset.value
            yield unit.skip(peak, NO_FACS, self.outer["facs"] / unit.sequence)
            return
        occurrence = intensity = None
        if facs is not None:
            threshold = self.options["threshold"]
            occurrence, intensity = labels.codes(labels.read_facs(facs[1]), threshold)
        names, emotion = NAMES[self.config], unit.source.emotion
        for number, expression in shown.items():
            if number not in images:
                continue  # lost
            file = tracked.get(number - offset.value)
            if file is None and self.cuts_faces:
                yield unit.skip(number, NO_LANDMARKS, self.outer["landmarks"] / unit.sequence)
                continue
            yield Frame(
                number,
                reading.ImageFile(images[number]),
                occurrence=occurrence if expression == emotion else None,  # codes are the peak's
                intensity=intensity if expression == emotion else None,
                expression=names.index(expression),
                landmarks=later(labels.read_landmarks, file) if file else None,
            )

    def notes(self, unit: Unit) -> list[str]:
        peak = unit.source.peak + self.offsets[0].value
        later_images = [n for n in self._files("images", unit.sequence) if n > peak]
        facs = self._only("facs", unit.sequence) if "facs" in self.outer else None
        notes = [NOT_LAST] if later_images else []
        if facs is None and "facs" in self.outer:
            notes.append(NO_FACS)
        return [*notes, OTHER_PEAK] if facs and facs[0] != unit.source.peak else notes

    def said(self) -> dict[str, Any]:
        """How many sequences have an emotion: a lost file looks like one that never was."""
        count = len(self._labelled())
        note = f"{count} sequences have an emotion label; the release has {IN_RELEASE}"
        return {"notes": [note] if count != IN_RELEASE else []}

    def stamped(self) -> list[Path]:
        paths = list(self.outer.values())
        for kind, outer in self.outer.items():
            for sequence in _sequences(outer):
                paths.append(outer / sequence)
                if kind in ("emotion", "facs"):
                    paths += self._files(kind, sequence).values()
        return paths

    def unread(self) -> list[Skip]:
        labelled = self._labelled()
        other = NO_EXPRESSION if labels.CONTEMPT in NAMES[self.config] else OTHER_EMOTION
        skips = [Skip(it.sequence, other, str(it.file)) for it in labelled if not self._is_told(it)]
        known = {it.sequence for it in labelled}
        return skips + [
            Skip(sequence, NO_EMOTION, str(self.outer["emotion"] / sequence))
            for sequence in _sequences(self.outer["images"])
            if sequence not in known
        ]

    def _check_peaks(self, found: Sequence[Labelled]) -> None:
        """Raises InputError if the labels of most sequences name another frame than the last.

        A sequence ends with its peak. One that goes on is noted; if most do, or end before, images
        and labels are numbered differently.
        """
        (offset,) = self.offsets
        lasts = {it: max(self._files("images", it.sequence), default=it.peak) for it in found}
        beyond = Counter(last - it.peak for it, last in lasts.items())
        usual, count = beyond.most_common(1)[0] if beyond else (offset.value, 0)
        if offset.given or usual == offset.value or 2 * count <= len(found):
            return
        example = next(it for it, last in lasts.items() if last - it.peak == usual)
        raise InputError(
            f"{self.outer['images'] / example.sequence}: ends with image {lasts[example]}, but its "
            f"label names {example.peak}, the peak, and so it is in {count} of {len(found)} "
            f"sequences; if images are numbered {usual:+d} against labels, pass "
            f"--frame_offset={usual}, else --frame_offset={offset.value}"
        )

    def _shown(self, found: Labelled, first: int) -> dict[int, str]:
        """Emotion of the numbers of a sequence that are taken, if its images begin with `first`."""
        peak = found.peak + self.offsets[0].value
        start = max(first, peak - self.options["last"] + 1)
        shown = dict.fromkeys(range(start, peak + 1), found.emotion)
        return {first: labels.NEUTRAL} | shown if labels.NEUTRAL in NAMES[self.config] else shown

    def _is_told(self, found: Labelled) -> bool:
        """Whether the config has the emotion of a sequence; none of the release's is neutral."""
        return found.emotion in NAMES[self.config] and found.emotion != labels.NEUTRAL

    def _labelled(self) -> list[Labelled]:
        """The sequences with an emotion; folders of the others are there, but empty."""
        found = []
        for sequence in _sequences(self.outer["emotion"]):
            if (only := self._only("emotion", sequence)) is not None:
                peak, file = only
                found.append(Labelled(sequence, file, peak, labels.read_emotion(file)))
        return found

    def _files(self, kind: str, sequence: str) -> dict[int, Path]:
        """Files of a sequence by the number of their frame. Raises InputError for doubles."""
        folder = self.outer[kind] / sequence
        files: dict[int, Path] = {}
        for path, match in reading.matching(folder, _KINDS[kind]):
            if f"S{match[1]}/{match[2]}" != sequence.upper():
                raise InputError(f"{path}: its name does not belong into {folder}")
            if int(match[3]) in files:
                raise InputError(f"{path}: frame {int(match[3])} is there twice")
            files[int(match[3])] = path
        return files

    def _only(self, kind: str, sequence: str) -> tuple[int, Path] | None:
        """The one label file of a sequence, if there is one, and the number of its frame."""
        files = self._files(kind, sequence)
        if len(files) > 1:
            names = " and ".join(path.name for path in files.values())
            raise InputError(f"{self.outer[kind] / sequence}: {names}, expected one label file")
        return next(iter(files.items()), None)


def _sequences(outer: Path) -> list[str]:
    """S005/001 and so on of a folder of subjects."""
    return [
        f"{subject}/{sequence}"
        for subject in reading.folder_names(outer)
        if _SUBJECT.fullmatch(subject)
        for sequence in reading.folder_names(outer / subject)
        if _SEQUENCE.fullmatch(sequence)
    ]


def _kind(outer: Path) -> str | None:
    """What a folder of subjects holds: the kind of the first file that is found in it."""
    for sequence in _sequences(outer):
        for kind, pattern in _KINDS.items():
            if reading.matching(outer / sequence, pattern):
                return kind
    return None
