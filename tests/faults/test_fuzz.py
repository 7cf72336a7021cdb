"""Any bytes give every parser a value, or an error of the user's in one line, and nothing else.

CI tries a few hundred. By hand, with counts: DRR_FUZZ_INPUTS=1000000 python -m pytest -s -n 0
tests/faults/test_fuzz.py
"""

import contextlib
import io
import json
import os
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import raw_reactionet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save
from scipy.io import savemat, wavfile

from drr_jax import config as configs
from drr_jax import files, main
from drr_jax.data import prepared, tokenizer
from drr_jax.errors import InputError
from drr_jax.facs import prior_file
from drr_jax.predict import rows
from drr_jax.runs import logs, record
from drr_jax.weights import export, facts, sources, tensor_file
from tfds_reactionet.affectnet import labels as affectnet
from tfds_reactionet.annotation import demographics, review
from tfds_reactionet.bp4d_plus import thermal
from tfds_reactionet.building import summary
from tfds_reactionet.ck_plus import labels as ck_plus
from tfds_reactionet.disfa import labels as disfa
from tfds_reactionet.disfa_plus import labels as disfa_plus
from tfds_reactionet.emotionet import labels as emotionet
from tfds_reactionet.emotionet import spreadsheet
from tfds_reactionet.fer_plus import tables as fer_plus
from tfds_reactionet.mmi import metadata as mmi
from tfds_reactionet.mmi import turns
from tfds_reactionet.raf_db import labels as raf_db
from tfds_reactionet.reactionet import labels as reactionet
from tfds_reactionet.reactionet import layout, scenes
from tfds_reactionet.reactionet import sound as released
from tfds_reactionet.reading import (
    BadImageError,
    archive,
    bp4d_codes,
    decode,
    fold_choice,
    matlab,
    mesh,
    sound,
    tables,
)
from tfds_reactionet.reading.openface import OpenFaceFile

INPUTS = int(os.environ.get("DRR_FUZZ_INPUTS", "0"))  # in all
CI = 700
NAMED = (InputError, BadImageError, sound.BadSoundError)


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), (200, 100, 50)).save(buffer, kind)
    return buffer.getvalue()


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def matlab_file(compressed: bool) -> bytes:
    buffer = io.BytesIO()
    fit = np.zeros((1, 2), dtype=[("pred", object), ("frame", object)])
    for row in range(2):
        fit[0, row] = (np.arange(98.0).reshape(49, 2), float(row))
    savemat(buffer, {"fit": fit}, do_compression=compressed)
    return buffer.getvalue()


def sound_file(kind: type[np.generic]) -> bytes:
    buffer = io.BytesIO()
    wavfile.write(buffer, 8000, np.ones((40, 2), kind))
    return buffer.getvalue()


def number() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(0.5), allow_pickle=False)
    return buffer.getvalue()


def text(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n"


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["URL", *(f"AU {number}" for number in range(1, 61))])
    book.active.append(["http://x/a.jpg", *([0] * 60)])
    book.save(buffer)
    return buffer.getvalue()


def read_archive(path: Path) -> None:
    opened = archive.Archive(path)
    for name in opened.names():
        opened.read(name)


def read_mesh(read: Callable[[Path], mesh.Mesh]) -> Callable[[Path], Any]:
    return lambda path: mesh.frontal(read(path), 16)


def read_openface(path: Path) -> None:
    found = OpenFaceFile(path)
    _ = found.has_intensity, found.has_occurrence, len(found.frames)


def read_facts(path: Path) -> None:
    """A config.json and a preprocessor_config.json, of transformers and of timm."""
    config = configs.Config()
    said = facts._read(path) or {}
    for function in (
        lambda: facts._of_processor(path, said),
        lambda: facts._of_hugging_face(config, said, path),
        lambda: facts._of_timm(config, said, path),
    ):
        with facts.named(path):
            function()


def read_run(path: Path) -> None:
    found = record.read_file(path.parent, path.name)
    assert all(isinstance(name, str) for name in found)


def read_prepared(path: Path) -> None:
    """As training and as the builder's --verify do."""
    prepared._read_metadata(path.parent)
    summary.read_metadata(path.parent)


def parse_config(path: Path) -> None:
    main.parse(["main", f"--config={path}", "--workdir=x"])


def everything(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: list(read(path))


COLUMNS = raw_reactionet.openface_columns()
OPENFACE = text(
    ",".join(COLUMNS),
    *(",".join(str(row) if name == "frame" else "1" for name in COLUMNS) for row in (1, 2, 4)),
)
VOTES = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
LISTED = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression"
PREPARED = {key: {} for key in prepared.NEEDED}
PREPARED["parts"] = {"part1": dict.fromkeys(prepared.NEEDED_OF_PART, 1)}
EXPORTED = {"format": sources.EXPORT, "tokenizer": None, "config": {}, "classes": ["AU01"]}
PREDICTED = {"model": "m", "done": False}
PARSERS: dict[str, tuple[str, Callable[[Path], Any], tuple[bytes, ...]]] = {
    "images": (
        "a.img",
        lambda path: decode(path.read_bytes()),
        tuple(map(picture, ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"))),
    ),
    "OBJ meshes": (
        "a.obj",
        read_mesh(mesh.read_obj),
        (text("v 0 0 0", "v 1 0 0", "v 0 1 1", "vt 0 0", "f 1/1 2/1 3/1"),),
    ),
    "VRML meshes": (
        "a.wrl",
        read_mesh(mesh.read_vrml),
        (b"Coordinate{ point [0 0 0, 1 0 0, 0 1 1] } coordIndex [0,1,2,-1]",),
    ),
    "MATLAB": (
        "a.mat",
        lambda path: matlab.read_variable(path, "fit"),
        (matlab_file(False), matlab_file(True)),
    ),
    "archives": ("a.zip", read_archive, (packed({"a/b.jpg": b"x" * 99, "c.txt": b"text"}),)),
    "workbooks": ("a.xlsx", everything(spreadsheet.read_workbook), (workbook(),)),
    "CSV tables": (
        "a.csv",
        everything(lambda path: tables.read_table(path, ("frame", "code"))),
        (text("frame,code", '1,"a ""b"""', "2,'=c"),),
    ),
    "pairs": (
        "a.txt",
        lambda path: tables.read_pairs(path, lambda a, b: (a, b), "name value"),
        (text("# a comment", "S1 1", "S2,2"),),
    ),
    "OpenFace": ("a.csv", read_openface, (OPENFACE,)),
    "BP4D codes": (
        "a.csv",
        bp4d_codes.read_bp4d_occurrence,
        (text(",".join(map(str, (0, *bp4d_codes.CODED))), "1" + ",9" * len(bp4d_codes.CODED)),),
    ),
    "BP4D intensities": ("a.csv", bp4d_codes.read_intensity, (text("1,0", "2,9"),)),
    "thermal points": ("a.txt", thermal.read_points, (text(" ".join(["1.5"] * 56)),)),
    "DISFA labels": ("a.txt", disfa.read_intensity, (text("1,0", "2,5"),)),
    "DISFA+ labels": (
        "AU1.txt",
        disfa_plus.read_intensity,
        (text("AU1 intensity", "image code", "000.jpg     0", "001.jpg     5"),),
    ),
    "CK+ FACS": ("a.txt", ck_plus.read_facs, (text("  1.0e+00  3.0e+00", "  4.0e+00  0.0e+00"),)),
    "CK+ landmarks": ("a.txt", ck_plus.read_landmarks, (text(*["  1.5e+00  2.5e+00"] * 68),)),
    "CK+ emotions": ("a.txt", ck_plus.read_emotion, (text("   3.0000000e+00"),)),
    "AffectNet lists": (
        "a.csv",
        everything(affectnet.read_list),
        (text(f"{LISTED},valence,arousal", "1/a.jpg,1,2,3,4,1;2,3,0.5,-0.5"),),
    ),
    "AffectNet numbers": ("a.npy", affectnet.read_scalar, (number(),)),
    "EmotioNet lists": (
        "a.csv",
        everything(emotionet.read_csv),
        (
            text(
                "URL," + ",".join(f"AU {n}" for n in range(1, 61)), "http://a," + ",".join("0" * 60)
            ),
        ),
    ),
    "FER+ votes": (
        "a.csv",
        fer_plus.read_votes,
        (text(f"Usage,Image name,{VOTES}", "Training,fer0000000.png,10,0,0,0,0,0,0,0,0,0"),),
    ),
    "FER2013": (
        "a.csv",
        lambda path: [pixels.read() for _, _, pixels in fer_plus.read_faces(path)],
        (text("emotion,pixels,Usage", "0," + " ".join(["7"] * 2304) + ",Training"),),
    ),
    "RAF-DB lists": ("a.txt", raf_db.read_list, (text("train_00001.jpg 5", "test_0001.jpg 1"),)),
    "MMI sessions": (
        "a.xml",
        mmi.read_elements,
        (b'<session><track filename="S001-117.avi" view="0"/></session>',),
    ),
    "MMI turns": ("a.txt", turns.read_file, (text("S001 90", "S002-003 270"),)),
    "folds": ("a.txt", fold_choice.read_fold_file, (text("S1 1", "S2 part2"),)),
    "sounds": (
        "a.wav",
        sound.read_sound,
        tuple(map(sound_file, (np.int16, np.uint8, np.float32, np.int32))),
    ),
    "ReactioNet people": (
        "a.csv",
        reactionet.read_demographics,
        (text("sequence,subject", "a/b/c/d,S1"),),
    ),
    "scenes": (
        "a.toml",
        scenes.read_pool,
        (b'[sport.sub_scenes.golf]\ntitle="Golf"\nkeywords=["a"]\n',),
    ),
    "DeepFace": (
        "a.json",
        demographics.read_deepface,
        (json.dumps([{"age": 31, "dominant_race": "asian"}]).encode(),),
    ),
    "reviews": (
        "review.csv",
        lambda path: review.merge(path, None),
        (text(",".join(review.REVIEW_COLUMNS)),),
    ),
    "safetensors": (
        "a.safetensors",
        tensor_file.open_file,
        (save({"a": np.zeros(3), "b": np.ones(1)}),),
    ),
    "shard indices": (
        tensor_file.INDEX,
        lambda path: tensor_file.open_weights(path.parent),
        (b'{"weight_map": {"a": "model-1-of-1.safetensors"}}',),
    ),
    "weights' configs": (
        "config.json",
        read_facts,
        (
            b'{"model_type": "resnet", "depths": [2, 2, 2, 2], "hidden_act": "relu"}',
            b'{"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1], "do_rescale": true}',
            b'{"architecture": "resnet18", "pretrained_cfg": {"mean": [0, 0]}, "model_args": {}}',
        ),
    ),
    "tokenizers": (
        "tokenizer.json",
        tokenizer.load_tokenizer,
        (tokenizer.tokenizer_of(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"]).to_str().encode(),),
    ),
    "configs": ("config.json", parse_config, (b'{"seed": 1, "optim": {"lr": 0.1}}',)),
    "prepared sets": (
        "metadata.json",
        read_prepared,
        (json.dumps(PREPARED).encode(),),
    ),
    "rendered sets": (
        layout.RENDERED,
        lambda path: released.rendered_rate(path.parent),
        (b'{"dials": {"fps": 25}}',),
    ),
    "exports": (
        export.CONFIG_FILE,
        lambda path: export.load_folder(path.parent),
        (json.dumps(files.sealed(EXPORTED)).encode(),),
    ),
    "predictions": (
        rows.JOB,
        lambda path: rows.claim(path.parent, {"model": "m"}),
        (json.dumps(files.sealed(PREDICTED)).encode(),),
    ),
    "run.json": ("run.json", read_run, (b'{"steps": 3, "seconds": 1.5, "class_prior": [[1]]}',)),
    "metrics": (
        "metrics.jsonl",
        lambda p: logs.read_metrics(p.parent),
        (b'{"step": 1}\n{"step": 2}\n',),
    ),
    "priors": (
        "a.csv",
        prior_file.read_prior_file,
        (text(",AU01,AU02", "AU01,1,0.8", "AU02,0.8,1"),),
    ),
}


# One of several kinds each, or a part of a folder that is not there.
PARTS = ("shard indices", "weights' configs", "prepared sets", "exports", "predictions")


@pytest.mark.parametrize("name", PARSERS)
def test_files_as_they_should_be_are_read(name: str, tmp_path: Path) -> None:
    """Else the changed ones would all fail at their first byte."""
    file, read, seeds = PARSERS[name]
    if name not in PARTS:
        (tmp_path / file).write_bytes(seeds[0])
        read(tmp_path / file)


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Bytes of any kind, or a file as it should be with some of it changed."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data), 1)))
        length = draw(st.sampled_from((0, 1, 2, 4, 16, len(data))))
        new = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(WORDS),
                st.just(bytes(data[at : at + length]) * 2),
            )
        )
        data[at : at + length] = new
    return bytes(data)


WORDS = (
    *(b"nan", b"-inf", b"1e400", b"-1", b"9" * 5000, b"\xff\xff\xff\xff", b"\x00" * 8, b'"', b"\n"),
    *(
        b",",
        b"{}",
        b"[]",
        b"null",
        b"true",
        b"[" * 2000,
        b"\xef\xbb\xbf",
        b"\r",
        "\u0660²".encode(),
    ),
)


KINDS = (None, [], {}, "x", 3, -1, 1.5, True, [1], {"a": 1}, [["x"]], float("nan"))


def others(value: Any) -> Iterator[Any]:
    """A JSON value with each thing in it, and itself, replaced by things of every kind."""
    yield from KINDS
    keys: Iterable[Any] = value if isinstance(value, dict) else ()
    for key in range(len(value)) if isinstance(value, list) else keys:
        for new in others(value[key]):
            changed = value.copy()
            changed[key] = new
            yield changed


JSON = [name for name, (file, *_) in PARSERS.items() if Path(file).suffix == ".json"]


@pytest.mark.parametrize("name", JSON)
def test_json_of_another_kind_gives_a_value_or_a_named_error(name: str, tmp_path: Path) -> None:
    """Which changed bytes rarely are: most are no JSON at all."""
    file, read, seeds = PARSERS[name]
    for value in map(json.loads, seeds):
        for changed in others(value):
            if files.SEAL in value and isinstance(changed, dict):
                changed.pop(files.SEAL, None)
                changed = files.sealed(changed)
            (tmp_path / file).write_text(json.dumps(changed))
            with contextlib.suppress(NAMED), warnings.catch_warnings(action="ignore"):
                read(tmp_path / file)


@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes_give_a_value_or_a_named_error(name: str, tmp_path: Path) -> None:
    file, read, seeds = PARSERS[name]
    path, counts = tmp_path / file, Counter()

    @settings(
        max_examples=-(-(INPUTS or CI) // len(PARSERS)),
        deadline=None,
        database=None,
        derandomize=not INPUTS,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(damaged(seeds))
    def one(data: bytes) -> None:
        path.write_bytes(data)
        counts["inputs"] += 1
        with warnings.catch_warnings(action="ignore"):
            try:
                read(path)
            except NAMED as error:
                assert str(error).isprintable() or isinstance(error, BadImageError)
                counts["refused"] += 1

    one()
    values = counts["inputs"] - counts["refused"]
    print(f"{name}: {counts['inputs']} inputs, {values} values, {counts['refused']} refused")
