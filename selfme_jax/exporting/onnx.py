"""The whole model as ONNX (the extra ``onnx``), for onnxruntime.

Converted here, operation by operation: what jax2onnx 0.17.1 makes of these networks is
refused by onnxruntime (1.32), for a fixed batch and for any.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend import core

from selfme_jax import extras
from selfme_jax.exporting import operations
from selfme_jax.exporting.jaxpr import plain
from selfme_jax.inference import model
from selfme_jax.inference.model import Model
from selfme_jax.types import UserError

FILE = "model.onnx"
OPSET, IR = 18, 9


def write(made: Model, folder: Path) -> None:
    """Write model.onnx, for any batch; names as those of `Model.apply`.

    Convolutions are float32 whatever the network's dtype.

    Raises:
      UserError: onnx is not installed, or the model has an operation without a rule.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError(
            f"--format=onnx needs onnx. Install the extra: {extras.advice('onnx')}"
        ) from error
    network = made.description.network
    wide = {**network, "dtype": "float32"} if network else network
    made = model.build(made.description._replace(network=wide), made.variables)

    def apply(*given):
        return made.apply(made.variables, *given)

    try:
        program = convert(
            apply, made.inputs(1), inputs=made.arguments, outputs=tuple(made.outputs())
        )
    except NotImplementedError as error:
        raise UserError(
            f"this model does not go into ONNX: it needs the operation {error}. Export "
            "it with --format=stablehlo."
        ) from error
    onnx.save(any_batch(program), folder / FILE)


def convert(
    function: Callable,
    shapes: Sequence[jax.ShapeDtypeStruct],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> Any:
    """ONNX of a jax function.

    Args:
      function: of arrays of ``shapes``, which gives arrays (a pytree of them).
      shapes: of its arguments.
      inputs, outputs: names; outputs in the order of the tree's leaves.

    Returns:
      onnx.ModelProto.

    Raises:
      NotImplementedError: an operation without a rule; names it.
    """
    closed = jax.make_jaxpr(plain(function, *shapes))(*shapes)
    graph = Graph()
    known: dict[Any, Any] = dict(zip(closed.jaxpr.invars, inputs, strict=True))
    constants = map(np.asarray, closed.consts)
    known |= zip(closed.jaxpr.constvars, constants, strict=True)

    def value(v):
        return np.asarray(v.val) if isinstance(v, core.Literal) else known[v]

    for eqn in closed.jaxpr.eqns:
        found = _convert(graph, eqn, [value(v) for v in eqn.invars])
        known |= zip(eqn.outvars, found, strict=True)
    for name, v in zip(outputs, closed.jaxpr.outvars, strict=True):
        graph.node("Identity", value(v), name=name)
    ends = zip((*inputs, *outputs), (*closed.in_avals, *closed.out_avals), strict=True)
    return graph.model([(name, aval) for name, aval in ends], len(inputs))


def any_batch(program: Any) -> Any:
    """A program for a batch of 1 -> one for any batch 'b', pair after pair.

    The operations have their shapes written into them; so the whole becomes the body of
    a Scan over the first axis of all inputs and outputs.
    """
    import onnx
    from onnx import helper

    body, axis = program.graph, "first_axis"
    body.initializer.append(onnx.numpy_helper.from_array(np.array([0]), axis))
    before: list[Any] = []
    after: list[Any] = []
    outer = []
    for values, nodes, operation in (
        (body.input, before, "Unsqueeze"),
        (body.output, after, "Squeeze"),
    ):
        infos = []
        for value in values:
            kind, name = value.type.tensor_type, value.name
            shape = [d.dim_value for d in kind.shape.dim]
            infos.append(
                helper.make_tensor_value_info(name, kind.elem_type, ["b", *shape[1:]])
            )
            ends = [f"{name}_of_one", f"{name}_inside"]
            given, made = ends if operation == "Unsqueeze" else ends[::-1]
            nodes.append(helper.make_node(operation, [given, axis], [made]))
            value.name = ends[0]
            del kind.shape.dim[0]
        outer.append(infos)
    # Names are unique over both graphs; those outside are what people call them.
    public = {info.name: f"{info.name}_inside" for infos in outer for info in infos}
    for node in body.node:
        for ends in (node.input, node.output):
            ends[:] = [public.get(name, name) for name in ends]
    nodes = [*before, *body.node, *after]
    del body.node[:]
    body.node.extend(nodes)
    names = [[info.name for info in infos] for infos in outer]
    scan = helper.make_node("Scan", *names, body=body, num_scan_inputs=len(names[0]))
    graph = helper.make_graph([scan], "selfme_jax", *outer)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR)


def _convert(graph: "Graph", eqn: Any, given: list) -> list:
    """Results of an operation: constants where its arguments are, else names."""
    if all(isinstance(x, np.ndarray) for x in given):
        found = eqn.primitive.bind(*given, **eqn.params)
        found = found if eqn.primitive.multiple_results else [found]
        return [np.asarray(x) for x in found]
    if not any(v.aval.size for v in eqn.outvars):
        # Left over from padding by nothing; a size of 0 means another thing in ONNX.
        return [np.zeros(v.aval.shape, v.aval.dtype) for v in eqn.outvars]
    found = operations.rule(eqn.primitive.name)(graph, eqn, *given)
    return found if isinstance(found, list) else [found]


class Graph:
    """Nodes and constants as they come."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._seen: dict[tuple, str] = {}

    def node(
        self, operation: str, *given: Any, outputs: int = 1, name: str = "", **options
    ) -> str:
        """Add a node; the name of its first output (``name``, if given)."""
        from onnx import helper

        names = [x if isinstance(x, str) else self._constant(x) for x in given]
        first = name or f"x{len(self._nodes)}"
        made = [first, *(f"{first}_{i}" for i in range(1, outputs))]
        options = {
            k: v if isinstance(v, str) else np.asarray(v).tolist()
            for k, v in options.items()
        }
        self._nodes.append(helper.make_node(operation, names, made, **options))
        return first

    def type(self, dtype: Any) -> int:
        """ONNX's number for a dtype."""
        from onnx import helper

        return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def model(self, ends: Sequence[tuple[str, Any]], inputs: int) -> Any:
        """The whole; the first so many ``ends`` (name, shape) are its inputs."""
        from onnx import helper

        infos = [
            helper.make_tensor_value_info(name, self.type(x.dtype), x.shape)
            for name, x in ends
        ]
        graph = helper.make_graph(
            self._nodes, "selfme_jax", infos[:inputs], infos[inputs:], self._constants
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR)

    def _constant(self, array: Any) -> str:
        from onnx import numpy_helper

        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._seen:
            self._seen[key] = f"c{len(self._constants)}"
            tensor = numpy_helper.from_array(array, self._seen[key])
            self._constants.append(tensor)
        return self._seen[key]
