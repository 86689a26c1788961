"""Figures of scores, errors and training; drawn without a display.

Every function returns a matplotlib Figure of its own (no pyplot, no global state).
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from etils import epath

from selfme_jax import files
from selfme_jax.evaluate import loso
from selfme_jax.types import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, LIGHT = "#2b5c8a", "#c0392b", "#767676", "#d5dbe1"
WIDTH = 7.5  # inches
DPI = 160


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **grid: dict):
    """Empty figure and its axes [rows, columns]."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False, **grid)


def png(drawn: "Figure") -> bytes:
    """The same bytes for the same figure: no date, no version in the file."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figures: Mapping[str, "Figure"], folder: epath.Path) -> dict[str, bytes]:
    """Write <folder>/<name>.png, each atomically; returns the bytes by name."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: png(drawn) for name, drawn in figures.items()}
    for name, data in images.items():
        files.write(folder / f"{name}.png", data)
    return images


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
        axis.set_title(f"{name} (n = {part['n']})", fontsize=10)
    return drawn


def scores(results: dict) -> "Figure":
    """UF1 and UAR with 95 % intervals: run, its seeds and vote, floors."""
    bars = {"this run": results, "vote of all seeds": results["ensemble"]}
    if len(results["seeds"]) < 2:
        del bars["vote of all seeds"]
    floors = results["floors"]
    for name in sorted(floors, key=lambda n: -floors[n]["uf1"]):
        bars[f"floor: {name}"] = floors[name]
    drawn, axes = figure(WIDTH, 0.8 + 0.36 * len(bars), 1, 2, sharey=True)
    for axis, key in zip(axes.flat, ("uf1", "uar"), strict=True):
        for y, (name, score) in enumerate(bars.items()):
            _score(axis, y, score, key, GREY if name.startswith("floor") else BLUE)
        axis.axvline(
            max(f[key] for f in floors.values()), color=GREY, lw=0.8, ls=":", zorder=0
        )
        axis.set(xlim=(0, 1), xlabel=key.upper())
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_yticks(range(len(bars)), list(bars))
    axes[0, 0].set_ylim(len(bars) - 0.6, -0.7)
    return drawn


def curves(rows: Sequence[dict]) -> "Figure":
    """Training metrics by step: thin, each chunk of runs; thick, their mean.

    Args:
        rows: of metrics.jsonl: stage, chunk, step, seconds, and any metrics.
    """
    panels: dict[tuple[str, str], dict[int, list[tuple[int, float]]]] = {}
    for row in rows:
        for name in row.keys() - {"stage", "chunk", "step", "seconds"}:
            chunks = panels.setdefault((row["stage"], name), {})
            chunks.setdefault(row["chunk"], []).append((row["step"], row[name]))
    order = sorted(panels, key=lambda p: (p[0] != "motion", p[0], p[1] != "loss", p[1]))
    columns = min(3, len(panels))
    count = -(-len(panels) // columns)
    drawn, axes = figure(WIDTH, 2.2 * count, count, columns)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, key in zip(axes.flat, order, strict=False):
        _curve(axis, panels[key])
        axis.set_title(": ".join(key), fontsize=9)
    return drawn


def subjects(predictions: Predictions) -> "Figure":
    """Clips of each test subject and how many are wrong, mean over seeds."""
    pooled = loso.pool(predictions)
    names = np.unique(pooled.dataset)
    drawn, axes = figure(WIDTH, 0.4 + 2.0 * len(names), len(names), 1)
    for axis, name in zip(axes.flat, names, strict=True):
        persons, counts = loso.by_person(loso.select(pooled, name))
        n = counts[0].sum((-2, -1))
        right = np.trace(counts, axis1=-2, axis2=-1).mean(0)
        place = np.arange(len(persons))
        axis.bar(place, n, color=LIGHT, label="clips")
        axis.bar(place, n - right, color=RED, label="wrong (mean of seeds)")
        short = [p.split("/", 1)[1] for p in persons]
        axis.set_xticks(place, short, rotation=90, fontsize=7)
        axis.set_xlim(-0.7, len(persons) - 0.3)
        title = f"{name}: {right.sum():.1f} of {n.sum():.0f} clips right"
        axis.set_title(title, fontsize=9, loc="left")
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(
        fontsize=8, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1)
    )
    return drawn


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


def _score(axis: "Axes", y: int, score: dict, key: str, colour: str) -> None:
    if "ci95" in score:
        axis.plot(score["ci95"][key], [y, y], color=colour, lw=2, alpha=0.5)
    seeds = score.get("seeds", ())
    if len(seeds) > 1:
        values = [s[key] for s in seeds]
        axis.plot(values, [y] * len(values), "|", color=colour, ms=9)
    axis.plot(score[key], y, "o", color=colour, ms=6)
    axis.annotate(
        f"{score[key]:.3f}",
        (score[key], y),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=colour,
    )


def _curve(axis: "Axes", chunks: dict[int, list[tuple[int, float]]]) -> None:
    by_step: dict[int, list[float]] = {}
    for points in chunks.values():
        steps, values = zip(*sorted(points), strict=True)
        if len(chunks) > 1:
            axis.plot(steps, values, color=BLUE, lw=0.6, alpha=0.35)
        for step, value in points:
            by_step.setdefault(step, []).append(value)
    steps = sorted(by_step)
    axis.plot(steps, [np.mean(by_step[s]) for s in steps], color=BLUE, lw=1.6)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
