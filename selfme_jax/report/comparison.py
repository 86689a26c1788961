"""Tables of several runs: ours with intervals beside the paper's, as text, CSV, LaTeX.

Every score is computed from the predictions.csv and floors.csv of its run.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from etils import epath

from selfme_jax import files
from selfme_jax.evaluate import floors, loso, predictions, units
from selfme_jax.report import curves, finished, layout, measures, verdict
from selfme_jax.report.measures import Measures
from selfme_jax.targets import registry as targets
from selfme_jax.workdir import Workdir

RESAMPLES = 2000
PAPER_DATA = {"casme2": "CASME II", "smic": "SMIC-HS"}


class Cell(NamedTuple):
    """One row of a table on one part of the data.

    name, x, paper: of the row; part: of the data. folder: of its run; None, and
    why_not, where there is none. rule: how it is scored (``metrics.of_persons``).
    """

    name: str
    part: str
    x: float | None
    paper: dict[str, tuple[float, float]]
    folder: epath.Path | None = None
    rule: str = "pooled"
    why_not: str = ""


def entries(reference: str, cells: Sequence[Cell]) -> list[dict]:
    """A dict by ``columns`` for each cell, and for each dataset of a cell of several.

    Args:
        reference: name of the row that the others are compared with, by a bootstrap of
          subjects that is the same for both.
        cells: of all parts of the data.
    """
    views = {_key(c): _views(c, c.folder) for c in cells if c.folder}
    whole = (view for of_cell in views.values() for view in of_cell.values())
    names = columns(measures.of(next((view.ours for view in whole), {})))
    found = []
    for part in dict.fromkeys(cell.part for cell in cells):
        own = [cell for cell in cells if cell.part == part]
        for entry in _of_part(reference, own, views):
            found.append({key: entry.get(key) for key in names})
    return found


def columns(used: Measures) -> tuple[str, ...]:
    """Names of the values of an entry; those of the paper are of classes alone."""
    spread = ("", "_sd", "_low", "_high")
    paper = [f"paper_{key}" for key in used.keys] + ["paper_data"]
    return (
        *("row", "data", "x", "seeds", "motion_seeds", "clips", "subjects"),
        *(key + end for key in used.keys for end in spread),
        *(f"floor_{key}" for key in used.keys),
        *(
            f"difference_{key}{end}"
            for key in used.keys
            for end in ("", "_low", "_high")
        ),
        *(paper if used is measures.CLASSES else ()),
        *("epoch_rule", "score_rule"),
        *("motion_scope", "saw_test_subject", "why_not", "folder"),
    )


def write(
    folder: epath.Path, title: str, axis: str, reference: str, found: list[dict]
) -> str:
    """table.md, .txt, .csv, .tex, .json and .png; returns the text.

    Args:
        folder: an existing one. title: of the table. axis: what varies along a curve,
          or ''. reference: see ``entries``. found: what it gave.
    """
    text = layout.markdown(title, reference, found)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    contents = {
        "table.md": text,
        "table.txt": text,
        "table.csv": lines.getvalue(),
        "table.tex": layout.latex(title, found),
        "table.json": json.dumps(found, indent=2) + "\n",
    }
    for name, content in contents.items():
        files.write(folder / name, content)
    curves.save(found, axis, title, folder)
    return text


class _View(NamedTuple):
    """A cell on all of its data, or on one dataset: rows, scores, floor, and rule."""

    pooled: loso.Pooled
    ours: dict
    floor: dict
    rule: str


def _of_part(
    reference: str,
    own: Sequence[Cell],
    views: Mapping[tuple[str, str], dict[str, _View]],
) -> Iterator[dict]:
    """Entries of the cells of one part of the data."""
    known = {cell.name: views[_key(cell)] for cell in own if cell.folder}
    names = list(next(iter(known.values()), {"": None}))
    besides = known.get(reference, {})
    for name in names:
        beside = besides.get(name)
        for cell in own:
            data = f"{cell.part}: {name or 'pooled'}" if len(names) > 1 else cell.part
            entry = {"row": cell.name, "data": data, "x": cell.x}
            entry |= _paper(cell, name or ("" if len(names) > 1 else cell.part))
            if cell.folder:
                one = known[cell.name][name]
                entry |= _entry(cell.folder, one)
                if beside and cell.name != reference:
                    entry |= _difference(one, beside)
            yield entry | {"why_not": cell.why_not}


def _key(cell: Cell) -> tuple[str, str]:
    return cell.part, cell.name


def _views(cell: Cell, folder: epath.Path) -> dict[str, _View]:
    """By dataset ('' = all). Of two linear floors the better one on that dataset."""
    rows = predictions.read(Workdir(folder).predictions)
    below = floors.read(Workdir(folder).floors)
    found = targets.of(rows).summarise(rows, below, resamples=RESAMPLES, rule=cell.rule)
    pooled = loso.pool(rows)
    views = {"": _View(pooled, found, verdict.linear(found), cell.rule)}
    if len(found["datasets"]) > 1:
        for name, own in found["datasets"].items():
            part = loso.select(pooled, name)
            views[name] = _View(part, own, verdict.linear(found, name), cell.rule)
    return views


def _entry(folder: epath.Path, view: _View) -> dict:
    ours = view.ours
    protocol = finished.results(Workdir(folder))["protocol"]
    scores: dict[str, float] = {}
    for key in measures.of(ours).keys:
        low, high = ours["ci95"][key]
        scores |= {key: ours[key], f"{key}_sd": ours[f"{key}_sd"]}
        scores |= {f"{key}_low": low, f"{key}_high": high}
        scores[f"floor_{key}"] = view.floor[key]
    kept = ("motion_seeds", "epoch_rule", "motion_scope", "saw_test_subject")
    return {
        **scores,
        "seeds": len(ours["seeds"]),
        "clips": ours["n"],
        "subjects": ours["subjects"],
        "score_rule": view.rule,
        "folder": "/".join(folder.parts[-2:]),
        **{key: protocol[key] for key in kept},
    }


def _difference(ours: _View, theirs: _View) -> dict:
    """Ours minus theirs, with an interval over subjects drawn alike for both."""
    if not loso.alike(ours.pooled, theirs.pooled):
        return {}
    used = measures.of(ours.ours)
    if used is measures.UNITS:
        found = units.difference(ours.pooled, theirs.pooled, resamples=RESAMPLES)
    else:
        found = loso.difference(
            ours.pooled,
            theirs.pooled,
            resamples=RESAMPLES,
            rule=ours.rule,
            their_rule=theirs.rule,
        )
    result: dict[str, float] = {}
    for key in used.keys:
        low, high = found["ci95"][key]
        name = f"difference_{key}"
        result |= {name: found[key], f"{name}_low": low, f"{name}_high": high}
    return result


def _paper(cell: Cell, data: str) -> dict:
    """The paper's scores on these data, or on others where it has none on these."""
    if data in PAPER_DATA or not data:
        known = data if data in cell.paper else None
    else:
        known = next(iter(cell.paper), None)
    if known is None:
        return {}
    uf1, uar = cell.paper[known]
    return {"paper_uf1": uf1, "paper_uar": uar, "paper_data": PAPER_DATA[known]}
