"""Optimizers by optax, from the few numbers a recipe names."""

import jax
import optax

SCHEDULES = ("cosine", "constant")


def adamw(
    steps: int,
    *,
    learning_rate: float,
    warmup: float,
    decay: str,
    weight_decay: float,
    clip: float,
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay on matrices and kernels only.

    Args:
      steps: length of the schedule.
      learning_rate: peak. warmup: share of the steps spent rising linearly to it.
      decay: 'cosine' (to zero at the last step) or 'constant'.
      weight_decay: AdamW's; 0 makes it Adam. clip: global gradient norm, 0 = none.

    Raises:
      ValueError: an unknown decay.
    """
    rise = round(warmup * steps)
    if decay == "cosine":
        rest = optax.cosine_decay_schedule(learning_rate, max(steps - rise, 1))
    elif decay == "constant":
        rest = optax.constant_schedule(learning_rate)
    else:
        raise ValueError(f"decay {decay!r}: know {', '.join(SCHEDULES)}")
    # From step 1 of the warm-up, not from a wasted step at rate zero.
    start = learning_rate / max(rise, 1)
    ramp = optax.linear_schedule(start, learning_rate, max(rise - 1, 1))
    schedule = optax.join_schedules([ramp, rest], [rise])

    def matrices(params):
        return jax.tree.map(lambda p: p.ndim > 1, params)

    adam = optax.adamw(schedule, weight_decay=weight_decay, mask=matrices)
    return optax.chain(optax.clip_by_global_norm(clip), adam) if clip else adam
