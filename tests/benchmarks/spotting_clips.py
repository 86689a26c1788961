"""How well spotting does on long videos that are joined from the clips of a release.

    python tests/benchmarks/spotting_clips.py --source=DIR [--release=samm] [--people=9]

DIR is an unpacked release, as `selfme prepare` reads it. Of each person one film is
made: the clips of the three-class protocol, shuffled, each from onset to offset;
between them the face of the next onset is held for 0.8 to 2.5 s, what was left of a
motion fading within 0.3 s.
As in `synthetic_videos`, the head sways always and turns in the plane now and then,
lids close about every four seconds (drawn over the eyes that the mesh finds), and the
sensor is noisy. What is found is compared with the annotated intervals.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from selfme_jax.data.faces import detection, mesh
from selfme_jax.data.releases import layout, listing, registry
from selfme_jax.evaluate.intervals import Span, Spotted, compare, false_alarms, pool
from selfme_jax.inference.spotting import Spotter

FASTEST = 67  # frames per second of a film; of faster clips every so many frames
FADE = 0.3  # seconds
SIZE = 256  # pixels; the frames are square crops, and a border of SIZE // 8 is added
# (outer corner, inner corner, upper lid, lower lid) of the mesh.
EYES = ((33, 133, 159, 145), (263, 362, 386, 374))


class Film(NamedTuple):
    """Frames without head motion, and what happens in them, in seconds."""

    fps: float
    images: list[np.ndarray]
    expressions: list[Span]
    blinks: list[Span]
    turns: np.ndarray  # [t, 4] pixels, pixels, radians, log of the scale


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="casme2")
    parser.add_argument("--source", required=True, type=Path)
    parser.add_argument("--people", type=int, default=0, help="0: all")
    options = parser.parse_args()
    clips = by_person(options.release, options.source)
    expressions: list[Spotted] = []
    blinks: list[Spotted] = []
    seconds = 0.0
    for number, (person, own) in enumerate(sorted(clips.items())):
        if options.people and number >= options.people:
            break
        film = joined(own, np.random.default_rng([7, number]))
        spotter, found = Spotter(), []
        for i, image in enumerate(shot(film, np.random.default_rng([8, number]))):
            found += spotter.add(image, i / film.fps)
        found += spotter.end()
        mine = [Span(*i.seconds) for i in found if i.kind in ("micro", "macro")]
        lids = [Span(*i.seconds) for i in found if i.kind == "blink"]
        expressions.append(compare(mine, film.expressions))
        blinks.append(compare(lids, film.blinks))
        seconds += len(film.images) / film.fps
        one = expressions[-1]
        print(f"{person}: {one.hits} of {one.true}, {one.found} found", flush=True)
    print(f"{'':12} {'F1':>5} {'prec.':>6} {'recall':>6} {'true':>5} {'apex ms':>8}")
    for name, videos in (("expressions", expressions), ("blinks", blinks)):
        total = pool(videos)
        scores = f"{total.f1:5.2f} {total.precision:6.2f} {total.recall:6.2f}"
        print(f"{name:12} {scores} {total.true:5} {1000 * total.apex_error:8.1f}")
    alarms = false_alarms(expressions, seconds)
    print(f"{seconds:.0f} s of film; {alarms:.2f} false alarms a minute")


def by_person(name: str, source: Path) -> dict[str, list[layout.Found]]:
    """The clips of a release with all three key frames, by subject."""
    (release,) = registry.parts(name)
    places = layout.folders(source, release)
    people: dict[str, list[layout.Found]] = {}
    entries = listing.read(source, release, number=3)
    for found in layout.locate(entries, places, source, release):
        if isinstance(found, layout.Found) and found.apex is not None:
            people.setdefault(found.entry.subject, []).append(found)
    return people


def joined(clips: list[layout.Found], rng: np.random.Generator) -> Film:
    """One person's film."""
    step = max(1, round(clips[0].entry.fps / FASTEST))
    fps = clips[0].entry.fps / step
    images: list[np.ndarray] = []
    expressions: list[Span] = []
    turns: list[tuple[int, int, np.ndarray]] = []
    left = None
    for number in rng.permutation(len(clips)):
        own = clips[number]
        frames = [read(own.paths[i]) for i in range(0, len(own.paths), step)]
        still = round(rng.uniform(0.8, 2.5) * fps)
        for i in range(still):
            share = 0.0 if left is None else max(0.0, 1 - i / (FADE * fps))
            image = frames[0]
            images.append(image if not share else (1 - share) * image + share * left)
        if rng.random() < 0.3:  # the head goes somewhere, and rests again
            change = rng.normal(0, [8.0, 6.0, 0.04, 0.02])
            start = len(images) - still // 2
            turns.append((start, start + round(rng.uniform(0.3, 0.8) * fps), change))
            images += [frames[0]] * round(1.2 * fps)
        at = len(images) / fps
        apex = at + (own.apex or 0) / step / fps
        expressions.append(Span(at, apex, at + (len(frames) - 1) / fps))
        images += frames
        left = frames[-1]
    images += [images[-1]] * round(2 * fps)
    blinks = close(images, fps, rng)
    course = moved(len(images), fps, turns, rng)
    return Film(fps, images, expressions, blinks, course)


def read(path: Path) -> np.ndarray:
    """[SIZE, SIZE, 3] float32 RGB."""
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype("f4")


def close(images: list[np.ndarray], fps: float, rng: np.random.Generator) -> list[Span]:
    """Close the eyes now and then, in place; says when."""
    whole = padded(images[0]).clip(0, 255).astype(np.uint8)
    face = detection.detect(whole)
    if face is None:
        return []
    points = mesh.landmarks(whole, face)[:, :2] - SIZE // 8
    blinks, at = [], 0.5 + rng.exponential(4.0)
    while at < len(images) / fps - 1:
        lasts = rng.uniform(0.12, 0.3)
        apex = at + 0.4 * lasts
        for i in range(int(at * fps), int((at + lasts) * fps) + 2):
            closed = np.interp(i / fps, [at, apex, at + lasts], [0, 1, 0])
            images[i] = lids(images[i], points, float(closed))
        blinks.append(Span(at, apex, at + lasts))
        at += lasts + 0.3 + rng.exponential(4.0)
    return blinks


def lids(image: np.ndarray, points: np.ndarray, closed: float) -> np.ndarray:
    """The skin above each eye stretched down over the eye."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).astype("f4")
    x, y = grid[..., 0], grid[..., 1].copy()
    for outer, inner, up, down in EYES:
        ends = np.sort(points[[outer, inner], 0])
        half, middle = (ends[1] - ends[0]) / 2, ends.mean()
        line = np.clip(1 - ((x - middle) / half) ** 2, 0, None)  # from corner to corner
        corner = points[[outer, inner], 1].mean()
        upper = corner + (points[up, 1] - corner) * line
        opening = (points[down, 1] - points[up, 1]) * line
        top = upper - 1.5 * (points[down, 1] - points[up, 1])
        lid = upper + closed * opening
        inside = (line > 0) & (y > top) & (y < lid)
        y = np.where(inside, top + (y - top) * (upper - top) / (lid - top), y)
    return cv2.remap(image, x, y.astype("f4"), cv2.INTER_LINEAR)


def moved(total: int, fps: float, turns, rng: np.random.Generator) -> np.ndarray:
    """Sway and turns of the head, [total, 4]."""
    t = np.arange(total)[:, None] / fps
    course = np.zeros((total, 4))
    for cycles, size in ((0.08, 1.0), (0.2, 0.6), (0.5, 0.3), (1.0, 0.1)):
        high = rng.uniform(0.2, 1, 4) * [2.0, 2.0, 0.008, 0.004] * size
        course += high * np.sin(2 * np.pi * cycles * t + rng.uniform(0, 2 * np.pi, 4))
    for start, end, change in turns:
        u = np.clip((np.arange(total) - start) / (end - start), 0, 1)[:, None]
        course += u * u * (3 - 2 * u) * change
    return course


def padded(image: np.ndarray) -> np.ndarray:
    """With the border repeated around it, so that the head can move."""
    return cv2.copyMakeBorder(image, *4 * (SIZE // 8,), cv2.BORDER_REPLICATE)


def shot(film: Film, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """[h, w, 3] uint8, one after the other."""
    for image, (dx, dy, angle, zoom) in zip(film.images, film.turns, strict=True):
        wide = padded(image)
        size = wide.shape[0]
        matrix = cv2.getRotationMatrix2D(
            (size / 2, size / 2), np.degrees(angle), np.exp(zoom)
        )
        matrix[:, 2] += dx, dy
        wide = cv2.warpAffine(
            wide, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=1
        )
        wide += rng.normal(0, 1.5, wide.shape)
        yield np.clip(np.rint(wide), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
