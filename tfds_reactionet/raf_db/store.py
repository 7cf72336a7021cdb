"""Files of one kind, in a folder or still in the zip file that RAF-DB gives them in."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading import ImageFile, Pixels, ZipImage, file_names, open_archive, read_text


@dataclass(frozen=True)
class Store:
    """A folder, or a zip file whose inner folders do not matter."""

    path: Path

    def names(self) -> dict[str, str]:
        """Members by file name. Raises InputError for two of one name."""
        if self.path.is_dir():
            return {name: name for name in file_names(self.path)}
        members: dict[str, str] = {}
        for member in open_archive(self.path).names():
            parts = PurePosixPath(member).parts
            if "__MACOSX" in parts or parts[-1].startswith("."):
                continue
            if parts[-1] in members:
                raise InputError(f"{self.path}: {parts[-1][:80]} is there twice")
            members[parts[-1]] = member
        return members

    def pixels(self, member: str) -> Pixels:
        if self.path.is_dir():
            return ImageFile(self.path / member)
        return ZipImage(self.path, member)

    def text(self, member: str) -> tuple[str, str]:
        """A file's text and its place. Raises InputError if it is not UTF-8."""
        if self.path.is_dir():
            return read_text(self.path / member), self.where(member)
        try:
            content = open_archive(self.path).read(member, limits.DOCUMENT_BYTES)
            text = content.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path}: {member[:80]} is not UTF-8") from error
        return text, self.where(member)

    def where(self, member: str) -> str:
        return str(self.path / member)


def find_store(folders: list[Path], parent: str, name: str) -> Store | None:
    """The folder parent/name, or the zip file name.zip beside it, among the folders of a release.

    Upper and lower case do not matter; a folder wins over a zip file.
    """
    for folder in folders:
        if folder.name.lower() == name and folder.parent.name.lower() == parent:
            inner = folder / name  # aligned.zip unpacked in a folder of its own name
            return Store(inner if inner.is_dir() else folder)
    for folder in folders:
        if folder.name.lower() == parent:
            for file in file_names(folder):
                if file.lower() == f"{name}.zip":
                    return Store(folder / file)
    return None
