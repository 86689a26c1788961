"""SCViT, the paper's classifier, and ViT, the same without regions and contrast."""

from collections.abc import Mapping
from functools import partial

from selfme_jax.classifier import losses
from selfme_jax.classifier.scvit import SCViT as Module
from selfme_jax.classifier.scvit import ViT as PlainModule
from selfme_jax.systems import deep
from selfme_jax.systems.base import PaperRow, Prepare, System
from selfme_jax.systems.deep import Deep, Recipe
from selfme_jax.targets.base import Target


def transformer() -> dict[str, dict]:
    """Settings that SCViT and ViT share: our choice, on CASME II's flow images."""
    return {
        "model": {
            "patch": 7,  # pixels
            "width": 64,
            "depth": 1,
            "heads": 4,
            "mlp": 2.0,  # hidden width / width
            "dropout": 0.0,
            "head": "concat",  # concat | symmetric (SCViT) | mean | token
            "place_scale": 3.0,  # sd of the initial positions
        },
        "loss": {"smoothing": 0.1},  # of labels
        "train": {
            "epochs": 0.0,  # passes over the samples, or 0 and
            "steps": 250,  # updates
            "batch_size": 64,
            "learning_rate": 5e-4,
            "warmup": 0.1,  # share of the steps
            "decay": "cosine",  # cosine (to 0) | constant
            "weight_decay": 0.05,  # AdamW, matrices only
            "clip": 0.0,  # global gradient norm; 0 = none
            "balance": 1.0,  # weigh draws by (size of the class) ** -balance
            "mirror": 0.5,  # probability of mirroring a sample
            "ema": 0.97,  # decay of the evaluated average; 0 = none
        },
    }


def symmetric() -> dict[str, dict]:
    """Settings of SCViT."""
    found = transformer()
    found["model"]["row_fraction"] = 0.5  # share of rows that is upper face
    found["model"]["projection"] = 64  # width of a region feature
    found["model"]["head"] = "symmetric"  # reads the mean of both sides
    found["train"]["mirror"] = 0.0  # would change nothing: see the head
    found["loss"]["omega"] = 0.11  # weight of L_sc (the paper's best)
    found["loss"]["tau"] = 0.07  # its temperature (the paper's best)
    return found


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: Recipe | None
) -> Deep:
    """SCViT: the target's loss + omega * L_sc."""
    loss = settings["loss"]
    contrast = partial(losses.symmetric_contrastive, temperature=loss["tau"])

    def term(features, labels):
        return contrast(features, target.groups(labels))

    return deep.by_two_losses(
        Module(classes=len(target.outputs), **settings["model"]),
        target,
        prepare,
        recipe,
        ("contrastive", term),
        weight=loss["omega"],
        smoothing=loss["smoothing"],
    )


SCVIT = System(
    "scvit",
    "SCViT",
    symmetric(),
    create,
    rows=(
        PaperRow("TV-L1 + SCViT", "tvl1", {"casme2": (0.8460, 0.8305)}),
        PaperRow(
            "SelfME",
            "learned",
            {"casme2": (0.9078, 0.9290), "smic": (0.6972, 0.7012)},
        ),
    ),
    positional=True,
)
VIT = System(
    "vit",
    "ViT",
    transformer(),
    deep.network(PlainModule),
    rows=(PaperRow("TV-L1 + ViT", "tvl1", {"casme2": (0.8060, 0.8016)}),),
    positional=True,
)
