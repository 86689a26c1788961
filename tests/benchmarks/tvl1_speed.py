"""TV-L1 optical flow against OpenCV contrib's, speed and error, as a table.

    python tests/benchmarks/tvl1_speed.py [--repeats=5] [--sizes=140,256]
        [--batches=1,8]

Synthetic face pairs, onset and apex, with the true flow. Contestants take turns; the
median counts. OpenCV gets the same pairs one by one and as many threads as XLA.
"""

import argparse
import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from race import race, report, start  # noqa: I001 (before jax)
import cv2
import jax
import numpy as np

from selfme_jax.data.synthetic import rendered as synthetic
from selfme_jax.ops import flow

PAIRS = 8


def pairs(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(apex, onset) grey [n, size, size] uint8 and true flow, of as many people."""
    data = synthetic.load(subjects=PAIRS, clips_per_subject=1, size=size)
    clips = [data.clip(i) for i in range(PAIRS)]

    def grey(frames):
        return np.stack([cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in frames])

    apex, onset = (c.frames[c.apex] for c in clips), (c.frames[0] for c in clips)
    return grey(apex), grey(onset), np.stack([c.flow for c in clips])


def opencv(apex: np.ndarray, onset: np.ndarray) -> np.ndarray:
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    return np.stack([solver.calc(*x, None) for x in zip(apex, onset, strict=True)])


def errors(ours: np.ndarray, theirs: np.ndarray, truth: np.ndarray) -> None:
    """Mean end-point errors over the pairs, in pixels."""

    def error(a, b):
        return np.linalg.norm(a - b, axis=-1).mean()

    print(
        f"  end-point error: ours {error(ours, truth):.3f} px, OpenCV's "
        f"{error(theirs, truth):.3f}, between the two {error(ours, theirs):.3f}; "
        f"no flow at all {error(0, truth):.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", default="140,256")
    parser.add_argument("--batches", default="1,8")
    options = parser.parse_args()
    start()
    cv2.setNumThreads(int(os.environ["PJRT_NPROC"]))
    print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads")
    for size in map(int, options.sizes.split(",")):
        apex, onset, truth = pairs(size)
        frames = [jax.device_put(x[..., None] / np.float32(255)) for x in (apex, onset)]
        for batch in map(int, options.batches.split(",")):
            some = [x[:batch] for x in frames]
            times = race(
                {
                    "ours": functools.partial(flow.tvl1, *some),
                    "OpenCV": functools.partial(opencv, apex[:batch], onset[:batch]),
                },
                options.repeats,
            )
            title = f"TV-L1, {size}x{size}, batch {batch}, per pair"
            report(title, times, per=batch)
            theirs = opencv(apex[:batch], onset[:batch])
            errors(np.asarray(flow.tvl1(*some)), theirs, truth[:batch])


if __name__ == "__main__":
    main()
