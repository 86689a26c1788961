"""The whole model as one StableHLO program that jax runs without this package."""

from pathlib import Path

import jax
from jax import export

from selfme_jax.exporting import template
from selfme_jax.inference.model import Model

FILE, EXAMPLE = "model.stablehlo", "run.py"
PLATFORMS = ("cpu", "cuda", "tpu")


def write(made: Model, folder: Path) -> None:
    """Write model.stablehlo, and run.py that shows how to call it."""
    (folder / FILE).write_bytes(program(made).serialize())
    text = template.render("run.py.j2", model=made, file=FILE)
    (folder / EXAMPLE).write_text(text)


def program(made: Model) -> export.Exported:
    """`Model.apply` with its arrays inside, for any batch, on any platform."""

    def apply(*given):
        return made.apply(made.variables, *given)

    (batch,) = export.symbolic_shape("b")
    return export.export(jax.jit(apply), platforms=PLATFORMS)(*made.inputs(batch))
