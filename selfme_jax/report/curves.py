"""The picture of a table: scores with intervals, floors and the paper's numbers."""

from typing import TYPE_CHECKING

from etils import epath

from selfme_jax.report import layout, measures, paper, plots
from selfme_jax.report.plots import BLUE, GREY, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save(found: list[dict], axis: str, title: str, folder: epath.Path) -> None:
    """Write table.png of entries (``report.comparison.entries``)."""
    drawn = curve(found, axis) if axis else bars(found)
    drawn.suptitle(title, fontsize=11)
    plots.save({"table": drawn}, folder)


def bars(found: list[dict]) -> "Figure":
    """Both measures of every row, a line of panels for each set of data."""
    groups = layout.by_data(found)
    rows = max(len(own) for own in groups.values())
    height = (0.9 + 0.3 * rows) * len(groups) + 0.4
    drawn, axes = plots.figure(plots.WIDTH, height, len(groups), 2, sharex=True)
    for line, (data, own) in zip(axes, groups.items(), strict=True):
        used = measures.of(own[0])
        for place, key, title in zip(line, used.keys, used.names, strict=True):
            for y, entry in enumerate(own):
                _bar(place, y, entry, key)
            place.set(xlim=(0, 1), ylim=(len(own) - 0.4, -0.6))
            place.set_title(f"{title}, {data}", fontsize=9, loc="left")
            place.spines[["top", "right"]].set_visible(False)
            names = [entry["row"] for entry in own] if place is line[0] else []
            place.set_yticks(range(len(names)), names, fontsize=8)
    _legend(axes[0, 1], paper="paper_data" in found[0])
    return drawn


def curve(found: list[dict], axis: str) -> "Figure":
    """Both measures along an axis, a line of panels for each set of data."""
    groups = layout.by_data(found)
    drawn, axes = plots.figure(plots.WIDTH, 2.6 * len(groups) + 0.4, len(groups), 2)
    for line, (data, own) in zip(axes, groups.items(), strict=True):
        used = measures.of(own[0])
        own = [entry for entry in own if entry[used.keys[0]] is not None]
        for place, key, title in zip(line, used.keys, used.names, strict=True):
            at = range(len(own))  # values are not evenly spaced: one step each
            low, high = ([e[f"{key}_{end}"] for e in own] for end in ("low", "high"))
            place.fill_between(at, low, high, color=BLUE, alpha=0.15, lw=0)
            place.plot(at, [e[key] for e in own], "o-", color=BLUE, ms=5, label="ours")
            floor = [e[f"floor_{key}"] for e in own]
            place.plot(at, floor, ":", color=GREY, label="linear floor")
            known = [i for i, e in enumerate(own) if e.get(f"paper_{key}") is not None]
            theirs = [own[i][f"paper_{key}"] for i in known]
            if known:
                place.plot(known, theirs, "D", color=RED, mfc="none", label="paper")
            best = [i for i, e in enumerate(own) if e["x"] == paper.BEST[axis]]
            for i in best:
                place.axvline(i, color=RED, lw=0.8, ls="--", label="the paper's best")
            place.set_xticks(at, [f"{e['x']:g}" for e in own], fontsize=8)
            place.set_xlabel(axis, fontsize=8)
            place.set_title(f"{title}, {data}", fontsize=9, loc="left")
            place.spines[["top", "right"]].set_visible(False)
    axes[0, 1].legend(fontsize=7, frameon=False)
    return drawn


def _bar(place: "Axes", y: int, entry: dict, key: str) -> None:
    if entry[key] is not None:
        span = [entry[f"{key}_low"], entry[f"{key}_high"]]
        place.plot(span, [y, y], color=BLUE, lw=2, alpha=0.5)
        place.plot(entry[key], y, "o", color=BLUE, ms=5)
        place.plot(entry[f"floor_{key}"], y, "|", color=GREY, ms=9, mew=1.5)
    if entry.get(f"paper_{key}") is not None:
        place.plot(entry[f"paper_{key}"], y, "D", color=RED, ms=4, mfc="none")


def _legend(place: "Axes", *, paper: bool) -> None:
    place.plot([], [], "o", color=BLUE, label="ours, 95 %")
    place.plot([], [], "|", color=GREY, mew=1.5, label="linear floor")
    if paper:
        place.plot([], [], "D", color=RED, mfc="none", label="paper")
    place.legend(
        loc="lower right", bbox_to_anchor=(1, 1.08), ncols=3, fontsize=7, frameon=False
    )
