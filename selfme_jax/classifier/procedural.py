"""Training on procedural flow fields: classes and action units (AUs) by one network.

The network has one output a class, then one an AU. Classes come as shares (``Mixture.
classes`` of data/synthetic), which may be zero: then only the AUs are learned.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfme_jax.ops import augment
from selfme_jax.types import Array, Tell

_STEPS = 100  # as one program; the last one may be shorter


class Training(NamedTuple):
    """How a network is trained.

    steps, batch_size: of draws with replacement. learning_rate: largest, of AdamW,
    after a rise over ``warmup`` (a share of the steps), falling by a cosine.
    weight_decay: AdamW's, of matrices. ridge: weight of the sum of squares of all
    parameters in the loss. units: weight of the mean loss of AUs. ema: decay of the
    average that is kept. clip: largest norm of a gradient.
    """

    steps: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.05
    ridge: float = 0.0
    units: float = 3.0
    ema: float = 0.99
    clip: float = 1.0


class Fields(NamedTuple):
    """What is learned from.

    inputs: [n, h, w, c] float, as the network reads them, channel 0 = u. classes:
    [n, k] float, shares. units: [n, a], 0 or 1.
    """

    inputs: Array
    classes: Array
    units: Array


class State(NamedTuple):
    """Of training."""

    params: Any
    average: Any
    optimizer: Any


def loss(
    logits: jax.Array, classes: jax.Array, units: jax.Array, *, weight: float
) -> jax.Array:
    """Cross-entropy of classes + weight * mean of that of AUs.

    Args:
        logits: [b, k + a]. classes: [b, k] shares. units: [b, a], 0 or 1.
        weight: of AUs.

    Returns:
        [b].
    """
    k = classes.shape[-1]
    entropy = optax.softmax_cross_entropy(logits[:, :k], classes)
    found = optax.sigmoid_binary_cross_entropy(logits[:, k:], units)
    return entropy + weight * found.mean(-1)


def logits(module: Any, params: Any, inputs: jax.Array, **options: Any) -> jax.Array:
    """[b, k + a], whatever else the module gives."""
    output = module.apply({"params": params}, inputs, **options)
    return output[0] if isinstance(output, tuple) else output


def fit(
    module: Any,
    fields: Fields,
    recipe: Training,
    *,
    seed: int,
    tell: Tell | None = None,
) -> Any:
    """Averaged parameters after ``recipe.steps``; a draw depends on (seed, step) alone.

    Args:
        module: Flax, [b, h, w, c] -> [b, k + a] or (that, something), with ``train``.
        fields: all of them; half of the draws are mirrored (x flipped, u negated).
        recipe: how.
        seed: of parameters, draws and dropout.
        tell: progress.
    """
    key = jax.random.key(seed)
    first = jnp.asarray(fields.inputs[:1], jnp.float32)
    params = module.init(key, first, train=False)["params"]
    optimizer = _optimizer(recipe)
    state = State(params, params, optimizer.init(params))
    data = Fields(*(jnp.asarray(x) for x in fields))

    @jax.jit
    def advance(
        state: State, data: Fields, steps: jax.Array
    ) -> tuple[State, jax.Array]:
        def step(state: State, number: jax.Array) -> tuple[State, jax.Array]:
            own = jax.random.fold_in(key, number)
            return _update(module, optimizer, recipe, state, data, own, number)

        return jax.lax.scan(step, state, steps)

    for start in range(0, recipe.steps, _STEPS):
        stop = min(start + _STEPS, recipe.steps)
        state, values = advance(state, data, jnp.arange(start, stop))
        mean = float(values.mean())
        if not np.isfinite(mean):
            raise FloatingPointError(f"loss {mean} within steps {start} to {stop}")
        if tell:
            tell("training", stop, recipe.steps, f"loss {mean:.3f}")
    return state.average


def _optimizer(recipe: Training) -> optax.GradientTransformation:
    rate = optax.warmup_cosine_decay_schedule(
        0.0, recipe.learning_rate, round(recipe.warmup * recipe.steps), recipe.steps
    )
    return optax.chain(
        optax.clip_by_global_norm(recipe.clip),
        optax.adamw(rate, weight_decay=recipe.weight_decay, mask=_matrices),
    )


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda x: x.ndim > 1, params)


def _update(
    module: Any,
    optimizer: optax.GradientTransformation,
    recipe: Training,
    state: State,
    data: Fields,
    key: jax.Array,
    number: jax.Array,
) -> tuple[State, jax.Array]:
    draw, flip, drop = jax.random.split(key, 3)
    size = recipe.batch_size
    chosen = jax.random.randint(draw, (size,), 0, len(data.inputs))
    inputs = data.inputs[chosen].astype(jnp.float32)
    mirrored = jax.random.bernoulli(flip, 0.5, (size, 1, 1, 1))
    inputs = jnp.where(mirrored, augment.mirror(inputs), inputs)

    def value(params: Any) -> jax.Array:
        found = logits(module, params, inputs, train=True, rngs={"dropout": drop})
        each = loss(
            found, data.classes[chosen], data.units[chosen], weight=recipe.units
        )
        return each.mean() + recipe.ridge * optax.tree.norm(params, squared=True)

    mean, gradient = jax.value_and_grad(value)(state.params)
    updates, memory = optimizer.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    decay = jnp.minimum(recipe.ema, (1 + number) / (10 + number))
    average = optax.incremental_update(params, state.average, 1 - decay)
    return State(params, average, memory), mean


def predict(
    module: Any, params: Any, inputs: np.ndarray, *, batch_size: int = 512
) -> np.ndarray:
    """Logits [n, k + a] of [n, h, w, c], a batch at a time."""
    run: Callable = jax.jit(lambda p, x: logits(module, p, x, train=False))
    parts = [
        np.asarray(run(params, jnp.asarray(inputs[i : i + batch_size], jnp.float32)))
        for i in range(0, len(inputs), batch_size)
    ]
    return np.concatenate(parts)
