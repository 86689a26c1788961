"""Speed of the dense B-spline field against other ways to it, as a table.

    python tests/benchmarks/field_speed.py [--repeats=20]

32 x 10 lattices of 8x8 cells to 256x256. Contestants take turns; the median counts.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/motion")]

from race import DEVICE, race, report, start  # noqa: E402, I001 (before jax)
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch_ops  # noqa: E402

from selfme_jax.ops import bspline, tps  # noqa: E402

SIZE = 256
CELLS = 8
LATTICES = (32, 10)


def gather_field(control: jax.Array) -> jax.Array:
    """The 16-tap form: four by four neighbours of every pixel, weighted."""
    matrix = bspline.basis(SIZE, CELLS)
    cell = np.minimum(np.arange(SIZE) * CELLS // (SIZE - 1), CELLS - 1)
    index = jnp.asarray(cell)
    taps = np.take_along_axis(matrix, cell[:, None] + np.arange(4), 1)
    flow = 0.0
    for a in range(4):
        for b in range(4):
            weight = taps[:, None, a] * taps[None, :, b]
            near = control[..., index[:, None] + a, index[None, :] + b, :]
            flow += weight[..., None] * near
    return flow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    start()
    shape = (SIZE, SIZE)
    rng = np.random.default_rng(2)
    control = rng.normal(size=(*LATTICES, CELLS + 3, CELLS + 3, 2)).astype(np.float32)
    centres = rng.uniform(-1, 1, (*LATTICES, 5, 2)).astype(np.float32)
    bends = rng.normal(size=(*LATTICES, 8, 2)).astype(np.float32)
    tensor = torch.tensor(control).to(DEVICE)
    control, centres, bends = jax.device_put((control, centres, bends))
    gather = jax.jit(gather_field)
    fill = jax.jit(lambda x: jnp.broadcast_to(x, (*LATTICES, *shape, 2)))
    exact = bspline.field(control, shape)
    assert jnp.allclose(exact, gather(control), atol=1e-5)
    times = race(
        {
            "ours, two matrix products": lambda: bspline.field(control, shape),
            "16 taps, gathered (JAX)": lambda: gather(control),
            "thin-plate spline of 5 points (ours)": lambda: tps.field(
                bends, centres, shape
            ),
            "filling as much new memory (XLA)": lambda: fill(jnp.ones(())),
            "matrix products (PyTorch)": lambda: torch_ops.spline_field(tensor, shape),
        },
        repeats,
    )
    report(f"B-spline field, {LATTICES} lattices to {SIZE}x{SIZE}", times)
    rate = exact.nbytes / times["ours, two matrix products"] / 1e9
    print(f"  written: {exact.nbytes / 1e6:.0f} MB at {rate:.1f} GB/s")


if __name__ == "__main__":
    main()
