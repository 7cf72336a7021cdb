"""Where BU-3DFE's files lie (docs/datasets.md section 10).

    BU_3DFE/F0001/F0001_AN01WH_F2D.bmp, F0001_AN01WH_F3D.wrl

The folder of subjects is found at most three levels down.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet import building, reading
from tfds_reactionet.bu3dfe import names
from tfds_reactionet.building import Frame, Options, Skip, Spec, Unit

NO_IMAGE = "mesh without its image (F2D)"
NO_MESH = "image without its mesh (F3D.wrl)"
OTHER_LEVEL = "level that was not asked for"
NOT_A_CLASS = "neutral, which is not among six classes"
NO_SCANS = "scan of a subject whose folder has none in it: it is empty, or they lie deeper"

_SUBJECT = re.compile("[FM][0-9]{4}", re.IGNORECASE)
_PACKED = re.compile(
    r"([FM][0-9]{4})(?![0-9]).*\.(rar|zip|7z|tar|tgz|tar\.[a-z0-9]+)", re.IGNORECASE
)
_ALMOST = re.compile(r"[FM][0-9]{3,}.+", re.IGNORECASE)  # F0003_1, F0003 copy, F00031
_LEVELS = 3


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (OTHER_LEVEL, NOT_A_CLASS)
    folds = reading.FoldChoice(reading.NUMBERED, names.part)

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Reader.folds.protocol(options["folds"]),
            expression_names=EXPRESSIONS[: options["classes"]],
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            extra={"level": ((), np.int64), "race": ((), str)},
        )

    def find(self) -> None:
        """Raises InputError if there are no subjects' folders, or some lie elsewhere or packed."""
        self.subjects: list[Path] = []
        there: set[str] = set()
        packed: list[tuple[Path, str]] = []
        for folder in reading.folders(self.root, _LEVELS, lambda n: bool(_SUBJECT.fullmatch(n))):
            if _SUBJECT.fullmatch(folder.name) and folder != self.root:
                continue  # a subject's own folder
            packed += [(path, m[1].upper()) for path, m in reading.matching(folder, _PACKED)]
            found = [name for name in reading.folder_names(folder) if _SUBJECT.fullmatch(name)]
            more = [name for name in found if name.upper() not in there]
            if self.subjects and more:
                raise InputError(
                    f"{folder}: holds {len(more)} subjects, such as {more[0]}, that are not in "
                    f"{self.subjects[0].parent}; expected all in one folder: move them there, or "
                    "away"
                )
            if more:
                self.subjects = [folder / name for name in found]
                there.update(name.upper() for name in found)
                if len(there) < len(found):
                    raise InputError(f"{folder}: a subject has two folders, F0001 and f0001")
        for path, subject in packed:
            if subject not in there:
                raise InputError(
                    f"{path}: not unpacked; unpack every archive of a subject, so that there is "
                    f"{subject}/{subject}_AN01WH_F2D.bmp"
                )
        if not self.subjects:
            raise InputError(f"{self.root}: no subjects; expected F0001/F0001_AN01WH_F2D.bmp")

    def units(self) -> list[Unit]:
        part = self.folds.parts(self.options["folds"])
        found = ((folder.name.upper(), folder) for folder in self.subjects)
        return [Unit(name, name, "", part(name), folder) for name, folder in found]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        scans: dict[int, names.Scan] = {}
        files: dict[tuple[int, str], Path] = {}
        for name in reading.file_names(unit.source):
            path: Path = unit.source / name
            parsed = names.parse(path)
            if parsed is None:
                continue
            scan, kind = parsed
            if (scan.number, kind) in files or scans.setdefault(scan.number, scan) != scan:
                raise InputError(
                    f"{path}: expression {name[6:8].upper()} of level {scan.level} is there twice"
                )
            files[scan.number, kind] = path
        if not scans:
            for scan in self._wanted():
                yield unit.skip(scan.number, NO_SCANS, unit.source)
        depth = self.config == "rgb_depth"
        for number, scan in sorted(scans.items()):
            image, mesh = files.get((number, "F2D")), files.get((number, "F3D"))
            reason = self._left_out(scan)
            if reason or image is None or (depth and mesh is None):
                reason = reason or (NO_IMAGE if image is None else NO_MESH)
                yield unit.skip(number, reason, str(image or mesh))
                continue
            yield Frame(
                number,
                reading.ImageFile(image),
                expression=scan.expression,
                depth=reading.FrontalMesh(mesh) if depth and mesh else None,
                extra={"level": scan.level, "race": scan.race},
            )

    def notes(self, unit: Unit) -> list[str]:
        """How many scans a subject lacks with all their files, which nothing else tells of."""
        parsed = (names.parse(unit.source / name) for name in reading.file_names(unit.source))
        there = {found[0].number for found in parsed if found}
        wanted = {scan.number for scan in self._wanted()}
        lost = len(wanted - there)
        return [f"{lost} of the subject's {len(wanted)} scans are not there"] if lost else []

    def said(self) -> dict[str, Any]:
        """How many subjects there are, and folders whose names are almost those of one."""
        notes = []
        if len(self.subjects) != len(names.SUBJECTS):
            notes = [f"{len(self.subjects)} subjects; the release has {len(names.SUBJECTS)}"]
        place = self.subjects[0].parent
        almost = [name for name in reading.folder_names(place) if _ALMOST.fullmatch(name)]
        almost = [name for name in almost if not _SUBJECT.fullmatch(name)]
        if almost:
            notes.append(
                f"{len(almost)} folders were not read, since their names are not those of "
                f"subjects, such as {almost[0][:80]!r}"
            )
        return {"notes": notes}

    def stamped(self) -> list[Path]:
        return [self.subjects[0].parent, *self.subjects]

    def _wanted(self) -> list[names.Scan]:
        """The scans that the release has of every subject, as far as they were asked for."""
        return [scan for scan in names.every_scan() if not self._left_out(scan)]

    def _left_out(self, scan: names.Scan) -> str | None:
        """Why the protocol has no place for a scan."""
        if scan.expression == names.NEUTRAL:
            return NOT_A_CLASS if self.options["classes"] == names.NEUTRAL else None
        return OTHER_LEVEL if scan.level < int(self.options["levels"][0]) else None
