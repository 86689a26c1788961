"""How well spotting does on long procedural videos, and how long it takes.

    python tests/benchmarks/spotting_quality.py [--seeds=0,1,2] [--fps=30]

Thresholds were chosen on seeds 100 to 105 (30 frames/s), 200 to 202 (100) and 300 to
301 (200); score others.
"""

import argparse
import time

from selfme_jax.data import synthetic_videos
from selfme_jax.evaluate.intervals import Span, Spotted, compare, pool
from selfme_jax.inference.spotting import Spotter

GROUPS = {
    "expressions": ("micro", "macro"),
    **{kind: (kind,) for kind in ("micro", "macro", "blink", "talking", "head")},
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2,3,4,5")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    results: dict[str, list[Spotted]] = {name: [] for name in GROUPS}
    spent = frames = 0.0
    for seed in map(int, options.seeds.split(",")):
        video = synthetic_videos.make(seed, seconds=options.seconds, fps=options.fps)
        spotter, found = Spotter(), []
        for number, frame in enumerate(video.frames()):
            start = time.process_time()
            found += spotter.add(frame, number / options.fps)
            spent += time.process_time() - start
            frames += 1
        found += spotter.end()
        for name, kinds in GROUPS.items():
            mine = [Span(*i.seconds) for i in found if i.kind in kinds]
            true = [Span(*e[:3]) for e in video.events if e.kind in kinds]
            results[name].append(compare(mine, true))
        one = results["expressions"][-1]
        counts = f"{one.hits} of {one.true} expressions, {one.found} found"
        print(f"seed {seed}: {counts}", flush=True)
    print(f"{'':12} {'F1':>5} {'prec.':>6} {'recall':>6} {'true':>5} {'apex ms':>8}")
    for name, videos in results.items():
        total = pool(videos)
        scores = f"{total.f1:5.2f} {total.precision:6.2f} {total.recall:6.2f}"
        print(f"{name:12} {scores} {total.true:5} {1e3 * total.apex_error:8.0f}")
    print(f"{1e3 * spent / frames:.1f} ms of CPU time a frame")


if __name__ == "__main__":
    main()
