"""Images a second and memory of the input pipeline, by threads and workers; forms of images.

    python benchmarks/feeding.py [--threads 1 2 8 16] [--workers 0 2] [--data_dir=DIR] [--out=FILE]

Batches of 64 tuples of the demo release, 256x256, decoded for the device to augment. Every setting
is a process of its own; memory is what it grows by while batches are made, with its workers'. Then
the same images in other prepared forms, read from an ArrayRecord file that is in memory and decoded
by one thread: what they would gain, and the room they take. `measure` is used by scaling.py.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import simplejpeg
from array_record.python import array_record_module

from drr_jax import errors
from drr_jax.config import Config
from drr_jax.data import label_counts, source, tokenizer
from drr_jax.data import pipeline as data
from drr_jax.data.prepared import open_dataset
from drr_jax.machine import cores
from drr_jax.runs import cpu
from tfds_reactionet.build import prepare

BATCH, SIZE, WARM = 64, 256, 3
# Name, quality and colour subsampling; None is raw pixels.
FORMS = {
    "JPEG 95, 4:2:0 (as built)": (95, "420"),
    "JPEG 95, 4:4:4": (95, "444"),
    "JPEG 85, 4:2:0": (85, "420"),
    "raw": None,
}
IMAGES = 256  # of each form


def resident() -> int:
    """Bytes of memory of this process and its children, shared pages counted in each."""
    own = os.getpid()
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            if own in (int(status.parent.name), int(fields[1])):
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total


def feed(directory: Path, threads: int, workers: int, batches: int) -> dict[str, float]:
    """Images a second, and bytes of memory, of one setting in this process."""
    config = Config()
    config.data.batch_size, config.data.image_size = BATCH, SIZE
    config.data.read_threads, config.data.worker_count = threads, workers
    prepared = open_dataset(directory)
    words = label_counts.part_counts(prepared, prepared.parts, "au").words
    pieces = tokenizer.tokenizer_of(tokenizer.build_vocabulary(words))
    records = source.Source(prepared, prepared.parts, SIZE)
    cpu.tune_malloc()
    before, peak, stop = resident(), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    stream = data.train_dataset(records, config, pieces, seed=0, augment_on="device")
    for _ in islice(stream, WARM):
        pass
    begin = time.perf_counter()
    for _ in islice(stream, batches):
        pass
    seconds = time.perf_counter() - begin
    stop.set()
    watcher.join()
    stream.close()
    images = batches * BATCH * len(records.domains)
    return {"images_per_second": images / seconds, "bytes": peak[0] - before}


def measure(directory: Path, threads: int, workers: int, batches: int = 24) -> dict[str, float]:
    """`feed` in a process of its own."""
    command = [sys.executable, __file__, f"--setting={threads},{workers},{batches}", str(directory)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {"threads": threads, "workers": workers, **json.loads(done.stdout.splitlines()[-1])}


def forms(directory: Path, rounds: int) -> list[dict[str, float | str]]:
    """Of each form: bytes an image, and images a second of one thread that reads and decodes."""
    records = source.Source(open_dataset(directory), ["part1"], SIZE)
    images = [records[i]["reaction"] for i in range(min(IMAGES, len(records)))]
    out, found = np.empty((SIZE, SIZE, 3), np.uint8), []
    for name, how in FORMS.items():
        encoded = [
            image.tobytes()
            if how is None
            else simplejpeg.encode_jpeg(image, how[0], "RGB", colorsubsampling=how[1])
            for image in images
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "images.array_record"))
            writer = array_record_module.ArrayRecordWriter(path, "group_size:1,uncompressed")
            for content in encoded:
                writer.write(content)
            writer.close()
            reader = array_record_module.ArrayRecordReader(
                path, options="readahead_buffer_size:0", file_reader_buffer_size=32768
            )
            seconds = []
            for _ in range(rounds + 1):
                begin = time.process_time()
                for number in range(len(images)):
                    content = reader.read([number])[0]
                    if how is None:
                        out.reshape(-1)[:] = np.frombuffer(content, np.uint8)
                    else:
                        simplejpeg.decode_jpeg(content, "RGB", buffer=out)
                seconds.append(time.process_time() - begin)
            reader.close()
        size = sum(map(len, encoded)) / len(encoded)
        rate = len(images) / statistics.median(seconds[1:])
        found.append({"form": name, "bytes": size, "images_per_second": rate})
    return found


def demo(data_dir: Path) -> Path:
    """The demo release at full size, drawn and built unless it is there."""
    return prepare("reactionet/demo", data_dir)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data_dir", type=Path, help="keep the demo data set here")
    parser.add_argument("--out", type=Path, help="write what was found there, as JSON")
    parser.add_argument("--setting", help=argparse.SUPPRESS)
    parser.add_argument("directory", type=Path, nargs="?", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.setting:
        print(json.dumps(feed(flags.directory, *map(int, flags.setting.split(",")))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        directory = demo(flags.data_dir or Path(scratch, "data"))
        print(f"batches of {BATCH} tuples, {SIZE}x{SIZE}, {cores()} cores")
        rows = []
        for workers in flags.workers:
            for threads in flags.threads if not workers else flags.threads[:1]:
                row = measure(directory, threads, workers, flags.batches)
                rows.append(row)
                print(
                    f"  threads {threads:2d}  workers {workers}  "
                    f"{row['images_per_second']:7.0f} images/s  {row['bytes'] / 1e6:6.0f} MB"
                )
        found = forms(directory, flags.rounds)
    for row in found:
        gain = row["images_per_second"] / found[0]["images_per_second"]
        print(f"  {row['form']:26} {row['bytes'] / 1e3:6.1f} KB  {gain:5.1f}x the images of a core")
    if flags.out:
        flags.out.write_text(json.dumps({"settings": rows, "forms": found}, indent=2) + "\n")


if __name__ == "__main__":
    errors.run(main)
