"""Files and folders that are there whole or not at all; locks, digests, JSON objects."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, LeaseCompromise, SoftFileLease, Timeout

from drr_jax import json_text, limits
from drr_jax.errors import InputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_ERRORS = (*DISK_FULL, errno.EROFS, errno.EACCES, errno.EPERM)  # the user's to mend
NO_FLOCK = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what file systems without locks say
# Without flock a holder is dead once it has been silent for so long; a living one speaks three
# times in that time. All processes that share a lock must agree on it.
LEASE_SECONDS = 60.0
SEAL = "digest"  # the last key of a sealed object
DESCRIBED = "described"  # in a prepared set's metadata: `described_digests`
_NAME = 200  # bytes of a name that an unfinished file keeps; file systems take 255
PART = ".part"  # the end of a name that stands for an unfinished file


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which becomes `path` at the end, or vanishes if an error comes before it.

    Should the program or the machine die meanwhile, `path` is as it was. Several processes may
    write it at once: the last one counts. Raises InputError for a full disk or a folder that cannot
    be written.
    """
    name = os.fsdecode(os.fsencode(path.name)[:_NAME])  # what is added must fit, too
    part = path.with_name(f".{name}.{secrets.token_hex(4)}{PART}")
    try:
        try:
            with open(part, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        long = error.errno == errno.ENAMETOOLONG
        advice = "shorten its name" if long else "make room or make the folder writable"
        raise InputError(f"{path} cannot be written: {error.strerror}; {advice}") from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file as `whole` does; text as UTF-8."""
    with whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON as `whole` does."""
    write_whole(path, json.dumps(value, indent=1) + "\n")


def read_at_most(path: Path, most: int) -> bytes:
    """A file's bytes. Raises OSError if there is none, InputError if it has more than `most`."""
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path}: more than {most} bytes, the limit for a file of its kind")
    return content


def is_name(text: str) -> bool:
    """Whether a file may be called so: a part of a path that stays in its folder."""
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return text not in ("", ".", "..") and len(encoded) <= 255 and not {*encoded} & {*b"/\0"}


def read_json(path: Path, most: int = limits.DOCUMENT_BYTES) -> dict[str, Any]:
    """Reads a JSON object. Raises OSError if there is no file, ValueError that says what is wrong.

    The caller knows what the file is for, and what to do about it.
    """
    value = json_text.parse(read_at_most(path, most))
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}")
    return value


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with a digest of all that it says as its last key, for `unsealed`.

    It is the first 16 hexadecimal digits of the SHA-256, however the object is written and in
    whatever order: enough against damage, not against a forger.
    """
    content = json.loads(json.dumps(value))  # as it will be read back
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {**content, SEAL: hashlib.sha256(text.encode()).hexdigest()[:16]}


def unsealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """What was sealed. Raises ValueError if it was changed; what never had a seal passes."""
    content = {key: one for key, one in value.items() if key != SEAL}
    last = list(value.values())[-1] if value else None
    # The name of the key may be what was hit; nothing else of ours ends with such a text.
    if SEAL in value:
        if value[SEAL] != sealed(content)[SEAL]:
            raise ValueError(f"its {SEAL} is not that of what it says: something in it was changed")
    elif DESCRIBED in value or (isinstance(last, str) and re.fullmatch("[0-9a-f]{16}", last)):
        raise ValueError(f"it has no {SEAL!r}, although it was written with one")
    return content


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def described_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that say how TFDS reads a prepared data set: features, class names."""
    return {
        path.name: digest(path)
        for path in (folder / "features.json", *sorted(folder.glob("*.labels.txt")))
    }


def check_description(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Raises ValueError if the metadata of a prepared set, or what they describe, was changed.

    Those of before, without a digest, cannot tell.
    """
    unsealed(metadata)
    if SEAL not in metadata:
        return
    found, written = described_digests(folder), metadata[DESCRIBED]
    for name in sorted({*found, *written}):
        if found.get(name) != written.get(name):
            raise ValueError(f"{name} is not what was written")


def named(said: str | os.PathLike[str]) -> Path:
    """The path that a user names; ~ is filled in where there is such a home."""
    return Path(os.path.expanduser(said))


def new_folder(said: str | Path) -> Path:
    """What --out names, for `whole_folder`, before there is anything to write; ~ is filled in.

    Raises InputError if it is there, or can be made nowhere.
    """
    out = named(said)
    if os.path.lexists(out):
        raise InputError(f"--out={out} exists: expected the name of a new folder")
    above = next(place for place in out.absolute().parents if os.path.lexists(place))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        what = "may not be written" if above.is_dir() else "is no folder"
        raise InputError(f"--out={out} cannot be made: {above} {what}; give another")
    return out


@contextlib.contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `out` at the end, or vanishes if an error comes before.

    `out` is new or an empty folder. What a killed process left of it is removed. Raises InputError
    if another process is writing it, OSError for a full disk or a folder that cannot be written.
    """

    def refuse() -> None:
        raise InputError(
            f"{out}: another process is writing it; wait for that or choose another --out"
        )

    out.parent.mkdir(parents=True, exist_ok=True)
    part, lock = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.name}.lock")
    with locked(lock, refuse):
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            yield part
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, taken: Callable[[], None]) -> Iterator[None]:
    """Within it no other process holds the lock file `path`.

    If another has it, `taken` is called: it raises, or returns to wait for the lock. The system
    frees the lock of a process that dies. A file system without flock cannot: there the lock is a
    lease beside `path`, renewed by a thread, which others may take over after LEASE_SECONDS of
    silence, also on another machine; so long they wait before `taken` is called. A process that
    loses its lease, for it was suspended, is ended.
    """
    lock: FileLock | SoftFileLease = FileLock(path, fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=0)
        except OSError as error:
            if error.errno not in NO_FLOCK:  # a Timeout has none
                raise
            # Not `path` itself: an empty file there is no lease, and would never run out.
            lock = SoftFileLease(
                path.with_name(f"{path.name}.lease"),
                lease_duration=LEASE_SECONDS,
                on_compromise=_end,
            )
            lock.acquire(timeout=1.5 * LEASE_SECONDS)
    except Timeout:
        taken()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _end(lost: LeaseCompromise) -> None:
    """Ends this process at once: what it would write now, another one is writing."""
    message = f"error: {lost.lock_file}: the lock was lost ({lost.reason})"
    print(message, file=sys.stderr, flush=True)
    os._exit(1)
