"""A network small enough to compile in seconds, its perturbed parameters, a pair."""

import jax
import numpy as np
import pytest

from selfme_jax.motion.network import MotionNetwork

SMALL = {
    "groups": 2,
    "points": 3,
    "cells": (3, 3),
    "keypoint_width": 8,
    "keypoint_blocks": (1,),
    "dense_width": 8,
    "dense_depth": 1,
    "max_width": 16,
    "generator_width": 8,
    "generator_down": 1,
    "generator_blocks": 1,
}


def texture(rng: np.random.Generator, batch: int, h: int, w: int) -> np.ndarray:
    """[batch, h, w, 3] float32 in [0, 1]: smooth waves, different in x and y."""
    y, x = np.mgrid[:h, :w]
    waves = rng.uniform(-0.5, 0.5, (batch, 6, 2))
    phase = rng.uniform(0, 6, (batch, 6, 3))
    angle = waves[..., 0, None, None] * x + 1.3 * waves[..., 1, None, None] * y
    image = np.cos(angle[..., None] + phase[:, :, None, None, :]).mean(1)
    return (0.5 + 0.5 * image).astype(np.float32)


@pytest.fixture(scope="session")
def small() -> dict:
    """Constructor fields of the small network."""
    return SMALL


@pytest.fixture(scope="session")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Two different frames [2, 24, 20, 3], not square."""
    rng = np.random.default_rng(5)
    return texture(rng, 2, 24, 20), texture(rng, 2, 24, 20)


@pytest.fixture(scope="session")
def network() -> MotionNetwork:
    return MotionNetwork(**SMALL)


@pytest.fixture(scope="session")
def params(network, pair) -> dict:
    """Random parameters, none at zero, where a layer would block the gradients.

    Drawn by NumPy: compiling the initialisers takes longer than most tests.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), *pair)
    rng = np.random.default_rng(7)

    def draw(path, leaf):
        x = rng.standard_normal(leaf.shape).astype(np.float32)
        if path[-1].key == "kernel":
            return x / np.sqrt(np.prod(leaf.shape[:-1]))
        return 0.05 * x + (path[-1].key == "scale")

    return jax.tree.map_with_path(draw, shapes)


@pytest.fixture(scope="session")
def make_texture():
    return texture
