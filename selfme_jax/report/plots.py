"""Figures of scores and training; drawn without a display.

Every function returns a matplotlib Figure of its own (no pyplot, no global state).
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from selfme_jax import files
from selfme_jax.report import measures, verdict
from selfme_jax.targets import facs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, LIGHT = "#2b5c8a", "#c0392b", "#767676", "#d5dbe1"
WIDTH = 7.5  # inches
DPI = 160


def figure(width: float, height: float, rows: int = 1, columns: int = 1, **grid: Any):
    """Empty figure and its axes [rows, columns]."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False, **grid)


def png(drawn: "Figure") -> bytes:
    """The same bytes for the same figure: no date, no version in the file.

    Dollar signs are letters, not formulas: names of people and files may hold them.
    """
    from matplotlib.text import Text

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Letters that the font lacks become boxes: no reason to alarm anybody.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        for text in drawn.findobj(Text):
            text.set_parse_math(False)
        drawn.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figures: Mapping[str, "Figure"], folder: epath.Path) -> dict[str, bytes]:
    """Write <folder>/<name>.png, each atomically; returns the bytes by name."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: png(drawn) for name, drawn in figures.items()}
    for name, data in images.items():
        files.write(folder / f"{name}.png", data)
    return images


def scores(results: dict) -> "Figure":
    """Both measures with 95 % intervals: run, its seeds and vote, floors."""
    bars = {"this run": results, "vote of all seeds": results["ensemble"]}
    if len(results["seeds"]) < 2:
        del bars["vote of all seeds"]
    floors, used = results["floors"], measures.of(results)
    for name in sorted(floors, key=lambda n: -floors[n][used.keys[0]]):
        bars[f"floor: {name}"] = floors[name]
    drawn, axes = figure(WIDTH, 0.8 + 0.36 * len(bars), 1, 2, sharey=True)
    for axis, key, title in zip(axes.flat, used.keys, used.names, strict=True):
        for y, (name, score) in enumerate(bars.items()):
            _score(axis, y, score, key, GREY if name.startswith("floor") else BLUE)
        axis.axvline(
            max(f[key] for f in floors.values()), color=GREY, lw=0.8, ls=":", zorder=0
        )
        axis.set(xlim=(0, 1), xlabel=title)
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


def units(results: dict) -> "Figure":
    """F1 and AUC of each action unit with 95 % intervals, beside its floors."""
    own = results["aus"]
    linear = verdict.linear(results)["aus"]
    constant = results["floors"]["constant"]["aus"]
    drawn, axes = figure(WIDTH, 1.1 + 0.3 * len(own), 1, 2, sharey=True)
    for axis, key, title in zip(axes.flat, ("f1", "auc"), ("F1", "AUC"), strict=True):
        for y, (unit, score) in enumerate(own.items()):
            axis.plot(score["ci95"][key], [y, y], color=BLUE, lw=2, alpha=0.5)
            axis.plot(score[key], y, "o", color=BLUE, ms=6)
            axis.plot(linear[unit][key], y, "|", color=RED, ms=11, mew=1.8)
            axis.plot(constant[unit][key], y, "|", color=GREY, ms=11, mew=1.8)
        axis.set(xlim=(-0.02, 1.02), xlabel=title, ylim=(len(own) - 0.4, -0.6))
        axis.spines[["top", "right"]].set_visible(False)
    labels = [f"{facs.name(unit)} ({score['n']})" for unit, score in own.items()]
    axes[0, 0].set_yticks(range(len(own)), labels, fontsize=9)
    options = {"fontsize": 8, "frameon": False, "ncols": 3}
    axes[0, 1].plot([], [], "o", color=BLUE, label="this run")
    axes[0, 1].plot([], [], "|", color=RED, mew=1.8, label="linear floor")
    axes[0, 1].plot([], [], "|", color=GREY, mew=1.8, label="constant floor")
    axes[0, 1].legend(loc="lower right", bbox_to_anchor=(1, 1), **options)
    return drawn


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
        at, values = zip(*sorted(points), strict=True)
        if len(chunks) > 1:
            axis.plot(at, values, color=BLUE, lw=0.6, alpha=0.35)
        for step, value in points:
            by_step.setdefault(step, []).append(value)
    steps = sorted(by_step)
    axis.plot(steps, [np.mean(by_step[s]) for s in steps], color=BLUE, lw=1.6)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
