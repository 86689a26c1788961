"""Methods by name: a new system is one file, one line here and one in the config."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from selfme_jax.baselines import bi_woof as woof
from selfme_jax.baselines import capsulenet as capsules
from selfme_jax.baselines.capsulenet import CapsuleNet
from selfme_jax.baselines.dual_inception import DualInception
from selfme_jax.baselines.featref import FeatRef, proposal_loss
from selfme_jax.baselines.googlenet import GoogLeNet
from selfme_jax.baselines.htnet import HTNet
from selfme_jax.baselines.off_apexnet import OFFApexNet
from selfme_jax.baselines.ststnet import STSTNet
from selfme_jax.baselines.tcae import Head
from selfme_jax.baselines.vgg16 import VGG16
from selfme_jax.classifier import losses
from selfme_jax.classifier.scvit import SCViT, ViT
from selfme_jax.methods import classic, inputs
from selfme_jax.methods import tcae as features
from selfme_jax.methods.classic import LinearSVM
from selfme_jax.methods.deep import Deep, Recipe
from selfme_jax.methods.published import Published

Prepare = Callable[[np.ndarray], np.ndarray]


def scvit(
    classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
) -> Deep:
    """SCViT: cross-entropy + omega * L_sc."""
    contrast = partial(losses.symmetric_contrastive, temperature=loss["tau"])
    module, term = SCViT(classes=classes, **model), ("contrastive", contrast)
    return _two_headed(module, prepare, loss, recipe, term, weight=loss["omega"])


def ststnet(
    classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
) -> Deep:
    """STSTNet on the published 8-bit form of the flow, whatever ``prepare`` does."""
    del prepare
    return _plain(STSTNet(classes=classes, **model), inputs.levels, loss, recipe)


def published(classes: int, weights: dict, model: dict) -> Published:
    """STSTNet with published fold weights."""
    return Published(inputs.levels, STSTNet(classes=classes, **model), weights)


def capsulenet(
    classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
) -> Deep:
    """CapsuleNet by its margin loss; a logit is the logarithm of a capsule's length."""

    def value(lengths, labels) -> tuple[jax.Array, dict]:
        return capsules.margin_loss(lengths, labels, **loss), {}

    module = CapsuleNet(classes=classes, **model)
    return Deep(prepare, module, value, jnp.log, recipe)


def lbp_top(prepare: Prepare, model: dict, svm: dict) -> LinearSVM:
    """A linear SVM on LBP-TOP; ``model`` is for the first stage, which takes it."""
    del prepare, model
    return classic.linear_svm(classic.flatten, **svm)


def bi_woof(prepare: Prepare, model: dict, svm: dict) -> LinearSVM:
    """A linear SVM on Bi-WOOF of (u, v) as prepared and of the strain as it is.

    ``prepare`` must scale u and v alike, or directions change. A strain less its
    median would be no weight: it is taken from the flow itself.
    """

    def describe(flow: np.ndarray) -> np.ndarray:
        motion = np.concatenate([prepare(flow)[..., :2], flow[..., 2:]], axis=-1)
        return woof.describe(motion, **model)

    return classic.linear_svm(describe, **svm)


def featref(
    classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
) -> Deep:
    """FeatRef: cross-entropy + lambda * proposal loss."""
    module, term = FeatRef(classes=classes, **model), ("proposal", proposal_loss)
    return _two_headed(module, prepare, loss, recipe, term, weight=loss["proposal"])


def tcae(
    classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
) -> Deep:
    """TCAE + FC on the change of its features, whatever ``prepare`` does."""
    del prepare
    return _plain(Head(classes=classes, **model), features.change, loss, recipe)


def reads_flow(kind: Callable) -> Callable[..., Deep]:
    """A network of the flow as configured, trained by cross-entropy."""

    def create(
        classes: int, prepare: Prepare, model: dict, loss: dict, recipe: Recipe
    ) -> Deep:
        return _plain(kind(classes=classes, **model), prepare, loss, recipe)

    return create


def _two_headed(
    module,
    prepare: Prepare,
    loss: dict,
    recipe: Recipe,
    term: tuple[str, Callable],
    *,
    weight: float,
) -> Deep:
    """A module that gives (logits, something): cross-entropy + weight * a term of it.

    term: its name in the metrics, and (something, labels [b]) -> [b].
    """
    name, second = term

    def value(output, labels) -> tuple[jax.Array, dict]:
        logits, found = output
        entropy = losses.cross_entropy(logits, labels, smoothing=loss["smoothing"])
        if not weight:
            return entropy, {"cross_entropy": entropy.mean()}
        other = second(found, labels)
        metrics = {"cross_entropy": entropy.mean(), name: other.mean()}
        return entropy + weight * other, metrics

    return Deep(prepare, module, value, lambda output: output[0], recipe)


def _plain(module, prepare: Prepare, loss: dict, recipe: Recipe) -> Deep:
    def value(output, labels) -> tuple[jax.Array, dict]:
        return losses.cross_entropy(output, labels, **loss), {}

    return Deep(prepare, module, value, lambda output: output, recipe)


METHODS = {
    "scvit": scvit,
    "vit": reads_flow(ViT),
    "ststnet": ststnet,
    "off_apexnet": reads_flow(OFFApexNet),
    "dual_inception": reads_flow(DualInception),
    "vgg16": reads_flow(VGG16),
    "googlenet": reads_flow(GoogLeNet),
    "htnet": reads_flow(HTNet),
    "capsulenet": capsulenet,
    "featref": featref,
    "tcae": tcae,
}
# Networks whose time goes into convolutions.
CONVOLUTIONS = (
    *("ststnet", "off_apexnet", "dual_inception", "featref"),
    *("vgg16", "googlenet", "capsulenet", "htnet"),
)
# Networks whose tokens have initial positions, in which small motion drowns.
POSITIONS = ("scvit", "vit")
# Descriptors with an SVM: no recipe, so another signature.
CLASSIC = {"lbp_top": lbp_top, "bi_woof": bi_woof}
# Methods that read what only one first stage gives, which they bring with them.
READS = {"lbp_top": "lbp_top", "tcae": "tcae_features"}
NAMES = (*METHODS, *CLASSIC)
