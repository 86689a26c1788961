"""How true the learned motion is, on synthetic people that training never met.

    python tests/benchmarks/motion_quality.py --small     minutes on 2 cores
    python tests/benchmarks/motion_quality.py --full      the full network, for a GPU

Error inside the moving area (motion/quality.py) of motion learned without labels,
beside no motion at all, B-spline registration and OpenCV's TV-L1, Farneback and DIS,
which all read the same pairs. Then the same for other designs and losses, trained alike
but shorter. The last line is JSON.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # configs/

from selfme_jax.configs import base, synthetic

from selfme_jax.data.synthetic import rendered as faces
from selfme_jax.inputs import device_clips as clips
from selfme_jax.motion import network as motion_network
from selfme_jax.motion import quality
from selfme_jax.motion.registration import register
from selfme_jax.report import tables
from selfme_jax.run import build
from selfme_jax.run.config import Source
from selfme_jax.train import parallel, step
from selfme_jax.train.state import Run
from selfme_jax.types import Clip, Sample

TEST = {"first_subject": 0, "clips_per_subject": 4}
TRAIN = {"first_subject": 1000, "clips_per_subject": 6}
BATCH = 8  # pairs read at once
HEAD = ("motion", "steps", "EPE", "/ zero", "angle", "correlation", "gain", "seconds")
PUBLISHED = {"compare": False, "refinement": 0, "windows": ()}
TRACKED = {"windows": (), "tracking": 0.6, "groups": 10, "smoothness": 0.003}

# What is compared: name -> changes of config.motion.network, of config.motion.loss.
VARIANTS = {
    "published design, B-spline": (PUBLISHED, {}),
    "published design, TPS": (PUBLISHED | {"sparse": "tps"}, {}),
    "published design, affine": (PUBLISHED | {"sparse": "affine"}, {}),
    "published design, heatmaps with Jacobians": (
        PUBLISHED | {"sparse": "affine", "detector": "heatmap", "points": 1},
        {},
    ),
    "no local candidates": ({"windows": ()}, {}),
    "keypoints tracked, B-spline": (TRACKED, {"equivariance": 0.02}),
    "keypoints tracked, TPS": (TRACKED | {"sparse": "tps"}, {"equivariance": 0.02}),
    "loss: L1 (epsilon 1e-3)": ({}, {"epsilon": 1e-3, "charbonnier": 10.0}),
    "loss: with census": ({}, {"census": 1.0}),
    "loss: source from splines": ({}, {"fine": 256}),
}


class Pairs(NamedTuple):
    """Onset, apex [n, h, w, 3] uint8, and true flow [n, h, w, 2] in pixels."""

    onset: np.ndarray
    apex: np.ndarray
    truth: np.ndarray


def small() -> tuple[ConfigDict, dict]:
    """configs/synthetic.py at 128 x 128; people and steps for minutes on 2 cores.

    With local candidates, the nearest to the truth, in place of tracked keypoints.
    """
    config = synthetic.get_config()
    config.synthetic.size = 128
    _local(config)
    config.motion.loss.reconstruction = 0.0  # no generator: flow alone is judged
    return config, {"train": 24, "test": 12, "steps": 100, "steps_of_variants": 30}


def _local(config: ConfigDict) -> None:
    config.motion.network.update(
        {"windows": (0.6, 1.2, 2.5), "tracking": 0.0, "groups": 6, "smoothness": 0.03}
    )
    config.motion.loss.equivariance = 0.2


def full() -> tuple[ConfigDict, dict]:
    """The full network at 256 x 256 with the losses of configs/synthetic.py."""
    config, trained = base.get_config(), synthetic.get_config()
    config.synthetic.size = 256
    config.motion.loss = trained.motion.loss
    for key in ("compare", "refinement"):
        config.motion.network[key] = trained.motion.network[key]
    _local(config)
    config.motion.network.groups = 10
    config.motion.network.dtype = "bfloat16"
    config.motion.train.batch_size = 16
    return config, {"train": 64, "test": 24, "steps": 4000, "steps_of_variants": 2000}


class Rendered(NamedTuple):
    """A dataset whose clips are there."""

    samples: tuple[Sample, ...]
    clips: list[Clip]

    def clip(self, index: int) -> Clip:
        return self.clips[index]


def rendered(config: ConfigDict, people: dict, subjects: int) -> Rendered:
    """The clips of so many people, TEST or TRAIN; a process for every core."""
    options = config.synthetic.to_dict() | people | {"subjects": subjects}
    data = faces.load(**options)
    context = multiprocessing.get_context("spawn")  # a fork would share the GPU
    with ProcessPoolExecutor(mp_context=context) as pool:
        found = list(pool.map(data.clip, range(len(data.samples)), chunksize=4))
    return Rendered(data.samples, found)


def pairs(found: list[Clip]) -> Pairs:
    """(onset, apex) of the people who are tested, and the true flow."""
    return Pairs(
        np.stack([clip.frames[0] for clip in found]),
        np.stack([clip.frames[clip.apex] for clip in found]),
        np.stack([clip.flow for clip in found]),
    )


def train(
    config: ConfigDict,
    data: clips.Frames,
    steps: int,
    stops: tuple[int, ...],
    started: dict,
) -> Iterator[tuple[int, object, dict]]:
    """(step, learning, variables) at each of the stops.

    started: states before the first step by network, filled as they are needed.
    """
    config = config.copy_and_resolve_references()
    config.motion.train.steps = steps
    plan = Source(config, "quality").plan()
    learning = build.first_stage(plan, data.frames.shape[2:])
    task = learning.task(data.frames.shape)
    n = len(data.apex)
    run = Run(jnp.array(0), jnp.array(-1), jnp.array(0), jnp.ones(n), jnp.zeros(1, int))
    update = jax.jit(partial(step.update, task), donate_argnums=0)
    if learning.network not in started:  # losses share it: compiling it takes a while
        init = parallel.compiled_in_haste(jax.jit(partial(step.init, task)))
        started[learning.network] = init(run)
    state = jax.tree.map(jnp.copy, started[learning.network])
    for number in range(1, steps + 1):
        state, _ = update(state, run, data)
        if number in stops:
            yield number, learning, step.variables(task, state)


@cache
def _extract(network: motion_network.MotionNetwork) -> Callable:
    return jax.jit(partial(motion_network.extract, network))


def read(learning, variables: dict, test: Pairs) -> np.ndarray:
    """Learned flow of the test pairs, [n, h, w, 2] pixels."""
    extract = _extract(learning.network)
    found = []
    for start in range(0, len(test.onset), BATCH):
        ids = np.minimum(np.arange(start, start + BATCH), len(test.onset) - 1)
        pair = (clips.to_float(frames[ids]) for frames in (test.onset, test.apex))
        found.append(np.asarray(extract(variables, *pair)))
    return np.concatenate(found)[: len(test.onset)]


def opencv(name: str, test: Pairs) -> np.ndarray:
    """Flow of the same pairs by OpenCV with its defaults, [n, h, w, 2] pixels."""
    import cv2

    def farneback(a, b):
        return cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0)

    def solver(create: Callable) -> Callable:
        made = create()
        return lambda a, b: made.calc(a, b, None)

    calculate = {
        "tvl1": lambda: solver(cv2.optflow.DualTVL1OpticalFlow_create),
        "dis": lambda: solver(cv2.DISOpticalFlow_create),
        "farneback": lambda: farneback,
    }[name]()
    flows = []
    for onset, apex in zip(test.onset, test.apex, strict=True):
        grey = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (apex, onset))
        flows.append(calculate(*grey))  # apex(p) = onset(p + flow(p))
    return np.stack(flows)


def registered(test: Pairs) -> np.ndarray:
    """By B-spline registration, which learns nothing, [n, h, w, 2] pixels."""
    found = []
    for start in range(0, len(test.onset), BATCH):
        frames = (x[start : start + BATCH] for x in (test.onset, test.apex))
        found.append(np.asarray(register(*map(clips.to_float, frames))))
    return np.concatenate(found)


def score(flow: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Means over pairs, and correlation and gain over all of them together."""
    error = jax.jit(quality.flow_error)(jnp.asarray(flow), jnp.asarray(truth))
    sums = {k: float(np.sum(v)) for k, v in error._asdict().items()}
    power = np.sqrt(sums["power"] * sums["truth_power"])
    return {
        "epe": sums["epe"] / len(flow),
        "zero": sums["zero"] / len(flow),
        "angular": sums["angular"] / len(flow),
        "correlation": sums["product"] / power if power else 0.0,
        "gain": sums["product"] / sums["truth_power"],
    }


def row(name: str, steps: int, found: dict, seconds: float) -> tuple[str, ...]:
    """Of the table, in the order of HEAD."""
    return (
        *(name, str(steps or "-"), f"{found['epe']:.3f} px"),
        f"{found['epe'] / found['zero']:.3f}",
        f"{found['angular']:.1f} deg",
        *(f"{found['correlation']:.3f}", f"{found['gain']:.2f}", f"{seconds:.1f}"),
    )


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--small", action="store_true")
    size.add_argument("--full", action="store_true")
    parser.add_argument("--only", help="variants whose name holds this; '' = none")
    parser.add_argument("--steps", type=int, help="of the first one")
    parser.add_argument("--steps_of_variants", type=int)
    arguments = parser.parse_args()
    begin = time.monotonic()
    config, plan = full() if arguments.full else small()
    given = {k: getattr(arguments, k) for k in ("steps", "steps_of_variants")}
    plan |= {k: v for k, v in given.items() if v}
    print(f"{time.strftime('%Y-%m-%d')}, {parallel.describe()}, jax {jax.__version__}")
    test = pairs(rendered(config, TEST, plan["test"]).clips)
    trained = rendered(config, TRAIN, plan["train"])
    data = jax.tree.map(jnp.asarray, clips.stack(trained))
    shape = "x".join(map(str, test.onset.shape[1:3]))
    print(
        f"{len(test.onset)} pairs of {plan['test']} people of {shape}, trained on "
        f"{plan['train']} others; times in seconds, of training or of all pairs",
        flush=True,
    )
    rows, errors, started = [], {}, {}

    def tell(name, steps, flow, since):
        found = score(flow, test.truth)
        rows.append(row(name, steps, found, time.monotonic() - since))
        print("  ".join(rows[-1]), flush=True)
        return found

    still = tell("none (zero)", 0, np.zeros_like(test.truth), time.monotonic())
    stops, since = (plan["steps_of_variants"], plan["steps"]), time.monotonic()
    for steps, learning, variables in train(
        config, data, plan["steps"], stops, started
    ):
        flow = read(learning, variables, test)
        learned = tell("learned", steps, flow, since)
    for gamma in (2, 3):
        tell(f"learned, amplified x {gamma}", steps, gamma * flow, time.monotonic())
    for name, (network, loss) in VARIANTS.items():
        if arguments.only is not None and (
            not arguments.only or arguments.only not in name
        ):
            continue
        changed = config.copy_and_resolve_references()
        changed.motion.network.update(network)
        changed.motion.loss.update(loss)
        steps, since = plan["steps_of_variants"], time.monotonic()
        ((steps, learning, variables),) = train(changed, data, steps, (steps,), started)
        tell(name, steps, read(learning, variables, test), since)
    since = time.monotonic()
    tell("B-spline registration", 0, registered(test), since)
    for name in ("tvl1", "farneback", "dis"):
        since = time.monotonic()
        errors[name] = tell(f"OpenCV {name}", 0, opencv(name, test), since)
    print(tables.draw(HEAD, rows))
    print(
        json.dumps(
            {
                "epe_learned": learned["epe"],
                "epe_zero": still["epe"],
                "epe_tvl1": errors["tvl1"]["epe"],
                "epe_farneback": errors["farneback"]["epe"],
                "epe_dis": errors["dis"]["epe"],
                "correlation": learned["correlation"],
                "subjects": plan["test"],
                "pairs": len(test.onset),
                "seconds": round(time.monotonic() - begin),
            }
        )
    )


if __name__ == "__main__":
    main()
