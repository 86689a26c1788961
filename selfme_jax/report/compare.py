"""Differences between finished runs, with intervals over the subjects that all have.

Every number is computed from the predictions.csv of the runs: one run's resample holds
the same subjects as the other's, so what they share cancels.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from etils import epath

from selfme_jax import files
from selfme_jax.evaluate import loso, units
from selfme_jax.evaluate.loso import Pooled
from selfme_jax.report import measures, plots, tables, verdict, words
from selfme_jax.report.plots import BLUE, GREY
from selfme_jax.targets import facs
from selfme_jax.types import Predictions, UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESAMPLES = 2000
COLUMNS = (
    *("data", "unit", "measure", "run", "minus", "score", "score_minus"),
    *("difference", "low", "high"),
)
_LONGEST = 40  # letters of a run's name in tables and pictures

Runs = Sequence[tuple[str, Predictions, Mapping[str, Any]]]


def write(folder: epath.Path, runs: Runs) -> str:
    """compare.md, .txt, .csv and .png in ``folder``; returns the text.

    Args:
        folder: made if it is not there.
        runs: two or more of (name, rows of predictions.csv, results.json), of either
            target. Scores are of pooled predictions, whatever their own rule.

    Raises:
        UserError: fewer than two, a name twice, or runs of other samples or outputs.
    """
    pooled = _same(runs)
    summarise = units.summarise if runs[0][1].several else loso.summarise
    scores = {
        name: {**summarise(rows, resamples=RESAMPLES), "protocol": results["protocol"]}
        for name, rows, results in runs
    }
    found = list(_differences(pooled, scores))
    text = _text(scores, found)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"md": text, "txt": text, "csv": lines.getvalue()}
    for kind, content in contents.items():
        files.write(folder / f"compare.{kind}", content)
    plots.save({"compare": picture(found)}, folder)
    return text


def picture(found: Sequence[Mapping[str, Any]]) -> "Figure":
    """Differences with intervals: each pair of runs, on each set of data.

    Of two runs also those of each action unit.
    """
    panels = _panels(found)
    rows = [max(len(own) for own in both.values()) for both in panels.values()]
    height = sum(0.75 + 0.3 * count for count in rows) + 0.3
    options = {"height_ratios": [1.5 + count for count in rows]}
    drawn, axes = plots.figure(
        plots.WIDTH, height, len(panels), 2, sharey="row", gridspec_kw=options
    )
    for line, (title, both) in zip(axes, panels.items(), strict=True):
        for axis, (measure, own) in zip(line, both.items(), strict=True):
            _panel(axis, own)
            axis.set_title(f"change of {measure}, {title}", fontsize=9, loc="left")
        names = [entry["name"] for entry in next(iter(both.values()))]
        line[0].set_yticks(range(len(names)), names, fontsize=8)
    return drawn


def _same(runs: Runs) -> dict[str, Pooled]:
    """The predictions by name, all of the same samples."""
    names = [name for name, _, _ in runs]
    if len(names) < 2:
        raise UserError("give two or more finished runs to compare.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{twice[0]} is given twice. Give different runs.")
    pooled = {name: loso.pool(rows) for name, rows, _ in runs}
    first, ours = next(iter(pooled.items()))
    for name, theirs in pooled.items():
        if not loso.alike(ours, theirs):
            raise UserError(
                f"{first} and {name} cannot be compared: {_why(ours, theirs)}.\n"
                "Compare runs of the same samples, labels and target."
            )
    return pooled


def _why(ours: Pooled, theirs: Pooled) -> str:
    if ours.classes != theirs.classes:
        sides = (tables.listed(side.classes) for side in (ours, theirs))
        return "they predict {} and {}".format(*sides)
    a, b = set(ours.sample), set(theirs.sample)
    if a != b:
        first = words.shorten(min(a ^ b), 60)
        return (
            f"{len(a - b)} samples are in the first alone and {len(b - a)} in the "
            f"second ({first})"
        )
    other = (ours.label != theirs.label).reshape(len(ours.sample), -1).any(1)
    first = words.shorten(str(ours.sample[other.argmax()]), 60)
    return f"{other.sum()} samples have other labels ({first})"


def _differences(
    pooled: Mapping[str, Pooled], scores: Mapping[str, dict]
) -> Iterator[dict]:
    """A dict by COLUMNS for each set of data, pair, measure (and action unit)."""
    names = list(next(iter(scores.values()))["datasets"])
    for data in ["", *(names if len(names) > 1 else [])]:
        for first, second in combinations(pooled, 2):
            views = [
                loso.select(pooled[name], data) if data else pooled[name]
                for name in (second, first)
            ]
            of_units = "aus" in scores[first]
            kind = units if of_units else loso
            change = kind.difference(*views, resamples=RESAMPLES)
            parts = [verdict.part(scores[name], data) for name in (second, first)]
            common = {
                "data": data or (names[0] if len(names) == 1 else "pooled"),
                "run": second,
                "minus": first,
            }
            for unit in ["", *change.get("aus", ())]:
                sides = [part["aus"][unit] if unit else part for part in parts]
                own = change["aus"][unit] if unit else change
                for key, (low, high) in own["ci95"].items():
                    yield common | {
                        "unit": unit,
                        "measure": key,
                        "score": sides[0][key],
                        "score_minus": sides[1][key],
                        "difference": own[key],
                        "low": low,
                        "high": high,
                    }


def _text(scores: Mapping[str, dict], found: Sequence[dict]) -> str:
    """Scores of all runs, their differences, and what to know, as Markdown."""
    first = next(iter(scores.values()))
    used = measures.of(first)
    what = f"{first['n']} clips of {first['subjects']} subjects"
    parts = [f"## {len(scores)} runs on the same {what}"]
    rows = [
        (
            words.shorten(name, _LONGEST),
            verdict.seeds(own),
            str(own["protocol"]["motion_scope"]),
            *(tables.interval(own, key) for key in used.keys),
        )
        for name, own in scores.items()
    ]
    head = ("run", "seeds", "motion_scope", *used.names)
    parts.append(tables.draw(head, rows).strip())
    parts.append(_pairs(used.names, [e for e in found if not e["unit"]]))
    if len(scores) == 2 and "aus" in first:
        parts.append(_units([e for e in found if e["unit"]]))
    parts.append("\n".join(f"- {note}" for note in _notes(scores)))
    return "\n\n".join(parts) + "\n"


def _notes(scores: Mapping[str, dict]) -> list[str]:
    said: dict[str, list[str]] = {}
    for name, own in scores.items():
        for note in verdict.notes(own):
            said.setdefault(note, []).append(words.shorten(name, _LONGEST))
    return [
        "Differences with 95 % intervals over subjects, the same ones for both runs. "
        "*: the interval leaves out 0 (not corrected for the number of pairs)."
    ] + [
        f"{'All' if len(names) == len(scores) else tables.listed(names)}: {note}"
        for note, names in said.items()
    ]


def _pairs(names: Sequence[str], found: Sequence[dict]) -> str:
    """Both measures of a pair stand in one row."""
    rows = [
        (_pair(a), words.shorten(a["data"], _LONGEST), _change(a), _change(b))
        for a, b in zip(found[::2], found[1::2], strict=True)
    ]
    return tables.draw(("difference", "data", *names), rows).strip()


def _units(found: Sequence[dict]) -> str:
    rows = [
        (
            facs.name(a["unit"]),
            words.shorten(a["data"], _LONGEST),
            f"{a['score_minus']:.3f}",
            f"{a['score']:.3f}",
            _change(a),
            _change(b),
        )
        for a, b in zip(found[::2], found[1::2], strict=True)
    ]
    sides = [words.shorten(found[0][key], 20) for key in ("minus", "run")]
    head = ("action unit", "data", *(f"F1 {side}" for side in sides), "F1", "AUC")
    return tables.draw(head, rows).strip()


def _pair(entry: Mapping[str, Any]) -> str:
    sides = (words.shorten(entry[key], _LONGEST) for key in ("run", "minus"))
    return " - ".join(sides)


def _change(entry: Mapping[str, Any]) -> str:
    low, high = entry["low"], entry["high"]
    real = " *" if low > 0 or high < 0 else ""
    return f"{entry['difference']:+.3f} [{low:+.3f}, {high:+.3f}]{real}"


def _panels(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[dict]]]:
    """{title: {measure in words: entries, with the name of their row}}."""
    titles = {
        **dict(zip(measures.CLASSES.keys, measures.CLASSES.names, strict=True)),
        **dict(zip(measures.UNITS.keys, measures.UNITS.names, strict=True)),
        **{"f1": "F1", "auc": "AUC"},
    }
    pairs = {(entry["run"], entry["minus"]) for entry in found}
    panels: dict[str, dict[str, list[dict]]] = {}
    for entry in found:
        data = words.shorten(entry["data"], 22)
        if entry["unit"] and len(pairs) > 1:
            continue
        title = f"{data}, by action unit" if entry["unit"] else data
        sides = (words.shorten(entry[key], 18) for key in ("run", "minus"))
        name = facs.name(entry["unit"]) if entry["unit"] else "\n- ".join(sides)
        both = panels.setdefault(title, {})
        both.setdefault(titles[entry["measure"]], []).append({**entry, "name": name})
    return panels


def _panel(axis: "Axes", own: Sequence[Mapping[str, Any]]) -> None:
    axis.axvline(0, color=GREY, lw=0.8)
    for y, entry in enumerate(own):
        settled = entry["low"] > 0 or entry["high"] < 0
        axis.plot([entry["low"], entry["high"]], [y, y], color=BLUE, lw=2, alpha=0.5)
        face = BLUE if settled else "white"
        axis.plot(entry["difference"], y, "o", color=BLUE, mfc=face, ms=6)
    axis.set_ylim(len(own) - 0.4, -0.6)
    axis.tick_params(axis="x", labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
