"""One pure function from frames to everything the trained networks say of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from selfme_jax.methods import clips, inputs, registry
from selfme_jax.methods.deep import Deep
from selfme_jax.methods.optical_flow import OpticalFlow
from selfme_jax.motion.network import MotionNetwork, to_pixels
from selfme_jax.ops import flow as flow_ops
from selfme_jax.types import UserError

# What a model reads, by the first stage of its run.
ARGUMENTS = {
    "learned": ("onset", "apex"),
    "tvl1": ("onset", "apex"),
    "apex": ("apex",),
    "images": ("flow",),
}


class Description(NamedTuple):
    """All that inference needs besides arrays; JSON keeps it.

    classes: names, in the order of the probabilities.
    input: 'learned' or 'tvl1' (two frames), 'apex' (one), 'images' (a flow image).
    shape: (h, w, 3) of each.
    network: options of MotionNetwork; {} unless learned.
    flow: of ``inputs.amplify``, and the side ``size`` that a classifier reads.
    method, model, loss: of the classifier, as in the config.
    """

    classes: tuple[str, ...]
    input: str
    shape: tuple[int, int, int]
    network: dict
    flow: dict
    method: str
    model: dict
    loss: dict


class Model(NamedTuple):
    """Networks and their arrays.

    variables: {'motion': ..., 'classifier': ...} host arrays; no 'motion' where none
      was learned.
    """

    description: Description
    motion: MotionNetwork | None
    classifier: Deep
    variables: dict

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the inputs of `apply`."""
        return ARGUMENTS[self.description.input]

    def inputs(self, batch: Any) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes and dtypes of the inputs; the batch is a number or symbolic."""
        dtype = jnp.float32 if self.description.input == "images" else jnp.uint8
        one = jax.ShapeDtypeStruct((batch, *self.description.shape), dtype)
        return (one,) * len(self.arguments)

    def apply(self, variables: dict, *given: jax.Array) -> dict[str, jax.Array]:
        """Everything said about a batch.

        Args:
          variables: as of the model.
          given: frames, [b, h, w, 3] uint8 RGB each; or a flow image [b, h, w, 3]
            float32, channels (u, v, strain), grey levels 0..255.

        Returns:
          probabilities [b, classes]; of two frames also flow [b, h, w, 2] in pixels,
          (x, y), apex(p) = onset(p + flow(p)); of learned motion also onset_keypoints
          and apex_keypoints [b, k, n, 2] in [-1, 1], (x, y), corners at pixel centres.
        """
        found: dict[str, jax.Array] = {}
        if self.description.input == "images":
            (read,) = given
        elif self.description.input == "apex":
            read = clips.to_float(*given)
        else:
            found = self._motion(variables, *map(clips.to_float, given))
            size = self.description.flow["size"]
            read = jax.vmap(partial(clips.shrink, size=size))(found["flow"])
        made = self.classifier
        output = made.module.apply(
            variables["classifier"], made.prepare(read), train=False
        )
        return {"probabilities": jax.nn.softmax(made.logits(output)), **found}

    def _motion(self, variables: dict, onset: jax.Array, apex: jax.Array) -> dict:
        if self.motion is None:
            preset = OpticalFlow(self.description.flow["size"]).preset
            return {"flow": flow_ops.tvl1(apex, onset, preset=preset)}
        said = self.motion.apply(variables["motion"], onset, apex, reconstruct=False)
        return {
            "flow": to_pixels(said.motion.flow, self.description.shape[:2]),
            "onset_keypoints": said.source_keypoints.points,
            "apex_keypoints": said.driving_keypoints.points,
        }

    def outputs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes of what `apply` gives for a batch of 1, sorted by name."""
        found = jax.eval_shape(self.apply, self.template(), *self.inputs(1))
        return dict(sorted(found.items()))

    def template(self) -> dict:
        """Shapes of the variables; nothing is computed."""
        return jax.eval_shape(self._init)

    def _init(self) -> dict:
        key, shape = jax.random.key(0), self.description.shape
        made = {}
        if self.motion is not None:
            blank = jnp.zeros((1, *shape), jnp.float32)
            made["motion"] = self.motion.init(key, blank, blank)
        if len(self.arguments) == 2:  # a flow of them, shrunk
            size = self.description.flow["size"]
            shape = (size, size, 3)
        read = self.classifier.prepare(jnp.zeros((1, *shape), jnp.float32))
        made["classifier"] = self.classifier.module.init(key, read, train=False)
        return made


def describe(config: dict, classes: Sequence[str], shape: Sequence[int]) -> Description:
    """What of a run's config inference needs, for input of ``shape`` (h, w, 3)."""
    method = config["method"]
    return Description(
        classes=tuple(classes),
        input=config["input"],
        shape=tuple(shape),
        network=config["motion"]["network"] if config["input"] == "learned" else {},
        flow=config["flow"],
        method=method,
        model=config[method]["model"],
        loss=config[method]["loss"],
    )


def build(description: Description, variables: dict | None = None) -> Model:
    """The model a description is of.

    Raises:
      UserError: keys or names that this version does not know.
    """
    description = Description(*tuples(description))
    try:
        prepare = inputs.reader(description.input, description.flow)
        if description.input in inputs.FLOWS:
            prepare(jnp.zeros((1, 1, 3)))  # keys that lack or are unknown show here
        create = registry.METHODS[description.method]
        classifier = create(
            len(description.classes),
            prepare,
            description.model,
            description.loss,
            None,  # no recipe: nothing is trained
        )
        motion = MotionNetwork(**description.network) if description.network else None
    except (KeyError, TypeError) as error:
        raise UserError(
            f"the config names what this version of selfme_jax does not know: {error}."
            "\nUse the version that wrote it."
        ) from error
    return Model(description, motion, classifier, variables or {})


def tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were, at any depth."""
    if isinstance(value, dict):
        return {k: tuples(v) for k, v in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value
