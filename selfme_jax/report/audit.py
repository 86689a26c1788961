"""The audit: every system by fixed epochs, by the oracle epoch, and on shuffled labels.

The oracle epoch is the best one on each test subject, as published code often takes it.
What it adds to labels that are shuffled, and so hold nothing to learn, is leak alone.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from etils import epath

from selfme_jax import files
from selfme_jax.evaluate import floors, loso, predictions
from selfme_jax.report import finished, html, plots, tables, verdict
from selfme_jax.report.comparison import RESAMPLES, Cell
from selfme_jax.report.plots import BLUE, GREY, RED
from selfme_jax.targets import registry as targets
from selfme_jax.workdir import Workdir

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIANTS = ("fixed epochs", "oracle epoch", "shuffled", "shuffled + oracle epoch")
_LOOKS = {  # colour, fill
    "fixed epochs": (BLUE, BLUE),
    "oracle epoch": (RED, RED),
    "shuffled": (BLUE, "none"),
    "shuffled + oracle epoch": (RED, "none"),
}
_HEAD = (
    *("", "fixed epochs", "oracle epoch", "oracle - fixed"),
    *("shuffled", "shuffled + oracle", "linear floor", "published"),
)


class Score(NamedTuple):
    """UF1 with its 95 % interval, and UAR."""

    uf1: float
    low: float
    high: float
    uar: float


class Line(NamedTuple):
    """A system on a part of the data.

    scores: by VARIANTS, of those that ran. gain: UF1 of the oracle epoch less that of
    fixed epochs, with a paired interval, or None. linear: UF1, UAR of the better linear
    floor. published: as printed by the SelfME paper for these data. seeds, motion: how
    many, of the system and of the motion network (0 = none was learned). why_not: of
    variants that did not run.
    """

    system: str
    data: str
    scores: dict[str, Score]
    gain: tuple[float, float, float] | None
    linear: tuple[float, float] | None
    published: tuple[float, float] | None
    seeds: int
    motion: int
    why_not: dict[str, str]


def lines(cells: Sequence[Cell]) -> list[Line]:
    """Of the cells of an audit, whose names are 'SYSTEM: VARIANT'."""
    grouped: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        system, _, variant = cell.name.partition(": ")
        grouped.setdefault((cell.part, system), {})[variant] = cell
    return [_line(*key, own) for key, own in grouped.items()]


def write(folder: epath.Path, title: str, cells: Sequence[Cell]) -> str:
    """audit.md, .csv, .png and the page audit.html in an existing folder; the text."""
    found = lines(cells)
    notes = _notes(found)
    parts = [f"## {title}"]
    for data, own in by_data(found).items():
        drawn = tables.draw(_HEAD, [row(line) for line in own]).strip()
        parts.append(f"### {data}\n\n{drawn}")
    parts.append("\n".join(f"- {note}" for note in notes))
    text = "\n\n".join(parts) + "\n"
    files.write(folder / "audit.md", text)
    files.write(folder / "audit.csv", _csv(found))
    figures = plots.save({"audit": draw(title, found)}, folder)
    ran = next((c.folder for c in cells if c.folder), None)
    origin = finished.results(Workdir(ran))["provenance"] if ran else {}
    kept = ("git", "versions", "device")
    html.render(
        folder / "audit.html",
        "audit.html.j2",
        figures=figures,
        title=title,
        head=_HEAD,
        groups={d: [row(line) for line in own] for d, own in by_data(found).items()},
        notes=notes,
        results={"provenance": {k: origin[k] for k in kept if k in origin}},
    )
    return text


def row(line: Line) -> tuple[str, ...]:
    """Cells under _HEAD."""
    gain = ""
    if line.gain:
        change, low, high = line.gain
        star = " *" if low > 0 or high < 0 else ""
        gain = f"{change:+.3f} [{low:+.3f}, {high:+.3f}]{star}"
    fixed, oracle, shuffled, both = (_said(line, name) for name in VARIANTS)
    pairs = ("/".join(f"{v:.3f}" for v in p or ()) for p in line[4:6])
    return (line.system, fixed, oracle, gain, shuffled, both, *pairs)


def by_data(found: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines of each part of the data, in order."""
    names = dict.fromkeys(line.data for line in found)
    return {n: [line for line in found if line.data == n] for n in names}


def draw(title: str, found: Sequence[Line]) -> "Figure":
    """UF1 of every system under each variant, with intervals; a panel for each part."""
    groups = by_data(found)
    heights = [len(own) for own in groups.values()]
    height = 1.0 + sum(0.5 * n + 0.4 for n in heights)
    drawn, axes = plots.figure(
        plots.WIDTH, height, len(groups), 1, sharex=True, height_ratios=heights
    )
    for place, (data, own) in zip(axes[:, 0], groups.items(), strict=True):
        for y, line in enumerate(own):
            _bars(place, y, line)
        place.set(xlim=(0, 1), ylim=(len(own) - 0.45, -0.55))
        place.set_yticks(range(len(own)), [line.system for line in own], fontsize=8)
        place.set_title(f"UF1, {data}", fontsize=9, loc="left")
        place.grid(axis="x", color="#e6eaee", lw=0.6)
        place.spines[["top", "right"]].set_visible(False)
    _legend(axes[0, 0])
    drawn.suptitle(title, fontsize=11)
    return drawn


def _line(data: str, system: str, own: Mapping[str, Cell]) -> Line:
    scores, linear, seeds, motion, why_not = {}, None, 0, 0, {}
    pooled = {}
    for name in VARIANTS:
        cell = own.get(name)
        if cell is None or not cell.folder:
            why_not[name] = cell.why_not if cell else "not asked for"
            continue
        place = Workdir(cell.folder)
        rows = predictions.read(place.predictions)
        below = floors.read(place.floors)
        summary = targets.of(rows).summarise(
            rows, below, resamples=RESAMPLES, rule="pooled"
        )
        low, high = summary["ci95"]["uf1"]
        scores[name] = Score(summary["uf1"], low, high, summary["uar"])
        pooled[name] = loso.pool(rows)
        seeds = len(summary["seeds"])
        motion = finished.results(place)["protocol"]["motion_seeds"]
        if name == VARIANTS[0]:
            best = verdict.linear(summary)
            linear = best["uf1"], best["uar"]
    gain = None
    if VARIANTS[0] in pooled and VARIANTS[1] in pooled:
        both = pooled[VARIANTS[1]], pooled[VARIANTS[0]]
        found = loso.difference(*both, resamples=RESAMPLES)
        gain = found["uf1"], *found["ci95"]["uf1"]
    paper = next(iter(own.values())).paper.get(data)
    return Line(
        system,
        data,
        scores=scores,
        gain=gain,
        linear=linear,
        published=paper,
        seeds=seeds,
        motion=motion,
        why_not=why_not,
    )


def _said(line: Line, name: str) -> str:
    if name not in line.scores:
        return "-"
    found = line.scores[name]
    return f"{found.uf1:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _notes(found: Sequence[Line]) -> list[str]:
    ran = [line for line in found if line.scores]
    seeds = _counted([line.seeds for line in ran]) or "no"
    if motion := _counted([line.motion for line in ran if line.motion]):
        motion = f" ({motion} of the motion network)"
    notes = [
        f"UF1 of pooled LOSO predictions, mean of {seeds} seed(s){motion}, with 95 % "
        "intervals over subjects. *: the paired interval of the difference leaves out "
        "0.",
        "Oracle epoch: of every test subject the epoch that is best on that very "
        "subject. No score: a leak ceiling, which published code often reports.",
        "Shuffled: labels dealt out anew within each dataset, so that nothing can be "
        "learned; chance is about a third.",
        "Linear floor: UF1/UAR of a linear model on the same input, the better one of "
        "with and without each image divided by its deviation. Published: UF1/UAR as "
        "the SelfME paper prints them, on other flow.",
    ]
    for line in found:
        lacking = {
            why: [n for n in line.why_not if line.why_not[n] == why]
            for why in line.why_not.values()
        }
        notes += [
            f"{line.system} on {line.data}, {'; '.join(names)}: {why}."
            for why, names in lacking.items()
        ]
    return notes


def _counted(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, sorted(set(numbers))))


def _csv(found: Sequence[Line]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [f"{name}: {key}" for name in VARIANTS for key in Score._fields]
    gains = ("gain", "gain_low", "gain_high")
    floor = ("linear_uf1", "linear_uar", "published_uf1", "published_uar")
    writer.writerow(["system", "data", "seeds", "motion_seeds", *heads, *gains, *floor])
    for line in found:
        values: list = []
        for name in VARIANTS:
            values += line.scores.get(name, ("",) * len(Score._fields))
        values += line.gain or ("", "", "")
        values += (line.linear or ("", "")) + (line.published or ("", ""))
        writer.writerow([line.system, line.data, line.seeds, line.motion, *values])
    return text.getvalue()


def _bars(place: "Axes", y: int, line: Line) -> None:
    for offset, name in zip((-0.27, -0.09, 0.09, 0.27), VARIANTS, strict=True):
        if name not in line.scores:
            continue
        found, (colour, fill) = line.scores[name], _LOOKS[name]
        at = y + offset
        span = [found.low, found.high]
        place.plot(span, [at, at], color=colour, lw=1.5, alpha=0.45)
        place.plot(found.uf1, at, "o", color=colour, mfc=fill, ms=4.5)
    if line.linear:
        place.plot([line.linear[0]] * 2, [y - 0.4, y + 0.4], ":", color=GREY, lw=1.3)
    if line.published:
        place.plot(line.published[0], y, "D", color="black", mfc="none", ms=4)


def _legend(place: "Axes") -> None:
    for name, (colour, fill) in _LOOKS.items():
        place.plot([], [], "o", color=colour, mfc=fill, ms=4.5, label=name)
    place.plot([], [], ":", color=GREY, label="linear floor")
    place.plot([], [], "D", color="black", mfc="none", ms=4, label="published")
    place.legend(
        loc="lower right", bbox_to_anchor=(1, 1.02), ncols=3, fontsize=7, frameon=False
    )
