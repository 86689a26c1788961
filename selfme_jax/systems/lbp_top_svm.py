"""LBP-TOP with a linear SVM, the baseline of MEGC 2019."""

from collections.abc import Mapping

from selfme_jax.systems import svm
from selfme_jax.systems.base import PaperRow, Prepare, System
from selfme_jax.systems.svm import LinearSVM
from selfme_jax.targets.base import Target


def create(
    target: Target, prepare: Prepare, settings: Mapping, recipe: None
) -> LinearSVM:
    """A linear SVM on LBP-TOP; 'model' is for the Input, which takes it."""
    del target, prepare, recipe
    return svm.linear_svm(svm.flatten, **settings["svm"])


LBP_TOP = System(
    "lbp_top",
    "LBP-TOP",
    {
        "model": {
            "blocks": (5, 5),  # rows, columns
            "radii": (1, 1, 4),  # x and y in pixels, t in frames
            "frames": 0,  # of a clip, by interpolation (TIM); 0 = its own
        },
        "svm": {
            # C, chosen on training subjects; 1 and 10000 are what publications give.
            "costs": (1.0, 10.0, 100.0, 1000.0, 10000.0),
            "balance": 1.0,  # errors weigh (size of the class) ** -balance
        },
    },
    create,
    rows=(
        PaperRow(
            "LBP-TOP",
            "lbp_top",
            {"casme2": (0.7026, 0.7429), "smic": (0.2000, 0.5280)},
        ),
    ),
    reads="lbp_top",
    targets=("classes",),
    plain=True,
)
