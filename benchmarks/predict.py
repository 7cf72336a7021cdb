"""Frames a second and memory of --mode=predict, beside the usual loop in eager PyTorch.

    python benchmarks/predict.py runs/demo [--video=FILE] [--frames 500 5000] [--rounds=3]

The video is FILE, over and over, until it has as many frames as are asked for (default: a rendered
face on grey, 640x480). Of each length the command predicts in a process of its own: printed are
frames/s from the first row to the last, the largest memory of the process (VmHWM), which must not
grow with the length, and that of the largest process that it started to look for faces.

The peer reads a frame, finds its faces with the same detector, cuts them out with the same
transform and asks a ResNet-18 of the model's own width and stem, a face at a time, as scripts do.
Both run in turn on the first 500 frames; printed is the ratio of the medians. Needs torch (extra
dev or bench). Linux only: it reads /proc.
"""

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from drr_jax import errors, predict
from drr_jax.predict import finders, inputs, rows, stream

ROOT = Path(__file__).parents[1]
COMPARED = 500  # frames of the comparison


def write_video(path: Path, frames: int, source: str) -> None:
    """A video of some frames: those of `source` again and again, or a rendered face that moves."""
    pictures = _of_video(source) if source else _rendered()
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (width, height))
    for frame in range(frames):
        writer.write(cv2.cvtColor(pictures[frame % len(pictures)], cv2.COLOR_RGB2BGR))
    writer.release()


def _of_video(source: str) -> list[np.ndarray]:
    found = [p.pixels for p in inputs.Video(Path(source)).pictures() if p.pixels is not None]
    return found


def _rendered() -> list[np.ndarray]:
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    import rendered_faces

    face, _ = rendered_faces.rendered_face(0)
    face = cv2.resize(face, (300, 300), interpolation=cv2.INTER_AREA)
    pictures = []
    for frame in range(40):
        picture = np.full((480, 640, 3), 110, np.uint8)
        left = 150 + round(20 * np.sin(frame / 40 * 2 * np.pi))
        picture[90:390, left : left + 300] = face
        pictures.append(picture)
    return pictures


def child(model: str, video: Path, out: Path) -> None:
    """Predicts, and prints frames/s and the process's largest memory."""
    options = predict.Options(model=model, input=str(video), out=str(out))
    began = time.monotonic()
    said = predict.run_options(options)
    status = Path("/proc/self/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
    each = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    seconds = time.monotonic() - began
    print(f"{said} | {seconds:.1f} s in all, {peak:.0f} MiB, its largest process {each:.0f}")


def ours(model: predict.Model, video: inputs.Video) -> int:
    faces = 0
    finder, jobs = finders.make_finder("auto", video), stream.processes(video)
    for said in stream.read(model, video, finder, jobs=jobs):
        faces += sum(1 for _ in rows.rows_of(model, said) if said.found)
    return faces


def peer(model: predict.Model) -> Callable[[inputs.Video], int]:
    """The loop that most scripts have."""
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    import torch
    import torch_reference

    encoder = model.config.encoder
    network = torch_reference.ResNet18(encoder.width, encoder.stem).eval()
    head = torch.nn.Linear(8 * encoder.width, len(model.names))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

    def run(video: inputs.Video) -> int:
        finder, faces = finders.make_finder("auto", video), 0
        capture = cv2.VideoCapture(str(video.path))
        number = 0
        with torch.inference_mode():
            while True:
                ok, image = capture.read()
                if not ok:
                    return faces
                number += 1
                pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                for face in finder.find(inputs.Picture("", number, 0.0, pixels)):
                    crop = torch.from_numpy(model.crop.cut(pixels, face))
                    batch = ((crop / 255 - mean) / std).permute(2, 0, 1)[None]
                    torch.sigmoid(head(network(batch).mean((2, 3)))).numpy()
                    faces += 1

    return run


def compare(model: predict.Model, video: inputs.Video, rounds: int) -> None:
    """Both on one video, in turn."""
    sides = {"ours": lambda: ours(model, video), "PyTorch": lambda: peer(model)(video)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    faces = {}
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = time.monotonic()
            faces[name] = side()
            if number:  # the first compiles
                seconds[name].append(time.monotonic() - began)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {faces[name] / median:.1f} faces/s, {faces[name]} faces")
    print(f"predict: {medians['PyTorch'] / medians['ours']:.2f}x the faces/s of the usual loop")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a run's folder or an exported one")
    parser.add_argument("--video", default="")
    parser.add_argument("--frames", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.model, *args.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        for frames in args.frames:
            video = Path(scratch) / f"{frames}.mp4"
            write_video(video, frames, args.video)
            out = Path(scratch) / f"out{frames}"
            command = [sys.executable, __file__, args.model, "--child", str(video), str(out)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        video = Path(scratch) / "compared.mp4"
        write_video(video, COMPARED, args.video)
        compare(predict.load(args.model), inputs.Video(video), args.rounds)


if __name__ == "__main__":
    errors.run(main)
