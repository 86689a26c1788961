"""OFF-ApexNet: its size, and that it reads u and v but not strain."""

import jax
import numpy as np

from selfme_jax.baselines.off_apexnet import OFFApexNet, Stream


def test_parameter_count():
    """2,664,475, of which 5144 in convolutions (BASELINES 4)."""
    model = OFFApexNet(classes=3, dropout=0.5, size=28, hidden=1024)
    x = np.zeros((1, 28, 28, 3), np.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    sizes = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in params.items()}
    assert sizes["u"] + sizes["v"] == 5144
    assert sum(sizes.values()) == 2_664_475


def test_a_stream_against_float64_loops():
    """5x5 'same' convolution, ReLU, 2x2 max-pool, twice."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(4, 8, 1)).astype(np.float32)
    shapes = jax.eval_shape(Stream().init, jax.random.key(1), image[None])
    variables = jax.tree.map(lambda x: rng.normal(size=x.shape), shapes)
    x = image.astype(np.float64)
    for i in range(2):
        taps = variables["params"][f"conv_{i}"]["taps"]
        kernel = taps["kernel"].reshape(5, 5, x.shape[-1], -1)
        h, w = x.shape[:2]
        padded = np.pad(x, ((2, 2), (2, 2), (0, 0)))
        y = np.zeros((h, w, kernel.shape[-1]))
        for r in range(h):
            for c in range(w):
                window = padded[r : r + 5, c : c + 5]
                y[r, c] = np.einsum("hwi,hwio->o", window, kernel) + taps["bias"]
        y = np.maximum(y, 0)
        x = y.reshape(h // 2, 2, w // 2, 2, -1).max((1, 3))
    got = jax.jit(Stream().apply)(variables, image[None])[0]
    np.testing.assert_allclose(got, x.ravel(), rtol=1e-4, atol=1e-3)
