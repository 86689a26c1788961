"""End-point error of motion on real faces that move by known flow.

    python tests/benchmarks/rehearsal_motion.py --data=DIR --truth=FILE.npz

DIR holds clips of such faces, prepared as CASME II (--size=64, 128 or 256); FILE their
true flow at 256x256, 'SUBJECT/SAMPLE' -> [256, 256, 2] pixels, backward: apex(p) =
onset(p + flow(p)). Whole frames are compared, in pixels of the prepared size; amplitude
is the largest true motion of a clip, in pixels of 256. Minutes on a core. The last line
is JSON.
"""

import argparse
import json
from collections.abc import Callable
from itertools import pairwise

import cv2
import jax
import numpy as np
from motion_quality import Pairs, opencv, read, registered
from selfme_jax.configs import builtin_motion

from selfme_jax.data import registry
from selfme_jax.run import build
from selfme_jax.run.config import Source

AMPLITUDES = (0.0, 1.0, 2.0, np.inf)  # pixels of 256
# Of the height of a crop: brows and lids, cheeks and nose, mouth and chin.
REGIONS = {"upper": (0.15, 0.45), "middle": (0.45, 0.62), "lower": (0.62, 0.95)}


def main() -> None:
    """Print a table, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--truth", required=True)
    options = parser.parse_args()
    names, test = loaded(options.data, options.truth)
    size = test.truth.shape[1]
    motions: dict[str, Callable[[], np.ndarray]] = {
        "no motion": lambda: np.zeros_like(test.truth),
        "OpenCV TV-L1": lambda: opencv("tvl1", test),
        "OpenCV Farneback": lambda: opencv("farneback", test),
        "OpenCV DIS": lambda: opencv("dis", test),
        "B-spline registration": lambda: registered(test),
        "built-in motion network": lambda: network(test),
    }
    rows = {}
    for name, flow in motions.items():
        error = np.linalg.norm(flow() - test.truth, axis=-1)
        rows[name] = described(error, names, test.truth)
        found = " ".join(f"{key} {value:.3f}" for key, value in rows[name].items())
        print(f"{name:24} {found}", flush=True)
    print(json.dumps({"size": size, "clips": len(names), "rows": rows}))


def loaded(root: str, truth: str) -> tuple[list[str], Pairs]:
    """Subjects of the clips; onsets, apexes and true flow in pixels of the frames."""
    data = registry.load("casme2", {"root": root, "allow_partial": True})
    with np.load(truth) as flows:
        onset, apex, true = [], [], []
        for index, sample in enumerate(data.samples):
            clip = data.clip(index)
            size = clip.frames.shape[1]
            flow = flows[f"{sample.subject}/{sample.sample}"].astype(np.float32)
            flow = cv2.resize(flow, (size, size), interpolation=cv2.INTER_AREA)
            onset.append(clip.frames[0])
            apex.append(clip.frames[clip.apex])
            true.append(flow * size / 256)
    pairs = Pairs(np.stack(onset), np.stack(apex), np.stack(true))
    return [s.subject for s in data.samples], pairs


def network(test: Pairs) -> np.ndarray:
    """By the motion network of the package, [n, h, w, 2] pixels."""
    config = builtin_motion.get_config()
    config.motion.init = "builtin"
    plan = Source(config, "builtin_motion").plan()
    learning = build.first_stage(plan, test.onset.shape[1:])
    return read(learning, jax.device_put(learning.start), test)


def described(
    error: np.ndarray, subjects: list[str], truth: np.ndarray
) -> dict[str, float]:
    """Means of errors [n, h, w]: of all, by amplitude, region and face."""
    height = error.shape[1]
    found = {"all": error.mean()}
    peak = np.linalg.norm(truth, axis=-1).max((1, 2)) * 256 / height
    for low, high in pairwise(AMPLITUDES):
        clips = (peak >= low) & (peak < high)
        found[f"{low:g}-{high:g}px"] = error[clips].mean() if clips.any() else np.nan
    for name, (top, bottom) in REGIONS.items():
        found[name] = error[:, round(top * height) : round(bottom * height)].mean()
    names = np.array(subjects)
    faces = [error[names == name].mean() for name in np.unique(names)]
    found |= {"best face": min(faces), "worst face": max(faces)}
    return {key: float(value) for key, value in found.items()}


if __name__ == "__main__":
    main()
