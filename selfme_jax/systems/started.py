"""Systems that start from the built-in model: they learn what it does not yet know.

The answers of the built-in model stay as they are; what is trained is added to them. It
has the body of its own kind in the built-in model and a head of zeros, so that before
the first step the answers are the built-in ones, and a few small steps are enough
(DESIGN: our choice; the alternatives that were tried stand in docs/builtin.md).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from selfme_jax.systems import builtin, committee
from selfme_jax.systems.committee import KINDS
from selfme_jax.systems.deep import Deep
from selfme_jax.targets.base import Target
from selfme_jax.types import UserError

STARTS = ("", "builtin")
ABLE = ("vit", "scvit")


class Added(NamedTuple):
    """A module whose logits are added to those that come with the input.

    channels: of the input that the module reads; the others are logits, the same at
    all pixels.
    """

    body: Any
    channels: int

    def init(self, key: jax.Array, read: jax.Array, **options: Any) -> Any:
        """Variables of the body."""
        return self.body.init(key, read[..., : self.channels], **options)

    def apply(self, given: Any, read: jax.Array, **options: Any) -> Any:
        """What the body gives, its logits added to.

        Of ``mutable``, as Flax does, (that, the state).
        """
        found = self.body.apply(given, read[..., : self.channels], **options)
        output, *state = found if "mutable" in options else (found,)
        offset = read[:, 0, 0, self.channels :]
        if isinstance(output, tuple):
            output = (output[0] + offset, *output[1:])
        else:
            output = output + offset
        return (output, *state) if state else output


def begin(made: Deep, kind: str, target: Target, *, channels: int) -> Deep:
    """``made`` on top of the built-in model.

    Args:
        made: SCViT or ViT, from nothing.
        kind: which of the two.
        target: what is predicted; its outputs must be known to the built-in model.
        channels: of what ``made`` reads, 2 or 3.

    Raises:
        UserError: another system, other sizes of the network, or unknown outputs.
    """
    if kind not in ABLE:
        raise UserError(
            f"config.start=builtin is for {' and '.join(ABLE)}, not {kind}: the "
            "built-in model holds no such network. Leave --config.start away."
        )
    found = builtin.create(target, None, {"member": "all", "weights": ""}, None)
    body = jax.tree.map(lambda x: x[0], dict(found.made.networks[kind]))
    _fits(made.module, kind, body, channels)
    del body["head"]
    networks = {name: found.made.networks[name] for name in KINDS}
    return made._replace(
        prepare=partial(_prepare, made.prepare, networks, found.adjust),
        module=Added(made.module, channels),
        start={"params": body},
    )


def _prepare(
    own: Callable, networks: Mapping[str, Any], adjust: Callable, given: Any
) -> Any:
    """[..., 28, 28, 3] -> what the body reads, and logits as further channels."""
    if given.shape[-3:] != committee.SHAPE:
        raise UserError(
            f"config.start=builtin reads images of {committee.SHAPE}, not "
            f"{given.shape[-3:]}. Make them as published with STSTNet."
        )
    xp = given.__array_namespace__()
    images = given.reshape(-1, *committee.SHAPE)
    logits: Any
    if isinstance(given, np.ndarray):
        logits = committee.predict(networks, images)[committee.ALL]
    else:
        logits = committee.logits(networks, committee.standardise(images))["all"]
    scores = adjust(logits).astype(np.float32).reshape(*given.shape[:-3], 1, 1, -1)
    shape = (*given.shape[:-1], scores.shape[-1])
    return xp.concatenate([own(given), xp.broadcast_to(scores, shape)], axis=-1)


def _fits(module: Any, kind: str, body: Mapping, channels: int) -> None:
    read = jax.ShapeDtypeStruct(
        (1, committee.SIZE, committee.SIZE, channels), "float32"
    )
    wanted = jax.eval_shape(module.init, jax.random.key(0), read)["params"]
    mine, theirs = (
        {
            k: np.shape(x)
            for k, x in jax.tree_util.tree_leaves_with_path(
                {name: part for name, part in tree.items() if name != "head"}
            )
        }
        for tree in (wanted, body)
    )
    if mine != theirs:
        raise UserError(
            f"config.start=builtin has {kind} as config.{kind}.model is by default, "
            "and reads u, v and strain. Leave these keys as they are."
        )
