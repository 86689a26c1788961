"""One pure function from frames to everything the trained networks say of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from selfme_jax.data.faces import framing
from selfme_jax.inputs.base import Input
from selfme_jax.inputs.registry import INPUTS
from selfme_jax.systems.deep import Deep
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.targets import registry as targets
from selfme_jax.targets.base import Target
from selfme_jax.types import UserError

if TYPE_CHECKING:
    from selfme_jax.inference.predictor import Predictor
    from selfme_jax.inference.results import Result


class Description(NamedTuple):
    """All that inference needs besides arrays; JSON keeps it.

    classes: names of the probabilities, in their order.
    input: by name; shape: (h, w, 3) of each of its arguments.
    network: options of its network; {} where it has none.
    flow: of ``flow_reading.amplify``, and the side ``size`` that a classifier reads.
    method, model, loss: of the classifier, as in the config.
    target: what the probabilities are of.
    face: how a face was cut out of frames (``data.faces.framing``): detector, margin
      and drop in faces, and whether it was turned until the eyes are level; None where
      there were no frames, or nobody wrote it down.
    """

    classes: tuple[str, ...]
    input: str
    shape: tuple[int, ...]
    network: dict
    flow: dict
    method: str
    model: dict
    loss: dict
    target: str
    face: dict[str, Any] | None = None


class Model(NamedTuple):
    """Networks and their arrays.

    network: of the Input; None where it has none.
    variables: {'motion': ..., 'classifier': ...} host arrays; no 'motion' where there
      is no network.
    """

    description: Description
    network: Any
    classifier: Deep
    variables: dict

    @property
    def input(self) -> Input:
        """What of frames the classifier reads."""
        return INPUTS[self.description.input]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the inputs of `apply`."""
        return self.input.arguments

    def inputs(self, batch: Any) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes and dtypes of the inputs; the batch is a number or symbolic."""
        dtype = jnp.uint8 if self.input.of_clips else jnp.float32
        one = jax.ShapeDtypeStruct((batch, *self.description.shape), dtype)
        return (one,) * len(self.arguments)

    def apply(self, variables: Mapping, *given: jax.Array) -> dict[str, jax.Array]:
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
        size = self.description.flow["size"]
        motion = variables.get("motion")
        read, told = self.input.apply(self.network, motion, *given, size=size)
        made = self.classifier
        output = made.module.apply(
            variables["classifier"], made.prepare(read), train=False
        )
        return {"probabilities": made.target.link(made.logits(output)), **told}

    def outputs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes of what `apply` gives for a batch of 1, sorted by name."""
        found = jax.eval_shape(self.apply, self.template(), *self.inputs(1))
        return dict(sorted(found.items()))

    def predictor(self, name: str = "a network of your own") -> "Predictor":
        """What answers own clips by these networks.

        Raises:
          UserError: they read no frames.
        """
        from selfme_jax.inference.network_answers import NetworkAnswers
        from selfme_jax.inference.predictor import Predictor

        said = f"Answered by {name}; its scores stand in the card that came with it."
        return Predictor(NetworkAnswers(self, {"words": [said]}), name)

    def predict(self, what: Any, **options: Any) -> "Result":
        """All that is said of one clip: see ``Predictor.predict``."""
        return self.predictor().predict(what, **options)

    def template(self) -> dict:
        """Shapes of the variables; nothing is computed."""
        return jax.eval_shape(self._init)

    def _init(self) -> dict:
        key = jax.random.key(0)
        given = [jnp.zeros(x.shape, x.dtype) for x in self.inputs(1)]
        made: dict[str, Any] = {}
        if self.network is not None:
            blank = jnp.zeros(given[0].shape, jnp.float32)
            made["motion"] = self.network.init(key, blank, blank)
        size = self.description.flow["size"]
        read, _ = self.input.apply(self.network, made.get("motion"), *given, size=size)
        read = self.classifier.prepare(read)
        made["classifier"] = self.classifier.module.init(key, read, train=False)
        return made


def describe(
    settings: Mapping[str, Any],
    target: Target,
    shape: Sequence[int],
    *,
    detector: str = "",
) -> Description:
    """What of a run's config inference needs, for input of ``shape`` (h, w, 3).

    Args:
      detector: by which faces were cut out of the clips; '' = nobody knows.
    """
    method, given = settings["method"], INPUTS[settings["input"]]
    return Description(
        classes=target.outputs,
        input=given.name,
        shape=tuple(shape),
        network=dict(given.network_options(settings)),
        flow=settings["flow"],
        method=method,
        model=settings[method]["model"],
        loss=settings[method]["loss"],
        target=target.name,
        face=_face(detector) if given.of_clips and detector else None,
    )


def _face(detector: str) -> dict[str, Any]:
    return {
        "detector": detector,
        "margin": framing.MARGIN,
        "drop": framing.DROP,
        "eyes_level": detector != "frame",
    }


def build(description: Description, variables: dict | None = None) -> Model:
    """The model a description is of.

    Raises:
      UserError: keys or names that this version does not know.
    """
    try:
        given, system = INPUTS[description.input], SYSTEMS[description.method]
        prepare = given.reader(description.flow)
        if given.is_flow:
            prepare(jnp.zeros((1, 1, 3)))  # keys that lack or are unknown show here
            int(description.flow["size"])
        settings = {"model": description.model, "loss": description.loss, "weights": ""}
        target = targets.restored(description.target, description.classes)
        # Of an SVM no model is made.
        classifier = cast(Deep, system.create(target, prepare, settings, None))
        network = given.network(description.network) if description.network else None
    except (KeyError, TypeError) as error:
        raise UserError(
            f"the config names what this version of selfme_jax does not know: {error}."
            "\nUse the version that wrote it."
        ) from error
    return Model(description, network, classifier, variables or {})
