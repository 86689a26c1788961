"""Products, windows, gathers and sorts of JAX as ONNX nodes; see operations.py."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def out_shape(eqn: Any) -> tuple[int, ...]:
    """Of the (first) result of an operation."""
    return eqn.outvars[0].aval.shape


def ints(values: Iterable[int]) -> np.ndarray:
    """Sizes or places, as ONNX wants them."""
    return np.array(list(values), np.int64)


def sort(graph, eqn, x) -> str:
    """Ascending along an axis, by TopK."""
    if len(eqn.invars) > 1:
        raise NotImplementedError("sort of several")
    axis = eqn.params["dimension"]
    count = ints([eqn.invars[0].aval.shape[axis]])
    return graph.node("TopK", x, count, axis=axis, largest=0, outputs=2)


def dot(graph, eqn, a, b) -> str:
    """By Einsum."""
    (ca, cb), (ba, bb) = eqn.params["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in eqn.invars[0].aval.shape]
    right = [next(letters) for _ in eqn.invars[1].aval.shape]
    for i, j in zip((*ca, *ba), (*cb, *bb), strict=True):
        right[j] = left[i]
    batch = [left[i] for i in ba]
    free = [x for i, x in enumerate(left) if i not in (*ca, *ba)]
    free += [x for j, x in enumerate(right) if j not in (*cb, *bb)]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(batch + free)}"
    return graph.node("Einsum", a, b, equation=equation)


def convolution(graph, eqn, x, kernel) -> str:
    """By Conv, whose channels come first."""
    p = eqn.params
    image, taps, out = p["dimension_numbers"]
    if any(d != 1 for d in p["lhs_dilation"]) or p["batch_group_count"] != 1:
        raise NotImplementedError("transposed convolution")
    y = graph.node(
        "Conv",
        graph.node("Transpose", x, perm=image),
        graph.node("Transpose", kernel, perm=taps),
        strides=p["window_strides"],
        pads=np.array(p["padding"]).T.ravel(),
        dilations=p["rhs_dilation"],
        group=p["feature_group_count"],
    )
    return graph.node("Transpose", y, perm=np.argsort(out))


def max_pool(graph, eqn, x) -> str:
    """Largest in windows of rows and columns."""
    return _pool(graph, eqn, "MaxPool", x)


def sum_pool(graph, eqn, x) -> str:
    """Sums in windows of rows and columns."""
    mean = _pool(graph, eqn, "AveragePool", x, count_include_pad=1)
    return graph.node("Mul", mean, np.float32(np.prod(eqn.params["window_dimensions"])))


def _pool(graph, eqn, operation, x, **options) -> str:
    p = eqn.params
    outer = [p[k][i] for k in ("window_dimensions", "window_strides") for i in (0, 3)]
    dilated = {*p["base_dilation"], *p["window_dilation"]} != {1}
    if len(p["padding"]) != 4 or set(outer) != {1} or dilated:
        raise NotImplementedError("a window over more than rows and columns")
    y = graph.node(
        operation,
        graph.node("Transpose", x, perm=(0, 3, 1, 2)),
        kernel_shape=p["window_dimensions"][1:3],
        strides=p["window_strides"][1:3],
        pads=np.array(p["padding"])[1:3].T.ravel(),
        **options,
    )
    return graph.node("Transpose", y, perm=(0, 2, 3, 1))


def gather(graph, eqn, x, index) -> str:
    """Whole slices at places, by GatherND; places are within bounds (or clipped)."""
    p = eqn.params["dimension_numbers"]
    sizes, shape = eqn.params["slice_sizes"], eqn.invars[0].aval.shape
    batch, indexed = p.operand_batching_dims, p.start_index_map
    rest = [d for d in range(len(shape)) if d not in (*batch, *indexed)]
    if any(sizes[d] != 1 for d in indexed) or any(sizes[d] != shape[d] for d in rest):
        raise NotImplementedError("gather of parts of slices")
    if "CLIP" in str(eqn.params["mode"]):
        last = np.array([shape[d] - 1 for d in indexed], np.int32)
        index = graph.node("Min", graph.node("Max", index, np.int32(0)), last)
    places = range(eqn.invars[1].aval.ndim - 1)
    own = p.start_indices_batching_dims
    order = [*own, *(i for i in places if i not in own)]
    index = graph.node("Cast", index, to=graph.type(np.int64))
    found = graph.node(
        "GatherND",
        graph.node("Transpose", x, perm=(*batch, *indexed, *rest)),
        graph.node("Transpose", index, perm=(*order, len(places))),
        batch_dims=len(batch),
    )
    # Axes are now `order`, then `rest`; the result has them where offset_dims say.
    kept = [d for d in range(len(shape)) if d not in (*p.collapsed_slice_dims, *batch)]
    axes = iter(np.argsort(order).tolist())
    slices = iter(kept)
    perm = []
    for i in range(len(out_shape(eqn))):
        if i not in p.offset_dims:
            perm.append(next(axes))
        elif (d := next(slices)) in rest:  # the others have one entry, back below
            perm.append(len(order) + rest.index(d))
    found = graph.node("Transpose", found, perm=perm)
    return graph.node("Reshape", found, ints(out_shape(eqn)))
