"""Published numbers of CD6ME: six datasets, each tested on what the others trained.

Varanka, Li, Peng and Zhao, "Data leakage and evaluation issues in micro-expression
analysis" (2023); read in the outputs of the authors' notebooks (tvaranka/meb on GitHub,
experiments/benchmarks: "Optical flow networks" at 97864b6, "Constant" at 3fe7844).
Binary F1 in per cent, mean of five runs. A unit that a dataset does not show (AU 5 of
CASME) counts as 0 in its mean there; it is left out of ours.

Their OFF-ApexNet is another network than the published one (one stream, 807,909
weights). Flow is their own, at 28 pixels, for SSSNet 64, for RCN-A 60.
"""

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
DATASETS = ("casme", "casme2", "samm", "fourdme", "mmew", "casme3")
MEAN = "mean"

# Mean F1 over the twelve action units, by held-out dataset; last, of all of them the
# mean over units of predictions that are pooled over datasets.
_BY_DATASET = {
    "SSSNet": (33.1, 46.3, 42.3, 34.3, 38.1, 36.2, 40.5),
    "OFF-ApexNet": (30.5, 43.1, 43.6, 30.6, 37.1, 36.8, 39.5),
    "STSTNet": (29.9, 38.3, 34.9, 23.1, 30.2, 29.2, 31.8),
    "RCN-A": (24.2, 34.6, 33.5, 24.7, 26.4, 27.1, 28.7),
    "always every unit": (16.08, 19.4, 15.33, 20.16, 20.72, 15.12, 17.77),
}
# F1 of each action unit, pooled over datasets.
_BY_UNIT = {
    "SSSNet": (
        *(74.6, 72.1, 87.5, 13.6, 5.3, 48.6),
        *(20.3, 19.3, 36.2, 40.8, 22.7, 44.7),
    ),
    "OFF-ApexNet": (
        *(74.9, 70.2, 86.3, 13.5, 3.3, 44.5),
        *(36.6, 18.3, 32.0, 37.7, 19.0, 38.2),
    ),
    "STSTNet": (
        *(74.2, 68.8, 85.7, 3.6, 6.4, 29.0),
        *(18.6, 9.0, 16.7, 29.0, 11.8, 28.3),
    ),
    "RCN-A": (
        *(74.8, 71.0, 85.3, 4.7, 0.0, 24.1),
        *(15.9, 0.0, 21.1, 23.7, 0.0, 24.0),
    ),
    "always every unit": (
        *(26.04, 24.23, 51.7, 12.38, 5.74, 22.08),
        *(10.89, 7.12, 15.95, 24.0, 4.99, 8.12),
    ),
}


def f1(name: str, dataset: str = MEAN) -> float | None:
    """Mean F1 in [0, 1] of a network on a held-out dataset, or of all of them."""
    names = (*DATASETS, MEAN)
    if name not in _BY_DATASET or dataset not in names:
        return None
    return _BY_DATASET[name][names.index(dataset)] / 100


def of_units(name: str) -> dict[str, float]:
    """F1 in [0, 1] by action unit ('1', '2', ...), pooled over datasets."""
    return {
        str(unit): value / 100
        for unit, value in zip(UNITS, _BY_UNIT[name], strict=True)
    }


NAMES = tuple(_BY_DATASET)
