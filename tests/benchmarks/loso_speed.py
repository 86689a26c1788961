"""Speed of LOSO training: all folds at once, fold by fold, and in PyTorch, as a table.

    python tests/benchmarks/loso_speed.py [--steps=5] [--repeats=3]
        [--only=loso,folds,clips,flow,contrast,devices]

loso: SCViT (configs/base.py) on 442 flow images of 28x28, 68 folds, batch 64; a step of
  all folds, timed as so many steps; PyTorch trains the same network fold by fold.
folds, clips, flow: what a step costs against the number of folds, of clips, and the
  side of the flow. contrast: L_sc, forward and backward, at batch 4096.
devices: a step of 64 folds over 1, 2, 4, 8 virtual devices of these cores.

The engine has a device take its folds at once, but on CPU one after the other.

Contestants take turns; the median counts. Compile times and the memory that XLA plans
stand below each. A whole run of 100 epochs is 691 such steps.
"""

import argparse
import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from race import DEVICE, GPU, keep, race, report, start  # noqa: E402, I001 (before jax)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from selfme_jax.configs import base  # noqa: E402
from selfme_jax.classifier import losses  # noqa: E402
from selfme_jax.evaluate import folds  # noqa: E402
from selfme_jax.run import build  # noqa: E402
from selfme_jax.run.config import Source  # noqa: E402
from selfme_jax.systems import base as method  # noqa: E402
from selfme_jax.systems.deep import Data  # noqa: E402
from selfme_jax.systems.base import Problem  # noqa: E402
from selfme_jax.targets.classes import Classes  # noqa: E402
from selfme_jax.train import schedule, parallel, step  # noqa: E402
from selfme_jax.types import Sample  # noqa: E402

PARTS = ("loso", "folds", "clips", "flow", "contrast", "devices")
CLASSES = ("negative", "positive", "surprise")


class Images:
    """So many flow images of so many subjects."""

    classes = CLASSES

    def __init__(self, clips: int, subjects: int, side: int):
        rng = np.random.default_rng(0)
        self.images = rng.normal(size=(clips, side, side, 3)).astype(np.float32)
        self.samples = tuple(
            Sample("d", f"s{i % subjects:02d}", f"c{i}", int(rng.integers(3)))
            for i in range(clips)
        )


TOGETHER, IN_TURN = "all folds at once", "a fold after the other in each step"
ENGINE = TOGETHER if GPU else IN_TURN


def steps_of(
    clips: int = 442, subjects: int = 68, side: int = 28, *, steps: int
) -> dict[str, Callable]:
    """TOGETHER and IN_TURN: each trains so many steps; says its costs."""
    config = base.get_config()
    config.input, config.data.name = "images", "flow_images"
    plan = Source(config, "base").plan()
    data = Images(clips, subjects, side)
    deep = build.method(plan, data)
    labels = np.array([s.label for s in data.samples])
    splits = folds.loso(data.samples)
    problem = Problem(data.images[None], labels, Classes(CLASSES), splits, (0,))
    task = deep.task(problem.inputs.shape, clips)
    runs, _ = method.training_runs(problem, balance=1.0)
    data = Data(deep.prepare(problem.inputs), labels)

    def trained(size: int) -> Callable:
        """So many folds at once."""
        waves = schedule.Waves(parallel.axis(size), size, count)
        own, given = waves.deal(runs), waves.axis.share(data)
        init = waves.axis.map(functools.partial(step.init, task))
        states = [init(wave) for wave in own]
        update = functools.partial(step.update, task)
        update = waves.axis.map(update, shared=1, donate=True)
        begin = time.perf_counter()
        program = update.lower(states[0], own[0], given).compile()
        seconds = time.perf_counter() - begin
        memory = program.memory_analysis()
        need = (memory.temp_size_in_bytes + memory.argument_size_in_bytes) / 1e6
        print(f"  {size} run(s): compiled in {seconds:.1f} s, {need:.0f} MB")
        name = f"{size} folds of {clips} clips, {side}x{side}"
        keep("compile time, planned memory", name, f"{seconds:.1f} s, {need:.0f} MB")

        def run():
            for _ in range(steps):
                for i, wave in enumerate(own):
                    states[i], metrics = update(states[i], wave, given)
            return metrics

        return run

    count, devices = len(runs.seed), jax.device_count()
    whole = -(-count // devices) * devices
    return {TOGETHER: trained(whole), IN_TURN: trained(devices)}


class Block(nn.Module):
    """Pre-norm attention and MLP, as classifier/transformer.py."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(approximate="tanh"),
            nn.Linear(hidden, width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, d = x.shape
        qkv = self.qkv(self.before(x)).reshape(b, n, 3, self.heads, -1)
        mixed = nn.functional.scaled_dot_product_attention(
            *qkv.permute(2, 0, 3, 1, 4).unbind(0)
        )
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, d))
        return x + self.mlp(self.after(x))


class Twin(nn.Module):
    """SCViT's size and operations in PyTorch: four regions, mirrored, shared."""

    def __init__(self, width: int = 64, patch: int = 7, heads: int = 4):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(patch * patch * 3, width)
        self.place = nn.Parameter(torch.randn(16, width))
        self.block, self.norm = Block(width, heads, 2 * width), nn.LayerNorm(width)
        self.project, self.head = nn.Linear(width, 64), nn.Linear(8 * width, 3)

    def forward(self, flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        b, c, h, w = flow.shape
        right = (
            flow[..., w // 2 :].flip(-1) * flow.new_tensor([-1, 1, 1])[:, None, None]
        )
        half = torch.stack([flow[..., : w // 2], right], 1)
        cut = half.reshape(b, 2, c, 2, h // 14, 7, w // 14, 7)
        tokens = cut.permute(0, 3, 1, 4, 6, 5, 7, 2).reshape(b, 16, -1)
        x = self.norm(self.block(self.embed(tokens) + self.place))
        regions = x.reshape(b, 2, 2, 4, -1)
        logits = self.head(regions.mean(2).reshape(b, -1))
        return logits, self.project(regions.mean(3).reshape(b, 4, -1))


def torch_contrast(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_sc as classifier/losses.py has it."""
    b = len(features)
    unit = nn.functional.normalize(features, dim=-1)
    scores = torch.einsum("iad,kbd->iabk", unit, unit) / 0.07
    own = torch.eye(b, dtype=torch.bool, device=unit.device)[:, None, None]
    regions = torch.eye(4, dtype=torch.bool, device=unit.device)[None, :, :, None]
    others = ~(own & regions)
    positive = others & (labels[:, None] == labels)[:, None, None]
    log = scores - scores.masked_fill(~others, -torch.inf).logsumexp(-1, keepdim=True)
    pair = -(log * positive).sum(-1) / positive.sum(-1).clamp(min=1)
    rows = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).to(unit.device)
    return (pair * rows).sum((1, 2)) / 8


def torch_steps(turns: int, steps: int) -> Callable:
    """PyTorch, fold by fold: so many steps of so many folds, batch 64."""
    net = Twin().to(DEVICE)
    adam = torch.optim.AdamW(net.parameters(), lr=5e-4)
    images = torch.randn(442, 3, 28, 28, device=DEVICE)
    labels = torch.randint(3, (442,), device=DEVICE)

    def run():
        for _ in range(turns * steps):
            chosen = torch.randint(442, (64,), device=DEVICE)
            logits, features = net(images[chosen])
            own = labels[chosen]
            loss = nn.functional.cross_entropy(logits, own, label_smoothing=0.1)
            loss = loss + 0.11 * torch_contrast(features, own).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        return loss.item()

    return run


def loso(steps: int, repeats: int) -> None:
    """The engine's form first."""
    ours = steps_of(steps=steps)
    contestants = {ENGINE: ours.pop(ENGINE)} | ours
    contestants["PyTorch, fold by fold"] = torch_steps(68, steps)
    title = "SCViT, 442 clips, 68 folds, batch 64, a step of all folds"
    report(title, race(contestants, repeats), per=steps)


def costs(name: str, settings_: dict[str, dict], steps: int, repeats: int) -> None:
    """The engine's form, for several sizes."""
    contestants = {k: steps_of(**v, steps=steps)[ENGINE] for k, v in settings_.items()}
    report(f"A step of all folds by {name}", race(contestants, repeats), per=steps)


def contrast(repeats: int) -> None:
    """L_sc and its gradient; the largest batch that CPU memory bears is 4096."""
    batch = 4096
    rng = np.random.default_rng(0)
    features = rng.normal(size=(batch, 4, 64)).astype(np.float32)
    labels = rng.integers(0, 3, batch)

    def value(features, labels):
        return losses.symmetric_contrastive(features, labels, temperature=0.07).mean()

    ours = jax.jit(jax.value_and_grad(value))
    given = jax.device_put((jnp.array(features), jnp.array(labels)))
    theirs = torch.tensor(features, device=DEVICE, requires_grad=True)
    own = torch.tensor(labels, device=DEVICE)

    def pytorch():
        theirs.grad = None
        torch_contrast(theirs, own).mean().backward()
        return 0

    memory = ours.lower(*given).compile().memory_analysis().temp_size_in_bytes / 1e9
    times = race({"ours": lambda: ours(*given), "PyTorch": pytorch}, repeats)
    report(f"L_sc and its gradient, batch {batch}; ours plans {memory:.1f} GB", times)


def devices(steps: int) -> None:
    """Each number of virtual devices in a process of its own."""
    for count in (1, 2, 4, 8):
        flag = f"--xla_force_host_platform_device_count={count}"
        own = os.environ | {"XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu"}
        words = [sys.executable, __file__, "--only=one", f"--steps={steps}"]
        subprocess.run(words, env=own, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    only, steps, repeats = options.only.split(","), options.steps, options.repeats
    if only == ["one"]:
        ours = steps_of(subjects=64, steps=steps)
        name = f"64 folds over {jax.device_count()} device(s), a step"
        report(name, race({ENGINE: ours.pop(ENGINE)} | ours, 2), per=steps)
        return
    start()
    if "loso" in only:
        loso(steps, repeats)
    sizes = {
        "folds": [{"subjects": n} for n in (8, 24, 68)],
        "clips": [{"clips": n} for n in (145, 442, 1326)],
        "flow": [{"side": n} for n in (28, 56)],
    }
    for name in set(sizes) & set(only):
        own = {" ".join(f"{k} {n}" for k, n in s.items()): s for s in sizes[name]}
        costs(name, own, steps, repeats)
    if "contrast" in only:
        contrast(repeats)
    if "devices" in only and not GPU:
        devices(steps)


if __name__ == "__main__":
    main()
