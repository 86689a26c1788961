"""JAX operations as ONNX nodes, of the kinds that the networks here are made of.

Each rule gets the graph, the traced equation and its arguments: names of tensors, or
numpy arrays where they are constant. Shapes are known numbers throughout.
"""

from collections.abc import Callable

import numpy as np

from selfme_jax.exporting import onnx_products as products
from selfme_jax.exporting.onnx_products import ints, out_shape

BINARY = {
    "add": "Add",
    "add_any": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "max": "Max",
    "min": "Min",
    "pow": "Pow",
    "eq": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "and": "And",
    "or": "Or",
}
UNARY = {
    "neg": "Neg",
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "floor": "Floor",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "erf": "Erf",
    "not": "Not",
    "sign": "Sign",
    "copy": "Identity",
}
REDUCTIONS = {
    "reduce_sum": "ReduceSum",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
}


def rule(name: str) -> Callable:
    """The rule of a primitive.

    Raises:
      NotImplementedError: there is none.
    """
    for table, made in ((BINARY, _same), (UNARY, _same), (REDUCTIONS, _reduce)):
        if name in table:
            return lambda graph, eqn, *given: made(graph, table[name], eqn, *given)
    if name not in RULES:
        raise NotImplementedError(name)
    return RULES[name]


def _same(graph, operation, eqn, *given) -> str:
    del eqn
    return graph.node(operation, *given)


def _reduce(graph, operation, eqn, x) -> str:
    return graph.node(operation, x, ints(eqn.params["axes"]), keepdims=0)


def _not_equal(graph, eqn, a, b) -> str:
    del eqn
    return graph.node("Not", graph.node("Equal", a, b))


def _any(graph, eqn, x) -> str:
    whole = graph.node("Cast", x, to=graph.type(np.int32))
    found = graph.node("ReduceMax", whole, ints(eqn.params["axes"]), keepdims=0)
    return graph.node("Cast", found, to=graph.type(np.bool_))


def _rsqrt(graph, eqn, x) -> str:
    del eqn
    return graph.node("Reciprocal", graph.node("Sqrt", x))


def _square(graph, eqn, x) -> str:
    del eqn
    return graph.node("Mul", x, x)


def _integer_pow(graph, eqn, x) -> str:
    return graph.node("Pow", x, np.float32(eqn.params["y"]))


def _round(graph, eqn, x) -> str:
    if int(eqn.params["rounding_method"]) != 1:  # half to even
        raise NotImplementedError("round half away from zero")
    return graph.node("Round", x)


def _cast(graph, eqn, x) -> str:
    return graph.node("Cast", x, to=graph.type(eqn.params["new_dtype"]))


def _select(graph, eqn, which, *cases) -> str:
    if len(cases) != 2 or eqn.invars[0].aval.dtype != np.bool_:
        raise NotImplementedError("select_n of more than two")
    return graph.node("Where", which, cases[1], cases[0])


def _clamp(graph, eqn, low, x, high) -> str:
    del eqn
    return graph.node("Min", graph.node("Max", x, low), high)


def _reshape(graph, eqn, x) -> str:
    if eqn.params["dimensions"] is not None:  # the order of the axes beforehand
        x = graph.node("Transpose", x, perm=eqn.params["dimensions"])
    return _resize(graph, eqn, x)


def _resize(graph, eqn, x) -> str:
    return graph.node("Reshape", x, ints(out_shape(eqn)))


def _broadcast(graph, eqn, x) -> str:
    shape, places = out_shape(eqn), eqn.params["broadcast_dimensions"]
    wide = [1] * len(shape)
    for place, size in zip(places, eqn.invars[0].aval.shape, strict=True):
        wide[place] = size
    return graph.node("Expand", graph.node("Reshape", x, ints(wide)), ints(shape))


def _transpose(graph, eqn, x) -> str:
    return graph.node("Transpose", x, perm=eqn.params["permutation"])


def _concatenate(graph, eqn, *given) -> str:
    return graph.node("Concat", *given, axis=eqn.params["dimension"])


def _stack(graph, eqn, *given) -> str:
    (axis,) = (v for k, v in eqn.params.items() if k in ("axis", "dimension"))
    shape = list(out_shape(eqn))
    shape[axis] = 1
    parts = [graph.node("Reshape", x, ints(shape)) for x in given]
    return graph.node("Concat", *parts, axis=axis)


def _tile(graph, eqn, x) -> str:
    return graph.node("Tile", x, ints(eqn.params["reps"]))


def _slice(graph, eqn, x) -> str:
    p = eqn.params
    axes = range(len(p["start_indices"]))
    steps = p["strides"] or [1] * len(axes)
    bounds = (p["start_indices"], p["limit_indices"], axes, steps)
    return graph.node("Slice", x, *map(ints, bounds))


def _split(graph, eqn, x) -> list[str]:
    axis, start, found = eqn.params["axis"], 0, []
    for size in eqn.params["sizes"]:
        bounds = ([start], [start + size], [axis])
        found.append(graph.node("Slice", x, *map(ints, bounds)))
        start += size
    return found


def _unstack(graph, eqn, x) -> list[str]:
    axis, shape = eqn.params["axis"], ints(eqn.outvars[0].aval.shape)
    found = []
    for i in range(len(eqn.outvars)):
        part = graph.node("Slice", x, *map(ints, ([i], [i + 1], [axis])))
        found.append(graph.node("Reshape", part, shape))
    return found


def _reverse(graph, eqn, x) -> str:
    axes = eqn.params["dimensions"]
    ones = np.ones(len(axes), np.int64)
    ends = -ones * np.iinfo(np.int32).max
    return graph.node("Slice", x, -ones, ends, ints(axes), -ones)


def _pad(graph, eqn, x, value) -> str:
    config = np.array(eqn.params["padding_config"])
    if config[:, 2].any() or (config < 0).any():
        raise NotImplementedError("pad between entries, or by less than 0")
    return graph.node("Pad", x, ints(config[:, :2].T.ravel()), value)


RULES: dict[str, Callable] = {
    "ne": _not_equal,
    "reduce_or": _any,
    "rsqrt": _rsqrt,
    "square": _square,
    "integer_pow": _integer_pow,
    "round": _round,
    "convert_element_type": _cast,
    "select_n": _select,
    "clamp": _clamp,
    "reshape": _reshape,
    "squeeze": _resize,
    "expand_dims": _resize,
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "stack": _stack,
    "unstack": _unstack,
    "tile": _tile,
    "slice": _slice,
    "split": _split,
    "rev": _reverse,
    "pad": _pad,
    "sort": products.sort,
    "dot_general": products.dot,
    "conv_general_dilated": products.convolution,
    "reduce_window_max": products.max_pool,
    "reduce_window_sum": products.sum_pool,
    "gather": products.gather,
}
