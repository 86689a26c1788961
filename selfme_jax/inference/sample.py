"""What an exported model is tried on, and the code that it needs to cut faces out."""

import shutil
from importlib import resources
from pathlib import Path

import numpy as np

from selfme_jax.data.synthetic import rendered
from selfme_jax.inference.model import Model

# Of this package: faces, as they are cut out of all data here.
FACES = (
    *("__init__.py", "extras.py", "types.py", "data/__init__.py"),
    *(f"data/faces/{n}.py" for n in ("__init__", "anthropometry", "apex", "detection")),
    *(f"data/faces/{n}.py" for n in ("framing", "mesh")),
    *(f"data/faces/weights/{n}" for n in ("NOTICE", "blazeface_short_range.tflite")),
    "data/faces/weights/face_mesh.tflite",
)


def inputs(model: Model) -> tuple[np.ndarray, ...]:
    """What `Model.apply` takes, batch of 1: a procedural face, or a flow image."""
    shapes = model.inputs(1)
    if not model.input.of_clips:
        draw = np.random.default_rng(0)
        return tuple(draw.uniform(100, 156, x.shape).astype(x.dtype) for x in shapes)
    h, w, _ = model.description.shape
    size = max(h, w)
    clip = rendered.load(subjects=1, clips_per_subject=1, size=size, frames=5).clip(0)
    named = {"onset": clip.frames[0], "apex": clip.frames[clip.apex]}
    return tuple(named[name][None, :h, :w] for name in model.arguments)


def copy_faces(folder: Path) -> None:
    """Write the modules that cut faces out, with their weights, as a package."""
    root = resources.files("selfme_jax")
    for name in FACES:
        place = folder / "selfme_jax" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with resources.as_file(root / name) as path:
            shutil.copyfile(path, place)
