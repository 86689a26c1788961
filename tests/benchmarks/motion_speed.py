"""Speed and memory of the motion network against its PyTorch twin, as a table.

    python tests/benchmarks/motion_speed.py [--only=inference,step] [--size=256]
        [--repeats=5] [--alone=ours]

inference: flow of one pair, 256x256 or --size (keypoints, dense motion, no generator).
step: forward, backward and Adam on the objective of configs/base.py; batch 2 on CPU;
  on a GPU 16, bfloat16 convolutions, and autocast with channels_last for the twin.
memory: of the step at batch 16 as compiled, without and with remat.
parity: the largest differences to the twin, with the same weights, at full size.

Contestants take turns, or one runs --alone; the median counts. Both sides use
PJRT_NPROC threads (2).
"""

import argparse
import functools
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/motion")]

from race import DEVICE, GPU, keep, race, report, start  # noqa: E402, I001 (before jax)

import jax  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import torch  # noqa: E402
import torch_objective  # noqa: E402
from torch_twin import Twin, copy_params  # noqa: E402

from selfme_jax.motion import objective as motion_objective  # noqa: E402
from selfme_jax.motion.network import MotionNetwork  # noqa: E402
from selfme_jax.motion.objective import Objective  # noqa: E402

OBJECTIVE = Objective()
RATE = 2e-4


def frames(batch: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth frames [batch, size, size, 3] that differ."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[:size, :size, :1][:2]
    wave = rng.uniform(-0.3, 0.3, (2, batch, 1, 1, 3, 2))
    image = np.cos(wave[..., 0] * x + wave[..., 1] * y)
    return tuple((0.5 + 0.5 * image).astype(np.float32))


@functools.cache
def parameters() -> dict:
    """Of the full network: drawn by NumPy, none at zero."""
    frame = jax.ShapeDtypeStruct((1, 256, 256, 3), np.float32)  # any size, the same
    shapes = jax.eval_shape(MotionNetwork().init, jax.random.key(0), frame, frame)
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        noise = rng.standard_normal(leaf.shape, np.float32)
        if path[-1].key == "kernel":
            return noise / np.float32(np.sqrt(np.prod(leaf.shape[:-1])))
        return 0.05 * noise + np.float32(path[-1].key == "scale")

    return jax.tree.map_with_path(draw, shapes)


def twin(channels_last: bool) -> Twin:
    """The network in PyTorch with the same weights."""
    made = Twin(MotionNetwork())
    copy_params(made, parameters()["params"])
    form = torch.channels_last if channels_last else torch.contiguous_format
    return made.to(DEVICE).to(memory_format=form)


def images(pair, channels_last: bool) -> list[torch.Tensor]:
    form = torch.channels_last if channels_last else torch.contiguous_format
    return [
        torch.tensor(np.moveaxis(x, -1, 1)).to(DEVICE, memory_format=form) for x in pair
    ]


def autocast():
    return torch.autocast(DEVICE, torch.bfloat16, enabled=GPU)


def network() -> MotionNetwork:
    return MotionNetwork(dtype="bfloat16" if GPU else "float32")


def inference(repeats: int, size: int, alone: str) -> None:
    pair = frames(1, size)
    apply = jax.jit(
        lambda p, s, d: network().apply(p, s, d, method="motion").flow,
    )
    params, arrays = jax.device_put((parameters(), pair))
    contestants = {"ours": lambda: apply(params, *arrays)}

    def run(model, tensors):
        with torch.inference_mode(), autocast():
            model(*tensors, reconstruct=False)

    for last in (False, True):
        name = f"PyTorch{', channels_last' if last else ''}"
        contestants[name] = functools.partial(run, twin(last), images(pair, last))
    report(
        f"inference, one pair, {size}x{size}", race(contestants, repeats, alone=alone)
    )


def update(model: MotionNetwork, params, state, key, source, driving):
    """One training step of ours."""

    def loss(params):
        return motion_objective.loss(
            model, params, key, source, driving, objective=OBJECTIVE
        )

    (value, _), slopes = jax.value_and_grad(loss, has_aux=True)(params)
    changes, state = optax.adam(RATE).update(slopes, state)
    return optax.apply_updates(params, changes), state, value


def step(repeats: int, size: int, alone: str) -> None:
    batch = 16 if GPU else 2
    pair = frames(batch, size)
    key = jax.random.key(0)
    losses = {}
    compiled = jax.jit(functools.partial(update, network()), donate_argnums=(0, 1))
    params, arrays = jax.device_put((parameters(), pair))
    state = [params, optax.adam(RATE).init(params)]

    def ours():
        *state[:], value = compiled(*state, key, *arrays)
        losses.setdefault("ours", float(value))

    keys = jax.random.split(jax.random.split(key)[1], batch)
    warps = jax.vmap(lambda k: motion_objective._random_warp(k, OBJECTIVE))(keys)
    warps = [torch.tensor(np.asarray(x)).to(DEVICE) for x in warps]

    def theirs(name, model, optimizer, tensors):
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            value, _ = torch_objective.loss(
                model, *tensors, *warps, objective=OBJECTIVE
            )
        value.backward()
        optimizer.step()
        losses.setdefault(name, value.item())

    contestants = {"ours": ours}
    for last in (True,) if GPU else (False, True):
        name = f"PyTorch{', channels_last' if last else ''}"
        model = twin(last)
        adam = torch.optim.Adam(model.parameters(), RATE, fused=True)
        tensors = images(pair, last)
        contestants[name] = functools.partial(theirs, name, model, adam, tensors)
    times = race(contestants, repeats, alone=alone)
    title = f"training step, {size}x{size}, batch {batch}, time per pair"
    report(title, times, per=batch)
    print("  loss of the first step:", {k: round(v, 5) for k, v in losses.items()})


def memory(repeats: int, size: int, alone: str) -> None:
    del repeats, alone  # nothing runs
    batch = 16
    print(f"\nmemory of the training step, batch {batch}, as XLA plans it")
    frame = jax.ShapeDtypeStruct((batch, size, size, 3), np.float32)
    params = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), parameters()
    )
    state = jax.eval_shape(optax.adam(RATE).init, params)
    # XLA on CPU undoes remat in this pass.
    options = {} if GPU else {"xla_disable_hlo_passes": "cse_barrier_expander"}
    for remat in (False, True):
        run = functools.partial(update, network().clone(remat=remat))
        lowered = jax.jit(run, donate_argnums=(0, 1)).lower(
            params, state, jax.random.key(0), frame, frame
        )
        begin = time.perf_counter()
        compiled = lowered.compile(compiler_options=options)
        seconds = time.perf_counter() - begin
        found = compiled.memory_analysis()
        flops = compiled.cost_analysis()["flops"]
        print(
            f"  remat={remat!s:<6}{found.temp_size_in_bytes / 1e9:6.2f} GB beside "
            f"{found.argument_size_in_bytes / 1e9:.2f} GB of state and batch; "
            f"{flops / 1e12:.2f} TFLOP; compiled in {seconds:.0f} s"
        )
        keep(
            "compile time, planned memory",
            f"motion step, batch {batch}, remat={remat}",
            f"{seconds:.1f} s, {found.temp_size_in_bytes / 1e6:.0f} MB",
        )


def parity(repeats: int, size: int, alone: str) -> None:
    del repeats, alone  # one run each
    pair = frames(1, size)
    model = MotionNetwork()
    ours = jax.jit(model.apply)(parameters(), *pair)
    with torch.inference_mode():
        theirs = twin(False)(*images(pair, False))

    def last(x):
        return x.permute(0, 2, 3, 1)

    pairs = {
        "keypoints": (ours.driving_keypoints.points, theirs.points[1]),
        "flow": (ours.motion.flow, theirs.flow),
        "weights": (ours.motion.weights, last(theirs.weights)),
        "occlusion": (ours.motion.occlusion[-1], last(theirs.occlusion[-1])),
        "reconstruction": (ours.reconstruction, last(theirs.reconstruction)),
    }
    print("\nlargest difference to PyTorch (largest value), float32")
    for name, (mine, other) in pairs.items():
        mine, other = np.asarray(mine), other.cpu().numpy()
        print(
            f"  {name:<18}{np.abs(mine - other).max():.1e} ({np.abs(mine).max():.2f})"
        )


PARTS = {f.__name__: f for f in (inference, step, memory, parity)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma")
    parser.add_argument("--size", type=int, default=256, help="of the frames, pixels")
    parser.add_argument("--repeats", type=int, default=5)
    names = ("ours", "PyTorch", "PyTorch, channels_last")
    parser.add_argument("--alone", default="", choices=names, help="none of the others")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--only: unknown {', '.join(unknown)}; know {', '.join(PARTS)}")
    start()
    for part in chosen:
        PARTS[part](arguments.repeats, arguments.size, arguments.alone)


if __name__ == "__main__":
    main()
