"""A function in plain operations, for converters that know few: the same numbers.

Calls within calls are opened, what depends on the platform is that of CPU, and the
two solves of the B-spline fit (Cholesky factors, triangular systems, of a few points
each) are written out in products, quotients and roots, and loops step by step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

TURNS = 512  # of loops in all, that are written out one by one

# Primitives that call a function, and which of their parameters that is.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}


def plain(function: Callable, *inputs: jax.ShapeDtypeStruct) -> Callable:
    """``function`` of arrays of those shapes -> list of its outputs, flat."""
    closed = jax.make_jaxpr(function)(*inputs)

    def opened(*arrays):
        return _run(closed, arrays)

    return opened


def _run(closed: core.ClosedJaxpr, arrays: Sequence[Any]) -> list:
    """Each operation of a traced function, on arrays or tracers."""
    jaxpr = closed.jaxpr
    known = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known |= zip(jaxpr.invars, arrays, strict=True)

    def value(v):
        return v.val if isinstance(v, core.Literal) else known[v]

    for eqn in jaxpr.eqns:
        found = _apply(eqn, [value(v) for v in eqn.invars])
        known |= zip(eqn.outvars, found, strict=True)
    return [value(v) for v in jaxpr.outvars]


def _apply(eqn: Any, arrays: list) -> list:
    name, options = eqn.primitive.name, eqn.params
    if name in _CALLS:
        return _run(options[_CALLS[name]], arrays)
    if name == "stop_gradient":
        return arrays
    if name == "platform_index":
        return [_cpu(options["platforms"])]
    if name == "cond" and options.get("branches_platforms"):
        index, *arrays = arrays
        return _run(options["branches"][index], arrays)
    if name == "custom_linear_solve":
        return _run(*_solve(options, arrays))
    if name == "scan" and _turns(eqn) <= TURNS:
        return _repeated(options, arrays)
    if name == "cholesky":
        return [cholesky(*arrays)]
    if name == "triangular_solve":
        return [triangular_solve(*arrays, **options)]
    found = eqn.primitive.bind(*arrays, **options)
    return found if eqn.primitive.multiple_results else [found]


def _turns(eqn: core.JaxprEqn) -> int:
    """How often the body of a loop runs, and those of loops in it."""
    if eqn.primitive.name == "scan":
        inside = sum(map(_turns, eqn.params["jaxpr"].eqns))
        return eqn.params["length"] * max(inside, 1)
    if eqn.primitive.name in _CALLS:
        return sum(map(_turns, eqn.params[_CALLS[eqn.primitive.name]].eqns))
    return 0


def _repeated(options: dict, arrays: list) -> list:
    """A loop of so many steps that hands on nothing but its state, step by step."""
    constants = options["num_consts"]
    if len(arrays) != constants + options["num_carry"]:
        raise NotImplementedError("a loop over the rows of an array")
    state = arrays[constants:]
    for _ in range(options["length"]):
        state = _run(options["jaxpr"], [*arrays[:constants], *state])
    return state


def _cpu(platforms: Sequence[Sequence[str] | None]) -> int:
    """Which of jax.lax.platform_dependent's forms CPU has; None: all others."""
    return next(i for i, names in enumerate(platforms) if not names or "cpu" in names)


def _solve(options: dict, arrays: list) -> tuple[core.ClosedJaxpr, list]:
    """What solves, with its constants and the right sides: no gradient is asked for."""
    counts = options["const_lengths"]
    before = counts.matvec + counts.vecmat
    constants = arrays[before : before + counts.solve]
    sides = arrays[before + counts.solve + counts.transpose_solve :]
    return options["jaxprs"].solve, [*constants, *sides]


def cholesky(matrix: jax.Array) -> jax.Array:
    """Lower L of matrix = L L^T: [..., n, n] -> the same, for small n."""
    n = matrix.shape[-1]
    L: dict[tuple[int, int], jax.Array] = {}
    for j in range(n):
        for i in range(j, n):
            rest = matrix[..., i, j] - sum(L[i, k] * L[j, k] for k in range(j))
            L[i, j] = jnp.sqrt(rest) if i == j else rest / L[j, j]
    zero = jnp.zeros_like(matrix[..., 0, 0])
    rows = [jnp.stack([L.get((i, j), zero) for j in range(n)], -1) for i in range(n)]
    return jnp.stack(rows, -2)


def triangular_solve(
    matrix: jax.Array,
    sides: jax.Array,
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> jax.Array:
    """x of matrix x = sides (or its transpose): [..., n, n], [..., n, d], small n.

    Raises:
      NotImplementedError: x stands on the other side, sides = x matrix.
    """
    del conjugate_a  # real
    if not left_side:
        raise NotImplementedError("triangular_solve from the right")
    n = matrix.shape[-1]
    forward = lower != transpose_a
    order = range(n) if forward else reversed(range(n))
    found: dict[int, jax.Array] = {}
    for i in order:
        rest = sides[..., i, :]
        for j, x in found.items():
            entry = matrix[..., j, i] if transpose_a else matrix[..., i, j]
            rest = rest - entry[..., None] * x
        found[i] = rest if unit_diagonal else rest / matrix[..., i, i, None]
    return jnp.stack([found[i] for i in range(n)], -2)
