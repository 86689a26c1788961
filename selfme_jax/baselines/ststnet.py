"""STSTNet: shallow triple stream three-dimensional CNN (Liong et al., FG 2019).

Input: 28x28 flow images (strain, v, u), grey levels 0..255 as published. Three
branches of one 3x3 convolution (3, 5 and 8 filters, all over all channels), ReLU,
batch norm, 3x3 max-pool, dropout 0.5; concatenated, 2x2 average pool, one linear
layer. Layout and order as in the authors' PyTorch code (convolution padding 2, max-
pool padding 1). 1651 weights and 32 batch-norm scales and offsets.
"""

from collections.abc import Mapping
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.types import UserError

FILTERS = (3, 5, 8)


class STSTNet(nn.Module):
    """[b, 28, 28, 3] (strain, v, u) in 0..255 -> logits [b, classes].

    The branches see the same input, so they are computed as one convolution of 16
    filters; and that as a matrix product over shifted copies, because under vmap over
    folds a convolution would become a grouped one, which is slow.
    """

    classes: int
    dropout: float

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.Dense(sum(FILTERS), name="conv")(_neighbours(images))
        norm = nn.BatchNorm(
            use_running_average=not train, momentum=0.9, epsilon=1e-5, name="norm"
        )
        x = _max_pool(norm(nn.relu(x)))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(self.classes, name="logits")(x.reshape(len(x), -1))


def _neighbours(images: jax.Array) -> jax.Array:
    """[b, h, w, c] -> [b, h + 2, w + 2, 9 c]: 3x3 neighbourhoods, padding 2."""
    h, w = images.shape[1:3]
    x = jnp.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifts = [x[:, i : i + h + 2, j : j + w + 2] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifts, axis=-1)


def _max_pool(x: jax.Array) -> jax.Array:
    """3x3 windows, stride 3, padding 1: windows do not overlap, so a reshape does.

    [b, 30, 30, c] -> [b, 10, 10, c]; the last row and column fall off.
    """
    b, h, w, c = x.shape
    rows, columns = (h - 1) // 3 + 1, (w - 1) // 3 + 1
    edge = ((0, 0), (1, 3 * rows), (1, 3 * columns), (0, 0))
    x = jnp.pad(x, edge, constant_values=-jnp.inf)[:, : 3 * rows, : 3 * columns]
    return x.reshape(b, rows, 3, columns, 3, c).max((2, 4))


def read_weights(path: str) -> dict[str, dict]:
    """Published fold weights: subject -> Flax variables.

    Args:
      path: .npz with arrays '<subject>/<parameter>' in PyTorch layouts (convolutions
        OIHW; the linear layer reads channel, row, column).

    Raises:
      UserError: missing or unreadable file, missing or misshapen arrays.
    """
    if not Path(path).is_file():
        raise UserError(
            f"no STSTNet weights at {path}. Point --config.ststnet.weights at the .npz."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"cannot read {path} as .npz: {error}") from error
    subjects = sorted({name.split("/")[0] for name in arrays if "/" in name})
    if not subjects:
        raise UserError(f"{path} holds no '<subject>/<parameter>' arrays.")
    return {
        s: _variables(
            {k.split("/", 1)[1]: v for k, v in arrays.items() if k.startswith(s + "/")},
            f"{path}, subject {s}",
        )
        for s in subjects
    }


def _variables(arrays: Mapping[str, np.ndarray], where: str) -> dict:
    """One fold's PyTorch arrays -> Flax variables of ``STSTNet``."""

    def joined(name: str) -> np.ndarray:
        return np.concatenate([arrays[name.format(i)] for i in (1, 2, 3)])

    try:
        kernel = joined("conv{}.weight").transpose(2, 3, 1, 0)  # OIHW -> HWIO
        linear = arrays["fc.weight"]
        side = round((linear.shape[1] / sum(FILTERS)) ** 0.5)
        linear = linear.reshape(-1, sum(FILTERS), side, side).transpose(2, 3, 1, 0)
        norm = {"scale": joined("bn{}.weight"), "bias": joined("bn{}.bias")}
        params = {
            "conv": {
                "kernel": kernel.reshape(-1, sum(FILTERS)),
                "bias": joined("conv{}.bias"),
            },
            "norm": norm,
            "logits": {
                "kernel": linear.reshape(-1, linear.shape[-1]),
                "bias": arrays["fc.bias"],
            },
        }
        stats = {
            "mean": joined("bn{}.running_mean"),
            "var": joined("bn{}.running_var"),
        }
    except (KeyError, ValueError) as error:
        raise UserError(f"{where}: not the weights of an STSTNet ({error}).") from error
    return {"params": params, "batch_stats": {"norm": stats}}
