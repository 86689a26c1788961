"""Tables of several runs: ours with intervals beside the paper's, as text, CSV, LaTeX.

Every score is computed from the predictions.csv and floors.csv of its run.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from selfme_jax import files, workdir
from selfme_jax.evaluate import bootstrap, floors, loso, predictions
from selfme_jax.report import curves, layout, verdict
from selfme_jax.workdir import Workdir

RESAMPLES = 2000
PAPER_DATA = {"casme2": "CASME II", "smic": "SMIC-HS"}
COLUMNS = (
    *("row", "data", "x", "seeds", "clips", "subjects"),
    *("uf1", "uf1_sd", "uf1_low", "uf1_high", "uar", "uar_sd", "uar_low", "uar_high"),
    *("floor_uf1", "floor_uar"),
    *("difference_uf1", "difference_uf1_low", "difference_uf1_high"),
    *("difference_uar", "difference_uar_low", "difference_uar_high"),
    *("paper_uf1", "paper_uar", "paper_data", "epoch_rule", "score_rule"),
    *("motion_scope", "saw_test_subject", "why_not", "folder"),
)


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
    """A dict by COLUMNS for each cell, and for each dataset of a cell of several.

    Args:
        reference: name of the row that the others are compared with, by a bootstrap of
          subjects that is the same for both.
        cells: of all parts of the data.
    """
    found = []
    for part in dict.fromkeys(cell.part for cell in cells):
        own = [cell for cell in cells if cell.part == part]
        views = {cell.name: _views(cell) for cell in own if cell.folder}
        names = list(next(iter(views.values()), {"": None}))
        for view in names:
            beside = views.get(reference, {}).get(view)
            for cell in own:
                data = f"{part}: {view or 'pooled'}" if len(names) > 1 else part
                entry = {"row": cell.name, "data": data, "x": cell.x}
                entry |= _paper(cell, view or ("" if len(names) > 1 else part))
                if cell.folder:
                    one = views[cell.name][view]
                    entry |= _entry(cell, one)
                    if beside and cell.name != reference:
                        entry |= _difference(one, beside)
                found.append(dict.fromkeys(COLUMNS) | entry | {"why_not": cell.why_not})
    return found


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
    writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
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


def _views(cell: Cell) -> dict[str, tuple[loso.Pooled, dict, dict, str]]:
    """By dataset ('' = all): predictions, summary, that of the linear floor, rule.

    Of two linear floors the better one, by UF1 of that dataset.
    """
    rows = predictions.read(Workdir(cell.folder).predictions)
    options = {"resamples": RESAMPLES, "rule": cell.rule}
    ours = loso.summarise(rows, **options)
    found = floors.read(Workdir(cell.folder).floors)
    below = {
        "floors": {
            name: loso.summarise(floor, **options) for name, floor in found.items()
        }
    }
    pooled = loso.pool(rows)
    views = {"": (pooled, ours, verdict.linear(below), cell.rule)}
    if len(ours["datasets"]) > 1:
        for name, own in ours["datasets"].items():
            part = loso.select(pooled, name)
            views[name] = (part, own, verdict.linear(below, name), cell.rule)
    return views


def _entry(cell: Cell, view: tuple) -> dict:
    _, ours, floor, rule = view
    protocol = workdir.read_json(Workdir(cell.folder).results)["protocol"]
    scores = {}
    for key in ("uf1", "uar"):
        low, high = ours["ci95"][key]
        scores |= {key: ours[key], f"{key}_sd": ours[f"{key}_sd"]}
        scores |= {f"{key}_low": low, f"{key}_high": high, f"floor_{key}": floor[key]}
    return {
        **scores,
        "seeds": len(ours["seeds"]),
        "clips": ours["n"],
        "subjects": ours["subjects"],
        "score_rule": rule,
        "folder": "/".join(cell.folder.parts[-2:]),
        **{k: protocol[k] for k in ("epoch_rule", "motion_scope", "saw_test_subject")},
    }


def _difference(ours: tuple, theirs: tuple) -> dict:
    """Ours minus theirs, with an interval over subjects drawn alike for both."""
    (people, a), (others, b) = loso.by_person(ours[0]), loso.by_person(theirs[0])
    if not np.array_equal(people, others):
        return {}
    options = {"resamples": RESAMPLES, "seed": 0}
    drawn = bootstrap.scores(a, **options, rule=ours[3])
    beside = bootstrap.scores(b, **options, rule=theirs[3])
    result = {}
    for key in ("uf1", "uar"):
        change = getattr(drawn, key) - getattr(beside, key)
        low, high = bootstrap.interval(change)
        name = f"difference_{key}"
        result[name] = ours[1][key] - theirs[1][key]
        result |= {f"{name}_low": low, f"{name}_high": high}
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
