"""Bi-WOOF with a linear SVM (Liong et al. 2018)."""

from collections.abc import Mapping

import numpy as np

from selfme_jax.baselines import bi_woof
from selfme_jax.systems import svm
from selfme_jax.systems.base import PaperRow, Prepare, System
from selfme_jax.systems.svm import LinearSVM
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: None
) -> LinearSVM:
    """A linear SVM on Bi-WOOF of (u, v) as prepared and of the strain as it is.

    ``prepare`` must scale u and v alike, or directions change. A strain less its
    median would be no weight: it is taken from the flow itself.
    """
    del target, recipe

    def describe(flow: np.ndarray) -> np.ndarray:
        motion = np.concatenate([prepare(flow)[..., :2], flow[..., 2:]], axis=-1)
        return bi_woof.describe(motion, **settings["model"])

    return svm.linear_svm(describe, **settings["svm"])


BI_WOOF = System(
    "bi_woof",
    "Bi-WOOF",
    {
        "model": {"blocks": (5, 5)},  # rows, columns
        "svm": {
            # C, chosen on training subjects; 1 and 10000 are what publications give.
            "costs": (1.0, 10.0, 100.0, 1000.0, 10000.0),
            "balance": 1.0,  # errors weigh (size of the class) ** -balance
        },
    },
    create,
    rows=(
        PaperRow(
            "Bi-WOOF",
            "tvl1",
            {"casme2": (0.7805, 0.8026), "smic": (0.5727, 0.5829)},
        ),
    ),
    targets=("classes",),
    plain=True,
    whole=True,
)
