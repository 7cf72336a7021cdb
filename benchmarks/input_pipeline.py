"""Training tuples a second, beside a torch DataLoader with PIL and torchvision's transforms.

    python benchmarks/input_pipeline.py [--rounds=7] [--data_dir=DIR]

in an environment with the `bench` extra. Both sides read the same 256x256 JPEGs of the demo
release, turn, flip and jitter both images of a tuple with the same policy and batch them as uint8,
on all cores: this project in threads, torch in as many worker processes. This project also
tokenises the caption. They run in turn, round by round, so that a busy machine slows both; the
printed factor is the median over rounds of the ratio of rates within a round, above 1 where this
project is faster. Start-up is not counted.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import tensorflow_datasets as tfds
import torch
from PIL import Image
from torchvision import transforms

from drr_jax.config import Config
from drr_jax.data import label_counts, source, tokenizer
from drr_jax.data import pipeline as data
from drr_jax.data.prepared import Prepared, open_dataset
from drr_jax.errors import run
from drr_jax.runs import cpu
from tfds_reactionet.build import prepare

BATCH, SIZE, GPUS = 64, 256, 8
WARM_BATCHES = 2  # a round's first ones wait for threads and processes to start
DOMAINS = ("reaction", "stimulus")
TUPLES_ON_DISK = 512


class TorchTuples(torch.utils.data.Dataset):
    """Image pairs in a folder, read and augmented as torchvision's examples do."""

    def __init__(self, folder: Path, config: Config):
        self._folder, policy = folder, config.augment
        self._transform = transforms.Compose(
            [
                transforms.RandomRotation(
                    policy.rotation, interpolation=transforms.InterpolationMode.BILINEAR
                ),
                transforms.RandomHorizontalFlip(policy.flip),
                transforms.ColorJitter(policy.brightness, policy.contrast, policy.saturation),
                transforms.PILToTensor(),
            ]
        )

    def __len__(self) -> int:
        return TUPLES_ON_DISK

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        paths = (self._folder / f"{index}-{domain}.jpg" for domain in DOMAINS)
        return tuple(self._transform(Image.open(path).convert("RGB")) for path in paths)


def write_images(prepared: Prepared, folder: Path) -> None:
    """Copies the encoded images of the first records to files for torch."""
    encoded = {domain: {"image": tfds.decode.SkipDecoding()} for domain in DOMAINS}
    parts = prepared.builder.as_data_source(list(prepared.parts), decoders=encoded)
    records = (record for part in parts for record in part)
    count = 0
    for index, record in enumerate(islice(records, TUPLES_ON_DISK)):
        for domain in DOMAINS:
            (folder / f"{index}-{domain}.jpg").write_bytes(record[domain]["image"])
        count += 1
    if count < TUPLES_ON_DISK:
        raise SystemExit(f"{prepared.directory} holds {count} records, expected {TUPLES_ON_DISK}")


def rate(start: Callable[[], Iterator], batches: int) -> float:
    """Tuples a second of a freshly started iterator, once it runs."""
    iterator = start()
    for _ in range(WARM_BATCHES):
        next(iterator)
    begin = time.perf_counter()
    for _ in range(batches):
        next(iterator)
    seconds = time.perf_counter() - begin
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
    return batches * BATCH / seconds


def sides(
    prepared: Prepared, folder: Path, cores: int
) -> dict[str, tuple[Callable[[], Iterator], int]]:
    """Name -> (iterator's start, batches to time)."""
    config = Config()
    config.data.batch_size, config.data.image_size = BATCH, SIZE
    config.data.read_threads = cores
    words = label_counts.part_counts(prepared, prepared.parts, "au").words
    pieces = tokenizer.tokenizer_of(tokenizer.build_vocabulary(words))
    peer = TorchTuples(folder, config)

    def ours(augment_on: str) -> Iterator:
        return data.train_dataset(
            source.Source(prepared, prepared.parts, SIZE),
            config,
            pieces,
            seed=0,
            augment_on=augment_on,
        )

    def torchs() -> Iterator:
        sampler = torch.utils.data.RandomSampler(peer, replacement=True, num_samples=10**6)
        return iter(torch.utils.data.DataLoader(peer, BATCH, sampler=sampler, num_workers=cores))

    return {
        "torch": (torchs, 4 * cores),
        "host": (lambda: ours("host"), 12 * cores),
        "device": (lambda: ours("device"), 24 * cores),
    }


def main() -> int:
    """Prints the rates, their ratios and what a host of 8 GPUs would need."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data_dir", type=Path, help="keep the demo data set here")
    parser.add_argument(
        "--images_per_gpu",
        type=float,
        default=8000,
        help="assumed training images a second of one GPU (ResNet-18, 256x256, bfloat16)",
    )
    flags = parser.parse_args()
    cpu.tune_malloc()  # as the training job on CPU does; torch's processes inherit it
    cores = len(os.sched_getaffinity(0))

    with tempfile.TemporaryDirectory() as scratch:
        directory = prepare("reactionet/demo", flags.data_dir or Path(scratch, "data"))
        prepared = open_dataset(directory)
        folder = Path(scratch, "images")
        folder.mkdir()
        write_images(prepared, folder)
        starts = sides(prepared, folder, cores)
        rounds = [
            {name: rate(*start) / cores for name, start in starts.items()}
            for _ in range(flags.rounds)
        ]
    medians = {name: statistics.median(each[name] for each in rounds) for name in starts}
    print(f"tuples/s per core, {SIZE}x{SIZE}, batch {BATCH}, {cores} cores, {flags.rounds} rounds:")
    print(f"  decoded and augmented on the host   {medians['host']:6.0f}")
    print(f"  decoded, for the device to augment  {medians['device']:6.0f}")
    print(f"  torch DataLoader, PIL, torchvision  {medians['torch']:6.0f}")
    for name, label in (("host", "torchvision"), ("device", "torchvision, device augments")):
        ratio = statistics.median(each[name] / each["torch"] for each in rounds)
        print(f"{label}: {ratio:.1f}x")
    need = GPUS * flags.images_per_gpu / len(DOMAINS)
    print(
        f"estimate, not measured: {GPUS} GPUs at {flags.images_per_gpu:,.0f} images/s each (an "
        f"assumption) take {need:,.0f} tuples/s: {need / medians['device']:.0f} cores like these "
        f"if the device augments, {need / medians['host']:.0f} if the host does, "
        f"{need / medians['torch']:.0f} with torchvision"
    )
    return 0


if __name__ == "__main__":
    run(main)
