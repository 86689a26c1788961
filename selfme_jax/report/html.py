"""One self-contained page: figures embedded, no link to anything outside."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from selfme_jax.report import tables, verdict

CAPTIONS = {
    "scores": "Points: means; bars: 95 % intervals by resampling subjects; ticks: "
    "single seeds; dotted: the highest floor.",
    "confusion": "Rows are true classes: mean count over seeds, and share of the row.",
    "subjects": "Held-out subjects: their clips, and how many of them are wrong.",
    "curves": "Training metrics by step. Thick: mean over all runs.",
    "motion": "White: no motion; the hue of the wheel gives the direction.",
}


def write(
    path: Path,
    *,
    title: str,
    results: dict,
    figures: Mapping[str, bytes],
    command: str,
) -> None:
    """Write the page, atomically.

    Args:
        path: of the .html file.
        title: e.g. 'SCViT on casme2 and smic'.
        results: of results.json.
        figures: PNG bytes by name: scores, confusion, subjects, curves, motion;
            absent ones are left out.
        command: what regenerates the run.
    """
    page = _template().render(
        title=title,
        results=results,
        verdict=verdict,
        tables=tables,
        figures={n: base64.b64encode(data).decode() for n, data in figures.items()},
        captions=CAPTIONS,
        command=command,
    )
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)


def _template():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("selfme_jax.report", package_path="."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
