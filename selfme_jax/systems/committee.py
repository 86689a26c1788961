"""The networks of the built-in model: three kinds, a few seeds of each, one answer.

Every network reads 28x28 images (u, v, strain) as published with STSTNet, and gives a
logit for each class and then one for each action unit (AU). Answers are means of logits
over networks.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save

from selfme_jax import files
from selfme_jax.classifier import calibration, procedural
from selfme_jax.classifier.calibration import Calibration
from selfme_jax.classifier.linear import Linear
from selfme_jax.classifier.scvit import SCViT, ViT
from selfme_jax.inputs import flow_reading
from selfme_jax.ops import augment
from selfme_jax.train import variables
from selfme_jax.types import UserError

CLASSES = ("negative", "positive", "surprise")
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)  # MEB's twelve, in its order
KINDS = ("linear", "vit", "scvit")
ALL = "all"  # the mean of all kinds
SIZE = 28  # pixels
SHAPE = (SIZE, SIZE, 3)
WEIGHTS = Path(__file__).parents[1] / "inference" / "weights"

_OUTPUTS = len(CLASSES) + len(UNITS)
_TRANSFORMER: dict[str, Any] = {
    **{"patch": 7, "width": 64, "depth": 1, "heads": 4, "mlp": 2.0},
    **{"dropout": 0.1, "place_scale": 3.0, "classes": _OUTPUTS},
}
# As networks read images: each channel less its median, of this deviation.
_DEVIATION = 0.6
_REMEDY = "It comes with the package: install selfme-jax again, or make it again."


class Decision(NamedTuple):
    """How logits of some kind become answers, fitted on procedural fields.

    margins: [a], an AU is on one side alone where its logits of the two sides differ
    by more.
    """

    calibration: Calibration
    margins: np.ndarray


class Committee(NamedTuple):
    """What answers.

    networks: by kind, parameters with a leading axis of seeds. decisions: by kind, and
    of ALL together.
    """

    networks: Mapping[str, Any]
    decisions: Mapping[str, Decision]


def module(kind: str) -> Any:
    """The network of a kind, [b, 28, 28, 3] -> [b, classes + units] (and features)."""
    if kind == "linear":
        return Linear(_OUTPUTS)
    if kind == "vit":
        return ViT(head="concat", **_TRANSFORMER)
    return SCViT(head="symmetric", row_fraction=0.5, projection=64, **_TRANSFORMER)


def standardise(images: Any) -> Any:
    """What networks read of images [..., h, w, 3] of any unit, uint8 too: float32."""
    options = {"levels": False, "centre": True, "standardise": True}
    return flow_reading.amplify(
        images, scale=_DEVIATION, gamma=1.0, channels="uvs", **options
    )


def kinds_of(member: str) -> tuple[str, ...]:
    """Of ALL or one kind."""
    return KINDS if member == ALL else (member,)


def logits(
    networks: Mapping[str, Any], read: jax.Array, kinds: tuple[str, ...] = KINDS
) -> dict[str, jax.Array]:
    """Mean logits of each kind and of ALL: [b, 28, 28, 3] -> [b, classes + units]."""
    found = {}
    for kind in kinds:
        own = partial(procedural.logits, module(kind), inputs=read, train=False)
        each = jax.vmap(lambda params, own=own: own(params=params))(networks[kind])
        found[kind] = each.mean(0)
    return {**found, ALL: jnp.stack(list(found.values())).mean(0)}


def sided(read: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Images of two left and of two right halves, of standardised ones."""
    mirrored, half = augment.mirror(read), read.shape[-2] // 2
    left = jnp.concatenate([read[..., :half, :], mirrored[..., half:, :]], axis=-2)
    right = jnp.concatenate([mirrored[..., :half, :], read[..., half:, :]], axis=-2)
    return left, right


def side_logits(
    networks: Mapping[str, Any], read: jax.Array, kinds: tuple[str, ...] = KINDS
) -> jax.Array:
    """[b, a], how much more the left half of the picture shows an AU than the right."""
    left, right = (logits(networks, half, kinds)[ALL] for half in sided(read))
    return (left - right)[:, len(CLASSES) :]


def sides(difference: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """-1 left of the picture, 0 both, 1 right: [b, a] int8."""
    return np.where(
        np.abs(difference) > margins, -np.sign(difference).astype(np.int8), 0
    ).astype(np.int8)


def predict(
    networks: Mapping[str, Any], images: np.ndarray, *, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """``logits`` of published images [n, 28, 28, 3], any n.

    A batch at a time, the last one filled up.
    """
    return _in_batches(_logits, networks, images, batch_size)


def differences(
    networks: Mapping[str, Any], images: np.ndarray, *, batch_size: int = 256
) -> np.ndarray:
    """``side_logits`` of published images, [n, a]."""
    return _in_batches(_side_logits, networks, images, batch_size)


@partial(jax.jit, static_argnames="kinds")
def _logits(networks: Any, images: jax.Array, kinds: tuple[str, ...]) -> dict:
    return logits(networks, standardise(images), kinds)


@partial(jax.jit, static_argnames="kinds")
def _side_logits(networks: Any, images: jax.Array, kinds: tuple[str, ...]) -> jax.Array:
    return side_logits(networks, standardise(images), kinds)


def _in_batches(
    run: Callable, networks: Mapping[str, Any], images: np.ndarray, size: int
) -> Any:
    parts = []
    for start in range(0, max(1, len(images)), size):
        own = np.asarray(images[start : start + size], np.float32)
        filled = np.concatenate([own, np.zeros((size - len(own), *SHAPE), np.float32)])
        made = jax.device_get(run(networks, filled, tuple(networks)))
        parts.append(made)
    return jax.tree.map(lambda *x: np.concatenate(x)[: len(images)], *parts)


def dump(made: Committee) -> bytes:
    """Safetensors: networks in float16, decisions in float32."""
    networks = variables.flatten({"networks": dict(made.networks)})
    decisions = variables.flatten({"decisions": _tree(made.decisions)})
    return _pack(
        {name: np.asarray(x, np.float16) for name, x in networks.items()}
        | {name: np.asarray(x, np.float32) for name, x in decisions.items()}
    )


def restore(content: bytes, place: object) -> Committee:
    """Of what ``dump`` made; networks as float32.

    Raises:
      UserError: it is of something else.
    """
    with files.reading(str(place), _REMEDY):
        tree = _unpack(content)
        try:
            networks, given = tree["networks"], tree["decisions"]
            decisions = {name: _decision(given[name]) for name in (ALL, *networks)}
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks {error}") from error
    for kind, params in networks.items():
        _check(place, kind, params, leading=1)
    # In one order, so that means are the same to the bit.
    ordered = {kind: networks[kind] for kind in KINDS if kind in networks}
    return Committee(ordered, decisions)


def dump_network(params: Any) -> bytes:
    """One network, in float16."""
    flat = variables.flatten(params)
    return _pack({name: np.asarray(x, np.float16) for name, x in flat.items()})


def restore_network(content: bytes, kind: str, place: object) -> Any:
    """Of what ``dump_network`` made, as float32.

    Raises:
      UserError: it is of something else.
    """
    with files.reading(str(place), _REMEDY):
        params = _unpack(content)
    _check(place, kind, params, leading=0)
    return params


def _pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    ordered = {name: np.array(arrays[name], order="C") for name in sorted(arrays)}
    return save(ordered, metadata={"format": "selfme_jax"})


def _unpack(content: bytes) -> dict:
    try:
        named = parse(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return variables.unflatten({k: x.astype(np.float32) for k, x in named.items()})


def _check(place: object, kind: str, params: Any, *, leading: int) -> None:
    if kind not in KINDS:
        raise UserError(f"{place} holds a network {kind!r}. {_REMEDY}")
    blank, network = jnp.zeros((1, *SHAPE)), module(kind)
    fits = jax.eval_shape(lambda: network.init(jax.random.key(0), blank))["params"]
    one = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape[leading:], x.dtype), params
    )
    variables.check(place, variables.flatten(one), variables.flatten(fits))


@lru_cache(maxsize=4)
def load(name: str = "builtin", folder: Path = WEIGHTS) -> tuple[Committee, dict]:
    """The committee that comes with the package, and its card.

    Raises:
      UserError: no such file, or of something else.
    """
    place = folder / f"{name}.safetensors"
    content = files.read_bytes(place, _REMEDY)
    card = files.read_json(place.with_suffix(".json"), _REMEDY)
    return restore(content, place), card


def _tree(decisions: Mapping[str, Decision]) -> dict:
    return {
        name: {**x.calibration._asdict(), "margins": x.margins}
        for name, x in decisions.items()
    }


def _decision(given: Mapping[str, np.ndarray]) -> Decision:
    named = {key: given[key] for key in Calibration._fields}
    warmth = float(named.pop("temperature"))
    return Decision(Calibration(temperature=warmth, **named), given["margins"])


def decide(
    decision: Decision, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of logits [b, k + a]: probabilities [b, k], [b, a] and noted [b, a] bool."""
    classes, units = calibration.apply(decision.calibration, found)
    return classes, units, units > decision.calibration.thresholds
