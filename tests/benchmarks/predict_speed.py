"""How fast own clips are answered, part by part, and what memory it takes.

    python tests/benchmarks/predict_speed.py [--seconds=60] [--size=640x480]

A procedural video is encoded at the size that is asked for (30 frames/s); OpenCV's own
decoding of it is the limit. ``memory`` is the largest resident set of the whole command
on a video of that length and on one five times as long, which says whether it grows.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

from selfme_jax.data import synthetic_videos
from selfme_jax.data.videos import clips, reading
from selfme_jax.files import films
from selfme_jax.inference.spotting import Spotter
from selfme_jax.report import overlay

FPS = 30.0
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def film(folder: Path, seconds: float, size: tuple[int, int]) -> Path:
    """A video of so many seconds: one procedural minute, again and again."""
    place = folder / f"film_{seconds:g}.mp4"
    once = synthetic_videos.make(7, seconds=min(seconds, 60), fps=FPS)
    images = [cv2.resize(x, size) for x in once.frames()]
    count = round(seconds * FPS)
    frames = itertools.islice(itertools.cycle(images), count)
    films.write(place, ((i / FPS, x) for i, x in enumerate(frames)), fps=FPS)
    return place


def opencv(path: Path) -> int:
    """Frames that OpenCV decodes."""
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    return count


def pyav(path: Path) -> int:
    """Frames as this package reads them."""
    (clip,) = clips.find(path)
    return sum(1 for _ in reading.read_timed(clip))


def spotting(path: Path) -> int:
    """Reading and spotting."""
    (clip,) = clips.find(path)
    spotter, count = Spotter(), 0
    for frame in reading.read_timed(clip):
        spotter.add(frame.image, frame.seconds)
        count += 1
    spotter.end()
    return count


def drawing(path: Path, folder: Path) -> int:
    """Reading, drawing, encoding."""
    (clip,) = clips.find(path)
    told = {"fps": FPS, "seconds": 60.0, "intervals": [], "unseen": []}
    frames = [(f.seconds, f.image) for f in reading.read_timed(clip)]
    overlay.write(folder / "overlay.mp4", frames, told)
    return len(frames)


def command(path: Path, output: Path, *words: str) -> tuple[float, float]:
    """Seconds and MiB of the whole command, by a process of its own.

    One between it and this one: a process counts as its own what whoever started it
    held at that moment.
    """
    start = time.perf_counter()
    line = (sys.executable, "-m", "selfme_jax.predict", str(path))
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *line, f"--output={output}", *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return time.perf_counter() - start, int(ended.stdout) / 1024


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--long", type=float, default=0, help="seconds; 0: 5 times")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = film(folder, options.seconds, (width, height))
        for name, part in (
            ("OpenCV decodes (the limit)", opencv),
            ("PyAV decodes", pyav),
            ("... and spotting", spotting),
            ("... and overlay", lambda path: drawing(path, folder)),
        ):
            start = time.perf_counter()
            count = part(path)
            spent = time.perf_counter() - start
            print(f"{name:28} {count / spent:7.1f} frames/s", flush=True)
        ten = film(folder, 10, (width, height))
        for name in ("first start, 10 s", "second start, 10 s"):
            spent, _ = command(ten, folder / name.replace(" ", "_"))
            print(f"{name:28} {spent:7.1f} s", flush=True)
        spent, used = command(path, folder / "short")
        print(f"{options.seconds:g} s of film {'':14} {spent:7.1f} s {used:7.0f} MiB")
        long = options.long or 5 * options.seconds
        spent, used = command(film(folder, long, (width, height)), folder / "long")
        print(f"{long:g} s of film {'':14} {spent:7.1f} s {used:7.0f} MiB")


if __name__ == "__main__":
    main()
