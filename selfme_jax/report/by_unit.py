"""F1 of each action unit, by row of a table and by dataset, beside floors and MEB's."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from etils import epath

from selfme_jax import files
from selfme_jax.evaluate import floors, predictions
from selfme_jax.report import meb, plots, tables, verdict
from selfme_jax.report.comparison import RESAMPLES, Cell
from selfme_jax.targets import registry as targets
from selfme_jax.workdir import Workdir

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POOLED = "pooled"


class Line(NamedTuple):
    """F1 by action unit of a row of the table, a floor or a publication.

    data: a dataset, or 'pooled'. mean: F1 over the units. low, high: its 95 % interval.
    units: '1' -> F1, of those that are scored. kind: ours | floor | published.
    """

    row: str
    data: str
    kind: str
    mean: float | None
    low: float | None
    high: float | None
    units: dict[str, float]


def lines(cells: Sequence[Cell], *, published: bool) -> list[Line]:
    """Of the cells that ran, with floors of the first one of each part, by dataset.

    Args:
        cells: of any parts of the data, predictions of action units.
        published: add MEB's, where all is trained on the other datasets as there.
    """
    found: list[Line] = []
    for part in dict.fromkeys(cell.part for cell in cells):
        own = [cell for cell in cells if cell.part == part and cell.folder]
        if own:
            found += _part(part, own, published)
    return found


def _part(part: str, cells: Sequence[Cell], published: bool) -> Iterator[Line]:
    ran = [(cell, _summary(cell)) for cell in cells]
    whole = ran[0][1]
    several = len(whole["datasets"]) > 1
    for name in [None, *(whole["datasets"] if several else ())]:
        data = f"{part}: {name or POOLED}" if several else part
        for cell, summary in ran:
            yield _line(cell.name, data, "ours", verdict.part(summary, name))
        # Linear floors differ with the input; of the first row's the better one.
        yield _line("linear", data, "floor", verdict.linear(whole, name))
        constant = verdict.part(whole["floors"]["constant"], name)
        yield _line("always every unit", data, "floor", constant)
        if published:
            yield from _published(data, name)


def write(folder: epath.Path, title: str, found: Sequence[Line]) -> str:
    """units.md, .csv and .png in an existing folder; returns the text."""
    names = _units(found)
    text = _text(title, found, names)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["data", "row", "kind", "mean", "low", "high", *_heads(names)])
    for line in found:
        own = [line.units.get(name, "") for name in names]
        head = [line.data, line.row, line.kind]
        bounds = (line.mean, line.low, line.high)
        writer.writerow(head + ["" if v is None else v for v in bounds] + own)
    files.write(folder / "units.csv", rows.getvalue())
    files.write(folder / "units.md", text)
    plots.save({"units": draw(title, found)}, folder)
    return text


def draw(title: str, found: Sequence[Line]) -> "Figure":
    """A map of F1: rows of the table down, action units across, by dataset."""
    import numpy as np

    names, groups = _units(found), _by_data(found)
    heights = [len(own) for own in groups.values()]
    drawn, axes = plots.figure(
        plots.WIDTH,
        0.6 + sum(0.28 * n + 0.45 for n in heights),
        len(groups),
        1,
        height_ratios=heights,
    )
    for place, (data, own) in zip(axes[:, 0], groups.items(), strict=True):
        values = np.array(
            [
                [line.units.get(name, np.nan) for name in names]
                + [np.nan if line.mean is None else line.mean]
                for line in own
            ]
        )
        place.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        for y, x in np.argwhere(np.isfinite(values)):
            value = values[y, x]
            place.text(
                *(x, y, f"{value:.2f}"[1 if value < 1 else 0 :]),
                ha="center",
                va="center",
                fontsize=6.5,
                color="white" if value > 0.55 else "black",
            )
        place.axvline(len(names) - 0.5, color="white", lw=3)
        heads = [f"AU {name}" for name in names] + ["mean"]
        place.set_xticks(range(len(heads)), heads, fontsize=6.5)
        place.set_yticks(range(len(own)), [_shown(line) for line in own], fontsize=7)
        place.set_title(data, fontsize=9, loc="left")
        place.tick_params(length=0)
        place.spines[:].set_visible(False)
    drawn.suptitle(f"{title}: F1", fontsize=11)
    return drawn


def _summary(cell: Cell) -> dict:
    place = Workdir(cell.folder)
    rows, below = predictions.read(place.predictions), floors.read(place.floors)
    target = targets.of(rows)
    return target.summarise(rows, below, resamples=RESAMPLES, rule="pooled")


def _line(row: str, data: str, kind: str, score: dict) -> Line:
    low, high = score["ci95"]["mean_f1"]
    units = {name: own["f1"] for name, own in score["aus"].items()}
    return Line(row, data, kind, score["mean_f1"], low, high, units)


def _published(data: str, dataset: str | None) -> Iterator[Line]:
    if dataset is None:
        for name in meb.NAMES:
            units = meb.of_units(name)
            yield Line(f"MEB: {name}", data, "published", meb.f1(name), *_NONE, units)
    elif dataset in meb.DATASETS:
        for name in meb.NAMES:
            mean = meb.f1(name, dataset)
            yield Line(f"MEB: {name}", data, "published", mean, *_NONE, {})


_NONE = (None, None)


def _text(title: str, found: Sequence[Line], names: Sequence[str]) -> str:
    parts = [f"## {title}: F1 by action unit"]
    for data, own in _by_data(found).items():
        rows = [
            (
                _shown(line),
                "" if line.mean is None else f"{line.mean:.3f}",
                "" if line.low is None else f"{line.low:.3f}-{line.high:.3f}",
                *(_value(line, name) for name in names),
            )
            for line in own
        ]
        head = ["", "mean F1", "95 %", *_heads(names)]
        parts.append(f"### {data}\n\n{tables.draw(head, rows).strip()}")
    said = [
        "An F1 counts a unit as seen from a probability of 0.5. Units that no clip "
        "shows, or all, are left out, of the mean too.",
    ]
    if any(line.kind == "published" for line in found):
        said.append(
            "MEB: as its authors' notebooks print it (mean of five runs), on its own "
            "flow of all six datasets; in its means by dataset a unit that is not "
            "there counts as 0. 'pooled' is comparable only where all six are here."
        )
    parts.append("\n".join(f"- {line}" for line in said))
    return "\n\n".join(parts) + "\n"


def _value(line: Line, name: str) -> str:
    return f"{line.units[name]:.3f}" if name in line.units else ""


def _shown(line: Line) -> str:
    return f"floor: {line.row}" if line.kind == "floor" else line.row


def _heads(names: Sequence[str]) -> list[str]:
    return [f"AU {name}" for name in names]


def _units(found: Sequence[Line]) -> list[str]:
    return sorted({name for line in found for name in line.units}, key=int)


def _by_data(found: Sequence[Line]) -> dict[str, list[Line]]:
    names = dict.fromkeys(line.data for line in found)
    return {n: [line for line in found if line.data == n] for n in names}
