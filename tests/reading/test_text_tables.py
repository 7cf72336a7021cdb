"""Text tables that are none of ours: what they are is said, and garbage is never recommended."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import raw_affectnet
import raw_fer_plus

from drr_jax.errors import InputError
from tfds_reactionet.affectnet import labels as affectnet
from tfds_reactionet.disfa import labels as disfa
from tfds_reactionet.emotionet import labels as emotionet
from tfds_reactionet.fer_plus import tables as fer_plus
from tfds_reactionet.raf_db import labels as raf_db
from tfds_reactionet.reading import bp4d_codes, read_table, read_text
from tfds_reactionet.reading.openface_table import OpenFaceTable

TABLE = "Usage,Image name\nTraining,fer0000000.png\n"
READERS: dict[str, Callable[[Path], Any]] = {
    "table": lambda path: list(read_table(path, ("Usage",))),
    "whole": read_text,
    "faces": lambda path: list(fer_plus.read_faces(path)),
    "list": raf_db.read_list,
    "OpenFace": OpenFaceTable,
}
KINDS: dict[str, tuple[bytes, str]] = {
    "UTF-16": (TABLE.encode("utf-16"), "UTF-16; convert it first, e.g. iconv -f UTF-16 -t UTF-8"),
    "UTF-16LE": (TABLE.encode("utf-16-le"), "UTF-16LE; convert it first, e.g. iconv -f UTF-16LE"),
    "UTF-16BE": (TABLE.encode("utf-16-be"), "UTF-16BE; convert it first, e.g. iconv -f UTF-16BE"),
    "gzip": (gzip.compress(TABLE.encode()), "compressed by gzip; unpack it first: gunzip"),
    "bzip2": (bz2.compress(TABLE.encode()), "compressed by bzip2; unpack it first"),
    "xz": (lzma.compress(TABLE.encode()), "compressed by xz; unpack it first"),
    "workbook": (b"PK\3\4\x14\0\6\0", "a zip file or a workbook; unpack it, or save it as CSV"),
    "zeros": (b"\0" * 40, "bytes of zero; copy it again"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_text_is_named(tmp_path: Path, kind: str, reader: str) -> None:
    content, said = KINDS[kind]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        READERS[reader](path)
    assert f"{path}: not UTF-8 but {said}" in str(caught.value)
    assert "\n" not in str(caught.value) and "1252" not in str(caught.value)


def test_text_of_old_windows_programs_is_still_told_how(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("frame,caption\n1,h\xe9llo\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8 at byte 17; .* iconv -f WINDOWS-1252"):
        list(read_table(tmp_path / "a.csv", ("frame",)))


FER = [raw_fer_plus.HEADER, "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0"]
FACES = ["emotion,pixels,Usage", "0,1 2,Training"]
AFFECT = [raw_affectnet.HEADER, "600/a.jpg,1,1,4,4,2.0,0,0.5,0.5"]
EMOTION = ["URL,URL orig,'AU 1','AU 2'", "'http://a/b/N_1.jpg','x',0,1"]
LABEL = ['fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0']
CODES = [",".join(map(str, range(100))), ",".join(["21", *["0"] * 99])]
DIALECTS: dict[str, tuple[Callable[[Path], Any], Sequence[str]]] = {
    "fer2013new.csv": (fer_plus.read_votes, FER),
    "fer2013.csv": (lambda path: list(fer_plus.read_faces(path)), FACES),
    "label.csv": (lambda path: fer_plus.read_labels(path, "train"), LABEL),
    "training.csv": (lambda path: list(affectnet.read_list(path)), AFFECT),
    "validation.csv": (lambda path: list(affectnet.read_list(path)), AFFECT[1:]),
    "EmotioNet": (lambda path: list(emotionet.read_csv(path)), EMOTION),
    "AU_OCC": (bp4d_codes.read_bp4d_occurrence, CODES),
    "AU_INT": (bp4d_codes.read_intensity, ["21,3"]),
    "DISFA": (disfa.read_intensity, ["1,3"]),
}


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_separator_is_named(tmp_path: Path, dialect: str, mark: str, word: str) -> None:
    reader, lines = DIALECTS[dialect]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    reader(path)  # as it should be
    path.write_text("\n".join(lines).replace(", ", "\0").replace(",", mark).replace("\0", ", "))
    with pytest.raises(InputError) as caught:
        reader(path)
    assert str(caught.value).startswith(f"{path}: line 1: {word} separate the columns; expected co")
