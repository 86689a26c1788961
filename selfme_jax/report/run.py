"""Figures and the page of a run, from its results and the files of its workdir."""

from collections.abc import Sequence

from selfme_jax.evaluate import predictions
from selfme_jax.report import html, mistakes, motion, plots
from selfme_jax.workdir import Workdir


def write(
    run: Workdir,
    results: dict,
    *,
    title: str,
    command: str,
    metrics: Sequence[dict] = (),
    pictures: Sequence[motion.Picture] = (),
) -> None:
    """Write figures/*.png and report.html.

    Args:
        run: the workdir; holds predictions.csv.
        results: of results.json.
        title: of the page, e.g. 'SCViT on casme2'.
        command: what regenerates the run.
        metrics: rows of metrics.jsonl.
        pictures: clips to draw.

    Raises:
        UserError: predictions.csv is missing or wrong.
    """
    rows = predictions.read(run.predictions)
    figures = {"scores": plots.scores(results)}
    if rows.several:
        figures["units"] = plots.units(results)
    else:
        figures["confusion"] = mistakes.confusion(results)
    figures["subjects"] = mistakes.subjects(rows)
    if metrics:
        figures["curves"] = plots.curves(metrics)
    if pictures:
        figures["motion"] = motion.pictures(pictures)
    html.write(
        run.report,
        title=title,
        results=results,
        figures=plots.save(figures, run.figures),
        command=command,
    )
