"""The whole model as one StableHLO program that jax runs without this package."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from selfme_jax.exporting import template
from selfme_jax.inference import sample
from selfme_jax.inference.model import Model

FILE, EXAMPLE, SAMPLE, LIB = "model.stablehlo", "run.py", "sample.npz", "lib"
PLATFORMS = ("cpu", "cuda", "tpu")


def write(made: Model, folder: Path) -> None:
    """Write model.stablehlo, and what runs it.

    run.py takes films, pictures and arrays; lib/ is the code that cuts faces out;
    sample.npz a procedural pair (nobody) with what the model says of it.
    """
    exported = program(made)
    (folder / FILE).write_bytes(exported.serialize())
    given = sample.inputs(made)
    said = exported.call(*given)
    kept: dict[str, Any] = {
        f"in_{n}": x for n, x in zip(made.arguments, given, strict=True)
    }
    kept |= {f"out_{name}": np.asarray(x) for name, x in said.items()}
    np.savez_compressed(folder / SAMPLE, **kept)
    if made.input.of_clips:
        sample.copy_faces(folder / LIB)
    text = template.render(
        "run.py.j2",
        model=made,
        file=FILE,
        sample=SAMPLE,
        lib=LIB,
        face=made.description.face or {},
    )
    (folder / EXAMPLE).write_text(text)


def program(made: Model) -> export.Exported:
    """`Model.apply` with its arrays inside, for any batch, on any platform."""

    def apply(*given):
        return made.apply(made.variables, *given)

    (batch,) = export.symbolic_shape("b")
    return export.export(jax.jit(apply), platforms=PLATFORMS)(*made.inputs(batch))
