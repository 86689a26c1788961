"""How long preparing CASME II takes, and how far off an estimated apex is.

    python tests/benchmarks/preparation.py [--sheet=DIR]

On imitated frames with as many pixels as 280x340. DIR holds the official sheet, which
has 10254 frames from onset to offset; without it one is made up, with about half of
them. The apex is estimated in synthetic clips of 34 frames.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from selfme_jax.data.faces import apex
from selfme_jax.data.releases import imitation, inspection, prepared
from selfme_jax.data.synthetic import rendered as synthetic

SIDE = 308  # 308 * 308 pixels are 280 * 340


def prepare(sheet: Path | None) -> None:
    """Imitate the release, then verify and write it, and say how long that took."""
    with tempfile.TemporaryDirectory() as folder:
        source, data_dir = Path(folder, "release"), Path(folder, "data")
        look = imitation.Look(size=SIDE)
        clips = imitation.write("casme2", source, source=sheet, look=look)
        options = inspection.Options()
        begin = time.monotonic()
        faces = data_dir / "faces.json"
        found = inspection.run("casme2", str(source), options, faces, lambda *_: None)
        looked = time.monotonic()
        prepared.write("casme2", found, data_dir, options, lambda *_: None)
        end = time.monotonic()
    frames = sum(len(clip.paths) for clip in found.usable)
    print(
        f"{clips} clips, {frames} frames of {SIDE}x{SIDE} to faces of {options.size}: "
        f"verified in {looked - begin:.0f} s, written in {end - looked:.0f} s",
        flush=True,
    )


def estimate(people: int = 15, clips: int = 3) -> None:
    """The error of ``apex.estimate`` on people that no setting was chosen on."""
    data = synthetic.load(
        subjects=people, clips_per_subject=clips, frames=34, first_subject=100
    )
    errors = []
    for i in range(len(data.samples)):
        clip = data.clip(i)
        errors.append(abs(apex.estimate(clip.frames) - clip.apex))
    print(
        f"apex: {len(errors)} clips of 34 frames, off by {np.mean(errors):.2f} frames "
        f"in the mean, {max(errors)} at most"
    )


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    estimate()
    prepare(arguments.sheet)


if __name__ == "__main__":
    main()
