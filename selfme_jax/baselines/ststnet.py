"""STSTNet: shallow triple stream three-dimensional CNN (Liong et al., FG 2019).

Input: 28x28 flow images (strain, v, u), grey levels 0..255 as published. Three
branches of one 3x3 convolution (3, 5 and 8 filters, all over all channels), ReLU,
batch norm, 3x3 max-pool, dropout 0.5; concatenated, 2x2 average pool, one linear
layer. Layout and order as in the authors' PyTorch code (convolution padding 2, max-
pool padding 1). 1651 weights and 32 batch-norm scales and offsets.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax import files
from selfme_jax.types import UserError

FILTERS = (3, 5, 8)
_SIDE = 5  # of the maps that the linear layer reads, of 28x28 images
_REMEDY = "Set --config.ststnet.weights to the .npz of the published weights."


class STSTNet(nn.Module):
    """[b, 28, 28, 3] (strain, v, u) in 0..255 -> logits [b, classes].

    The branches see the same input, so they are computed as one convolution of 16
    filters. It is written as products of neighbourhoods with the kernel, one for each
    of the nine places in a pooling window: under vmap over folds a convolution would
    become a grouped one, which is slow, and the full-size maps need not be kept.
    """

    classes: int
    dropout: float

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = nn.Dense(sum(FILTERS), name="conv")
        x, inside = _windows(_neighbours(images))
        places = [(i, j) for i in range(3) for j in range(3)]
        maps = [nn.relu(conv(x[:, :, i, :, j])) for i, j in places]
        masks = [inside[:, i, :, j, None] for i, j in places]
        x = PoolNorm(name="norm")(maps, masks, train=train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(self.classes, name="logits")(x.reshape(x.shape[0], -1))


class PoolNorm(nn.Module):
    """Batch norm, then max-pool, of maps given as the places of a pooling window.

    Batch norm is increasing or decreasing by the sign of its scale, so it may follow
    the pool if that takes the maximum or the minimum accordingly: nine times fewer
    values to normalise. eps 1e-5, momentum 0.9 (PyTorch's 0.1).
    """

    @nn.compact
    def __call__(
        self, maps: list[jax.Array], inside: list[np.ndarray], *, train: bool
    ) -> jax.Array:
        """9 x [b, rows, columns, c] -> [b, rows - 1, columns - 1, c].

        inside: 9 x [rows, columns, 1] bool, False where a window reaches over the
        border: such values neither count in the statistics nor can be the maximum.
        The last row and column of windows count in the statistics, but the published
        pool does not reach them.
        """
        c = maps[0].shape[-1]
        scale = self.param("scale", nn.initializers.ones, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        var = self.variable("batch_stats", "var", jnp.ones, (c,))
        m, v = mean.value, var.value
        if train:
            count = len(maps[0]) * sum(int(w.sum()) for w in inside)
            kept = [x * w for x, w in zip(maps, inside, strict=True)]
            zero = jnp.asarray(0.0)
            m = sum((x.sum((0, 1, 2)) for x in kept), zero) / count
            v = sum(((x * x).sum((0, 1, 2)) for x in kept), zero) / count - m * m
            if not self.is_initializing():
                mean.value = 0.9 * mean.value + 0.1 * m
                var.value = 0.9 * var.value + 0.1 * v
        slope = scale * jax.lax.rsqrt(v + 1e-5)
        high = low = maps[4]  # the middle of a window is always inside
        for x, w in zip(maps, inside, strict=True):
            high = jnp.maximum(high, jnp.where(w, x, -jnp.inf))
            low = jnp.minimum(low, jnp.where(w, x, jnp.inf))
        pooled = jnp.where(slope > 0, high, low)[:, :-1, :-1]
        return pooled * slope + (bias - m * slope)


def _neighbours(images: jax.Array) -> jax.Array:
    """[b, h, w, c] -> [b, h + 2, w + 2, 9 c]: 3x3 neighbourhoods, padding 2."""
    h, w = images.shape[1:3]
    x = jnp.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifts = [x[:, i : i + h + 2, j : j + w + 2] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifts, axis=-1)


def _windows(x: jax.Array) -> tuple[jax.Array, np.ndarray]:
    """Pooling windows of 3x3, stride 3, padding 1, over the whole of x.

    [b, 30, 30, c] -> [b, 11, 3, 11, 3, c], and which of their places lie inside:
    [11, 3, 11, 3] bool. Windows do not overlap, so a reshape makes them.
    """
    b, h, w, c = x.shape
    rows, columns = h // 3 + 1, w // 3 + 1
    edge = [(1, 3 * rows - h - 1), (1, 3 * columns - w - 1)]
    x = jnp.pad(x, [(0, 0), *edge, (0, 0)])
    inside = np.pad(np.ones((h, w), bool), edge)
    shape = (rows, 3, columns, 3)
    return x.reshape(b, *shape, c), inside.reshape(shape)


def read_weights(path: str) -> dict[str, dict]:
    """Published fold weights: subject -> Flax variables.

    Args:
      path: .npz with arrays '<subject>/<parameter>' in PyTorch layouts (convolutions
        OIHW; the linear layer reads channel, row, column).

    Raises:
      UserError: missing or unreadable file, missing or misshapen arrays.
    """
    arrays = files.read_npz(path, _REMEDY)
    subjects = sorted({name.split("/")[0] for name in arrays if "/" in name})
    if not subjects:
        raise UserError(f"{path} holds no '<subject>/<parameter>' arrays.\n{_REMEDY}")
    return {
        s: _variables(
            {k.split("/", 1)[1]: v for k, v in arrays.items() if k.startswith(s + "/")},
            f"{path}, subject {s}",
        )
        for s in subjects
    }


def _variables(arrays: Mapping[str, np.ndarray], where: str) -> dict:
    """One fold's PyTorch arrays -> Flax variables of ``STSTNet``."""
    with files.reading(where, f"These are not the weights of an STSTNet. {_REMEDY}"):
        _check(arrays)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([arrays[name.format(i)] for i in (1, 2, 3)])

    kernel = joined("conv{}.weight").transpose(2, 3, 1, 0)  # OIHW -> HWIO
    linear = arrays["fc.weight"].reshape(-1, sum(FILTERS), _SIDE, _SIDE)
    linear = linear.transpose(2, 3, 1, 0)
    params = {
        "conv": {
            "kernel": kernel.reshape(-1, sum(FILTERS)),
            "bias": joined("conv{}.bias"),
        },
        "norm": {"scale": joined("bn{}.weight"), "bias": joined("bn{}.bias")},
        "logits": {
            "kernel": linear.reshape(-1, linear.shape[-1]),
            "bias": arrays["fc.bias"],
        },
    }
    stats = {"mean": joined("bn{}.running_mean"), "var": joined("bn{}.running_var")}
    return {"params": params, "batch_stats": {"norm": stats}}


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    """KeyError or ValueError where an array is missing, misshapen or not finite."""
    classes = arrays["fc.bias"].size
    shapes = {"fc.weight": (classes, sum(FILTERS) * _SIDE**2), "fc.bias": (classes,)}
    for i, filters in enumerate(FILTERS, start=1):
        shapes[f"conv{i}.weight"] = (filters, 3, 3, 3)
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"bn{i}.{name}"] = (filters,)
        shapes[f"conv{i}.bias"] = (filters,)
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].shape}, not {shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has values that are no numbers")
