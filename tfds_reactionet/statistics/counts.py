"""One pass over the records of a prepared data set: everything its metadata does not count."""

import functools
import operator
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import simplejpeg
from tqdm import tqdm

from drr_jax.errors import InputError
from drr_jax.machine import cores
from tfds_reactionet.building import LABEL_SOURCES, caption_words, ordered_map
from tfds_reactionet.statistics.reaction_delay import Series, make_series

BIN = 0.25  # of an intensity histogram, from 0 to 5
BINS = 20
GREY = 32  # pixels a side of the pictures that stimulus change is measured on
_PIECE = 512  # records a process reads at a time, rounded up to whole sequences
_MANUAL = LABEL_SOURCES.index("manual")
_REMEDY = "build it again: python -m tfds_reactionet.build NAME --overwrite"


class Counts:
    """Counts over records; arrays are by AU. Memory grows with the vocabulary and with two
    numbers a frame (the series), not with images.
    """

    def __init__(self, aus: int):
        self.manual_records = 0
        self.positives, self.known = np.zeros((2, aus), np.int64)  # all records
        self.manual_positives, self.manual_known = np.zeros((2, aus), np.int64)  # hand-labelled
        self.intensity = np.zeros((aus, BINS), np.int64)
        self.words: Counter[str] = Counter()  # captions that hold the word
        self.au_words = [Counter[str]() for _ in range(aus)]  # of them, those with the AU
        self.captions = 0
        self.au_captions = np.zeros(aus, np.int64)
        self.series: list[Series] = []

    def add(self, other: "Counts") -> None:
        """Adds the counts of later records."""
        for mine, theirs in zip(self.au_words, other.au_words, strict=True):
            mine.update(theirs)
        self.words.update(other.words)
        for name in vars(self).keys() - {"words", "au_words"}:
            setattr(self, name, operator.iadd(getattr(self, name), getattr(other, name)))


class Piece(NamedTuple):
    """Whole sequences of a part: (name, first record, number of records)."""

    part: str
    sequences: list[tuple[str, int, int]]


def count_records(
    prepared: Path, metadata: Mapping[str, Any], jobs: int | None = None, progress: bool = True
) -> Counts:
    """Reads every record once. Raises InputError for one that cannot be read."""
    aus = len(metadata["au_names"])
    total = Counts(aus)
    records = sum(part["records"] for part in metadata["parts"].values())
    with tqdm(total=records, desc="reading", unit=" records", disable=not progress) as bar:
        pieces = list(_pieces(metadata))
        count = functools.partial(count_piece, prepared, aus)
        found = ordered_map(count, pieces, jobs or cores())
        for piece, counts in zip(pieces, found, strict=True):
            total.add(counts)
            bar.update(sum(records for _, _, records in piece.sequences))
    return total


def _pieces(metadata: Mapping[str, Any]) -> Iterator[Piece]:
    for part, entry in metadata["parts"].items():
        waiting: list[tuple[str, int, int]] = []
        for name, _, first, records in entry["sequences"]:
            waiting.append((name, first, records))
            if sum(count for _, _, count in waiting) >= _PIECE:
                yield Piece(part, waiting)
                waiting = []
        if waiting:
            yield Piece(part, waiting)


def count_piece(prepared: Path, aus: int, piece: Piece) -> Counts:
    """Counts of some sequences; runs in a worker process."""
    cv2.setNumThreads(1)
    features, source, encoded = _open(prepared, piece.part)
    counts = Counts(aus)
    for name, first, records in piece.sequences:
        frames, pictures, intensities, occurrences = [], [], [], []
        for number in range(first, first + records):
            try:
                record = features.deserialize_example_np(source[number], decoders=encoded)
                if "stimulus" in record:
                    pictures.append(_grey(record["stimulus"]["image"]))
            except Exception as error:  # array_record, protobuf and the codecs have their own
                reason = " ".join(str(error).split())
                raise InputError(
                    f"{prepared}: {piece.part} record {number} ({name}) cannot be read "
                    f"({type(error).__name__}: {reason}); {_REMEDY}"
                ) from error
            _add_record(counts, record)
            frames.append(int(record["frame"]))
            if "au" in record:
                intensities.append(record["au"]["intensity"])
                occurrences.append(record["au"]["occurrence"])
        if pictures and intensities:
            arrays = (np.array(of) for of in (frames, pictures, intensities, occurrences))
            series = make_series(name, *arrays)
            if series is not None:
                counts.series.append(series)
    return counts


def _open(prepared: Path, part: str) -> tuple[Any, Any, Any]:
    """The features that are needed, of those the set has, its encoded records, and decoders.

    These leave images as they are.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.read_only_builder import ReadOnlyBuilder

    try:
        builder: Any = ReadOnlyBuilder(builder_dir=str(prepared))
        features = builder.info.features
        names = ("au", "caption", "frame", "label_source")
        wanted = {name: features[name] for name in names if name in features}
        encoded = None
        if "stimulus" in features and "au" in features:
            wanted["stimulus"] = {"image": features["stimulus"]["image"]}
            encoded = {"stimulus": {"image": tfds.decode.SkipDecoding()}}
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        source = builder.as_data_source(split=part, deserialize_method=raw)
        return tfds.features.FeaturesDict(wanted), source, encoded
    except Exception as error:  # TFDS, JSON and protobuf raise many kinds for a damaged file
        reason = " ".join(str(error).split())
        raise InputError(f"{prepared}: unreadable ({reason}); {_REMEDY}") from error


def _grey(encoded: bytes) -> np.ndarray:
    """A small grey picture, float32 [GREY, GREY], grey values 0 to 255."""
    if encoded.startswith(b"\xff\xd8"):
        image = simplejpeg.decode_jpeg(encoded, "GRAY", min_height=GREY, min_width=GREY)[..., 0]
    else:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError("not an image, or cut off")
    return cv2.resize(image, (GREY, GREY), interpolation=cv2.INTER_AREA).astype(np.float32)


def _add_record(counts: Counts, record: Mapping[str, Any]) -> None:
    manual = int(record["label_source"]) == _MANUAL
    counts.manual_records += manual
    occurrence = np.zeros(0, np.int8)
    if "au" in record:
        occurrence = np.asarray(record["au"]["occurrence"])
        positive, known = occurrence == 1, occurrence >= 0
        counts.positives += positive
        counts.known += known
        counts.manual_positives += positive & manual
        counts.manual_known += known & manual
        intensity = np.asarray(record["au"]["intensity"], np.float64)
        given = np.flatnonzero(~np.isnan(intensity))
        # Intensities have two decimals: without the nudge 0.75 in float32 may fall below its bin.
        bins = np.clip(np.floor(intensity[given] / BIN + 1e-4), 0, BINS - 1).astype(int)
        counts.intensity[given, bins] += 1
    if "caption" in record:
        words = set(caption_words(record["caption"].decode()))
        counts.captions += 1
        counts.words.update(words)
        for au in np.flatnonzero(occurrence == 1):
            counts.au_words[au].update(words)
            counts.au_captions[au] += 1
