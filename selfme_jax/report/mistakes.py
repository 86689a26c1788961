"""Figures of mistakes: between which classes, and of whose clips."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from selfme_jax.evaluate import loso
from selfme_jax.report import words
from selfme_jax.report.plots import GREY, LIGHT, RED, WIDTH, figure
from selfme_jax.types import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion(results: dict) -> "Figure":
    """Counts (mean over seeds) and shares of each true class.

    All samples, and each dataset where there are several.
    """
    parts = {"all": results} if len(results["datasets"]) > 1 else {}
    parts |= results["datasets"]
    columns = min(len(parts), 3)
    rows = -(-len(parts) // columns)
    drawn, axes = figure(WIDTH, WIDTH * 0.95 / max(columns, 2) * rows, rows, columns)
    for axis in axes.flat[len(parts) :]:
        axis.set_axis_off()
    for axis, (name, part) in zip(axes.flat, parts.items(), strict=False):
        _confusion(axis, np.array(part["confusion"]), part["classes"])
        name = words.shorten(name, 30)
        axis.set_title(f"{name} (n = {part['n']})", fontsize=10)
    return drawn


def subjects(predictions: Predictions) -> "Figure":
    """Each test subject, mean over seeds: clips and how many of them are wrong.

    Of action units: how many its clips show, how many of these are missed, and how many
    are seen that are not there.
    """
    pooled = loso.pool(predictions)
    names = np.unique(pooled.dataset)
    drawn, axes = figure(WIDTH, 0.6 + 2.1 * len(names), len(names), 1)
    for axis, name in zip(axes.flat, names, strict=True):
        part = loso.select(pooled, name)
        persons, person = np.unique(part.person, return_inverse=True)
        bars, title = (_decisions if predictions.several else _clips)(part, person)
        place = np.arange(len(persons))
        for label, (heights, colour) in bars.items():
            axis.bar(place, heights, color=colour, label=label)
        short = [words.shorten(p.split("/", 1)[1], 16) for p in persons]
        size = min(7.0, 470 / len(persons))  # points: names must not meet
        axis.set_xticks(place, short, rotation=90, fontsize=size)
        axis.set_xlim(-0.7, len(persons) - 0.3)
        axis.set_title(f"{words.shorten(name, 30)}: {title}", fontsize=9, loc="left")
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(
        fontsize=8, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1.08)
    )
    return drawn


def _clips(part: loso.Pooled, person: np.ndarray) -> tuple[dict, str]:
    """Bars {label: (heights [p], colour)} and the title of one dataset of classes."""
    wrong = (part.probs.argmax(-1) != part.label).mean(0)
    n, errors = np.bincount(person), np.bincount(person, wrong)
    title = f"{n.sum() - errors.sum():.1f} of {n.sum()} clips right"
    return {"clips": (n, LIGHT), "wrong (mean of seeds)": (errors, RED)}, title


def _decisions(part: loso.Pooled, person: np.ndarray) -> tuple[dict, str]:
    """The same of action units."""
    likely = part.probs >= 0.5
    missed = ((part.label == 1) & ~likely).mean(0).sum(-1)
    alarms = ((part.label == 0) & likely).mean(0).sum(-1)
    shown, missed, alarms = (
        np.bincount(person, w) for w in (part.label.sum(-1), missed, alarms)
    )
    found = shown.sum() - missed.sum()
    title = f"{found:.1f} of {shown.sum():.0f} found, {alarms.sum():.1f} false"
    bars = {
        "shown": (shown, LIGHT),
        "missed (mean of seeds)": (missed, RED),
        "seen, not there": (-alarms, GREY),
    }
    return bars, title


def _confusion(axis: "Axes", counts: np.ndarray, classes: Sequence[str]) -> None:
    totals = counts.sum(1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(counts):
        axis.text(
            *(j, i, f"{value:.1f}".removesuffix(".0") + f"\n{100 * share[i, j]:.0f} %"),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if share[i, j] > 0.55 else "black",
        )
    axis.set_xticks(range(len(classes)), classes, fontsize=8)
    axis.set_yticks(range(len(classes)), classes, fontsize=8, rotation=90, va="center")
    axis.set_xlabel("predicted", fontsize=8)
    axis.set_ylabel("true", fontsize=8)
