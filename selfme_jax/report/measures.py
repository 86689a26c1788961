"""What a target is scored by, and what its floors are, in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

LINEAR = {
    "linear": "a linear model on the same input",
    "linear_standardised": "a linear model on the same input, each image divided "
    "by its deviation",
}


class Measures(NamedTuple):
    """keys: of the two headline scores in results.json; names: for readers.

    floors: what each is, by its name.
    """

    keys: tuple[str, str]
    names: tuple[str, str]
    floors: dict[str, str]


CLASSES = Measures(
    ("uf1", "uar"),
    ("UF1", "UAR"),
    {
        **LINEAR,
        "majority": "the commonest class of the training side",
        "random": "uniform guessing",
    },
)
UNITS = Measures(
    ("mean_f1", "mean_auc"),
    ("mean F1", "mean AUC"),
    {
        **LINEAR,
        "constant": "every action unit always",
        "prevalence": "guessing each as often as the training side shows it",
    },
)


def of(score: Mapping[str, Any]) -> Measures:
    """Those that results, or a part of them, or an entry of a table is scored by."""
    return UNITS if UNITS.keys[0] in score else CLASSES
