"""One self-contained page: figures embedded, no link to anything outside."""

import base64
from collections.abc import Mapping

from etils import epath

from selfme_jax import files
from selfme_jax.report import measures, tables, verdict

CAPTIONS = {
    "scores": "Points: means; bars: 95 % intervals by resampling subjects; ticks: "
    "single seeds; dotted: the highest floor.",
    "confusion": "Rows are true classes: mean count over seeds, and share of the row.",
    "subjects": "Held-out subjects: their clips, and how many of them are wrong.",
    "unit_subjects": "Held-out subjects: how many action units their clips show, how "
    "many of these are missed, and, downwards, how many are seen that are not there.",
    "units": "Clips that show a unit in brackets. Points: means; bars: 95 % intervals "
    "by resampling subjects; ticks: floors.",
    "curves": "Training metrics by step. Thick: mean over all runs.",
    "pairs": "Both differences of a row share one scale. Flow: white is no motion, the "
    "hue of the wheel gives the direction a point moves in. Keypoints: a colour for "
    "each group.",
    "audit": "Points: UF1, bars: 95 % intervals by resampling subjects. Filled: as "
    "annotated; hollow: shuffled labels. Red: the epoch that is best on each test "
    "subject.",
    "motion": "White: no motion; the hue of the wheel gives the direction.",
}


def write(
    path: epath.Path,
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
        figures: PNG bytes by name: scores, confusion or units, subjects, curves,
            motion; absent ones are left out.
        command: what regenerates the run.
    """
    render(
        path,
        "report.html.j2",
        title=title,
        results=results,
        measures=measures.of(results),
        verdict=verdict,
        tables=tables,
        figures=figures,
        command=command,
    )


def render(
    path: epath.Path, template: str, *, figures: Mapping[str, bytes], **values: object
) -> None:
    """Write a page from a template of this folder, atomically.

    Args:
        path: of the .html file.
        template: its file name.
        figures: PNG bytes by name; embedded.
        values: what else the template names.
    """
    page = (
        environment()
        .get_template(template)
        .render(
            figures={n: base64.b64encode(data).decode() for n, data in figures.items()},
            captions=CAPTIONS,
            **values,
        )
    )
    files.write(path, page)


def environment():
    """Of the templates of this folder; a value that lacks is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("selfme_jax.report", package_path="."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
